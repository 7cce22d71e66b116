//! What is asked of the database: whose rows, by which index, and by how many at once.

#![expect(clippy::expect_used, reason = "a test that cannot go on says why")]

mod opening;
mod owner;
mod ownership;
mod plans;
mod sources;
mod upgrade;
