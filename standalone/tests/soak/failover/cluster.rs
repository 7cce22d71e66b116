//! A primary PostgreSQL and the standby without which it acknowledges nothing.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use platform::testing::Workspace;

use crate::process::run;

/// As the primary knows it; only a standby of this name makes it acknowledge a commit.
const STANDBY: &str = "standby";

/// Both servers. They end, and their files go away, when it is dropped.
pub(super) struct Cluster {
    pub(super) primary: Server,
    pub(super) standby: Server,
    /// Dropped last: the servers' files are in it.
    _directory: Workspace,
}

impl Cluster {
    /// With the two empty databases of Holdfast, which the standby has too.
    pub(super) fn start() -> Self {
        let directory = Workspace::new();
        let [primary, standby] = ["primary", "standby"].map(|name| Server::new(&directory.path().join(name)));
        if is_root() {
            succeed(
                Command::new("chown")
                    .args(["--recursive", "postgres:"])
                    .arg(directory.path()),
            );
        }
        succeed(primary.tool("initdb").arg("--pgdata").arg(primary.data()).args([
            "--username=postgres",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]));
        // What belongs to the primary alone is not in the files, which the standby copies: promoted, it must
        // acknowledge by itself.
        primary.start(&format!(
            "-c synchronous_commit=on -c synchronous_standby_names={STANDBY}"
        ));
        let from = format!(
            "host={} user=postgres application_name={STANDBY}",
            primary.directory.display()
        );
        succeed(standby.tool("pg_basebackup").arg("--pgdata").arg(standby.data()).args([
            "--write-recovery-conf",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--no-sync",
            "--dbname",
            &from,
        ]));
        standby.start("");
        // Each returns when the standby has it.
        for database in ["auth", "task"] {
            primary.query(&format!("CREATE DATABASE {database}"));
        }
        let sync = primary.query("SELECT application_name, sync_state FROM pg_stat_replication");
        assert_eq!(sync, format!("{STANDBY}|sync\n"));
        Self {
            primary,
            standby,
            _directory: directory,
        }
    }
}

/// A server that is reached by a socket in its directory.
pub(super) struct Server {
    binaries: PathBuf,
    directory: PathBuf,
}

impl Server {
    fn new(directory: &Path) -> Self {
        fs::create_dir(directory).unwrap();
        Self {
            binaries: binaries(),
            directory: directory.to_owned(),
        }
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.directory.join(".s.PGSQL.5432")
    }

    /// One of PostgreSQL's programs; its servers refuse to run as root.
    fn tool(&self, name: &str) -> Command {
        let program = self.binaries.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["--user", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&self.directory);
        command
    }

    fn control(&self) -> Command {
        let mut command = self.tool("pg_ctl");
        command.arg("--pgdata").arg(self.data()).args(["--wait", "--silent"]);
        command
    }

    fn start(&self, settings: &str) {
        let log = self.directory.join("server.log");
        // Shared memory in files of its own directory: what is killed takes nothing away.
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=on -c dynamic_shared_memory_type=mmap {settings}",
            self.directory.display()
        );
        let mut start = self.control();
        start.arg("--log").arg(&log).arg("--options").arg(options).arg("start");
        let started = run(&mut start).status.success();
        assert!(
            started,
            "PostgreSQL does not start:\n{}",
            fs::read_to_string(log).unwrap_or_default()
        );
    }

    /// What a statement returns: a line for each row, its columns between bars.
    pub(super) fn query(&self, sql: &str) -> String {
        let mut query = self.tool("psql");
        query.args([
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "--quiet",
            "--username=postgres",
        ]);
        succeed(query.arg("--host").arg(&self.directory).args(["--command", sql]))
    }

    /// Ends every process of it where it stands.
    pub(super) fn kill(&self) {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        // The first line is the process, the seventh the key and the id of its System V shared memory.
        let postmaster = file.lines().next().unwrap();
        let memory = file.lines().nth(6).unwrap().split_whitespace().nth(1).unwrap();
        // Stopped, it begins no process that would escape.
        signal("STOP", [postmaster]);
        let children = fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).unwrap();
        signal("KILL", children.split_whitespace().chain([postmaster]));
        succeed(Command::new("ipcrm").args(["--shmem-id", memory]));
    }

    /// Ends it without a checkpoint; its processes still say farewell to their clients.
    pub(super) fn stop(&self) {
        succeed(self.control().args(["--mode=immediate", "stop"]));
    }

    /// Makes a primary of a standby.
    pub(super) fn promote(&self) {
        succeed(self.control().arg("promote"));
        assert_eq!(
            self.query("SELECT pg_is_in_recovery(), current_setting('synchronous_standby_names')"),
            "f|\n"
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, or never begun.
        self.control().args(["--mode=immediate", "stop"]).output().ok();
    }
}

/// Where Debian and PostgreSQL's own installer put it, as in `scripts/postgres-for-tests`; the newest there is.
fn binaries() -> PathBuf {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let versions = debian
        .map(|entry| entry.unwrap().path())
        .chain(["/usr/local/pgsql".into()]);
    let version = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    versions
        .filter(|path| path.join("bin/initdb").is_file())
        .max_by_key(|path| version(path).unwrap_or(u32::MAX))
        .unwrap_or_else(|| {
            panic!("PostgreSQL's server is not installed; scripts/test installs it (Debian: postgresql)")
        })
        .join("bin")
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn signal<'a>(name: &str, processes: impl IntoIterator<Item = &'a str>) {
    succeed(Command::new("kill").args(["-s", name]).args(processes));
}

fn succeed(command: &mut Command) -> String {
    let output = run(command);
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
