//! Secrets open in the row and for the tenant they were sealed for, under the keys they were sealed with, and the
//! database never holds one in the clear.

use std::sync::Arc;

use postroad_app::{
    App,
    secrets::{Keyring, Place, SecretError},
    sign_in::{self, LoggedIn, NewUser, Passwords, SignInError},
};
use postroad_core::{conversation::Role, ids::TenantId};
use postroad_store::{SystemTx, TenantTx};
use postroad_testkit::{Seed, TestDb};
use proptest::{
    prelude::{ProptestConfig, any},
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::world::noon;

const PLANTED: &str = "planted-canary-5f1c";

fn keyring(keys: &str) -> Keyring {
    Keyring::parse(&SecretString::from(keys)).unwrap()
}

fn fresh() -> (String, Keyring) {
    let keys = Keyring::generate_master().expose_secret().to_owned();
    let ring = keyring(&keys);
    (keys, ring)
}

fn place() -> Place {
    Place::new("accounts", "credentials", "one")
}

async fn seal(ring: &Keyring, db: &TestDb, tenant: TenantId) -> String {
    let mut tx = TenantTx::begin(&db.store, tenant).await.unwrap();
    let stored = ring.seal(&mut tx, &place(), &SecretString::from(PLANTED), noon()).await.unwrap();
    tx.commit().await.unwrap();
    stored
}

async fn open(
    ring: &Keyring,
    db: &TestDb,
    tenant: TenantId,
    place: &Place,
    stored: &str,
) -> Result<String, SecretError> {
    let mut tx = TenantTx::begin(&db.store, tenant).await.unwrap();
    ring.open(&mut tx, tenant, place, stored).await.map(|secret| secret.expose_secret().to_owned())
}

#[tokio::test]
async fn a_secret_opens_in_its_own_row_for_its_own_tenant_only() {
    let db = TestDb::new().await;
    let (ours, theirs) = (Seed::new(&db, noon()).await.tenant, Seed::new(&db, noon()).await.tenant);
    let (keys, ring) = fresh();
    let stored = seal(&ring, &db, ours).await;
    assert!(stored.starts_with("enc:v1:dek_") && !stored.contains(PLANTED));

    // A second ring has nothing in memory, as after a restart.
    for ring in [&ring, &keyring(&keys)] {
        assert_eq!(open(ring, &db, ours, &place(), &stored).await.unwrap(), PLANTED);
        for elsewhere in [
            Place { table: "templates", ..place() },
            Place { column: "settings", ..place() },
            Place { row: "two".into(), ..place() },
        ] {
            let opened = open(ring, &db, ours, &elsewhere, &stored).await;
            assert!(matches!(opened, Err(SecretError::DoesNotOpen)), "{elsewhere:?}");
        }
        let opened = open(ring, &db, theirs, &place(), &stored).await;
        assert!(matches!(opened, Err(SecretError::UnknownDataKey(_))));
    }
}

#[tokio::test]
async fn even_with_the_data_key_copied_over_another_tenant_opens_nothing() {
    let db = TestDb::new().await;
    let (ours, theirs) = (Seed::new(&db, noon()).await.tenant, Seed::new(&db, noon()).await.tenant);
    let (keys, ring) = fresh();
    let stored = seal(&ring, &db, ours).await;
    sqlx::query("insert into data_keys select $2, id, kek_id, wrapped, uses, retired_at, created_at from data_keys where tenant_id = $1")
        .bind(ours)
        .bind(theirs)
        .execute(&mut db.admin().await)
        .await
        .unwrap();
    let opened = open(&keyring(&keys), &db, theirs, &place(), &stored).await;
    assert!(matches!(opened, Err(SecretError::WrongMasterKey { .. })));
}

#[tokio::test]
async fn a_cut_or_foreign_value_is_no_secret() {
    let db = TestDb::new().await;
    let tenant = Seed::new(&db, noon()).await.tenant;
    let (_, ring) = fresh();
    let stored = seal(&ring, &db, tenant).await;
    for cut in [1, 4, 16, 22] {
        let opened = open(&ring, &db, tenant, &place(), &stored[..stored.len() - cut]).await;
        assert!(matches!(opened, Err(SecretError::DoesNotOpen)), "without the last {cut}");
    }
    for text in ["", "plain", "enc:v1:", "enc:v2:x:y:z"] {
        let opened = open(&ring, &db, tenant, &place(), text).await;
        assert!(matches!(opened, Err(SecretError::Malformed)), "{text}");
    }
}

#[tokio::test]
async fn nothing_that_anybody_makes_up_opens_or_breaks_the_reader() {
    let db = TestDb::new().await;
    let tenant = Seed::new(&db, noon()).await.tenant;
    let (_, ring) = fresh();
    let stored = seal(&ring, &db, tenant).await;
    let parts: Vec<String> = stored.split(':').map(str::to_owned).collect();
    let made_up = (any::<String>(), proptest::sample::subsequence(parts, 0..=5), "[a-zA-Z0-9_:=-]{0,200}");
    let mut runner = TestRunner::new(ProptestConfig::with_cases(300));
    for _ in 0..300 {
        let (any, some, like) = made_up.new_tree(&mut runner).unwrap().current();
        for text in [any.clone(), some.join(":"), [some.join(":"), like.clone()].concat(), format!("enc:v1:{like}")] {
            let is_it = text == stored;
            let opened = open(&ring, &db, tenant, &place(), &text).await;
            assert_eq!(opened.is_ok(), is_it, "{text:?}");
        }
    }
}

#[tokio::test]
async fn a_system_transaction_opens_a_named_tenants_secret() {
    let db = TestDb::new().await;
    let tenant = Seed::new(&db, noon()).await.tenant;
    let (keys, ring) = fresh();
    let stored = seal(&ring, &db, tenant).await;
    let mut tx = SystemTx::begin(&db.store).await.unwrap();
    let opened = keyring(&keys).open(&mut tx, tenant, &place(), &stored).await.unwrap();
    assert_eq!(opened.expose_secret(), PLANTED);
}

#[tokio::test]
async fn one_data_key_seals_for_a_tenant_until_it_is_retired_or_used_up() {
    let db = TestDb::new().await;
    let tenant = Seed::new(&db, noon()).await.tenant;
    let (_, ring) = fresh();
    let key_of = |stored: &str| stored.split(':').nth(2).unwrap().to_owned();
    let first = seal(&ring, &db, tenant).await;
    assert_eq!(key_of(&seal(&ring, &db, tenant).await), key_of(&first));

    let mut admin = db.admin().await;
    let uses: i64 = sqlx::query_scalar("select uses from data_keys").fetch_one(&mut admin).await.unwrap();
    assert_eq!(uses, 2);
    sqlx::query("update data_keys set uses = 1 << 30").execute(&mut admin).await.unwrap();
    let second = seal(&ring, &db, tenant).await;
    assert_ne!(key_of(&second), key_of(&first));

    let mut tx = TenantTx::begin(&db.store, tenant).await.unwrap();
    postroad_store::data_keys::retire_all(&mut tx, noon()).await.unwrap();
    tx.commit().await.unwrap();
    assert_ne!(key_of(&seal(&ring, &db, tenant).await), key_of(&second));
    assert_eq!(open(&ring, &db, tenant, &place(), &first).await.unwrap(), PLANTED);
}

#[tokio::test]
async fn a_start_with_the_wrong_master_key_says_which_key_is_missing() {
    let db = TestDb::new().await;
    let tenant = Seed::new(&db, noon()).await.tenant;
    let (keys, ring) = fresh();
    ring.check(&db.store, noon()).await.unwrap();
    ring.check(&db.store, noon()).await.unwrap();
    seal(&ring, &db, tenant).await;

    let (other, same_name) = fresh();
    let wrong = same_name.check(&db.store, noon()).await.unwrap_err();
    assert_eq!(wrong.to_string(), "master key k1 is not the key of that name that the secrets were sealed with");
    let renamed = keyring(&other.replace("k1:", "k9:"));
    let missing = renamed.check(&db.store, noon()).await.unwrap_err();
    assert_eq!(missing.to_string(), "master key k1 is needed, and only k9 is at hand");

    let both = keyring(&format!("{},{keys}", other.replace("k1:", "k9:")));
    both.check(&db.store, noon()).await.unwrap();
    // A data key still needs k1, whichever key is the first.
    let early = renamed.check(&db.store, noon()).await.unwrap_err();
    assert!(matches!(early, SecretError::UnknownMasterKey { wanted, .. } if wanted == "k1"));
}

#[tokio::test]
async fn after_a_rotation_the_old_master_key_may_go() {
    let db = TestDb::new().await;
    let (keys, ring) = fresh();
    ring.check(&db.store, noon()).await.unwrap();
    let mut sealed = Vec::new();
    for _ in 0..3 {
        let tenant = Seed::new(&db, noon()).await.tenant;
        sealed.push((tenant, seal(&ring, &db, tenant).await));
    }
    let newer = Keyring::generate_master().expose_secret().replace("k1:", "k2:");
    let both = keyring(&format!("{newer},{keys}"));
    both.check(&db.store, noon()).await.unwrap();
    assert_eq!(both.rotate_page(&db.store).await.unwrap(), 3);
    assert_eq!(both.rotate_page(&db.store).await.unwrap(), 0);
    assert_eq!(Keyring::usage(&db.store).await.unwrap(), [("k2".to_owned(), 3)]);

    let alone = keyring(&newer);
    alone.check(&db.store, noon()).await.unwrap();
    for (tenant, stored) in &sealed {
        assert_eq!(open(&alone, &db, *tenant, &place(), stored).await.unwrap(), PLANTED);
    }
}

#[tokio::test]
async fn a_start_with_the_former_order_of_keys_moves_the_proof_nowhere() {
    let db = TestDb::new().await;
    let (keys, ring) = fresh();
    ring.check(&db.store, noon()).await.unwrap();
    let newer = Keyring::generate_master().expose_secret().replace("k1:", "k2:");
    let both = keyring(&format!("{newer},{keys}"));
    both.check(&db.store, noon()).await.unwrap();
    ring.check(&db.store, noon()).await.expect("before the rotation the former key is enough");
    assert_eq!(both.rotate_page(&db.store).await.unwrap(), 0);

    keyring(&format!("{keys},{newer}")).check(&db.store, noon()).await.unwrap();
    keyring(&newer).check(&db.store, noon()).await.expect("after it the newer key is");
    let late = ring.check(&db.store, noon()).await;
    assert!(matches!(late, Err(SecretError::UnknownMasterKey { wanted, .. }) if wanted == "k2"));
}

#[tokio::test]
async fn what_belongs_to_no_tenant_opens_after_a_rotation_without_the_old_master_key() {
    let world = crate::world::World::new().await;
    let (keys, ring) = fresh();
    let before = App { keyring: Arc::new(ring), ..world.app.clone() };
    let passwords = Passwords::start(1);
    let password = || SecretString::from("correct horse battery staple");
    let place = sign_in::Place { ip: [192, 0, 2, 7].into(), agent: String::new() };
    let tenant = Seed::new(&world.db, noon()).await.tenant;
    let new = NewUser { email: "ada@shop.example".into(), name: "Ada".into(), password: password() };
    sign_in::create(&before, &passwords, new, (tenant, Role::Owner)).await.unwrap();
    let logged_in = sign_in::log_in(&before, &passwords, "ada@shop.example", password(), &place).await.unwrap();
    let LoggedIn::Whole(opened) = logged_in else { panic!("there is no second factor") };
    let who = opened.signed_in;
    let begun = sign_in::begin_second_factor(&before, &passwords, &who, Some(password()), &place).await.unwrap();

    let newer = Keyring::generate_master().expose_secret().replace("k1:", "k2:");
    let both = keyring(&format!("{newer},{keys}"));
    assert_eq!(
        (both.rotate_page(&world.db.store).await.unwrap(), both.rotate_page(&world.db.store).await.unwrap()),
        (1, 0)
    );
    assert_eq!(Keyring::usage(&world.db.store).await.unwrap(), [("k2".to_owned(), 1)]);
    let secret = totp_rs::Secret::try_from_base32(begun.secret.expose_secret()).unwrap();
    let now = before.clock.now().timestamp().unsigned_abs();
    let code = totp_rs::Builder::new().with_secret(secret).build().unwrap().generate(now).to_string();
    let old = App { keyring: Arc::new(keyring(&keys)), ..world.app.clone() };
    let closed = sign_in::confirm_second_factor(&old, &who, &code, &place).await;
    assert!(matches!(closed, Err(SignInError::Secret(SecretError::UnknownMasterKey { wanted, .. })) if wanted == "k2"));
    let after = App { keyring: Arc::new(keyring(&newer)), ..world.app.clone() };
    assert_eq!(sign_in::confirm_second_factor(&after, &who, &code, &place).await.unwrap().len(), 10);
}

#[tokio::test]
async fn no_text_in_the_database_holds_a_planted_secret() {
    let db = TestDb::new().await;
    let mut seed = Seed::new(&db, noon()).await;
    let (_, ring) = fresh();
    let stored = seal(&ring, &db, seed.tenant).await;
    seed.account(&postroad_testkit::SeedAccount { credentials: stored, ..Default::default() }).await;
    assert_eq!(rows_with(&mut db.admin().await, PLANTED).await, Vec::<String>::new());
    assert!(!rows_with(&mut db.admin().await, "enc:v1:").await.is_empty(), "the search itself works");
}

/// `table: rows` of every table with the text in any column.
pub(crate) async fn rows_with(admin: &mut PgConnection, text: &str) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables where schemaname in ('public', 'apalis')",
    )
    .fetch_all(&mut *admin)
    .await
    .unwrap();
    let mut found = Vec::new();
    for table in tables {
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!(
            "select count(*) from {table} t where t::text like '%' || $1 || '%'"
        )))
        .bind(text)
        .fetch_one(&mut *admin)
        .await
        .unwrap();
        if count > 0 {
            found.push(format!("{table}: {count}"));
        }
    }
    found
}
