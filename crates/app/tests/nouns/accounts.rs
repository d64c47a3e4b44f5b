//! Connecting accounts: their secrets, their lanes, their switches.

use std::collections::BTreeMap;

use postroad_app::{
    accounts::{self, AccountChange, AccountError, Limits, NewAccount, PortfolioChange},
    patch::Patch,
    tenants,
};
use postroad_core::{
    account::{AccountStatus, Channel, Pace, Spacing},
    ids::{AccountId, TenantId},
    provider::Credentials,
};
use postroad_testkit::{Seed, SeedMessage};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    secrets::rows_with,
    world::{World, noon},
};

const TOKEN: &str = "planted-token-77ab";

pub(crate) fn number(external_id: &str) -> NewAccount {
    NewAccount {
        provider: "whatsapp_cloud".into(),
        channel: Channel::Whatsapp,
        external_id: external_id.into(),
        display_name: "Shop".into(),
        credentials: vec![("access_token".into(), SecretString::from(TOKEN))],
        settings: BTreeMap::from([("waba_id".into(), "waba-1".into())]),
        limits: Limits {
            pace: Pace { per_s: 80.0, burst: 1 },
            spacing: Some(Spacing { every_s: 6, burst: 45 }),
            shared: None,
        },
        portfolio: PortfolioChange::default(),
        time_zone: None,
        quiet_hours: None,
        is_primary: false,
    }
}

async fn tenant(world: &World) -> TenantId {
    Seed::new(&world.db, noon()).await.tenant
}

async fn token(world: &World, tenant: TenantId, id: AccountId) -> Option<String> {
    credentials(world, tenant, id).await.get("access_token").map(|secret| secret.expose_secret().to_owned())
}

async fn credentials(world: &World, tenant: TenantId, id: AccountId) -> Credentials {
    let mut all = accounts::credentials(&world.app, &[(tenant, id)]).await.unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0).1.unwrap()
}

#[tokio::test]
async fn a_connected_account_gives_its_secrets_back_and_shows_them_to_nobody() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    let id = accounts::connect(&world.app, tenant, number("1001")).await.unwrap();
    let credentials = credentials(&world, tenant, id).await;
    assert_eq!(credentials.get("access_token").unwrap().expose_secret(), TOKEN);
    assert_eq!(credentials.get("waba_id").unwrap().expose_secret(), "waba-1");
    assert!(credentials.get("other").is_none());
    assert_eq!(rows_with(&mut world.admin().await, TOKEN).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_account_is_connected_once_and_has_one_lane() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    let id = accounts::connect(&world.app, tenant, number("1001")).await.unwrap();
    let again = accounts::connect(&world.app, tenant, number("1001")).await;
    assert!(matches!(again, Err(AccountError::AlreadyConnected { .. })));
    let lanes: Vec<AccountId> = sqlx::query_scalar("select id from lanes where tenant_id = $1")
        .bind(tenant)
        .fetch_all(&mut world.admin().await)
        .await
        .unwrap();
    assert_eq!(lanes, [id]);
}

#[tokio::test]
async fn of_accounts_that_are_connected_together_one_is_primary_and_none_is_refused() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    let connect = |external_id| accounts::connect(&world.app, tenant, number(external_id));
    let joined = tokio::try_join!(connect("2001"), connect("2002"), connect("2003"), connect("2004"));
    let (a, b, c, d) = joined.unwrap();
    let mut primary = 0;
    for id in [a, b, c, d] {
        primary += u32::from(accounts::get(&world.app, tenant, id).await.unwrap().is_primary);
    }
    assert_eq!(primary, 1);
}

#[tokio::test]
async fn one_account_per_channel_is_primary() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    let first = accounts::connect(&world.app, tenant, number("1001")).await.unwrap();
    let second = accounts::connect(&world.app, tenant, number("1002")).await.unwrap();
    let primary = async |id| accounts::get(&world.app, tenant, id).await.unwrap().is_primary;
    assert!(primary(first).await && !primary(second).await);

    let change = AccountChange { make_primary: true, ..AccountChange::default() };
    assert!(accounts::update(&world.app, tenant, second, change).await.unwrap().is_primary);
    assert!(!primary(first).await);
    let third = NewAccount { is_primary: true, ..number("1003") };
    let third = accounts::connect(&world.app, tenant, third).await.unwrap();
    assert!(primary(third).await && !primary(second).await);
}

#[tokio::test]
async fn limits_change_while_the_rest_stays() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    let id = accounts::connect(&world.app, tenant, number("1001")).await.unwrap();
    let limits = Limits { pace: Pace { per_s: 5.5, burst: 2 }, spacing: None, shared: None };
    let change = AccountChange {
        limits: Some(limits.clone()),
        time_zone: Patch::Set("Asia/Kolkata".into()),
        ..AccountChange::default()
    };
    let account = accounts::update(&world.app, tenant, id, change).await.unwrap();
    assert_eq!((account.limits, account.time_zone.as_deref()), (limits.clone(), Some("Asia/Kolkata")));

    let clear = AccountChange { time_zone: Patch::Clear, ..AccountChange::default() };
    let account = accounts::update(&world.app, tenant, id, clear).await.unwrap();
    assert_eq!((account.limits, account.time_zone, account.display_name.as_str()), (limits, None, "Shop"));
}

