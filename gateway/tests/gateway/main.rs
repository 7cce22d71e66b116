//! The gateway over real sockets, with a far end that keeps what it was sent and answers what it was told.

#![expect(clippy::expect_used, reason = "a test that cannot go on says why")]

mod browser_sessions;
mod calls;
mod compression;
mod conditions;
mod conformance;
mod cors;
mod errors;
mod events;
mod far_end;
mod grpc;
mod kitchen;
mod limits;
mod metadata;
mod outages;
mod paging;
mod reader;
mod replacing;
mod streams;
mod taken;
mod uploads;
mod world;
