//! A person who wants to be forgotten is, everywhere, and is not written to when an old file brings the number back.

use std::io;

use postroad_app::{
    consents::{self, NewConsent},
    contacts::{self, ContactError, Filter},
    import::{self, ImportFile, ImportOptions, ImportReport},
};
use postroad_core::{
    account::Channel,
    consent::{ConsentAction, Purpose},
    ids::{ContactId, TenantId},
};
use postroad_testkit::Seed;

use crate::world::{World, noon};

const FILE: &str = "external_key,phone,email,name,tags,tier,consent,consent_source\n\
                    ada,+12025550173,ada@example.com,Ada Lovelace,countess,gold,yes,form of Ada\n";

async fn world() -> (World, TenantId) {
    let world = World::new().await;
    let tenant = Seed::new(&world.db, noon()).await.tenant;
    (world, tenant)
}

async fn import(world: &World, tenant: TenantId) -> ImportReport {
    let file = ImportFile { name: "people.csv".into(), sha256: import::sha256(FILE.as_bytes()).unwrap() };
    import::import_csv(&world.app, tenant, &file, io::Cursor::new(FILE), ImportOptions::default()).await.unwrap()
}

async fn ada(world: &World, tenant: TenantId) -> ContactId {
    let filter = Filter { external_key: Some("ada"), limit: 1, ..Filter::default() };
    contacts::list(&world.app, tenant, &filter).await.unwrap().remove(0).contact.id
}

async fn said(world: &World, tenant: TenantId) {
    let word = NewConsent {
        channel: Channel::Whatsapp,
        address: "+12025550173".into(),
        purpose: Purpose::Marketing,
        action: ConsentAction::Granted,
        source: "form".into(),
        wording: Some("I, Ada Lovelace, agree".into()),
        evidence: serde_json::Map::from_iter([("page".into(), "/of/ada".into())]),
        occurred_at: None,
    };
    consents::record(&world.app, tenant, vec![word]).await.unwrap();
}

/// A message to the person, as the ledger has it.
async fn message(world: &World, tenant: TenantId, contact: ContactId) {
    let sql = "
        with m as (
            insert into messages (tenant_id, id, direction, account_id, contact_id, address_id, channel, source, class, purpose,
                                  quiet_policy, kind, content, provider_ref, created_at)
            select $1, gen_random_uuid(), 'inbound', gen_random_uuid(), $2, a.id, a.channel, 'contact', 'agent_reply', 'conversational',
                   'hold', 'text', '{\"type\": \"text\", \"body\": \"this is Ada Lovelace\"}', 'wamid.ada', now()
            from   addresses a where a.contact_id = $2 and a.channel = 'whatsapp' returning *)
        insert into receipts (tenant_id, account_id, event_key, message_id, kind, provider_ref, provider_at, received_at)
        select tenant_id, account_id, 'wamid.ada:read', id, 'read', 'wamid.ada', now(), now() from m";
    sqlx::query(sql).bind(tenant.uuid()).bind(contact.uuid()).execute(&mut world.admin().await).await.unwrap();
}

/// Every row of every table as text, but for the list of those who must not be written to.
async fn everything_stored(world: &World) -> String {
    let mut admin = world.admin().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public' and c.relkind = 'r' and c.relname <> 'suppressions'",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    let mut all = String::new();
    for table in tables {
        let sql = format!("select coalesce(string_agg(t::text, E'\\n'), '') from {table} t");
        let rows: String = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut admin).await.unwrap();
        all.push_str(&rows);
    }
    all
}

#[tokio::test]
async fn everything_that_is_known_is_told_and_then_forgotten() {
    let (world, tenant) = world().await;
    import(&world, tenant).await;
    let id = ada(&world, tenant).await;
    said(&world, tenant).await;
    message(&world, tenant, id).await;

    let told = contacts::everything(&world.app, tenant, id).await.unwrap();
    let count = |kind: &str| told[kind].as_array().map(Vec::len);
    assert_eq!(
        (count("addresses"), count("consents"), count("messages"), count("receipts")),
        (Some(2), Some(5), Some(1), Some(1))
    );
    assert_eq!(
        (&told["contact"]["display_name"], &told["messages_are_complete"]),
        (&"Ada Lovelace".into(), &true.into())
    );
    assert!(told.to_string().contains("this is Ada Lovelace") && told["contact"].get("tenant_id").is_none());

    for _ in 0..2 {
        contacts::erase(&world.app, tenant, id).await.unwrap();
    }
    let left = everything_stored(&world).await.to_lowercase();
    for word in ["lovelace", "2025550173", "ada@example.com", "countess", "gold", "/of/ada", "wamid.ada"] {
        assert!(!left.contains(word), "{word} is left:\n{left}");
    }
    assert!(matches!(contacts::get(&world.app, tenant, id).await, Err(ContactError::NotFound)));
    assert!(matches!(contacts::everything(&world.app, tenant, id).await, Err(ContactError::NotFound)));
    let listed = contacts::list(&world.app, tenant, &Filter { limit: 10, ..Filter::default() }).await.unwrap();
    assert!(listed.is_empty());
}

#[tokio::test]
async fn whoever_was_forgotten_stays_on_the_list_when_an_old_file_comes_back() {
    let (world, tenant) = world().await;
    import(&world, tenant).await;
    let id = ada(&world, tenant).await;
    contacts::erase(&world.app, tenant, id).await.unwrap();

    assert_eq!(import(&world, tenant).await.import.created, 1, "nothing is known of her any more");
    let again = ada(&world, tenant).await;
    assert_ne!(again, id);
    let profile = contacts::get(&world.app, tenant, again).await.unwrap();
    assert!(profile.addresses.iter().all(|address| address.is_suppressed), "and nobody may write to her");
    let reasons: Vec<String> = sqlx::query_scalar("select distinct reason from suppressions")
        .fetch_all(&mut world.admin().await)
        .await
        .unwrap();
    assert_eq!(reasons, ["erased"]);
}

#[tokio::test]
async fn nobody_forgets_the_people_of_others() {
    let (world, tenant) = world().await;
    import(&world, tenant).await;
    let id = ada(&world, tenant).await;
    let stranger = Seed::new(&world.db, noon()).await.tenant;
    assert!(matches!(contacts::erase(&world.app, stranger, id).await, Err(ContactError::NotFound)));
    assert!(contacts::get(&world.app, tenant, id).await.is_ok());
}
