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
    configuration::{MasterKeys, Settings, master_keys, service_keys},
    entropy::{SystemEntropy, random_bytes},
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
            None => from_file(
                directory,
                MASTER_KEY_FILE,
                || format!("first:{}", *new_key()),
                master_keys,
            )?,
        };
        let service_keys = match &settings.service_keys {
            Some(keys) => keys.clone(),
            None => from_file(directory, SERVICE_KEY_FILE, || new_key().to_string(), service_keys)?,
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
    make: impl FnOnce() -> String,
    parse: impl FnOnce(&str) -> Result<K, String>,
) -> Result<K, SecretsError> {
    let path = directory.join(name);
    let text = read_or_make(directory, &path, make).map_err(|error| SecretsError::File(path.clone(), error))?;
    parse(text.trim()).map_err(|problem| SecretsError::Content(path, problem))
}

fn read_or_make(directory: &Path, path: &Path, make: impl FnOnce() -> String) -> io::Result<Zeroizing<String>> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read.map(Zeroizing::new),
    }
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let text = Zeroizing::new(make() + "\n");
    // Written whole under another name first: what stands under the real name is complete, or is not there.
    let draft = path.with_extension("key.new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    // The name is on disk only when its directory is.
    File::open(directory)?.sync_all()?;
    Ok(text)
}

fn new_key() -> Zeroizing<String> {
    Zeroizing::new(BASE64_STANDARD.encode(random_bytes::<32>(&SystemEntropy)))
}
