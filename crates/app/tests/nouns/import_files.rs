//! Files as other programs write them: encodings, delimiters, headers; what is told of lines that cannot be taken.

use std::{collections::BTreeMap, io};

use postroad_app::import::{
    self, Column, Delimiter, Duplicates, ErrorFile, ImportFile, ImportOptions, ImportReport, Preview,
};
use postroad_core::{consent::ConsentAction, ids::TenantId};
use postroad_testkit::Seed;

use crate::world::{World, noon};

async fn world() -> (World, TenantId) {
    let world = World::new().await;
    let tenant = Seed::new(&world.db, noon()).await.tenant;
    (world, tenant)
}

async fn import(world: &World, tenant: TenantId, bytes: &[u8], options: ImportOptions) -> ImportReport {
    let file = ImportFile { name: "people.csv".into(), sha256: import::sha256(bytes).unwrap() };
    import::import_csv(&world.app, tenant, &file, io::Cursor::new(bytes.to_vec()), options).await.unwrap()
}

async fn names(world: &World) -> Vec<String> {
    sqlx::query_scalar(
        "select concat_ws(' ', c.display_name, c.attributes ->> 'first_name', a.address, array_to_string(c.tags, '+'))
         from contacts c join addresses a on a.contact_id = c.id order by a.address",
    )
    .fetch_all(&mut world.admin().await)
    .await
    .unwrap()
}

fn preview(text: &[u8], options: &ImportOptions) -> Preview {
    import::preview(text, options, noon()).unwrap()
}

