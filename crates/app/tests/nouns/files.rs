//! Contacts and suppressions as files: whole, safe to open, and the same when they come back.

use std::{collections::BTreeMap, io};

use postroad_app::{
    contacts::{self, Export, NewContact},
    import::{self, ImportFile, ImportOptions},
    suppressions::{self, NewSuppression, SuppressionExport, SuppressionFileError},
};
use postroad_core::{account::Channel, consent::SuppressionReason, ids::TenantId};
use postroad_testkit::Seed;

use crate::world::{World, noon};

async fn world() -> (World, TenantId) {
    let world = World::new().await;
    let tenant = Seed::new(&world.db, noon()).await.tenant;
    (world, tenant)
}

async fn exported(world: &World, tenant: TenantId) -> String {
    let mut export = Export::open(&world.app, tenant).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = export.next(&world.app).await.unwrap() {
        bytes.extend(piece);
    }
    String::from_utf8(bytes).unwrap()
}

async fn suppressions_exported(world: &World, tenant: TenantId) -> String {
    let mut export = SuppressionExport::new(tenant);
    let mut bytes = Vec::new();
    while let Some(piece) = export.next(&world.app).await.unwrap() {
        bytes.extend(piece);
    }
    String::from_utf8(bytes).unwrap()
}

fn mallory() -> NewContact {
    NewContact {
        external_key: Some("-1+1".into()),
        display_name: Some("=HYPERLINK(\"http://evil.example\",\"click\")".into()),
        language: Some("en".into()),
        time_zone: Some("UTC".into()),
        attributes: BTreeMap::from([("phone".into(), "@sum".into()), ("=x".into(), "'=quoted".into())]),
        tags: vec!["vip".into(), "=odd".into()],
        addresses: vec![(Channel::Whatsapp, "+12025550101".into()), (Channel::Email, "m@example.com".into())],
    }
}

/// Cells of all lines, as a spreadsheet takes them.
fn cells(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn no_cell_of_an_export_is_a_formula_and_the_file_comes_back_as_it_was() {
    let (world, tenant) = world().await;
    contacts::upsert(&world.app, tenant, vec![mallory()], None).await.unwrap().remove(0).unwrap();
    let text = exported(&world, tenant).await;
    let is_formula = |cell: &String| cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    assert!(!cells(&text).concat().iter().any(is_formula), "{text}");
    assert!(text.contains("'+12025550101"), "{text}");

    let theirs = Seed::new(&world.db, noon()).await.tenant;
    let file = ImportFile { name: "contacts.csv".into(), sha256: import::sha256(text.as_bytes()).unwrap() };
    let bytes = io::Cursor::new(text.into_bytes());
    let report = import::import_csv(&world.app, theirs, &file, bytes, ImportOptions::default()).await.unwrap();
    assert_eq!((report.import.created, report.import.invalid), (1, 0), "{:?}", report.errors);
    let people: Vec<String> = sqlx::query_scalar(
        "select distinct concat_ws(' ', external_key, display_name, language, time_zone, attributes::text, tags::text) from contacts",
    )
    .fetch_all(&mut world.admin().await)
    .await
    .unwrap();
    assert_eq!(people.len(), 1, "both tenants have the same person: {people:?}");
}

#[tokio::test]
async fn an_export_has_everybody_of_its_tenant_once() {
    let (world, tenant) = world().await;
    let theirs = Seed::new(&world.db, noon()).await.tenant;
    contacts::upsert(&world.app, theirs, vec![mallory()], None).await.unwrap().remove(0).unwrap();
    let empty = exported(&world, tenant).await;
    assert_eq!(cells(&empty).len(), 1, "a header and nobody");
    let file = |text: &str| ImportFile { name: "p.csv".into(), sha256: import::sha256(text.as_bytes()).unwrap() };
    let people = (0..2_500).map(|n| format!("+1202555{n:04},p{n}\n")).collect::<Vec<_>>().concat();
    let text = format!("phone,external_key\n{people}");
    import::import_csv(&world.app, tenant, &file(&text), io::Cursor::new(text.clone()), ImportOptions::default())
        .await
        .unwrap();
    let lines = cells(&exported(&world, tenant).await);
    let mut keys: Vec<&str> = lines[1..].iter().map(|line| line[0].as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!((lines.len(), keys.len()), (2_501, 2_500));
}

#[tokio::test]
async fn a_suppression_list_comes_in_line_by_line_and_goes_out_as_it_is() {
    let (world, tenant) = world().await;
    let text = "Address;Channel;Reason;Note\n\
                '+1 202 555 0101;;complaint;by mail\n\
                +12025550102;sms;;\n\
                Bo@Example.com;*;hard_bounce;=1+1\n\
                +12025550101;;operator;again\n\
                12;sms;;\n\
                +12025550103;pigeon;;\n\
                +12025550104;;boredom;\n\
                +12025550105;;\n";
    let read = suppressions::import_csv(&world.app, tenant, text.as_bytes()).await.unwrap();
    assert_eq!((read.rows, read.added, read.known, read.invalid), (8, 3, 1, 4));
    let wrong: Vec<(i64, &str)> = read.wrong.iter().map(|wrong| (wrong.line, wrong.code)).collect();
    assert_eq!(
        wrong,
        [(6, "invalid_address"), (7, "unknown_channel"), (8, "unknown_reason"), (9, "wrong_number_of_fields")]
    );

    let out = suppressions_exported(&world, tenant).await;
    let mut told: Vec<Vec<String>> = cells(&out)[1..].iter().map(|line| line[..4].to_vec()).collect();
    // Ids of one instant have no order.
    told.sort();
    assert_eq!(
        told,
        [
            ["'+12025550101", "*", "complaint", "by mail"],
            ["'+12025550102", "sms", "operator", ""],
            ["bo@example.com", "*", "hard_bounce", "'=1+1"],
        ]
    );
    let theirs = Seed::new(&world.db, noon()).await.tenant;
    let back = suppressions::import_csv(&world.app, theirs, out.as_bytes()).await.unwrap();
    assert_eq!((back.added, back.invalid), (3, 0));
    assert_eq!(suppressions_exported(&world, theirs).await.lines().count(), out.lines().count());
}

#[tokio::test]
async fn a_long_suppression_list_goes_out_whole() {
    let (world, tenant) = world().await;
    let entry = |n: usize| NewSuppression {
        channel: None,
        address: format!("p{n}@example.com"),
        reason: SuppressionReason::Operator,
        note: None,
    };
    for batch in 0..3 {
        let entries = (0..500).map(|n| entry(batch * 500 + n)).collect();
        suppressions::add(&world.app, tenant, entries).await.unwrap();
    }
    assert_eq!(cells(&suppressions_exported(&world, tenant).await).len(), 1_501);
}

#[tokio::test]
async fn what_is_no_suppression_list_is_refused() {
    let (world, tenant) = world().await;
    let refused = async |text: &str| suppressions::import_csv(&world.app, tenant, text.as_bytes()).await.err().unwrap();
    assert!(matches!(refused("name\nAda\n").await, SuppressionFileError::Column(name) if name == "name"));
    assert!(matches!(refused("channel,note\n").await, SuppressionFileError::NoAddress));
    assert!(matches!(refused("").await, SuppressionFileError::NoAddress));
}
