//! The settings: from flags and environment, checked all at once.

mod arguments;
mod command_line;
mod data;
mod exposure;
mod parse;
mod service;
mod settings;

pub use arguments::Arguments;
pub use command_line::{Actions, Need, NoCommands, Program, command, run};
pub use data::DataCommand;
pub use exposure::{Listener, Peer};
pub use parse::{master_keys, service_keys};
pub use service::{Running, Service, run_service};
pub use settings::{DatabasePooler, DatabaseUrl, LogFormat, MasterKey, MasterKeys, Mistake, PostgresUrl, Settings};
