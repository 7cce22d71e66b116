//! auth-service over a real socket, with a clock that the tests move.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

mod account;
mod administration;
mod audit;
mod events;
mod export;
mod hashing;
mod jwks;
mod login;
mod logout;
mod refresh;
mod register;
mod session;
mod sessions;
mod throttling;
mod world;
