//! Secrets as they lie in a row, with a database behind.

use postroad_app::secrets::{Keyring, Place};
use postroad_store::TenantTx;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{parts::now, stage::Stage};

const PLANTED: &str = "what was sealed";

/// In an input `KEY` stands for the tenant's key, and `SEALED` for what it sealed.
#[test]
fn nothing_opens_but_what_was_sealed() {
    let Stage { runtime, db, tenant } = Stage::new();
    let place = Place::new("accounts", "credentials", "one");
    let ring = Keyring::parse(&Keyring::generate_master()).unwrap();
    let stored = runtime.block_on(async {
        let mut tx = TenantTx::begin(&db.store, tenant).await.unwrap();
        let stored = ring.seal(&mut tx, &place, &SecretString::from(PLANTED), now()).await.unwrap();
        tx.commit().await.unwrap();
        stored
    });
    let (key, sealed) = stored.strip_prefix("enc:v1:").unwrap().split_once(':').unwrap();
    target!(|input: &[u8]| {
        let text = String::from_utf8_lossy(input).replace("KEY", key).replace("SEALED", sealed);
        let opened = runtime.block_on(async {
            let mut tx = TenantTx::begin(&db.store, tenant).await.unwrap();
            ring.open(&mut tx, tenant, &place, &text).await
        });
        let opened = opened.ok().map(|secret| secret.expose_secret().to_owned());
        assert_eq!(opened, (text == stored).then(|| PLANTED.to_owned()), "{text:?}");
        opened.is_some()
    });
}
