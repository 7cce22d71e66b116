//! The real binary, as a process of its own.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

mod accounts;
mod compose;
mod data;
mod database_roles;
mod durability;
mod grpcurl;
mod keys;
mod kill_under_load;
mod lifecycle;
mod logs;
mod process;
mod readme;
mod tls;
