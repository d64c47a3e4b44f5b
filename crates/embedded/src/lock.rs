//! One start or stop at a time per data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::EmbeddedError;
use crate::error::failed_to;

/// Held for as long as this or a child that was given it lives. Not held while the server runs.
pub(crate) struct StartLock {
    file: File,
    path: PathBuf,
}

impl StartLock {
    pub(crate) fn wait(folder: &Path) -> Result<Self, EmbeddedError> {
        let path = folder.join("postgres.lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|source| EmbeddedError::NotWritable { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                tracing::info!("waiting for another process that starts or stops the private database");
                wait_for(&file).map_err(failed_to("lock", &path))?;
            }
            Err(TryLockError::Error(source)) => return Err(failed_to("lock", &path)(source)),
        }
        Ok(Self { file, path })
    }

    /// As standard input of a child that reads none: the lock then lasts until the child ends, even if we are killed
    /// before. So nobody starts over while an orphaned `initdb` still writes.
    pub(crate) fn share(&self) -> Result<Stdio, EmbeddedError> {
        self.file.try_clone().map(Stdio::from).map_err(failed_to("share", &self.path))
    }
}

fn wait_for(file: &File) -> io::Result<()> {
    loop {
        match file.lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
