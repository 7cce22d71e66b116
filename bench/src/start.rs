//! P9: how soon `holdfast` serves, and the memory that it takes before anybody has signed in.

use std::{
    error::Error,
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    cluster::{binary, without_settings},
    cores,
    report::Report,
    running::Running,
};

/// Until nothing of the start goes on.
const SETTLED: Duration = Duration::from_secs(5);

/// Starts it on nothing, and once more on what it made.
pub(crate) fn measure(report: &mut Report) -> Result<(), Box<dyn Error>> {
    let directory = TempDir::new()?;
    let start = || {
        let mut command = without_settings(cores::on(cores::SERVING, binary("holdfast")?));
        for listen in ["AUTH", "TASK", "GATEWAY", "ADMIN"] {
            command.env(format!("HOLDFAST_{listen}_LISTEN"), "127.0.0.1:0");
        }
        command.env("HOLDFAST_DATA_DIR", directory.path());
        let began = Instant::now();
        let mut running = Running::start(&mut command)?;
        while !running.line()?.contains("Ctrl-C stops it") {}
        Ok::<_, Box<dyn Error>>((began.elapsed(), running))
    };
    let (first, running) = start()?;
    sleep(SETTLED);
    #[expect(clippy::cast_precision_loss, reason = "it is not that much")]
    let idle = running.memory_kib("VmRSS")? as f64 / 1024.0;
    drop(running);
    let (later, running) = start()?;
    drop(running);
    report.budget(
        "P9",
        "holdfast listens, first start",
        "ms",
        &[first.as_secs_f64() * 1e3],
        150.0,
    );
    report.budget(
        "P9",
        "holdfast listens, later start",
        "ms",
        &[later.as_secs_f64() * 1e3],
        50.0,
    );
    report.budget("P9", "holdfast idle before the first login", "MiB", &[idle], 25.0);
    Ok(())
}
