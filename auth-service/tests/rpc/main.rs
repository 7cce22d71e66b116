//! auth-service over a real socket, with a clock that the tests move.

mod hashing;
mod jwks;
mod login;
mod logout;
mod refresh;
mod register;
mod session;
mod world;