#[tokio::test]
async fn a_paused_account_says_why_and_makes_its_waiting_sends_due_when_it_resumes() {
    let world = World::new().await;
    let mut seed = Seed::new(&world.db, noon()).await;
    let tenant = seed.tenant;
    let id = accounts::connect(&world.app, tenant, number("1001")).await.unwrap();
    accounts::pause(&world.app, tenant, id, "too many complaints").await.unwrap();
    let account = accounts::get(&world.app, tenant, id).await.unwrap();
    assert_eq!(account.status, AccountStatus::Paused);
    assert_eq!(account.status_reason.as_deref(), Some("too many complaints"));

    let to = seed.contact(1).await;
    let held = seed.message(id, to, &SeedMessage::default()).await;
    let later = noon() + chrono::TimeDelta::minutes(15);
    sqlx::query("update sends set state = 'waiting', gate = 'account_health', reason = 'account_paused', run_at = $2 where id = $1")
        .bind(held)
        .bind(later)
        .execute(seed.conn())
        .await
        .unwrap();
    accounts::resume(&world.app, tenant, id).await.unwrap();
    assert_eq!(accounts::get(&world.app, tenant, id).await.unwrap().status, AccountStatus::Active);
    assert_eq!(run_at(&world, held).await, noon());
    assert_eq!(wake_ups(&world).await, 1);
}

#[tokio::test]
async fn a_resumed_tenant_sends_what_waited_for_it_and_nothing_else() {
    let world = World::new().await;
    let mut seed = Seed::new(&world.db, noon()).await;
    let tenant = seed.tenant;
    let id = accounts::connect(&world.app, tenant, number("1001")).await.unwrap();
    tenants::pause(&world.app, tenant, "audit").await.unwrap();
    assert_eq!(tenants::get(&world.app, tenant).await.unwrap().paused_reason.as_deref(), Some("audit"));
    let later = noon() + chrono::TimeDelta::minutes(15);
    let mut held = Vec::new();
    for (n, reason) in [(1, "sending_paused"), (2, "account_paused")] {
        let to = seed.contact(n).await;
        let message = seed.message(id, to, &SeedMessage::default()).await;
        sqlx::query(
            "update sends set state = 'waiting', gate = 'account_health', reason = $3, run_at = $2 where id = $1",
        )
        .bind(message)
        .bind(later)
        .bind(reason)
        .execute(seed.conn())
        .await
        .unwrap();
        held.push(message);
    }
    tenants::resume(&world.app, tenant).await.unwrap();
    assert!(!tenants::get(&world.app, tenant).await.unwrap().sending_paused);
    assert_eq!((run_at(&world, held[0]).await, run_at(&world, held[1]).await), (noon(), later));
    assert_eq!(wake_ups(&world).await, 1);
}

#[tokio::test]
async fn new_secrets_bring_a_disconnected_account_back() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    let id = accounts::connect(&world.app, tenant, number("1001")).await.unwrap();
    sqlx::query("update accounts set status = 'disconnected', status_reason = 'token expired'")
        .execute(&mut world.admin().await)
        .await
        .unwrap();
    let fresh = vec![("access_token".to_owned(), SecretString::from("newer"))];
    accounts::rotate(&world.app, tenant, id, &fresh).await.unwrap();
    assert_eq!(token(&world, tenant, id).await.as_deref(), Some("newer"));
    let account = accounts::get(&world.app, tenant, id).await.unwrap();
    assert_eq!((account.status, account.status_reason), (AccountStatus::Active, None));
}

#[tokio::test]
async fn a_removed_account_holds_no_secrets_and_may_be_connected_again() {
    let world = World::new().await;
    let tenant = tenant(&world).await;
    let id = accounts::connect(&world.app, tenant, number("1001")).await.unwrap();
    accounts::remove(&world.app, tenant, id).await.unwrap();
    assert_eq!(token(&world, tenant, id).await, None);
    for refused in [
        accounts::resume(&world.app, tenant, id).await,
        accounts::rotate(&world.app, tenant, id, &Vec::new()).await,
        accounts::remove(&world.app, tenant, id).await,
    ] {
        assert!(matches!(refused, Err(AccountError::Removed)));
    }
    assert_eq!(accounts::connect(&world.app, tenant, number("1001")).await.unwrap(), id);
    assert_eq!(token(&world, tenant, id).await.as_deref(), Some(TOKEN));
    assert_eq!(accounts::get(&world.app, tenant, id).await.unwrap().status, AccountStatus::Active);
}

#[tokio::test]
async fn another_tenants_account_is_not_there() {
    let world = World::new().await;
    let (ours, theirs) = (tenant(&world).await, tenant(&world).await);
    let id = accounts::connect(&world.app, theirs, number("1001")).await.unwrap();
    assert!(matches!(accounts::get(&world.app, ours, id).await, Err(AccountError::NotFound)));
    assert!(matches!(accounts::pause(&world.app, ours, id, "mine").await, Err(AccountError::NotFound)));
    assert!(accounts::list(&world.app, ours, None, 10).await.unwrap().is_empty());
    // The same number may serve both: each is its own account.
    assert_ne!(accounts::connect(&world.app, ours, number("1001")).await.unwrap(), id);
}

async fn run_at(world: &World, id: postroad_core::ids::MessageId) -> chrono::DateTime<chrono::Utc> {
    sqlx::query_scalar("select run_at from sends where id = $1")
        .bind(id)
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap()
}

pub(crate) async fn wake_ups(world: &World) -> i64 {
    sqlx::query_scalar("select count(*) from apalis.jobs where job_type = 'lane'")
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap()
}
