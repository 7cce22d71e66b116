//! The real binary, as a process of its own.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

mod accounts;
mod auth_away;
mod away;
mod clients;
mod compose;
mod data;
mod database_roles;
mod durability;
mod examples;
mod gateways;
mod grpcurl;
mod keys;
mod kill_under_load;
mod killed_refresh;
mod lifecycle;
mod logs;
mod openapi;
mod process;
mod readme;
mod rest;
mod tls;
mod tour;
mod verifiers;
