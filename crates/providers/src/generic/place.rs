//! Where posts come to, and what people are called: both name the platform, so two platforms may know two people by one id.

use postroad_core::provider::Unreadable;

const PLATFORM_CHARS_MAX: usize = 40;
/// Characters of an id of the platform: of a person, or of a message.
pub(super) const ID_CHARS_MAX: usize = 200;
/// Bytes of the last part of the address.
const ACCOUNT_BYTES_MAX: usize = 64;
const FRONT: &str = "/integrations/";
const MIDDLE: &str = "/webhook/";

/// `…/integrations/<platform>/webhook/<account>`.
pub(super) struct Place<'a> {
    pub(super) platform: &'a str,
    /// Our id of the account.
    pub(super) account: &'a str,
}

impl<'a> Place<'a> {
    pub(super) fn of(url: &'a str) -> Result<Self, Unreadable> {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let found = path.rsplit_once(FRONT).and_then(|(_, rest)| rest.split_once(MIDDLE));
        let (platform, account) = found.ok_or_else(|| Unreadable("the address names no platform".to_owned()))?;
        let good = is_platform(platform) && (1..=ACCOUNT_BYTES_MAX).contains(&account.len()) && !account.contains('/');
        if good { Ok(Self { platform, account }) } else { Err(Unreadable("the address names no account".to_owned())) }
    }

    pub(super) fn path(&self) -> String {
        format!("{FRONT}{}{MIDDLE}{}", self.platform, self.account)
    }
}

pub(super) fn is_platform(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    (1..=PLATFORM_CHARS_MAX).contains(&text.len()) && text.bytes().all(plain)
}

/// 1 to 200 characters, none of them blank or a control.
pub(super) fn is_id(text: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// `<platform>:<id of the person there>`, as it is written: platforms may tell ids apart by case.
pub(super) fn address(platform: &str, person: &str) -> String {
    format!("{platform}:{person}")
}

pub(super) fn normalise(text: &str) -> Option<String> {
    let (platform, person) = text.split_once(':')?;
    (is_platform(platform) && is_id(person)).then(|| address(platform, person))
}
