//! Files that nobody would write: whatever comes, nothing panics, every line is counted once, and no line is half taken.

use std::io;

use encoding_rs::{Encoding, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use postroad_app::import::{self, ImportFile, ImportOptions, ImportReport};
use postroad_core::ids::TenantId;
use postroad_testkit::Seed;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

use crate::world::{World, noon};

/// Files that meet a database; each of those without one is a hundred times cheaper.
const IMPORTED: usize = 60;

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..40u32).prop_map(|n| format!("+120255501{n:02}")),
        2 => (0..20u32).prop_map(|n| format!("p{n}@example.com")),
        1 => Just("12".to_owned()),
        1 => Just("Mars/Olympus".to_owned()),
        1 => Just("UTC".to_owned()),
        1 => Just("yes".to_owned()),
        1 => Just("é ü 漢字".to_owned()),
        1 => (190..1_100usize).prop_map(|n| "x".repeat(n)),
        1 => "[ -~\r\n\t\0]{0,12}",
        1 => Just(String::new()),
    ]
}

fn line(cells: usize) -> impl Strategy<Value = Vec<String>> {
    prop_oneof![8 => Just(cells), 1 => Just(cells + 1), 1 => Just(1)]
        .prop_flat_map(|n| prop::collection::vec(cell(), n))
}

/// A file in some shape: its bytes, whatever they are.
fn file() -> impl Strategy<Value = Vec<u8>> {
    let headers = prop_oneof![
        Just(vec!["phone", "name", "time_zone", "consent"]),
        Just(vec!["Phone Number", "E-Mail", "Tier"]),
        Just(vec!["email"]),
        Just(vec!["name"]),
    ];
    let shaped = headers.prop_flat_map(|header| {
        let lines = prop::collection::vec(line(header.len()), 0..40);
        let delimiter = prop::sample::select(vec![",", ";", "\t", "|"]);
        let end = prop::sample::select(vec!["\n", "\r\n", "\r"]);
        let encoding = prop::sample::select(vec![UTF_8, UTF_16LE, UTF_16BE, WINDOWS_1252, SHIFT_JIS]);
        let quoted = any::<bool>();
        (Just(header), lines, delimiter, end, encoding, quoted).prop_map(
            |(header, lines, delimiter, end, encoding, quoted)| {
                let header = header.into_iter().map(str::to_owned).collect();
                let rows: Vec<String> =
                    std::iter::once(header).chain(lines).map(|cells| row(&cells, delimiter, quoted)).collect();
                encode(&rows.join(end), encoding)
            },
        )
    });
    let broken = (shaped.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut bytes, place, byte)| {
        if !bytes.is_empty() {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    });
    let noise = prop::collection::vec(any::<u8>(), 0..400);
    let named_noise = noise.clone().prop_map(|noise| [b"phone,name\n".to_vec(), noise].concat());
    prop_oneof![4 => shaped, 3 => broken, 2 => named_noise, 1 => noise]
}

fn row(cells: &[String], delimiter: &str, quoted: bool) -> String {
    let cell = |cell: &String| if quoted { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.clone() };
    cells.iter().map(cell).collect::<Vec<_>>().join(delimiter)
}

fn encode(text: &str, encoding: &'static Encoding) -> Vec<u8> {
    if encoding == UTF_16LE {
        return text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    }
    if encoding == UTF_16BE {
        return [b"\xfe\xff".to_vec(), text.encode_utf16().flat_map(u16::to_be_bytes).collect()].concat();
    }
    encoding.encode(text).0.into_owned()
}

proptest! {
    #![proptest_config(Config { cases: 3_000, ..Config::default() })]

    #[test]
    fn a_preview_of_anything_is_a_preview_or_a_reason(bytes in file()) {
        if let Ok(preview) = import::preview(bytes.as_slice(), &ImportOptions::default(), noon()) {
            prop_assert!(preview.lines.len() <= 20);
            let numbers: Vec<i64> = preview.lines.iter().map(|line| line.line).collect();
            prop_assert!(numbers.is_sorted_by(|a, b| a < b), "every line has its own number: {numbers:?}");
        }
    }
}

#[tokio::test]
async fn whatever_is_imported_the_counts_and_the_errors_add_up() {
    let world = World::new().await;
    let mut runner = TestRunner::deterministic();
    for _ in 0..IMPORTED {
        let bytes = file().new_tree(&mut runner).unwrap().current();
        let tenant = Seed::new(&world.db, noon()).await.tenant;
        adds_up(&world, tenant, &bytes).await;
    }
}

async fn adds_up(world: &World, tenant: TenantId, bytes: &[u8]) {
    let shown = || String::from_utf8_lossy(bytes).into_owned();
    let file = ImportFile { name: "fuzz.csv".into(), sha256: import::sha256(bytes).unwrap() };
    let options = ImportOptions { require_consent: bytes.len().is_multiple_of(2), ..ImportOptions::default() };
    let report = import::import_csv(&world.app, tenant, &file, io::Cursor::new(bytes.to_vec()), options).await;
    let stored = stored(world, tenant).await;
    let Ok(ImportReport { import, errors }) = report else {
        assert!(matches!(report, Err(import::ImportError::Header(_))), "{report:?} of {:?}", shown());
        return assert_eq!(stored, (0, 0), "a refused file leaves nothing");
    };
    assert_eq!(import.lines_done, import.created + import.updated + import.invalid, "{:?}", shown());
    assert_eq!(errors.iter().map(|(_, count)| count).sum::<i64>(), import.invalid, "{:?}", shown());
    assert_eq!(stored.0, import.created, "one contact for each line that made one: {:?}", shown());
    assert_eq!(stored.1, 0, "nobody is without an address: {:?}", shown());
    let told = import::line_errors(&world.app, tenant, import.id, 0, 1_000).await.unwrap();
    assert_eq!(i64::try_from(told.len()).unwrap(), import.invalid);
    assert!(
        told.iter().all(|error| !error.detail.is_empty() && error.fields.is_some() && error.line > 1),
        "{:?}",
        shown()
    );
}

/// Contacts, and those of them that are half a line.
async fn stored(world: &World, tenant: TenantId) -> (i64, i64) {
    sqlx::query_as(
        "select count(*), count(*) filter (where not exists (select 1 from addresses a where a.contact_id = c.id))
         from contacts c where c.tenant_id = $1",
    )
    .bind(tenant.uuid())
    .fetch_one(&mut world.admin().await)
    .await
    .unwrap()
}
