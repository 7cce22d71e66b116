//! Starts, signals and kills the binary.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

/// `holdfast` on ports of its own.
pub(crate) struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) auth: SocketAddr,
    pub(crate) task: SocketAddr,
    pub(crate) gateway: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// Everything printed up to "Ctrl-C stops it."
    pub(crate) announcement: String,
}

/// The command, with ports that are free and nothing of this test's environment.
pub(crate) fn command(data_dir: &Path) -> Command {
    command_of("holdfast", data_dir)
}

/// The same of any of the binaries. The others stand beside `holdfast`, as new as it is when the tests of the whole
/// workspace are run.
fn command_of(binary: &str, data_dir: &Path) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_holdfast")).with_file_name(binary);
    assert!(binary.exists(), "{} is built by cargo build", binary.display());
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("HOLDFAST_")) {
            command.env_remove(name);
        }
    }
    command.env("HOLDFAST_DATA_DIR", data_dir);
    for listen in ["AUTH", "TASK", "GATEWAY", "ADMIN"] {
        command.env(format!("HOLDFAST_{listen}_LISTEN"), "127.0.0.1:0");
    }
    command
}

impl Process {
    /// Starts it and waits until it says that it is ready.
    pub(crate) fn start(data_dir: &Path) -> Self {
        Self::start_as(command(data_dir).stderr(Stdio::piped()))
    }

    /// The same with other settings, and its log wherever the command says.
    pub(crate) fn start_as(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut announcement = String::new();
        while !announcement.ends_with("Ctrl-C stops it.\n") {
            if stdout.read_line(&mut announcement).unwrap() == 0 {
                let mut stderr = String::new();
                if let Some(mut log) = child.stderr.take() {
                    log.read_to_string(&mut stderr).unwrap();
                }
                panic!("it ended before it was ready:\n{announcement}{stderr}");
            }
        }
        let address = |name: &str| {
            let line = announcement
                .lines()
                .find(|line| line.trim_start().starts_with(name))
                .unwrap();
            let address = line.split_whitespace().nth(1).unwrap();
            bare(address)
        };
        Self {
            auth: address("auth-service"),
            task: address("task-service"),
            gateway: address("REST"),
            admin: address("admin"),
            child,
            stdout,
            announcement,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end: the status, and what it logged.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (self.child.wait().unwrap(), stderr)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// One of the services as a process of its own.
pub(crate) struct ServiceProcess {
    child: Child,
    /// Open as long as it runs, so that it may print.
    _stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// What it said of its listener.
    pub(crate) announcement: String,
}

impl ServiceProcess {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(binary: &str, data_dir: &Path, environment: &[(&str, String)]) -> Self {
        let mut command = command_of(binary, data_dir);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = || {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            let address = line
                .split_once(": ")
                .and_then(|(_, rest)| rest.split_whitespace().next());
            let address = bare(address.unwrap_or_else(|| panic!("{binary} ended: {line}")));
            (address, line)
        };
        let ((address, announcement), (admin, _)) = (line(), line());
        Self {
            child,
            _stdout: stdout,
            address,
            admin,
            announcement,
        }
    }

    /// Waits until it is ready, with everything that it calls.
    pub(crate) fn ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut healthcheck = command(Path::new("unused"));
        healthcheck.arg("healthcheck");
        healthcheck.env("HOLDFAST_ADMIN_LISTEN", self.admin.to_string());
        while !run(&mut healthcheck).status.success() {
            assert!(Instant::now() < deadline, "{} is not ready", self.announcement);
        }
    }
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The address in an announcement.
fn bare(address: &str) -> SocketAddr {
    let bare = address.trim_start_matches("http://").trim_start_matches("https://");
    bare.parse().unwrap()
}

/// Runs a command that must have a tool, and returns what it printed.
pub(crate) fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}; scripts/test installs it"))
}
