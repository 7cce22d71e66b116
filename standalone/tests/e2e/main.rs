//! Holdfast as its users meet it: all three services in one process, over gRPC and over REST.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

mod access;
mod accounts;
mod browser_sessions;
mod concurrency;
mod input;
mod isolation;
mod leaving;
mod rest;
mod task_api;
mod tasks;
mod world;
