//! The service over a real socket: a world with its own database, clock and listener for each test.

#![expect(clippy::expect_used, reason = "a test that cannot go on says why")]

mod access;
mod bad_input;
mod batches;
mod following;
mod happy;
mod pages;
mod queries;
mod requests;
mod revocations;
mod serving;
mod statistics;
mod transfer;
mod two_people;
mod updates;
mod world;
