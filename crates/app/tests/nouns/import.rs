//! Files of contacts: every line counted once, whatever is wrong with it and wherever the reading stops.

use std::{
    collections::HashMap,
    io::{self, Read},
};

use postroad_app::import::{self, Duplicates, HeaderError, ImportError, ImportFile, ImportOptions, ImportReport};
use postroad_core::ids::TenantId;
use postroad_testkit::Seed;

use crate::world::{World, noon};

const HEADER: &str = "external_key,phone,first_name,language,time_zone,consent,consent_source,opted_out,tier";

async fn world() -> (World, TenantId) {
    let world = World::new().await;
    let tenant = Seed::new(&world.db, noon()).await.tenant;
    (world, tenant)
}

fn file(text: &str) -> ImportFile {
    ImportFile { name: "people.csv".into(), sha256: import::sha256(text.as_bytes()).unwrap() }
}

pub(crate) fn options() -> ImportOptions {
    let zones =
        HashMap::from([("day".to_owned(), chrono_tz::Europe::Paris), ("night".to_owned(), chrono_tz::Asia::Tokyo)]);
    ImportOptions { zones, ..ImportOptions::default() }
}

async fn import(world: &World, tenant: TenantId, text: &str) -> Result<ImportReport, ImportError> {
    import::import_csv(&world.app, tenant, &file(text), io::Cursor::new(text.to_owned()), options()).await
}

fn counts(report: &ImportReport) -> (i64, i64, i64, i64) {
    let import = &report.import;
    assert_eq!(import.lines_done, import.created + import.updated + import.invalid, "every line is counted once");
    (import.lines_done, import.created, import.updated, import.invalid)
}

/// `n` sound lines from number `from` on.
fn people(from: usize, n: usize) -> String {
    let line = |n: usize| format!("k{n},+1 {} 555 01{:02},Ada,en,day,yes,form,no,gold\n", 201 + n / 100, n % 100);
    (from..from + n).map(line).collect()
}

async fn count(world: &World, table: &str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {table}")))
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap()
}

/// Everything but instants and the mark of the last import.
async fn contents(world: &World) -> Vec<String> {
    sqlx::query_scalar(
        "select (c.id, c.display_name, c.language, c.time_zone, c.attributes, c.external_key, a.id, a.channel, a.address, a.marketing_action,
                 a.transactional_action, a.consent_version, (select count(*) from consents e where e.address_id = a.id))::text
         from contacts c left join addresses a on a.contact_id = c.id order by 1",
    )
    .fetch_all(&mut world.admin().await)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_file_becomes_people_with_addresses_attributes_and_consents() {
    let (world, tenant) = world().await;
    let text = format!(
        "{HEADER}\nk1,(202) 555-0173,Ada,en,day,yes,web form,no,gold\nk2,+442079460018,Bo,en,night,,,yes,\nk3,+12025550199,,,UTC,no,,,\n"
    );
    let options = ImportOptions { default_region: Some("US".into()), ..options() };
    let report =
        import::import_csv(&world.app, tenant, &file(&text), io::Cursor::new(text.clone()), options).await.unwrap();
    assert_eq!(counts(&report), (3, 3, 0, 0));
    let rows: Vec<String> = sqlx::query_scalar(
        "select concat_ws(' ', c.external_key, a.channel, a.address, c.time_zone, c.attributes ->> 'first_name', c.attributes ->> 'tier',
                          a.marketing_action, a.transactional_action, (select max(source) from consents e where e.address_id = a.id))
         from contacts c join addresses a on a.contact_id = c.id order by c.external_key",
    )
    .fetch_all(&mut world.admin().await)
    .await
    .unwrap();
    assert_eq!(
        rows,
        [
            "k1 whatsapp +12025550173 Europe/Paris Ada gold granted granted web form",
            "k2 whatsapp +442079460018 Asia/Tokyo Bo revoked revoked import",
            "k3 whatsapp +12025550199 UTC",
        ]
    );
}

