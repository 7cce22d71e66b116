//! Three auth-services and three task-services over one PostgreSQL database each: whichever answers, the answer is
//! the same.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

mod following;
mod loss;
mod outage;
mod property;
mod proxy;
mod random_calls;
mod sessions;
mod tasks;
mod throttling;
mod world;
