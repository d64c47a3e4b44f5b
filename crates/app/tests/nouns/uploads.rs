//! Files that come over the API: in parts, read by jobs, and read on wherever a worker died.

use chrono::TimeDelta;
use postroad_app::{
    housekeeping,
    import::{self, Import, ImportError, ImportOptions, Part, Upload, Worked},
    sweep,
};
use postroad_core::{
    ids::{ImportId, TenantId},
    jobs::ReadImport,
};
use postroad_testkit::Seed;

use crate::world::{World, noon};

async fn world() -> (World, TenantId) {
    let world = World::new().await;
    let tenant = Seed::new(&world.db, noon()).await.tenant;
    (world, tenant)
}

fn text(people: usize) -> String {
    let line = |n: usize| format!("+1 {} 555 {:04},Zoë\n", 201 + n / 10_000, n % 10_000);
    std::iter::once("phone,name\n".to_owned()).chain((0..people).map(line)).collect()
}

fn first(bytes: &[u8], is_whole: bool) -> Upload {
    Upload { name: "people.csv".into(), bytes: bytes.to_vec(), options: ImportOptions::default(), is_whole }
}

fn part(number: i32, bytes: &[u8], is_last: bool) -> Part {
    Part { number, bytes: bytes.to_vec(), is_last }
}

fn job(tenant: TenantId, import: ImportId, at: i64) -> ReadImport {
    ReadImport { tenant, import, at, woken: 0 }
}

async fn count(world: &World, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&mut world.admin().await).await.unwrap()
}

const JOBS: &str = "select count(*) from apalis.jobs where job_type = 'import'";
const PARTS: &str = "select count(*) from contact_import_parts";

async fn reported(world: &World, tenant: TenantId, id: ImportId) -> Import {
    import::report(&world.app, tenant, id).await.unwrap().import
}

#[tokio::test]
async fn a_file_in_parts_that_are_cut_anywhere_is_read_as_one() {
    let (world, tenant) = world().await;
    let text = text(3_000);
    let bytes = text.as_bytes();
    // In the middle of a letter of two bytes.
    let cut = text.find('ë').unwrap() + 1;
    let begun = import::upload(&world.app, tenant, first(&bytes[..cut], false)).await.unwrap();
    assert_eq!((begun.state.as_str(), begun.parts, count(&world, JOBS).await), ("receiving", 1, 0));
    let early = import::upload_part(&world.app, tenant, begun.id, part(2, b"x", false)).await;
    assert!(matches!(early, Err(ImportError::OutOfOrder { wanted: 1, got: 2 })));
    for _ in 0..2 {
        let taken =
            import::upload_part(&world.app, tenant, begun.id, part(1, &bytes[cut..30_000], false)).await.unwrap();
        assert_eq!(taken.parts, 2, "a part that is sent again counts once");
    }
    let whole = import::upload_part(&world.app, tenant, begun.id, part(2, &bytes[30_000..], true)).await.unwrap();
    assert_eq!((whole.state.as_str(), whole.size_bytes), ("running", Some(i64::try_from(bytes.len()).unwrap())));
    assert_eq!(count(&world, JOBS).await, 1);

    assert_eq!(import::work(&world.app, &job(tenant, begun.id, 0)).await.unwrap(), Worked::Finished);
    let done = reported(&world, tenant, begun.id).await;
    assert_eq!(
        (done.state.as_str(), done.lines_done, done.created, done.read_bytes),
        ("completed", 3_000, 3_000, whole.size_bytes.unwrap())
    );
    assert_eq!(count(&world, PARTS).await, 0, "a file that is read is gone");
    assert_eq!(import::work(&world.app, &job(tenant, begun.id, 0)).await.unwrap(), Worked::NotWanted);
}