#[tokio::test]
async fn each_thing_that_is_wrong_with_a_line_has_its_word_and_its_line() {
    let (world, tenant) = world().await;
    let lines: &[(&str, &str)] = &[
        ("k1,+12025550101,Ada,en,day,yes,form,no,gold", ""),
        ("k2,12,Ada,en,day,yes,form,no,gold", "invalid_phone"),
        ("k3,,Ada,en,day,yes,form,no,gold", "no_address"),
        ("k4,+12025550104,Ada,english,day,yes,form,no,gold", "invalid_language"),
        ("k5,+12025550105,Ada,en,dusk,yes,form,no,gold", "unknown_time_zone"),
        ("k6,+12025550106,Ada,en,day,maybe,form,no,gold", "not_yes_or_no"),
        ("k7,+12025550107,Ada,en,day,yes,form,perhaps,gold", "not_yes_or_no"),
        ("k8,+12025550108,Ada,en,day,yes", "wrong_number_of_fields"),
        ("k9,+12025550101,Ada,en,day,yes,form,no,gold", "address_taken"),
        ("k1,+12025550101,Ada,en,day,yes,form,no,gold", "duplicate"),
        ("k10,+999123456789,Ada,en,day,yes,form,no,gold", "invalid_phone"),
    ];
    let long_key = format!("{},+12025550111,Ada,en,day,yes,form,no,gold", "k".repeat(201));
    let long_tier = format!("k12,+12025550112,Ada,en,day,yes,form,no,{}", "t".repeat(1_001));
    let long_source = format!("k13,+12025550113,Ada,en,day,yes,{},no,gold", "s".repeat(101));
    let null = "k14,+12025550114,A\0da,en,day,yes,form,no,gold".to_owned();
    let more = [
        (long_key.as_str(), "field_too_long"),
        (&long_tier, "field_too_long"),
        (&long_source, "field_too_long"),
        (&null, "wrong_encoding"),
    ];
    let lines: Vec<(&str, &str)> = lines.iter().copied().chain(more).collect();
    let mut bytes = format!("{HEADER}\n").into_bytes();
    for (line, _) in &lines {
        bytes.extend([line.as_bytes(), b"\n"].concat());
    }
    bytes.extend(b"k15,+12025550115,\xff\xfe,en,day,yes,form,no,gold\n");

    let utf8 = ImportOptions { encoding: Some("utf-8".parse().unwrap()), ..options() };
    let file = ImportFile { name: "wrong.csv".into(), sha256: import::sha256(bytes.as_slice()).unwrap() };
    let report = import::import_csv(&world.app, tenant, &file, io::Cursor::new(bytes), utf8).await.unwrap();
    assert_eq!(counts(&report), (16, 1, 0, 15));
    let errors = import::line_errors(&world.app, tenant, report.import.id, 0, 100).await.unwrap();
    let found: Vec<(i64, String)> = errors.into_iter().map(|error| (error.line, error.code)).collect();
    let mut expected: Vec<(i64, String)> = lines
        .iter()
        .zip(2..)
        .filter(|((_, code), _)| !code.is_empty())
        .map(|((_, code), line)| (line, (*code).to_owned()))
        .collect();
    expected.push((17, "wrong_encoding".to_owned()));
    assert_eq!(found, expected);
    assert_eq!(report.errors.iter().map(|(_, count)| count).sum::<i64>(), 15);
}

#[tokio::test]
async fn consent_columns_may_say_when_and_in_which_words() {
    let (world, tenant) = world().await;
    let text = "phone,consent,consent_at,consent_text\n\
                +12025550101,yes,2026-01-05T10:00:00+01:00,I agree\n\
                +12025550102,yes,2026-01-05,\n\
                +12025550103,yes,next week,\n\
                +12025550104,yes,2027-01-01,\n";
    let report = import(&world, tenant, text).await.unwrap();
    assert_eq!(report.errors, [("invalid_consent_at".to_owned(), 2)]);
    let said: Vec<String> = sqlx::query_scalar(
        "select concat_ws(' ', a.address, c.occurred_at at time zone 'UTC', c.wording)
         from consents c join addresses a on a.id = c.address_id where purpose = 'marketing' order by 1",
    )
    .fetch_all(&mut world.admin().await)
    .await
    .unwrap();
    assert_eq!(said, ["+12025550101 2026-01-05 09:00:00 I agree", "+12025550102 2026-01-05 00:00:00"]);
}

#[tokio::test]
async fn mail_addresses_are_taken_beside_or_instead_of_numbers() {
    let (world, tenant) = world().await;
    let text = "phone,email\n+12025550101,ada@example.com\n,bo@example.com\n,\n,nonsense\n";
    let report = import(&world, tenant, text).await.unwrap();
    assert_eq!(counts(&report), (4, 2, 0, 2));
    assert_eq!((count(&world, "contacts").await, count(&world, "addresses").await), (2, 3));
}

#[tokio::test]
async fn the_same_file_again_changes_nothing() {
    let (world, tenant) = world().await;
    let text =
        format!("{HEADER}\n{}k900,+12025550199,Bo,en,night,no,,yes,\nk901,nonsense,Cy,en,day,,,,\n", people(0, 50));
    assert_eq!(counts(&import(&world, tenant, &text).await.unwrap()), (52, 51, 0, 1));
    let before = contents(&world).await;
    world.app.clock.advance(chrono::TimeDelta::days(1));
    assert_eq!(counts(&import(&world, tenant, &text).await.unwrap()), (52, 0, 51, 1));
    assert_eq!(contents(&world).await, before);
}

