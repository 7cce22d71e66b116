//! The commands of a program that keeps data: copies of whole databases.

use std::{
    fmt::Display,
    io::{self, Write as _},
    path::PathBuf,
};

use clap::Subcommand;

use crate::database::{DataError, Import, Imported, ServiceDatabase, back_up};

/// What is done with whole databases.
#[derive(Subcommand, Clone)]
pub enum DataCommand {
    /// Copy the SQLite databases into a directory, while they are in use. Keys are not copied: keep them elsewhere
    Backup {
        /// Where to; it is made if it does not exist. No file there is overwritten
        directory: PathBuf,
    },
    /// Copy everything from SQLite databases (a data directory or a backup) into the PostgreSQL databases of the
    /// settings, which must be migrated and empty
    ImportDatabase {
        /// The directory that holds the SQLite files
        directory: PathBuf,
    },
}

impl DataCommand {
    /// Does it with these databases, one after the other, and says what was done. All are checked before the first is
    /// filled.
    pub async fn run(&self, databases: &[ServiceDatabase]) -> Result<(), DataError> {
        match self {
            Self::Backup { directory } => {
                for database in databases {
                    say(&back_up(database, directory).await?.display());
                }
            }
            Self::ImportDatabase { directory } => {
                let mut imports = Vec::new();
                for database in databases {
                    let import = Import::prepare(database, &directory.join(database.file_name())).await?;
                    imports.push((database.name, import));
                }
                for (name, import) in imports {
                    let (tables, what) = match import.run().await? {
                        Imported::Now(tables) => (tables, "imported"),
                        Imported::Before(tables) => (tables, "there already"),
                    };
                    for table in tables {
                        say(&format_args!("{name} {table}: {what}"));
                    }
                }
            }
        }
        Ok(())
    }
}

/// A reader that went away does not stop what is being done.
fn say(what: &dyn Display) {
    writeln!(io::stdout(), "{what}").ok();
}
