//! The binary `gateway`.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use gateway::StartError;
use platform::configuration::{Need, Program, run};

const PROGRAM: Program = Program {
    name: "gateway",
    about: "Holdfast's HTTP gateway: browser HTTP and JSON to gRPC",
    needs: &[Need::ServiceKey],
    admin_listen: SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8081),
};

#[expect(clippy::print_stdout, reason = "`migrate` is a command; this is its answer")]
fn main() -> ExitCode {
    run(&PROGRAM, gateway::run, async |_| {
        println!("gateway: it keeps no data, so there is nothing to migrate");
        Ok::<(), StartError>(())
    })
}
