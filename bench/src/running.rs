//! A process that is measured.

use std::{
    fs,
    io::{self, BufRead as _, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

/// The unit of times in `/proc/PID/stat` (proc(5)): USER_HZ, which is 100 on every machine that Linux still runs on.
const TICK: Duration = Duration::from_millis(10);

/// A process, until this is dropped.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    /// Starts it. What it logs is nobody's.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self {
            child,
            stdout: BufReader::new(stdout),
        })
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line)? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it ended before it was ready",
            ));
        }
        Ok(line)
    }

    /// The address in the next line: `name: 127.0.0.1:50051 (gRPC)`, `name: http://127.0.0.1:8080`.
    pub(crate) fn address(&mut self) -> io::Result<std::net::SocketAddr> {
        let line = self.line()?;
        let words = line.split_whitespace().map(|word| word.trim_start_matches("http://"));
        let mut addresses = words.filter_map(|word| word.parse().ok());
        addresses
            .next()
            .ok_or_else(|| io::Error::other(format!("no address: {line}")))
    }

    /// Ends it at once.
    pub(crate) fn stop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// The CPU time that it has used, of all its threads, in user and in kernel mode.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        cpu(self.child.id())
    }

    /// Memory in KiB: resident (`VmRSS`), or the most that ever was (`VmHWM`).
    pub(crate) fn memory_kib(&self, kind: &str) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let mut lines = status
            .lines()
            .filter_map(|line| line.strip_prefix(kind)?.strip_prefix(':'));
        let line = lines.next().unwrap_or_default();
        let value = line.split_whitespace().next().and_then(|value| value.parse().ok());
        value.ok_or_else(|| io::Error::other(format!("{kind} is not told")))
    }
}

/// The CPU time that a process has used, of all its threads, in user and in kernel mode.
pub(crate) fn cpu(process: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let [user, kernel] = [11, 12].map(|place| {
        fields
            .split_whitespace()
            .nth(place)
            .and_then(|ticks| ticks.parse::<u32>().ok())
    });
    let (Some(user), Some(kernel)) = (user, kernel) else {
        return Err(io::Error::other("/proc does not tell the CPU time"));
    };
    Ok(TICK * (user + kernel))
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