#[tokio::test]
async fn whoever_takes_over_from_a_dead_worker_goes_on_behind_what_it_wrote() {
    let (world, tenant) = world().await;
    let text = text(12_000);
    let import = import::upload(&world.app, tenant, first(text.as_bytes(), true)).await.unwrap();
    // A worker writes some chunks and is killed: its task is dropped wherever it stands.
    let (app, work) = (world.app.clone(), job(tenant, import.id, 0));
    let dying = tokio::spawn(async move { import::work(&app, &work).await });
    while reported(&world, tenant, import.id).await.lines_done == 0 {
        tokio::task::yield_now().await;
    }
    dying.abort();
    let _ = dying.await;
    let left = reported(&world, tenant, import.id).await;
    assert!((5_000..=12_000).contains(&left.lines_done), "{}", left.lines_done);

    world.app.clock.advance(TimeDelta::seconds(31));
    if left.state == "running" {
        assert_eq!(sweep::wake_importers(&world.app).await.unwrap(), 1);
        assert_eq!(sweep::wake_importers(&world.app).await.unwrap(), 1);
        assert_eq!(count(&world, JOBS).await, 2, "one for the upload and one for the sweep, however often it looks");
    }
    import::work(&world.app, &job(tenant, import.id, 0)).await.unwrap();
    let done = reported(&world, tenant, import.id).await;
    assert_eq!((done.state.as_str(), done.created, done.invalid), ("completed", 12_000, 0));
    assert_eq!(count(&world, "select count(*) from contacts").await, 12_000);
}

#[tokio::test]
async fn two_workers_at_one_file_write_every_line_once() {
    let (world, tenant) = world().await;
    let text = text(12_000);
    let import = import::upload(&world.app, tenant, first(text.as_bytes(), true)).await.unwrap();
    let work = job(tenant, import.id, 0);
    let (one, two) = tokio::join!(import::work(&world.app, &work), import::work(&world.app, &work));
    let mut ends = [one.unwrap(), two.unwrap()];
    ends.sort_by_key(|end| *end != Worked::Finished);
    assert_eq!(ends[0], Worked::Finished);
    let done = reported(&world, tenant, import.id).await;
    assert_eq!((done.created, done.invalid, count(&world, "select count(*) from contacts").await), (12_000, 0, 12_000));
}

#[tokio::test]
async fn the_same_file_while_it_is_read_is_the_same_import() {
    let (world, tenant) = world().await;
    let text = text(10);
    let one = import::upload(&world.app, tenant, first(text.as_bytes(), true)).await.unwrap();
    let two = import::upload(&world.app, tenant, first(text.as_bytes(), true)).await.unwrap();
    assert_eq!((one.id, count(&world, JOBS).await), (two.id, 1));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_to_its_end_fails_with_its_reason() {
    let (world, tenant) = world().await;
    let begun = import::upload(&world.app, tenant, first(text(6_000).as_bytes(), false)).await.unwrap();
    let endless = [b"\"".to_vec(), vec![b'x'; 1_048_575]].concat();
    import::upload_part(&world.app, tenant, begun.id, part(1, &endless, false)).await.unwrap();
    import::upload_part(&world.app, tenant, begun.id, part(2, &endless[1..], true)).await.unwrap();
    assert_eq!(import::work(&world.app, &job(tenant, begun.id, 0)).await.unwrap(), Worked::Finished);
    let failed = reported(&world, tenant, begun.id).await;
    assert_eq!((failed.state.as_str(), failed.created, count(&world, PARTS).await), ("failed", 5_000, 0));
    assert!(failed.failure.unwrap().contains("quotation mark"));
}

#[tokio::test]
async fn what_is_no_file_of_contacts_is_refused_at_once_and_a_file_without_end_is_given_up() {
    let (world, tenant) = world().await;
    let refused = import::upload(&world.app, tenant, first(b"name\nAda\n", true)).await;
    assert!(matches!(refused, Err(ImportError::Header(_))));
    let begun = import::upload(&world.app, tenant, first(text(3).as_bytes(), false)).await.unwrap();
    assert!(matches!(
        import::upload_part(&world.app, tenant, begun.id, part(1, b"", true)).await,
        Err(ImportError::EmptyPart)
    ));
    assert!(matches!(
        import::upload_part(&world.app, tenant, begun.id, part(1_024, b"x", true)).await,
        Err(ImportError::TooManyParts)
    ));
    let stranger = Seed::new(&world.db, noon()).await.tenant;
    assert!(matches!(
        import::upload_part(&world.app, stranger, begun.id, part(1, b"x", true)).await,
        Err(ImportError::NotFound)
    ));
    world.app.clock.advance(TimeDelta::hours(25));
    housekeeping::prune(&world.app).await.unwrap();
    let given_up = reported(&world, tenant, begun.id).await;
    assert_eq!((given_up.state.as_str(), count(&world, PARTS).await), ("failed", 0));
}
