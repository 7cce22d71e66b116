//! The commands of a program that keeps data: copies of whole databases.

use std::path::PathBuf;

use clap::Subcommand;

use crate::database::{DataError, Imported, ServiceDatabase, back_up, import};

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
    /// Does it with these databases, one after the other, and prints what was done.
    #[expect(clippy::print_stdout, reason = "what was done is what the command answers")]
    pub async fn run(&self, databases: &[ServiceDatabase]) -> Result<(), DataError> {
        for database in databases {
            match self {
                Self::Backup { directory } => {
                    println!("{}", back_up(database, directory).await?.display());
                }
                Self::ImportDatabase { directory } => {
                    let imported = import(database, &directory.join(database.file_name())).await?;
                    let (tables, what) = match imported {
                        Imported::Now(tables) => (tables, "imported"),
                        Imported::Before(tables) => (tables, "there already"),
                    };
                    for table in tables {
                        println!("{} {table}: {what}", database.name);
                    }
                }
            }
        }
        Ok(())
    }
}
