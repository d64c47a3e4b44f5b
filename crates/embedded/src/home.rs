//! Where the database lies: `postgres` in the data folder, or, when root's server user cannot get there, a folder
//! elsewhere that a pointer file names.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use nix::unistd::Uid;
use sha2::{Digest, Sha256};

use crate::binaries::Binaries;
use crate::error::failed_to;
use crate::files;
use crate::runs_as::RunsAs;
use crate::{EmbeddedError, Options};

/// The file in the data folder that holds the path of a home elsewhere.
const POINTER: &str = "postgres.path";

/// `sun_path` holds 108 bytes on Linux and 104 on macOS, with the closing zero. The longest name in the folder is
/// `/.s.PGSQL.65535`.
const SOCKET_DIR_BYTES_MAX: usize = 103 - 15;

/// Not the environment's temporary folder: that may be private to root.
const TEMP_DIR: &str = "/tmp";

/// Owned by whoever runs us. What the server writes into are folders of its own inside.
pub(crate) struct Home {
    dir: PathBuf,
}

impl Home {
    /// The home of an earlier start, if there was one that got as far as having data.
    pub(crate) fn existing(folder: &Path) -> Result<Option<Self>, EmbeddedError> {
        let home = match Self::pointed_to(folder)? {
            Some(home) => home,
            None => Self { dir: folder.join("postgres") },
        };
        Ok(home.has_data().then_some(home))
    }

    pub(crate) fn create(
        folder: &Path,
        options: &Options,
        runs_as: &RunsAs,
        binaries: &Binaries,
    ) -> Result<Self, EmbeddedError> {
        if let Some(home) = Self::pointed_to(folder)? {
            return Ok(home);
        }
        let dir = folder.join("postgres");
        files::create_dir(&dir, if runs_as.is_other() { 0o755 } else { 0o700 })?;
        if runs_as.can_enter(&dir, binaries)? {
            return Ok(Self { dir });
        }
        // Empty, and so only confusing.
        fs::remove_dir(&dir).ok();
        let home = Self::create_elsewhere(folder, options, runs_as, binaries)?;
        tracing::warn!(
            user = runs_as.name(), from = %folder.display(), to = %home.dir.display(),
            "the server's user cannot enter the data folder, so the database is kept elsewhere"
        );
        Ok(home)
    }

    fn create_elsewhere(
        folder: &Path,
        options: &Options,
        runs_as: &RunsAs,
        binaries: &Binaries,
    ) -> Result<Self, EmbeddedError> {
        let dir = files::open_dir(&options.fallback_dir)?.join(short_hash(folder));
        files::create_dir(&dir, 0o755)?;
        if !runs_as.can_enter(&dir, binaries)? {
            return Err(EmbeddedError::OutOfReach { path: dir, user: runs_as.name() });
        }
        let text = dir.to_str().ok_or_else(|| EmbeddedError::PathNotText { path: dir.clone() })?;
        files::place(&folder.join(POINTER), &format!("{text}\n"), 0o644, None)?;
        Ok(Self { dir })
    }

    fn pointed_to(folder: &Path) -> Result<Option<Self>, EmbeddedError> {
        let pointer = folder.join(POINTER);
        let Some(text) = files::read(&pointer)? else {
            return Ok(None);
        };
        let dir = PathBuf::from(text.trim_end());
        if !dir.is_dir() {
            return Err(EmbeddedError::HomeLost { pointer, home: dir });
        }
        Ok(Some(Self { dir }))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What PostgreSQL calls the data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Data that we may not look at are data, too.
    pub(crate) fn has_data(&self) -> bool {
        self.data().join("PG_VERSION").try_exists().unwrap_or(true)
    }

    /// Major version of the server that made the data, and their owner.
    pub(crate) fn made_by(&self) -> Result<(u32, Uid), EmbeddedError> {
        let path = self.data().join("PG_VERSION");
        let owner = fs::metadata(self.data()).map_err(failed_to("look at", &self.data()))?.uid();
        let owner = Uid::from_raw(owner);
        let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::PermissionDenied => crate::runs_as::owned_by_another(&self.data(), owner),
            _ => failed_to("read", &path)(error),
        })?;
        let broken = || std::io::Error::new(std::io::ErrorKind::InvalidData, format!("it says {text:?}"));
        let version = text.trim().parse().map_err(|_| failed_to("read the version in", &path)(broken()))?;
        Ok((version, owner))
    }

    pub(crate) fn password(&self) -> PathBuf {
        self.dir.join("password")
    }

    pub(crate) fn read_password(&self) -> Result<String, EmbeddedError> {
        let path = self.password();
        match files::read(&path)? {
            Some(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
            _ => Err(EmbeddedError::PasswordLost { path }),
        }
    }

    /// The port of the last start.
    pub(crate) fn port(&self) -> PathBuf {
        self.dir.join("port")
    }

    /// Included by `postgresql.conf`.
    pub(crate) fn settings(&self) -> PathBuf {
        self.dir.join("postroad.conf")
    }

    pub(crate) fn log_dir(&self) -> PathBuf {
        self.dir.join("log")
    }

    pub(crate) fn socket_dir(&self) -> PathBuf {
        let near = self.dir.join("socket");
        if near.as_os_str().len() <= SOCKET_DIR_BYTES_MAX {
            return near;
        }
        Path::new(TEMP_DIR).join(format!("postroad-{}", short_hash(&self.dir)))
    }
}

fn short_hash(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    HEXLOWER.encode(&digest[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_folder_stays_near_until_its_path_is_too_long_for_a_socket() {
        let near = Home { dir: PathBuf::from("/srv/.postroad/postgres") };
        assert_eq!(near.socket_dir(), Path::new("/srv/.postroad/postgres/socket"));
        let far = Home { dir: PathBuf::from(format!("/{}", "d".repeat(82))) };
        let dir = far.socket_dir();
        assert!(dir.starts_with("/tmp") && dir.as_os_str().len() < SOCKET_DIR_BYTES_MAX, "{}", dir.display());
    }

    #[test]
    fn a_pointer_to_a_folder_that_is_gone_is_not_an_empty_database() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(POINTER), "/nowhere/at/all\n").unwrap();
        let error = Home::existing(folder.path()).err().unwrap();
        assert!(matches!(error, EmbeddedError::HomeLost { .. }), "{error}");
    }
}
