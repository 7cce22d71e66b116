//! A database as its service declares it, and what can be wrong with it as a whole.

use std::{io, path::PathBuf};

use super::{Schema, StoreError};
use crate::configuration::DatabaseUrl;

/// The database of a service.
#[derive(Clone)]
pub struct ServiceDatabase {
    /// `auth` or `task`; the file is named after it, and so is the setting.
    pub name: &'static str,
    /// Its tables.
    pub schema: &'static Schema,
    /// Where it is.
    pub url: DatabaseUrl,
}

impl ServiceDatabase {
    /// What its file is called in a data directory and in a backup.
    pub fn file_name(&self) -> String {
        format!("{}.db", self.name)
    }
}

/// Why a whole database could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It would be wrong.
    #[error("{0}")]
    Refused(String),
    /// A file cannot be made or read.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// A database cannot be opened.
    #[error(transparent)]
    Open(#[from] StoreError),
    /// A database failed meanwhile.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}
