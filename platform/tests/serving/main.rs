//! A gRPC listener over real sockets: deadlines, errors in the contract's form, access, limits and drain.
//!
//! The service under test answers as two methods of the contracts do, and as one that no contract knows; the
//! client writes HTTP/2 requests by hand, because a gRPC library would not send what a careless caller may.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod access;
mod calls;
mod client;
mod connections;
mod deadlines;
mod health;
mod virtual_time;
mod world;
