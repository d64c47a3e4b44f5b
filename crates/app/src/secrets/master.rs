//! Master keys: `k2:<32 bytes in base64>,k1:<…>`, the first is the current one. They wrap data keys and nothing else.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use data_encoding::BASE64;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::cipher::Key;

/// Master keys of one installation: the current one, and old ones that still wrap something.
const KEYS_MAX: usize = 16;

/// Master keys that cannot be used. Never says a key, only its id or place.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    #[error("there is no master key")]
    None,
    #[error("there are more than {KEYS_MAX} master keys")]
    TooMany,
    #[error("master key number {position} is not written as id:base64, with an id of 1 to 32 letters, digits, - or _")]
    Malformed { position: usize },
    #[error("master key {id} is not 32 bytes in base64")]
    NotAKey { id: String },
    #[error("master key {id} is given twice")]
    Twice { id: String },
    #[error("others may read {path}: make it readable by its owner only (chmod 600)")]
    Exposed { path: PathBuf },
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
}

/// A named master key.
pub(super) struct Master {
    pub(super) id: String,
    pub(super) key: Key,
}

/// Reads the list; at least one key.
pub(super) fn parse(text: &str) -> Result<Vec<Master>, MasterKeyError> {
    let mut keys: Vec<Master> = Vec::new();
    for (entry, position) in text.trim().split(',').zip(1..) {
        let key = parse_one(entry.trim(), position)?;
        if keys.iter().any(|known| known.id == key.id) {
            return Err(MasterKeyError::Twice { id: key.id });
        }
        keys.push(key);
    }
    if keys.len() > KEYS_MAX { Err(MasterKeyError::TooMany) } else { Ok(keys) }
}

fn parse_one(entry: &str, position: usize) -> Result<Master, MasterKeyError> {
    if entry.is_empty() {
        return Err(MasterKeyError::None);
    }
    let (id, key) = entry.split_once(':').ok_or(MasterKeyError::Malformed { position })?;
    let named = (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !named {
        return Err(MasterKeyError::Malformed { position });
    }
    let bytes = BASE64.decode(key.as_bytes()).map(Zeroizing::new);
    let key = bytes.ok().and_then(|bytes| Key::from_bytes(&bytes));
    let id = id.to_owned();
    match key {
        Some(key) => Ok(Master { id, key }),
        None => Err(MasterKeyError::NotAKey { id }),
    }
}

/// A new random key named `k1`, as [`parse`] reads it.
pub(super) fn generate() -> SecretString {
    let key = Zeroizing::new(BASE64.encode(Key::generate().bytes()));
    SecretString::from(format!("k1:{}", key.as_str()))
}

/// Reads the file, or makes it with a new key that only its owner may read. Two processes may start at once: both get the
/// key of the first.
pub(super) fn load_or_create(path: &Path) -> Result<SecretString, MasterKeyError> {
    let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path).map_err(failed)?,
        Err(error) => return Err(failed(error)),
        Ok(_) => {}
    }
    if fs::metadata(path).map_err(failed)?.permissions().mode() & 0o077 != 0 {
        return Err(MasterKeyError::Exposed { path: path.to_owned() });
    }
    fs::read_to_string(path).map(SecretString::from).map_err(failed)
}

/// The file appears whole or not at all: it is written beside its name, then linked to it.
fn create(path: &Path) -> io::Result<()> {
    let draft = path.with_extension(format!("new-{:08x}", rand::random::<u32>()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written = file.write_all(generate().expose_secret().as_bytes()).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    fs::remove_file(&draft)?;
    linked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        parse(text).err().expect("the text is refused").to_string()
    }

    #[test]
    fn the_first_key_is_the_current_one_and_blanks_do_not_matter() {
        let key = BASE64.encode(&[7; 32]);
        let keys = parse(&format!(" k2:{key}, k1:{key}\n")).unwrap();
        assert_eq!(keys.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(), ["k2", "k1"]);
    }

    #[test]
    fn wrong_lists_are_refused_without_repeating_a_key() {
        let key = BASE64.encode(&[7; 32]);
        let short = BASE64.encode(&[7; 31]);
        let cases = [
            (String::new(), "there is no master key"),
            (format!("k1:{key},"), "there is no master key"),
            (key.clone(), "master key number 1 is not written as id:base64"),
            (format!("k1:{key},k 2:{key}"), "master key number 2 is not written as id:base64"),
            (format!("k1:{short}"), "master key k1 is not 32 bytes in base64"),
            (format!("k1:{key},k1:{key}"), "master key k1 is given twice"),
        ];
        for (text, expected) in cases {
            let message = message(&text);
            assert!(message.starts_with(expected), "{message}");
            assert!(!message.contains(&key) && !message.contains(&short), "{message}");
        }
    }

    #[test]
    fn a_key_file_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.keys");
        let made = load_or_create(&path).unwrap();
        assert_eq!(parse(made.expose_secret()).unwrap().len(), 1);
        assert_eq!(load_or_create(&path).unwrap().expose_secret(), made.expose_secret());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft stays behind");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(load_or_create(&path), Err(MasterKeyError::Exposed { .. })));
    }

    #[test]
    fn many_starts_at_once_agree_on_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.keys");
        let keys: Vec<String> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| load_or_create(&path).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap().expose_secret().to_owned()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }
}