#[tokio::test]
async fn an_old_file_does_not_undo_a_stop() {
    let (world, tenant) = world().await;
    let text = format!("{HEADER}\n{}", people(0, 1));
    import(&world, tenant, &text).await.unwrap();
    world.app.clock.advance(chrono::TimeDelta::hours(1));
    let stop = postroad_app::consents::NewConsent {
        channel: postroad_core::account::Channel::Whatsapp,
        address: "+12015550100".into(),
        purpose: postroad_core::consent::Purpose::Marketing,
        action: postroad_core::consent::ConsentAction::Revoked,
        source: "inbound".into(),
        wording: None,
        evidence: serde_json::Map::new(),
        occurred_at: None,
    };
    postroad_app::consents::record(&world.app, tenant, vec![stop]).await.unwrap();
    world.app.clock.advance(chrono::TimeDelta::hours(1));
    import(&world, tenant, &text).await.unwrap();
    let stands: String = sqlx::query_scalar("select marketing_action || ' ' || transactional_action from addresses")
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap();
    assert_eq!(stands, "revoked granted");
}

#[tokio::test]
async fn a_person_on_two_lines_is_one_person() {
    let (world, tenant) = world().await;
    let text = format!("{HEADER}\n{}{}{}", people(0, 3), people(1, 1), people(2, 2));
    let merging = ImportOptions { duplicates: Duplicates::Merge, ..options() };
    let report =
        import::import_csv(&world.app, tenant, &file(&text), io::Cursor::new(text.clone()), merging).await.unwrap();
    assert_eq!(counts(&report), (6, 4, 2, 0));
    assert_eq!((count(&world, "contacts").await, count(&world, "addresses").await), (4, 4));
    assert_eq!(count(&world, "consents").await, 8);
}

#[tokio::test]
async fn a_cut_import_goes_on_behind_the_last_chunk_that_was_written() {
    let (world, tenant) = world().await;
    let text = format!("{HEADER}\n{}", people(0, 12_000));
    // The disk goes away in the third chunk.
    let broken = io::Cursor::new(text.clone()).take(600_000).chain(Broken);
    let cut = import::import_csv(&world.app, tenant, &file(&text), broken, options()).await;
    assert!(matches!(cut, Err(ImportError::File(_))));
    assert_eq!(count(&world, "contacts").await, 10_000);

    let report = import(&world, tenant, &text).await.unwrap();
    assert_eq!(counts(&report), (12_000, 12_000, 0, 0));
    assert_eq!((count(&world, "contacts").await, count(&world, "contact_imports").await), (12_000, 1));
    let again = import(&world, tenant, &text).await.unwrap();
    assert_ne!(again.import.id, report.import.id, "a finished import does not go on");
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is gone"))
    }
}

#[tokio::test]
async fn of_two_readers_of_one_file_each_line_counts_for_one() {
    let (world, tenant) = world().await;
    let text = format!("{HEADER}\n{}", people(0, 12_000));
    let (one, two) = tokio::join!(import(&world, tenant, &text), import(&world, tenant, &text));
    let lines: i64 = sqlx::query_scalar("select sum(created)::bigint from contact_imports")
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap();
    assert_eq!((lines, count(&world, "contacts").await), (12_000, 12_000));
    assert!(one.is_ok() || two.is_ok());
}

#[tokio::test]
async fn a_file_that_is_no_list_of_people_is_refused_before_anything_is_written() {
    let (world, tenant) = world().await;
    let refused = async |text: &str| match import(&world, tenant, text).await {
        Err(ImportError::Header(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused("").await, HeaderError::NoAddress);
    assert_eq!(refused("name,tier\nAda,gold\n").await, HeaderError::NoAddress);
    assert_eq!(refused("phone,tier,Tier\n").await, HeaderError::Twice("Tier".into()));
    assert_eq!(count(&world, "contact_imports").await, 0);
}

#[tokio::test]
async fn a_file_of_one_tenant_makes_people_of_that_tenant_only() {
    let (world, tenant) = world().await;
    let theirs = Seed::new(&world.db, noon()).await.tenant;
    let text = format!("{HEADER}\n{}", people(0, 5));
    import(&world, tenant, &text).await.unwrap();
    assert_eq!(counts(&import(&world, theirs, &text).await.unwrap()), (5, 5, 0, 0));
    let tenants: i64 = sqlx::query_scalar("select count(distinct tenant_id) from contacts")
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap();
    assert_eq!((tenants, count(&world, "contacts").await), (2, 10));
}
