//! What is asked of the database, and by which index it is found.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

mod plans;
mod upgrade;
