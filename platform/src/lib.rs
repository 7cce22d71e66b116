//! What every Holdfast service stands on. Names no account and no task.
//!
//! - [`configuration`] — the settings, their defaults and their checks; the command line.
//! - [`telemetry`] — logs; [`metrics`] — figures.
//! - [`clock`], [`entropy`] — time and randomness, passed in so that tests can choose them.
//! - [`secret`] — bytes that cannot be printed.
//! - [`wire_error`] — errors as clients see them.
//! - [`access`] — who may call which method, read from the descriptors.
//! - [`verification`] — access tokens checked, and [`verification::Caller`], the proof of it.
//! - [`account_events`] — what auth-service ended, followed.
//! - [`service_credential`] — how services know each other.
//! - [`serving`] — listeners, limits, deadlines, drain, health, the admin listener.
//! - [`tls`] — certificates of listeners and of calls, read again when they change.
//! - [`channel`] — connections to the other services.
//! - [`database`] — engines, statements, transactions.

pub mod access;
pub mod account_events;
pub mod channel;
pub mod clock;
pub mod configuration;
pub mod database;
pub mod entropy;
mod gathering;
mod jwt;
pub mod metrics;
pub mod secret;
pub mod service_credential;
pub mod serving;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tls;
pub mod verification;
pub mod wire_error;
