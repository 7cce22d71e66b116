//! Databases: SQL written once, for every engine.
//!
//! A store is generic over [`Engine`] and speaks through [`Statement`]s. Reads run on a pool of connections
//! ([`Database::read`]); every write runs through one function ([`Database::write`]), which acknowledges it
//! only when it is on disk. What differs between engines is behind [`Engine`] and nowhere else.

mod alone;
mod backup;
mod engine;
mod error;
mod import;
mod migrations;
mod pool;
mod postgres;
mod service_database;
mod sqlite;
mod statement;
mod value;
mod write;

pub use backup::back_up;
pub use engine::{Bind, Column, Database, Engine};
pub use error::StoreError;
pub use import::{Import, Imported, TableSummary};
pub use migrations::{Migration, Schema};
pub use service_database::{DataError, ServiceDatabase};
pub use statement::{Assembly, Connection, Record, Statement, statement};
pub(crate) use write::{Job, JobFailure, Ran};
pub use write::{Settlement, Transaction};
