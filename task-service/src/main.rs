//! The binary `task-service`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use platform::{
    configuration::{Need, Program, ServiceProgram, run_service},
    serving::Protocol,
};
use task_service::{Config, migrate, serve};

const SERVICE: ServiceProgram = ServiceProgram {
    program: Program {
        name: "task-service",
        about: "Holdfast's tasks: each person's own, over gRPC",
        needs: &[Need::ServiceKey],
        admin_listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50062),
    },
    listen: |settings| settings.task_listen,
    protocol: Protocol::Http2,
};

fn main() -> ExitCode {
    run_service(
        &SERVICE,
        async |running| {
            let config = Config::from_settings(&running.settings, running.readiness)?;
            serve(running.listener, config, running.shutdown).await
        },
        async |settings| migrate(&settings.task_database_url).await,
    )
}
