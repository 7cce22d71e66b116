//! The bare limits of the parts: what a call cannot cost less than.

pub(crate) mod hashing;
pub(crate) mod service;
pub(crate) mod statements;
pub(crate) mod writes;

use std::error::Error;

use crate::{cluster::binary, cores, running::Running};

/// Runs one of them on the core that serves, and returns the numbers that it prints.
pub(crate) fn measured(arguments: &[&str]) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut command = cores::on(cores::SERVING, binary("bench")?);
    let mut running = Running::start(command.args(arguments))?;
    let told = running.line()?;
    let numbers: Result<_, _> = told.split_whitespace().map(str::parse).collect();
    numbers.map_err(|_| told.into())
}

/// A gRPC service that does nothing, on the core that serves, and its address.
pub(crate) fn echo() -> Result<(Running, String), Box<dyn Error>> {
    let mut command = cores::on(cores::SERVING, binary("bench")?);
    let mut echo = Running::start(command.args(["echo", "127.0.0.1:0"]))?;
    let address = format!("http://{}", echo.address()?);
    Ok((echo, address))
}