async fn error_file(world: &World, tenant: TenantId, report: &ImportReport) -> String {
    let mut file = ErrorFile::open(&world.app, tenant, report.import.id).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = file.next(&world.app).await.unwrap() {
        bytes.extend(piece);
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_file_of_a_spreadsheet_is_read_as_it_is() {
    let (world, tenant) = world().await;
    let text = "Phone Number;E-Mail;First name;Full Name;Labels\r\n\
                0151 23456789;JURI@example.com;Jürgen;Jürgen Groß;VIP, Spring\r\n";
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let options = ImportOptions { default_region: Some("DE".into()), ..ImportOptions::default() };
    let report = import(&world, tenant, &bytes, options).await;
    assert_eq!((report.import.created, report.import.invalid), (1, 0), "{:?}", report.errors);
    assert_eq!(
        (report.import.encoding.as_deref(), report.import.delimiter.as_deref()),
        (Some("windows-1252"), Some(";"))
    );
    assert_eq!(
        names(&world).await,
        ["Jürgen Groß Jürgen +4915123456789 spring+vip", "Jürgen Groß Jürgen juri@example.com spring+vip"]
    );
}

#[tokio::test]
async fn columns_mean_what_the_mapping_says() {
    let (world, tenant) = world().await;
    let text = "Kunde,Handy 1,Handy 2,Notiz,phone\nk1,+12025550101,+12025550102,secret,by day\n";
    let mapping = [
        ("kunde", "external_key"),
        ("Handy 1", "phone"),
        ("Handy 2", "phone"),
        ("Notiz", "ignore"),
        ("phone", "attribute:phone"),
    ];
    let mapping: BTreeMap<String, String> = mapping.map(|(from, to)| (from.into(), to.into())).into();
    import(&world, tenant, text.as_bytes(), ImportOptions { mapping, ..ImportOptions::default() }).await;
    let stored: Vec<String> = sqlx::query_scalar(
        "select concat_ws(' ', c.external_key, a.address, c.attributes::text) from contacts c join addresses a on a.contact_id = c.id order by 1",
    )
    .fetch_all(&mut world.admin().await)
    .await
    .unwrap();
    assert_eq!(stored, [r#"k1 +12025550101 {"phone": "by day"}"#, r#"k1 +12025550102 {"phone": "by day"}"#]);
}

#[tokio::test]
async fn tags_add_up_and_a_line_that_makes_more_than_fifty_is_not_taken() {
    let (world, tenant) = world().await;
    let tags = |from: usize, n: usize| (from..from + n).map(|n| format!("t{n}")).collect::<Vec<_>>().join("|");
    for tags in ["VIP; spring ,vip".to_owned(), tags(10, 40), tags(50, 8)] {
        let text = format!("phone,tags\n+12025550101,\"{tags}\"\n");
        let report = import(&world, tenant, text.as_bytes(), ImportOptions::default()).await;
        assert_eq!(report.import.invalid, 0);
    }
    let stored: Vec<String> =
        sqlx::query_scalar("select tags from contacts").fetch_one(&mut world.admin().await).await.unwrap();
    assert_eq!((stored.len(), &stored[..2]), (50, &["spring".to_owned(), "t10".to_owned()][..]));
    for (phone, tags) in [("01", "one more".to_owned()), ("02", tags(0, 51)), ("02", "t".repeat(51))] {
        let text = format!("phone,tags\n+120255501{phone},\"{tags}\"\n");
        assert_eq!(
            import(&world, tenant, text.as_bytes(), ImportOptions::default()).await.errors,
            [("invalid_tags".to_owned(), 1)]
        );
    }
}

#[tokio::test]
async fn the_error_file_has_line_reason_and_the_line_and_can_be_imported_again() {
    let (world, tenant) = world().await;
    let lines = [
        ("+12025550101,Ada,UTC,yes", ""),
        ("12,=cmd(),UTC,yes", "invalid_phone"),
        ("+12025550101,Ada,UTC,yes", "duplicate"),
        ("+12025550103,Cy,UTC,", "missing_consent"),
        ("+12025550104,Dee,Middle-earth,yes", "unknown_time_zone"),
        ("+12025550105,Eve,UTC,yes,more", "wrong_number_of_fields"),
    ];
    let mut bytes = "phone,display_name,time_zone,consent\n\n".as_bytes().to_vec();
    for (line, _) in lines {
        bytes.extend(line.as_bytes());
        bytes.extend(b"\r\n");
    }
    bytes.extend(format!("+12025550106,{},UTC,yes\n", "x".repeat(201)).bytes());
    bytes.extend(b"+12025550107,\xff,UTC,yes\n");
    let options =
        ImportOptions { require_consent: true, encoding: Some("utf-8".parse().unwrap()), ..ImportOptions::default() };
    let report = import(&world, tenant, &bytes, options.clone()).await;
    assert_eq!((report.import.created, report.import.invalid), (1, 7));

    let text = error_file(&world, tenant, &report).await;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header[..4], ["postroad_line", "postroad_code", "postroad_reason", "phone"]);
    let told: Vec<(String, String)> = reader
        .records()
        .map(|record| record.map(|record| (record[0].to_owned(), record[1].to_owned())).unwrap())
        .collect();
    let expected: Vec<(String, String)> = (3..)
        .zip(lines.iter().map(|(_, code)| *code).chain(["field_too_long", "wrong_encoding"]))
        .filter(|(_, code)| !code.is_empty())
        .map(|(line, code): (i32, &str)| (line.to_string(), code.to_owned()))
        .collect();
    assert_eq!(told, expected);
    assert!(text.contains(",'=cmd(),") && text.contains(",'+12025550104,Dee,"), "no cell is a formula: {text}");

    let corrected = text.replace("Middle-earth", "UTC");
    let again = import(&world, tenant, corrected.as_bytes(), ImportOptions { require_consent: true, ..options }).await;
    assert_eq!(again.import.created, 1, "{:?}", again.errors);
    assert_eq!(names(&world).await.len(), 2);
}

#[tokio::test]
async fn a_duplicate_is_known_across_chunks_and_after_a_break() {
    let (world, tenant) = world().await;
    let line = |n: usize| format!("+1 {} 555 {:04}\n", 201 + n / 10_000, n % 10_000);
    let text: String = std::iter::once("phone\n".to_owned()).chain((0..6_000).chain([3]).map(line)).collect();
    let broken = io::Read::chain(io::Cursor::new(text.clone().into_bytes()[..90_000].to_vec()), Broken);
    let file = ImportFile { name: "people.csv".into(), sha256: import::sha256(text.as_bytes()).unwrap() };
    let cut = import::import_csv(&world.app, tenant, &file, broken, ImportOptions::default()).await;
    assert!(cut.is_err());
    let report = import(&world, tenant, text.as_bytes(), ImportOptions::default()).await;
    assert_eq!((report.import.lines_done, report.import.created), (6_001, 6_000));
    assert_eq!(report.errors, [("duplicate".to_owned(), 1)]);
}

struct Broken;

impl io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is gone"))
    }
}

#[test]
fn a_preview_shows_columns_people_and_problems_without_a_database() {
    let mut text = "Mobile|Name|consent\n".to_owned();
    text.push_str("+12025550101|Ada|yes\n\n12|Bo|no\n");
    text.extend((10..50).map(|n| format!("+120255501{n}|X|\n")));
    let shown = preview(text.as_bytes(), &ImportOptions::default());
    assert_eq!((shown.encoding.as_str(), shown.delimiter, shown.lines.len()), ("utf-8", Delimiter::Pipe, 20));
    let columns: Vec<&Column> = shown.columns.iter().map(|heading| &heading.column).collect();
    assert_eq!(columns, [&Column::Phone, &Column::DisplayName, &Column::Consent]);
    let ada = shown.lines[0].person.as_ref().unwrap();
    assert_eq!((ada.addresses[0].1.as_str(), ada.consent), ("+12025550101", Some(ConsentAction::Granted)));
    let bo = shown.lines[1].person.as_ref().err().unwrap();
    assert_eq!((shown.lines[1].line, bo.0.as_str(), shown.lines[1].fields[0].as_str()), (4, "invalid_phone", "12"));
}

#[test]
fn a_quotation_that_never_ends_does_not_swallow_the_memory() {
    let endless = io::Read::chain(io::Cursor::new(b"phone\n\"".to_vec()), io::repeat(b'x'));
    let error = import::preview(endless, &ImportOptions::default(), noon()).err().unwrap();
    assert!(error.to_string().contains("quotation mark"), "{error}");
}

#[test]
fn what_becomes_of_duplicates_is_one_of_two_words() {
    assert_eq!("merge".parse(), Ok(Duplicates::Merge));
    assert!("maybe".parse::<Duplicates>().is_err());
}
