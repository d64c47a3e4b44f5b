//! Whom the server runs as. PostgreSQL refuses root, so root hands its children to an unprivileged user.

use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::{Uid, User, geteuid};

use crate::EmbeddedError;
use crate::binaries::Binaries;
use crate::error::failed_to;

/// Preferred in this order: `postgres` comes with the distribution's packages, `nobody` is everywhere.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

pub(crate) enum RunsAs {
    Ourselves,
    /// Only root can.
    Other(User),
}

impl RunsAs {
    /// For a database that is yet to be made.
    pub(crate) fn choose() -> Result<Self, EmbeddedError> {
        if !geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        first_of(&UNPRIVILEGED).map(Self::Other).ok_or(EmbeddedError::NoUnprivilegedUser)
    }

    /// For data that exists: the server refuses any user but their owner.
    pub(crate) fn owner_of(data: &Path, owner: Uid) -> Result<Self, EmbeddedError> {
        if owner == geteuid() && !owner.is_root() {
            return Ok(Self::Ourselves);
        }
        let user = User::from_uid(owner).ok().flatten();
        match user {
            Some(user) if geteuid().is_root() && !owner.is_root() => Ok(Self::Other(user)),
            _ => Err(owned_by_another(data, owner)),
        }
    }

    pub(crate) fn is_other(&self) -> bool {
        matches!(self, Self::Other(_))
    }

    pub(crate) fn uid(&self) -> Uid {
        match self {
            Self::Ourselves => geteuid(),
            Self::Other(user) => user.uid,
        }
    }

    pub(crate) fn name(&self) -> String {
        name_of(self.uid())
    }

    /// A child with nothing of our environment, which holds secrets, and out of reach of our terminal's Ctrl-C,
    /// which would cut a stop short. `dir` becomes its working folder after it has changed user.
    pub(crate) fn command(&self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(dir).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("TZ", "UTC");
        command.stdin(Stdio::null()).process_group(0);
        if let Self::Other(user) = self {
            // The standard library drops root's supplementary groups along with its user id.
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }

    /// Only for what we created ourselves.
    pub(crate) fn give(&self, path: &Path) -> Result<(), EmbeddedError> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Other(user) => chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                .map_err(failed_to("change the owner of", path)),
        }
    }

    /// The kernel answers, so that modes, access lists and mounts all count.
    pub(crate) fn can_enter(&self, dir: &Path, binaries: &Binaries) -> Result<bool, EmbeddedError> {
        if !self.is_other() {
            return Ok(true);
        }
        let postgres = binaries.program("postgres");
        let tried = |dir: &Path| self.command(&postgres, dir).arg("--version").stdout(Stdio::null()).status();
        if denied(tried(Path::new("/")))? {
            return Err(EmbeddedError::OutOfReach { path: binaries.dir.clone(), user: self.name() });
        }
        Ok(!denied(tried(dir))?)
    }
}

fn denied(outcome: io::Result<std::process::ExitStatus>) -> Result<bool, EmbeddedError> {
    match outcome {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(true),
        Err(source) => Err(EmbeddedError::Io { doing: "run", path: "postgres --version".into(), source }),
    }
}

pub(crate) fn owned_by_another(path: &Path, owner: Uid) -> EmbeddedError {
    let runs_as = if geteuid().is_root() { "an unprivileged user".to_owned() } else { name_of(geteuid()) };
    EmbeddedError::OwnedByAnother { path: path.to_owned(), owner: name_of(owner), runs_as }
}

fn first_of(names: &[&str]) -> Option<User> {
    names.iter().find_map(|name| User::from_name(name).ok().flatten()).filter(|user| !user.uid.is_root())
}

fn name_of(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| format!("user {uid}"), |user| user.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_stands_in_where_the_preferred_user_is_missing() {
        let user = first_of(&["no-such-user-here", "nobody"]).unwrap();
        assert_eq!(user.name, "nobody");
        assert!(first_of(&["no-such-user-here"]).is_none());
    }

    #[test]
    fn a_folder_of_root_is_refused_with_its_owner_named() {
        let error = RunsAs::owner_of(Path::new("/srv/data"), Uid::from_raw(0)).err().unwrap();
        assert!(error.to_string().contains("/srv/data belongs to root"), "{error}");
    }
}
