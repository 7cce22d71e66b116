//! The service over a real socket: a world with its own database, clock and listener for each test.

#![expect(clippy::expect_used, reason = "a test that cannot go on says why")]

mod access;
mod bad_input;
mod happy;
mod pages;
mod requests;
mod revocations;
mod serving;
mod two_people;
mod updates;
mod world;
