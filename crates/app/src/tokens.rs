//! Words that open a person's own pages without a login: 128 bits of chance, told once, kept as their hash.
//!
//! Chance and not a signature: a token is short enough for a text message, says nothing of anybody, and ends with its row.

use data_encoding::BASE64URL_NOPAD;
use postroad_store::contact_links::TokenHash;
use sha2::{Digest, Sha256};

const BYTES: usize = 16;

/// A new token, for an address of ours. Deliberately without `Debug`.
pub struct Token(String);

impl Token {
    pub(crate) fn generate() -> Self {
        Self(BASE64URL_NOPAD.encode(&rand::random::<[u8; BYTES]>()))
    }

    /// 22 characters of base64url.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> TokenHash {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

/// By what a token is looked up. None: nobody made such a one.
pub(crate) fn hash(text: &str) -> Option<TokenHash> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    (bytes.len() == BYTES).then(|| Sha256::digest(text.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_text_and_every_other_text_by_something_else_or_nothing() {
        let (token, other) = (Token::generate(), Token::generate());
        assert_eq!((token.as_str().len(), hash(token.as_str())), (22, Some(token.hash())));
        assert_ne!(token.hash(), other.hash());
        for text in
            ["", "a", "../../etc/passwd", &token.as_str()[1..], &format!("{}A", token.as_str()), &"A".repeat(1_000)]
        {
            assert_eq!(hash(text), None, "{text}");
        }
    }
}
