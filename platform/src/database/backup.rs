//! An online backup of an `SQLite` database: one consistent moment of it, while it is in use.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use sqlx::{ConnectOptions as _, Connection as _, Row as _, sqlite::SqliteConnectOptions};

use super::{DataError, ServiceDatabase};
use crate::{
    configuration::DatabaseUrl,
    entropy::{SystemEntropy, uuid_v4},
};

/// Writes a copy of a database into a directory, which is made if it is not there, and returns its path. The copy
/// holds everything that was acknowledged before this was called; it is checked, on disk, and readable by its owner
/// only. Nothing that is there already is overwritten; after a failure or a kill there is no copy.
pub async fn back_up(database: &ServiceDatabase, directory: &Path) -> Result<PathBuf, DataError> {
    let DatabaseUrl::Sqlite(source) = &database.url else {
        return Err(DataError::Refused(format!(
            "the {} database is on PostgreSQL: back it up with PostgreSQL's own tools, such as pg_dump or pg_basebackup",
            database.name
        )));
    };
    let copy = directory.join(database.file_name());
    let failed = |error| DataError::File(copy.clone(), error);
    let draft = Draft::new(directory, &copy).map_err(failed)?;
    copy_into(source, &draft.0).await?;
    keep(directory, &draft.0, &copy).map_err(failed)?;
    Ok(copy)
}

/// A file of our own in the directory, which goes away however this ends.
struct Draft(PathBuf);

impl Draft {
    /// Empty: `SQLite` would make one that everybody may read.
    fn new(directory: &Path, copy: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        if copy.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let draft = directory.join(format!(".{}.draft", uuid_v4(&SystemEntropy)));
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        Ok(Self(draft))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let mut journal = self.0.clone().into_os_string();
        journal.push("-journal");
        // Most often there is no journal.
        fs::remove_file(&self.0).ok();
        fs::remove_file(journal).ok();
    }
}

async fn copy_into(source: &Path, draft: &Path) -> Result<(), DataError> {
    let options = SqliteConnectOptions::new().create_if_missing(false);
    let mut connection = options.clone().filename(source).connect().await?;
    let vacuum = sqlx::query("VACUUM INTO $1").bind(draft.to_string_lossy().into_owned());
    vacuum.execute(&mut connection).await?;
    connection.close().await?;

    let mut connection = options.filename(draft).connect().await?;
    let check = sqlx::query("PRAGMA integrity_check").fetch_one(&mut connection).await?;
    let verdict: String = check.try_get(0)?;
    connection.close().await?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(DataError::Refused(format!(
            "{} is damaged: {verdict}",
            source.display()
        )))
    }
}

fn keep(directory: &Path, draft: &Path, copy: &Path) -> io::Result<()> {
    File::open(draft)?.sync_all()?;
    // Unlike a rename, a link never takes the place of what another process made meanwhile.
    fs::hard_link(draft, copy)?;
    // The name is on disk only when its directory is.
    File::open(directory)?.sync_all()
}
