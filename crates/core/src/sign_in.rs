//! Signing in: what a session is known by, how long it lasts, and how long somebody who guesses must wait.

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::CryptoRng;
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest, Sha256};

use crate::words::words;

/// A session that nobody uses ends after this.
pub const IDLE_MAX: TimeDelta = TimeDelta::hours(24);
/// Every session ends after this, used or not.
pub const SESSION_MAX: TimeDelta = TimeDelta::days(7);
/// That a session is used is written down at most this often.
pub const SEEN_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Sessions of one person. One more ends the oldest.
pub const SESSIONS_MAX: i64 = 50;
/// How long somebody may take to accept an invitation.
pub const INVITATION_LASTS: TimeDelta = TimeDelta::days(7);

/// How long the word in a mail leads to a new password.
pub const RESET_LASTS: TimeDelta = TimeDelta::hours(1);
/// How long the word in a mail proves an address.
pub const VERIFY_LASTS: TimeDelta = TimeDelta::days(3);

/// How long a password that was said counts, of whoever has to say a code too.
pub const HALF_SIGNED_IN_LASTS: TimeDelta = TimeDelta::minutes(5);
/// How long somebody may take at a provider who says who they are.
pub const JOURNEY_LASTS: TimeDelta = TimeDelta::minutes(10);
/// Whoever has no password to say again has signed in this short a time ago.
pub const RECENTLY: TimeDelta = TimeDelta::minutes(10);
/// Of refusals of one kind, of one person, one is told in so many seconds: who guesses fills no audit.
pub const REFUSALS_TOLD_EVERY_S: i32 = 900;
/// Codes for the day on which the app that makes codes is lost.
pub const RECOVERY_CODES: usize = 10;

words! {
    /// What a word is for that somebody was given.
    WordKind {
        /// Proves an address of mail.
        Verify = "verify",
        /// Leads to a new password.
        Reset = "reset",
        /// Stands for a password until a code is said.
        SecondFactor = "second_factor",
    }
}

words! {
    /// Who else says who somebody is.
    IdentityProvider {
        Google = "google",
        Facebook = "facebook",
        Github = "github",
    }
}

words! {
    /// What somebody did about signing in, or was refused.
    Deed {
        SignedIn = "signed_in",
        SignedOut = "signed_out",
        PasswordRefused = "password_refused",
        CodeRefused = "code_refused",
        PasswordChanged = "password_changed",
        SecondFactorOn = "second_factor_on",
        SecondFactorOff = "second_factor_off",
        IdentityLinked = "identity_linked",
        IdentityUnlinked = "identity_unlinked",
    }
}

impl Deed {
    /// Anybody can bring these about, as often as they like.
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::PasswordRefused | Self::CodeRefused)
    }
}

const TOKEN_BYTES: usize = 32;

/// What opens a session or an invitation: 256 bits of chance, told once and kept as its hash. Neither prints nor serialises;
/// wiped from memory when dropped.
pub struct Token(SecretBox<[u8; TOKEN_BYTES]>);

/// SHA-256 of a [`Token`]. No slow hash: nobody guesses 256 bits.
pub type TokenHash = [u8; 32];

impl Token {
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(SecretBox::init_with_mut(|bytes: &mut [u8; TOKEN_BYTES]| rng.fill_bytes(bytes)))
    }

    /// What was derived from a key and has as much chance in it.
    pub fn derived(bytes: [u8; TOKEN_BYTES]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// Another word that follows from this one, which does not follow from it.
    #[must_use]
    pub fn part(&self, purpose: &str) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("a key of any length does");
        mac.update(purpose.as_bytes());
        Self::derived(mac.finalize().into_bytes().into())
    }

    /// Takes the one spelling that [`Token::reveal`] gives.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; TOKEN_BYTES] = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()?;
        Some(Self(SecretBox::new(Box::new(bytes))))
    }

    /// 43 characters of base64url, for the one answer in which its holder learns it.
    pub fn reveal(&self) -> String {
        BASE64URL_NOPAD.encode(self.0.expose_secret())
    }

    pub fn hash(&self) -> TokenHash {
        Sha256::digest(self.0.expose_secret()).into()
    }
}

/// Wrong passwords in a row, from one network and for one address of mail, that cost no wait.
const FREE: u32 = 5;
/// The longest wait, so that nobody locks anybody out.
const WAIT_MAX: TimeDelta = TimeDelta::minutes(15);
/// Failures are forgotten this long after the last.
pub const FAILURES_KEPT: TimeDelta = TimeDelta::hours(24);

/// When somebody who failed so often in a row, last at `failed_at`, may try again: 5 times at once, then 1, 2, 4 seconds and
/// so on, up to 15 minutes.
pub fn may_try_at(failures: u32, failed_at: DateTime<Utc>) -> DateTime<Utc> {
    let Some(doublings) = failures.checked_sub(FREE) else { return failed_at };
    let wait =
        1_i64.checked_shl(doublings).filter(|s| *s > 0).map_or(WAIT_MAX, |s| TimeDelta::seconds(s).min(WAIT_MAX));
    failed_at + wait
}

/// The longest wait between two mails that somebody asks for.
const MAIL_WAIT_MAX: TimeDelta = TimeDelta::hours(4);

/// When the next mail is sent to an address for which one was asked so often, last at `asked_at`: a minute later, then 2, 4, 8
/// and so on, up to 4 hours. Nobody fills a stranger's mailbox.
pub fn may_ask_at(asked: u32, asked_at: DateTime<Utc>) -> DateTime<Utc> {
    let Some(doublings) = asked.checked_sub(1) else { return asked_at };
    let minutes = 1_i64.checked_shl(doublings).filter(|minutes| (1..=240).contains(minutes));
    asked_at + minutes.map_or(MAIL_WAIT_MAX, TimeDelta::minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_one_spelling_and_tells_nothing_by_its_hash() {
        let token = Token::generate(&mut rand::rng());
        let text = token.reveal();
        assert_eq!(text.len(), 43);
        assert_eq!(Token::parse(&text).map(|again| again.hash()), Some(token.hash()));
        let padded = format!("{text}=");
        for other in ["", "x", &text[1..], padded.as_str(), "not base64url, but 43 characters as well...."] {
            assert!(Token::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn the_parts_of_a_word_are_words_of_their_own() {
        let word = Token::generate(&mut rand::rng());
        let told = [word.reveal(), word.part("state").reveal(), word.part("verifier").reveal()];
        assert_eq!(word.part("state").reveal(), told[1]);
        assert_eq!(told.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    }

    #[test]
    fn the_more_mails_somebody_asked_for_the_longer_the_next_one_takes() {
        let waits = [0, 1, 2, 3, 8, 9, 63, 64, u32::MAX]
            .map(|asked| (may_ask_at(asked, DateTime::UNIX_EPOCH) - DateTime::UNIX_EPOCH).num_minutes());
        assert_eq!(waits, [0, 1, 2, 4, 128, 240, 240, 240, 240]);
    }

    #[test]
    fn five_tries_are_free_and_no_wait_is_longer_than_a_quarter_of_an_hour() {
        let waits = [0, 4, 5, 6, 7, 14, 15, 40, 70, u32::MAX]
            .map(|failures| (may_try_at(failures, DateTime::UNIX_EPOCH) - DateTime::UNIX_EPOCH).num_seconds());
        assert_eq!(waits, [0, 0, 1, 2, 4, 512, 900, 900, 900, 900]);
    }
}
