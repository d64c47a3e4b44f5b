//! Passwords: hashed with Argon2id, on threads of their own and few at a time.
//!
//! Each hash takes 19 MiB and a good part of a second of a core, on purpose. So only as many are made at once as there are
//! cores, a few more wait, and the rest are told to come again: whoever posts a thousand logins takes neither the memory
//! nor the patience of everybody else.

use std::sync::{Arc, OnceLock};

use argon2::{
    Argon2, Params,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Hashes that wait for a core.
const WAITING_MAX: usize = 32;
/// Characters of a password.
pub const CHARS: std::ops::RangeInclusive<usize> = 12..=128;
/// What zxcvbn must think of it, 0 to 4: 2 takes more than a million guesses.
const SCORE_MIN: u8 = 2;
/// zxcvbn looks at no more: its work grows with the square.
const LOOKED_AT: usize = 64;

/// Where passwords are hashed. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    /// One for each hash that is being made or waits.
    places: Arc<Semaphore>,
    cores: Arc<Semaphore>,
    /// The hash of a word that nobody has: what strangers are compared with, so that they take as long as everybody else.
    stranger: Arc<OnceLock<String>>,
}

/// More hashes wait than there are places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many people sign in at this moment")]
pub struct Busy;

/// Why a password is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    #[error("a password has {} to {} characters", CHARS.start(), CHARS.end())]
    Length,
    #[error("this password is guessed in a moment: {0}")]
    Guessed(String),
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, and its hash is of an older kind: this one is to take its place.
    Outdated(String),
}

impl Passwords {
    pub fn start(cores: usize) -> Self {
        let cores = cores.max(1);
        Self {
            places: Arc::new(Semaphore::new(cores + WAITING_MAX)),
            cores: Arc::new(Semaphore::new(cores)),
            stranger: Arc::default(),
        }
    }

    pub async fn hash(&self, password: SecretString) -> Result<String, Busy> {
        self.run(move || hash(password.expose_secret())).await
    }

    /// Whether it is the password of which `stored` is the hash. None: nobody's, and that is found as late.
    pub async fn verify(&self, password: SecretString, stored: Option<String>) -> Result<Verdict, Busy> {
        let stranger = self.stranger.clone();
        self.run(move || {
            // Made by whoever comes first, known or not.
            let stranger = stranger.get_or_init(|| hash(&uuid::Uuid::new_v4().to_string()));
            let found = compare(password.expose_secret(), stored.as_ref().unwrap_or(stranger));
            if stored.is_some() { found } else { Verdict::Wrong }
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Busy)?;
        let core = self.cores.clone().acquire_owned().await.map_err(|_| Busy)?;
        let held: [OwnedSemaphorePermit; 2] = [place, core];
        // Whoever asked may be gone by now: the places are held until the work is done all the same.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(held);
            done
        });
        done.await.map_err(|_| Busy)
    }
}

/// Whether anybody would guess it. `about`: names and addresses of its owner.
pub fn check(password: &SecretString, about: &[&str]) -> Result<(), Weak> {
    let text = password.expose_secret();
    if !CHARS.contains(&text.chars().count()) {
        return Err(Weak::Length);
    }
    let looked_at: String = text.chars().take(LOOKED_AT).collect();
    let found = zxcvbn::zxcvbn(&looked_at, about);
    if u8::from(found.score()) >= SCORE_MIN {
        return Ok(());
    }
    let why = found.feedback().and_then(zxcvbn::feedback::Feedback::warning).map(|warning| warning.to_string());
    Err(Weak::Guessed(why.unwrap_or_else(|| "several words that have nothing to do with each other are better".into())))
}

/// 19 MiB, two passes, one lane: the least that the OWASP Password Storage Cheat Sheet asks for.
fn ours() -> Argon2<'static> {
    Argon2::default()
}

fn hash(password: &str) -> String {
    ours().hash_password(password.as_bytes()).expect("the parameters are those of the library").to_string()
}

fn compare(password: &str, stored: &str) -> Verdict {
    if is_bcrypt(stored) {
        let right = bcrypt::verify(password, stored).unwrap_or(false);
        return if right { Verdict::Outdated(hash(password)) } else { Verdict::Wrong };
    }
    let Ok(known) = PasswordHash::new(stored) else { return Verdict::Wrong };
    if ours().verify_password(password.as_bytes(), &known).is_err() {
        return Verdict::Wrong;
    }
    if is_current(&known) { Verdict::Right } else { Verdict::Outdated(hash(password)) }
}

/// As other systems wrote them: `$2a$12$…`. They are taken, and written anew at the first login.
fn is_bcrypt(stored: &str) -> bool {
    ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|kind| stored.starts_with(kind))
}

fn is_current(known: &PasswordHash) -> bool {
    let params = Params::try_from(known).ok();
    let current = Params::default();
    known.algorithm.as_str() == "argon2id"
        && params.is_some_and(|p| {
            (p.m_cost(), p.t_cost(), p.p_cost()) == (current.m_cost(), current.t_cost(), current.p_cost())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn weak_passwords_are_refused_and_say_why() {
        let refused = |text: &str| check(&secret(text), &["ada@shop.example", "Ada Obi"]).unwrap_err().to_string();
        assert!(refused("short").contains("12 to 128"));
        assert!(refused(&"long ".repeat(30)).contains("12 to 128"));
        for text in ["password1234", "aaaaaaaaaaaaaa", "qwertyuiop123", "ada@shop.example"] {
            assert!(refused(text).contains("guessed"), "{text}");
        }
        assert_eq!(check(&secret("correct horse battery staple"), &[]), Ok(()));
        assert_eq!(check(&secret(&"w1z Ä§ ".repeat(18)), &[]), Ok(()), "126 characters of any kind");
    }

    #[tokio::test]
    async fn a_hash_of_an_older_kind_is_right_and_replaced() {
        let passwords = Passwords::start(1);
        let old = bcrypt::hash_with_result("correct horse", 4).unwrap().format_for_version(bcrypt::Version::TwoB);
        let weaker =
            Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let weaker = weaker.hash_password(b"correct horse").unwrap().to_string();
        for stored in [old, weaker] {
            let found = passwords.verify(secret("correct horse"), Some(stored.clone())).await.unwrap();
            let Verdict::Outdated(new) = found else { panic!("{stored}: {found:?}") };
            assert!(new.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{new}");
            assert_eq!(passwords.verify(secret("correct horse"), Some(new)).await, Ok(Verdict::Right));
            assert_eq!(passwords.verify(secret("wrong horse"), Some(stored)).await, Ok(Verdict::Wrong));
        }
        for none in [None, Some(String::new()), Some("$argon2id$broken".to_owned())] {
            assert_eq!(passwords.verify(secret("correct horse"), none).await, Ok(Verdict::Wrong));
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_hundred_logins_at_once_make_no_more_hashes_than_there_are_cores_and_places() {
        let passwords = Passwords::start(2);
        let tries = (0..100).map(|_| passwords.verify(secret("correct horse"), None));
        let answers = futures::future::join_all(tries).await;
        let busy = answers.iter().filter(|answer| **answer == Err(Busy)).count();
        assert_eq!((busy, answers.len() - busy), (66, 34), "two at work, thirty-two waiting");
        assert_eq!(passwords.verify(secret("correct horse"), None).await, Ok(Verdict::Wrong), "and then there is room");
    }
}
