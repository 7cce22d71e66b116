//! The binary `auth-service`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use auth_service::{Config, migrate, serve};
use platform::{
    configuration::{Need, Program, ServiceProgram, run_service},
    serving::Protocol,
};

const SERVICE: ServiceProgram = ServiceProgram {
    program: Program {
        name: "auth-service",
        about: "Holdfast's accounts: registers people, signs them in, keeps their sessions",
        needs: &[Need::MasterKey, Need::ServiceKey],
        admin_listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50061),
    },
    listen: |settings| settings.auth_listen,
    protocol: Protocol::Http2,
};

fn main() -> ExitCode {
    run_service(
        &SERVICE,
        async |running| {
            let config = Config::from_settings(&running.settings, running.readiness)?;
            serve(running.listener, config, running.shutdown).await
        },
        async |settings| migrate(&settings.auth_database_url).await,
    )
}
