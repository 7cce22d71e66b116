//! The secrets of a Holdfast that was given none: made on the first start, kept in the data directory, readable
//! by their owner only.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use platform::{
    configuration::{DatabaseUrl, MasterKeys, Settings, master_keys, service_keys},
    entropy::{SystemEntropy, random_bytes, uuid_v4},
    service_credential::ServiceKeys,
};
use zeroize::Zeroizing;

/// Holds HOLDFAST_MASTER_KEY.
pub const MASTER_KEY_FILE: &str = "master.key";
/// Holds HOLDFAST_SERVICE_KEY.
pub const SERVICE_KEY_FILE: &str = "service.key";

/// What every service of the process shares.
pub struct Secrets {
    /// Seal the signing keys.
    pub master_keys: MasterKeys,
    /// By these the services know each other.
    pub service_keys: ServiceKeys,
}

/// Why there are no secrets.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// A file cannot be read or made.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// There is a database whose keys were sealed by a master key that is not there.
    #[error(
        "{key} is missing, and nothing else opens the keys in {database}: put it back, or give HOLDFAST_MASTER_KEY"
    )]
    MasterKeyLost {
        /// Where it should be.
        key: PathBuf,
        /// The database that needs it.
        database: PathBuf,
    },
    /// A file holds something else.
    #[error("{0}: {1}")]
    Content(PathBuf, String),
}

impl Secrets {
    /// The secrets of the settings, else those of the data directory, else new ones, written to it.
    pub fn load_or_make(settings: &Settings) -> Result<Self, SecretsError> {
        let directory = &settings.data_dir;
        let master_keys = match &settings.master_keys {
            Some(keys) => keys.clone(),
            None => from_file(directory, MASTER_KEY_FILE, || first_master_key(settings), master_keys)?,
        };
        let service_keys = match &settings.service_keys {
            Some(keys) => keys.clone(),
            None => from_file(directory, SERVICE_KEY_FILE, || Ok(new_key().to_string()), service_keys)?,
        };
        Ok(Self {
            master_keys,
            service_keys,
        })
    }
}

fn from_file<K>(
    directory: &Path,
    name: &str,
    make: impl FnOnce() -> Result<String, SecretsError>,
    parse: impl FnOnce(&str) -> Result<K, String>,
) -> Result<K, SecretsError> {
    let path = directory.join(name);
    let failed = |error| SecretsError::File(path.clone(), error);
    let text = match read(&path).map_err(failed)? {
        Some(text) => text,
        None => make_file(directory, &path, &Zeroizing::new(make()? + "\n")).map_err(failed)?,
    };
    parse(text.trim()).map_err(|problem| SecretsError::Content(path, problem))
}

fn read(path: &Path) -> io::Result<Option<Zeroizing<String>>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file that is complete, or is not there; of several processes that do so at once one succeeds, and all
/// return what that one wrote.
fn make_file(directory: &Path, path: &Path, text: &str) -> io::Result<Zeroizing<String>> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let draft = directory.join(format!(".{}.draft", uuid_v4(&SystemEntropy)));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // Unlike a rename, a link never takes the place of what another process made meanwhile.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // The name is on disk only when its directory is.
    File::open(directory)?.sync_all()?;
    read(path)?.ok_or_else(|| io::Error::other("it was taken away again"))
}

/// A first master key. Beside a database it would open nothing, and only hide that the right one is missing;
/// unless that database was made a moment ago by a process whose key is there by now.
fn first_master_key(settings: &Settings) -> Result<String, SecretsError> {
    let key = settings.data_dir.join(MASTER_KEY_FILE);
    match &settings.auth_database_url {
        DatabaseUrl::Sqlite(path) if path.exists() && !key.exists() => Err(SecretsError::MasterKeyLost {
            key,
            database: path.clone(),
        }),
        _ => Ok(format!("first:{}", *new_key())),
    }
}

fn new_key() -> Zeroizing<String> {
    Zeroizing::new(BASE64_STANDARD.encode(random_bytes::<32>(&SystemEntropy)))
}
