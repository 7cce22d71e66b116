//! The wire: decode, call, encode. No rules.

mod auth;
mod client;

pub use auth::AuthRpc;
