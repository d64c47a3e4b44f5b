//! Words that open a person's own pages without a login: 128 bits of chance, told once, kept as their hash.
//!
//! Chance and not a signature: a token is short enough for a text message, says nothing of anybody, and ends with its row.

use data_encoding::BASE64URL_NOPAD;
use postroad_core::ids::{MessageId, TenantId};
use postroad_store::{
    Result, SystemTx,
    contact_links::{self, MessageToken, TokenHash},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{App, secrets::LinkKey};

const BYTES: usize = 16;

/// Characters of the token in a link that a campaign wrote.
pub(crate) const MESSAGE_TOKEN_CHARS: usize = 40;

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

/// The token in a link that a campaign writes. It is no chance but a signature: a million of them are written, and none is kept.
pub(crate) fn for_message(tenant: TenantId, message: MessageId, key: &LinkKey) -> String {
    BASE64URL_NOPAD.encode(&[&tenant.uuid().as_bytes()[12..], message.uuid().as_bytes(), &key.tag(message)].concat())
}

/// Such a token, taken apart. Its tag is looked at where the keys are. None: nobody made such a one.
pub(crate) fn of_message(text: &str) -> Option<MessageToken> {
    let bytes: [u8; 30] = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()?;
    Some(MessageToken {
        tenant_tail: bytes[..4].to_vec(),
        message: MessageId::from_uuid(Uuid::from_slice(&bytes[4..20]).ok()?),
        tag: bytes[20..].to_vec(),
    })
}

/// Whose message it is, if the link is ours. Nothing of a link is believed before.
pub(crate) async fn proven(app: &App, token: &MessageToken) -> Result<Option<(TenantId, MessageId)>> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let tenants = contact_links::tenants_of(&mut tx, token).await?;
    drop(tx);
    for tenant in tenants {
        if app.keyring.link_key(&app.store, tenant, app.clock.now()).await?.signed(token) {
            return Ok(Some((tenant, token.message)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_a_message_is_its_tenants_end_its_id_and_a_tag() {
        let mut bytes = vec![1, 2, 3, 4];
        bytes.extend([5; 16]);
        bytes.extend([6; 10]);
        let text = BASE64URL_NOPAD.encode(&bytes);
        assert_eq!(text.len(), MESSAGE_TOKEN_CHARS);
        let token = of_message(&text).unwrap();
        assert_eq!((token.tenant_tail, token.tag), (vec![1, 2, 3, 4], vec![6; 10]));
        assert_eq!(token.message, MessageId::from_uuid(Uuid::from_bytes([5; 16])));
        assert!(of_message(&text[1..]).is_none() && of_message("").is_none() && of_message(&"!".repeat(40)).is_none());
    }

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
