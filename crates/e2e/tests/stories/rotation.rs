//! Master keys are changed while everything goes on, and whoever changes them may die at any moment.

use std::time::Duration;

use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use postroad_app::secrets::{Keyring, Place};
use postroad_core::{clock::Clock, ids::TenantId};
use postroad_e2e::{Installation, Setup, until};
use postroad_store::{PoolSizes, Store, TenantTx, data_keys};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sqlx::PgPool;

use crate::world::PATIENCE;

const TENANTS: i64 = 300;
/// Data keys of each: three that are not used any more, and one that is.
const KEYS_EACH: usize = 4;
const KILLS: usize = 10;
/// A number instead of none repeats the points of that run.
const SEED: Option<u64> = None;

/// A secret where it lies, and what it is.
struct Sealed {
    tenant: TenantId,
    place: Place,
    stored: String,
    secret: String,
}

fn now() -> DateTime<Utc> {
    Clock::system().now()
}

async fn seal(store: &Store, ring: &Keyring, tenant: TenantId, n: usize) -> Result<Sealed> {
    let (place, secret) = (Place::new("accounts", "credentials", n), format!("secret {n} of {tenant}"));
    let mut tx = TenantTx::begin(store, tenant).await?;
    let stored = ring.seal(&mut tx, &place, &SecretString::from(secret.as_str()), now()).await?;
    tx.commit().await?;
    Ok(Sealed { tenant, place, stored, secret })
}

/// One secret under each of a tenant's data keys.
async fn seal_for(store: &Store, ring: &Keyring, tenant: TenantId) -> Result<Vec<Sealed>> {
    let mut all = vec![seal(store, ring, tenant, 0).await?];
    for n in 1..KEYS_EACH {
        let mut tx = TenantTx::begin(store, tenant).await?;
        data_keys::retire_all(&mut tx, now()).await?;
        tx.commit().await?;
        all.push(seal(store, ring, tenant, n).await?);
    }
    Ok(all)
}

async fn all_open(store: &Store, ring: &Keyring, sealed: impl Iterator<Item = &Sealed>) -> Result<usize> {
    let opened = stream::iter(sealed).map(|one| async move {
        let mut tx = TenantTx::begin(store, one.tenant).await?;
        let opened = ring.open(&mut tx, one.tenant, &one.place, &one.stored).await?;
        ensure!(opened.expose_secret() == one.secret, "{:?} opens to something else", one.place);
        Ok(())
    });
    Ok(opened.buffer_unordered(4).try_collect::<Vec<()>>().await?.len())
}

async fn wrapped_by(pool: &PgPool, key: &str) -> Result<i64> {
    Ok(sqlx::query_scalar("select count(*) from data_keys where kek_id = $1").bind(key).fetch_one(pool).await?)
}

/// Starts a rotation and kills it once `more` data keys are done and a moment has passed. False: it was faster.
async fn killed_after(installation: &mut Installation, pool: &PgPool, more: i64, then: Duration) -> Result<bool> {
    let wanted = wrapped_by(pool, "k2").await? + more;
    let mut rotation = installation.begin(&["secrets", "rotate"])?;
    while wrapped_by(pool, "k2").await? < wanted && rotation.ended()?.is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(then).await;
    if rotation.ended()?.is_some() {
        return Ok(false);
    }
    rotation.kill().await?;
    Ok(true)
}

#[expect(clippy::print_stderr, reason = "whoever sees it fail wants to see it fail again")]
fn dice() -> Xoshiro256PlusPlus {
    let seed = SEED.unwrap_or_else(rand::random);
    eprintln!("seed: {seed}");
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

fn keys(list: &[&str]) -> Result<(String, Keyring)> {
    let text = list.join(",");
    let ring = Keyring::parse(&SecretString::from(text.as_str()))?;
    Ok((text, ring))
}

#[tokio::test]
async fn a_rotation_that_is_killed_again_and_again_is_finished_by_the_next_and_every_secret_opens() -> Result<()> {
    let mut dice = dice();
    let k1 = Keyring::generate_master().expose_secret().to_owned();
    let k2 = Keyring::generate_master().expose_secret().replace("k1:", "k2:");
    let ((_, former), (both, ring), (alone, last)) = (keys(&[&k1, &k2])?, keys(&[&k2, &k1])?, keys(&[&k2])?);
    let mut installation = Installation::start(Setup::default().with("POSTROAD_MASTER_KEYS", both)).await?;
    let store = Store::open(&installation.database.urls, PoolSizes { app: 8, system: 2, lane: 1, settle: 1 })?;
    former.check(&store, now()).await?;
    let pool = installation.database.pool()?;
    let tenants: Vec<uuid::Uuid> = sqlx::query_scalar(
        "insert into tenants (id, slug, name, created_at, updated_at)
         select gen_random_uuid(), 't-' || n, 'T', now(), now() from generate_series(1, $1::bigint) n returning id",
    )
    .bind(TENANTS)
    .fetch_all(&pool)
    .await?;
    let (store_of, ring_of) = (&store, &former);
    let made = stream::iter(tenants).map(|id| seal_for(store_of, ring_of, TenantId::from_uuid(id))).buffer_unordered(8);
    let mut sealed: Vec<Sealed> = made.try_concat().await?;

    let mut killed = 0;
    for n in 0..KILLS {
        let then = Duration::from_micros(dice.random_range(0..10_000));
        killed += usize::from(killed_after(&mut installation, &pool, dice.random_range(0..50), then).await?);
        // A process that still has the former settings seals meanwhile.
        let somebody = sealed[dice.random_range(0..sealed.len())].tenant;
        sealed.push(seal(&store, &former, somebody, 100 + n).await?);
        all_open(&store, &keys(&[&k2, &k1])?.1, sealed.iter().skip(n).step_by(KILLS)).await?;
    }
    let left = wrapped_by(&pool, "k1").await?;
    ensure!(killed > KILLS / 2, "only {killed} of {KILLS} rotations were killed before they ended");
    assert_eq!(all_open(&store, &ring, sealed.iter()).await?, sealed.len());

    // What a killed process had in its hands is free when the server has noticed.
    until("a rotation comes to its end", PATIENCE, || async {
        Ok(installation.postroad_output(&["secrets", "rotate"]).await?.status.success())
    })
    .await?;
    assert_eq!(wrapped_by(&pool, "k1").await?, 0, "{left} were left for the last one");
    let status = installation.postroad(&["secrets", "status", "--json"]).await?;
    let status: Vec<Value> = status.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!((&status[0]["key"], &status[1]["data_keys"]), (&"k2".into(), &0.into()), "{status:?}");

    installation.set("POSTROAD_MASTER_KEYS", alone);
    last.check(&store, now()).await?;
    assert_eq!(all_open(&store, &last, sealed.iter()).await?, sealed.len());
    let doctor = String::from_utf8(installation.postroad_output(&["doctor", "--json"]).await?.stdout)?;
    ensure!(doctor.contains(r#"{"id":"secrets.master_keys","verdict":"ok""#), "{doctor}");
    store.close().await;
    Ok(())
}
