//! Seals what people say. Each body has a key of its own, which follows from the tenant's data key and the place of the body: so the
//! data key may serve any number of them, and whoever writes one holds no row.

use hmac::{Hmac, KeyInit as _, Mac as _};
use postroad_store::{
    bodies::{Sealer, Shut},
    data_keys::WrappedKey,
};
use sha2::Sha256;

use super::{Keyring, SecretError, cipher::Key};

impl Sealer for Keyring {
    fn seal(&self, key: &WrappedKey, place: &str, plain: &[u8]) -> Result<String, Shut> {
        let place = bound(key, place);
        Ok(self.body_key(key, &place)?.seal(&place, plain))
    }

    fn open(&self, key: &WrappedKey, place: &str, sealed: &str) -> Result<Vec<u8>, Shut> {
        let place = bound(key, place);
        let opened = self.body_key(key, &place)?.open(&place, sealed);
        opened.map(|mut open| std::mem::take(&mut *open)).map_err(|_| Shut::Broken)
    }
}

impl Keyring {
    fn body_key(&self, key: &WrappedKey, place: &str) -> Result<Key, Shut> {
        let data = self.unwrap(key).map_err(|error| shut(&error))?;
        let mut mac = Hmac::<Sha256>::new_from_slice(data.bytes()).expect("a key of any length does");
        mac.update(b"body\0");
        mac.update(place.as_bytes());
        Ok(Key::from_bytes(&mac.finalize().into_bytes()).expect("32 bytes are a key"))
    }
}

fn bound(key: &WrappedKey, place: &str) -> String {
    format!("{place}|{}", key.tenant.uuid())
}

fn shut(error: &SecretError) -> Shut {
    match error {
        SecretError::UnknownMasterKey { .. } | SecretError::WrongMasterKey { .. } => Shut::KeyAway(error.to_string()),
        _ => Shut::Broken,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use postroad_core::ids::{DataKeyId, TenantId};

    use super::{super::wrapping_place, *};

    fn wrapped(ring: &Keyring, tenant: TenantId) -> WrappedKey {
        let (id, master) = (DataKeyId::new(DateTime::UNIX_EPOCH), &ring.masters[0]);
        let wrapped = master.key.seal(&wrapping_place(tenant, id), Key::generate().bytes());
        WrappedKey { tenant, id, kek_id: master.id.clone(), wrapped }
    }

    #[test]
    fn a_body_opens_in_its_own_row_for_its_own_tenant_only() {
        let fresh = || Keyring::parse(&Keyring::generate_master()).unwrap();
        let (ring, newer, other) = (fresh(), fresh(), fresh());
        let [ours, theirs] = [1, 2].map(|n| wrapped(&ring, TenantId::from_uuid(uuid::Uuid::from_u128(n))));
        let place = "messages|content|1";
        let sealed = Sealer::seal(&ring, &ours, place, b"words").unwrap();
        let opened = |ring: &Keyring, key: &WrappedKey, place| Sealer::open(ring, key, place, &sealed);
        assert_eq!(opened(&ring, &ours, place).unwrap(), b"words");
        assert_eq!(opened(&ring, &ours, "messages|content|2"), Err(Shut::Broken));
        assert_eq!(opened(&ring, &theirs, place), Err(Shut::Broken));
        assert!(matches!(opened(&other, &ours, place), Err(Shut::KeyAway(_))));

        let data_key = ring.unwrap_bytes(&ours).unwrap();
        let wrapped = newer.masters[0].key.seal(&wrapping_place(ours.tenant, ours.id), &data_key);
        assert_eq!(opened(&newer, &WrappedKey { wrapped, ..ours }, place).unwrap(), b"words", "after a rotation");
    }
}
