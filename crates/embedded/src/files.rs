//! Folders and files that survive a kill in the middle, and that an unprivileged owner cannot point elsewhere.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::{Uid, geteuid};

use crate::EmbeddedError;
use crate::error::failed_to;
use crate::runs_as::RunsAs;

/// Creates the folder if it is missing and returns it without links and dots. One that root creates can be passed
/// through by others, because the server inside runs as someone else.
pub(crate) fn open_dir(path: &Path) -> Result<PathBuf, EmbeddedError> {
    if !path.is_dir() {
        let mode = if geteuid().is_root() { 0o755 } else { 0o700 };
        fs::create_dir_all(path).map_err(not_writable(path))?;
        fs::set_permissions(path, Permissions::from_mode(mode)).map_err(not_writable(path))?;
    }
    let folder = path.canonicalize().map_err(failed_to("resolve", path))?;
    match folder.to_str() {
        // A line break would end the line of the pointer file and of the server's own process file.
        Some(text) if !text.contains('\n') => Ok(folder),
        _ => Err(EmbeddedError::PathNotText { path: folder }),
    }
}

/// A missing parent that is a file, or a full disk, is as good as one we may not write.
fn not_writable(path: &Path) -> impl FnOnce(io::Error) -> EmbeddedError {
    let path = path.to_owned();
    move |source| EmbeddedError::NotWritable { path, source }
}

/// Creates one folder with exactly this mode, whatever the umask. False if it existed.
pub(crate) fn create_dir(path: &Path, mode: u32) -> Result<bool, EmbeddedError> {
    match fs::create_dir(path) {
        Ok(()) => {
            fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed_to("set the mode of", path))?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed_to("create", path)(error)),
    }
}

/// A folder only the server's user can enter. One that exists must be theirs: in a shared place somebody else may
/// have taken the name.
pub(crate) fn create_private_dir(path: &Path, runs_as: &RunsAs) -> Result<(), EmbeddedError> {
    if create_dir(path, 0o700)? {
        return runs_as.give(path);
    }
    let found = fs::symlink_metadata(path).map_err(failed_to("look at", path))?;
    let owner = Uid::from_raw(found.uid());
    if found.is_dir() && owner.is_root() && geteuid().is_root() {
        // We were killed before we could give it away.
        return runs_as.give(path);
    }
    if found.is_dir() && owner == runs_as.uid() {
        return Ok(());
    }
    Err(crate::runs_as::owned_by_another(path, owner))
}

/// Whole or not at all: written beside and renamed. The mode is exact, whatever the umask.
pub(crate) fn place(path: &Path, text: &str, mode: u32, owner: Option<&RunsAs>) -> Result<(), EmbeddedError> {
    let draft = path.with_extension("new");
    remove_file(&draft)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .map_err(failed_to("create", &draft))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed_to("write", &draft))?;
    file.set_permissions(Permissions::from_mode(mode)).map_err(failed_to("set the mode of", &draft))?;
    if let Some(owner) = owner {
        owner.give(&draft)?;
    }
    rename(&draft, path)
}

/// Survives a power cut.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), EmbeddedError> {
    fs::rename(from, to).map_err(failed_to("rename", from))?;
    let parent = to.parent().expect("a file of ours lies in a folder");
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(failed_to("sync", parent))
}

pub(crate) fn append(path: &Path, text: &str) -> Result<(), EmbeddedError> {
    let mut options = OpenOptions::new();
    let file = options.append(true).custom_flags(OFlag::O_NOFOLLOW.bits()).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(failed_to("write", path))
}

/// Missing is fine.
pub(crate) fn remove_file(path: &Path) -> Result<(), EmbeddedError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed_to("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The content, or `None` if there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<String>, EmbeddedError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed_to("read", path)(error)),
    }
}

/// The last lines of a log, at most `bytes_max` bytes. Empty where there is nothing to read.
pub(crate) fn tail(path: &Path, bytes_max: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = OpenOptions::new().read(true).custom_flags(OFlag::O_NOFOLLOW.bits()).open(path)?;
        let skipped = file.metadata()?.len().saturating_sub(bytes_max);
        file.seek(SeekFrom::Start(skipped))?;
        let mut bytes = Vec::new();
        file.take(bytes_max).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_name_that_settings_cannot_hold_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let error = open_dir(&parent.path().join("two\nlines")).unwrap_err();
        assert!(matches!(error, EmbeddedError::PathNotText { .. }), "{error}");
    }

    #[test]
    fn a_data_folder_below_a_file_cannot_be_written() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("file"), "").unwrap();
        let error = open_dir(&parent.path().join("file/data")).unwrap_err();
        assert!(matches!(error, EmbeddedError::NotWritable { .. }), "{error}");
        assert!(error.to_string().contains("POSTROAD_DATA_DIR"), "{error}");
    }

    #[test]
    fn a_placed_file_replaces_a_link_instead_of_following_it() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        fs::write(&target, "kept").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        place(&link, "ours", 0o644, None).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "kept");
        assert_eq!(fs::read_to_string(&link).unwrap(), "ours");
    }

    #[test]
    fn a_tail_is_the_end_of_a_file_and_empty_without_one() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        fs::write(&log, "first\nsecond\n").unwrap();
        assert_eq!(tail(&log, 7), "second");
        assert_eq!(tail(&dir.path().join("missing"), 7), "");
    }
}
