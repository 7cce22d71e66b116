//! The binary `task-service`.

use std::process::ExitCode;

use platform::configuration;
use task_service::{PROGRAM, migrate, run};

fn main() -> ExitCode {
    configuration::run(&PROGRAM, run, async |settings| {
        migrate(&settings.task_database_url).await
    })
}
