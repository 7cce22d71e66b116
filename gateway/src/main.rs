//! The binary `gateway`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use gateway::{Config, StartError, serve};
use platform::{
    configuration::{Need, Program, ServiceProgram, run_service},
    serving::Protocol,
};

const SERVICE: ServiceProgram = ServiceProgram {
    program: Program {
        name: "gateway",
        about: "Holdfast's HTTP gateway: browser HTTP and JSON to gRPC",
        needs: &[Need::ServiceKey],
        admin_listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081),
    },
    listen: |settings| settings.gateway_listen,
    protocol: Protocol::Any,
};

fn main() -> ExitCode {
    run_service(
        &SERVICE,
        async |running| {
            let config = Config::from_settings(&running.settings, running.readiness)?;
            serve(running.listener, config, running.shutdown).await
        },
        // It keeps no data.
        async |_| Ok::<(), StartError>(()),
    )
}
