//! The wire: decode, call, encode. No rules.

mod account_events;
mod auth;
mod client;

pub use account_events::AccountEventsRpc;
pub use auth::AuthRpc;
