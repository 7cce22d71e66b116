//! Which core does what.

use std::process::Command;

/// Where what is measured runs.
pub(crate) const SERVING: usize = 0;
/// Where everything else runs: the load, databases of their own.
pub(crate) const LOADING: usize = 1;

/// A command on one core.
pub(crate) fn on(core: usize, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string()]).arg(program);
    command
}

/// Keeps this process to one core.
pub(crate) fn stay_on(core: usize) -> std::io::Result<()> {
    let id = std::process::id().to_string();
    let set = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", &core.to_string(), &id])
        .output()?;
    if set.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&set.stderr);
    Err(std::io::Error::other(format!("taskset: {said}")))
}
