//! Files that are read again when they change, so that a certificate is replaced without a restart.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::configuration::Mistake;

/// How often the files are looked at, at most.
const LOOK_EVERY: Duration = Duration::from_mins(1);

type Load<T> = Box<dyn Fn() -> Result<T, Mistake> + Send + Sync>;

/// What was made of some files.
pub(super) struct Watched<T> {
    files: Vec<PathBuf>,
    load: Load<T>,
    latest: Mutex<Latest<T>>,
}

struct Latest<T> {
    made: T,
    of: Vec<Option<Version>>,
    look_again: Instant,
}

/// Time of modification in seconds and nanoseconds, number and size: what a file written anew, or one put in its place,
/// does not keep.
type Version = (i64, i64, u64, u64);

impl<T: Clone> Watched<T> {
    /// Reads the files.
    pub(super) fn new(
        files: Vec<PathBuf>,
        load: impl Fn() -> Result<T, Mistake> + Send + Sync + 'static,
    ) -> Result<Self, Mistake> {
        let latest = Latest {
            of: versions(&files),
            made: load()?,
            look_again: Instant::now() + LOOK_EVERY,
        };
        Ok(Self {
            files,
            load: Box::new(load),
            latest: Mutex::new(latest),
        })
    }

    /// What was made of the files as they were a minute ago, or are now. If they cannot be used any more, as while one
    /// of two has been replaced, the last that could be stays, and the log says so every minute.
    pub(super) fn latest(&self) -> T {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if latest.look_again <= now {
            latest.look_again = now + LOOK_EVERY;
            // Taken first: what changes while it is read is read again.
            let found = versions(&self.files);
            if found != latest.of {
                match (self.load)() {
                    Ok(made) => {
                        tracing::info!("changed TLS files are in use");
                        latest.made = made;
                        latest.of = found;
                    }
                    Err(mistake) => tracing::warn!("changed TLS files are not used: {mistake}"),
                }
            }
        }
        latest.made.clone()
    }
}

fn versions(files: &[PathBuf]) -> Vec<Option<Version>> {
    files.iter().map(|file| version(file)).collect()
}

fn version(file: &Path) -> Option<Version> {
    let file = fs::metadata(file).ok()?;
    Some((file.mtime(), file.mtime_nsec(), file.ino(), file.size()))
}
