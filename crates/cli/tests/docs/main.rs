//! What the pages say is true: their commands run, their links lead somewhere, and the dashboards draw what is counted.
//!
//! To add a page: nothing. Every Markdown file of the root, docs/ and dashboards/ is read.

mod asvs;
mod dashboards;
#[path = "../cli/home.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "shared with the suite of the command line; what a test stands on must hold"
)]
mod home;
mod pages;
mod rehearsal;
mod signing;
mod tour;
mod tree;

use std::collections::BTreeSet;

use anyhow::Result;

use pages::Page;
use rehearsal::Rehearsal;

/// Fewer would mean that the pages are not read any more.
const COMMANDS_MIN: usize = 40;

#[test]
fn every_command_on_a_page_is_one_that_the_binary_understands() -> Result<()> {
    let rehearsal = Rehearsal::new()?;
    for page in Page::all()? {
        for block in page.blocks() {
            rehearsal.shell(&block.commands())?;
        }
        for code in page.inline_code() {
            rehearsal.mentioned(&code)?;
        }
    }
    assert_eq!(rehearsal.misunderstood()?, "");
    let calls = rehearsal.calls()?;
    assert!(calls.len() > COMMANDS_MIN, "only {} commands were found: {calls:#?}", calls.len());
    Ok(())
}

#[test]
fn every_chore_on_a_page_is_one_that_xtask_knows() -> Result<()> {
    let (chores, rehearsal) = (rehearsal::chores()?, Rehearsal::new()?);
    for page in Page::all()? {
        for block in page.blocks() {
            rehearsal.shell(&block.commands())?;
        }
        page.inline_code()
            .iter()
            .filter(|code| code.starts_with("cargo xtask "))
            .try_for_each(|code| rehearsal.shell(code))?;
    }
    let called = rehearsal.chores_called()?;
    let unknown: BTreeSet<_> = called.iter().filter(|call| !chores.knows(call)).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    assert!(called.len() > 5, "{called:?}");
    Ok(())
}

#[test]
fn the_start_page_works_from_its_first_command_to_its_last() -> Result<()> {
    let tour = tour::Tour::of("docs/start.md")?;
    tour.ended_well();
    let counted = dashboards::names_in(&tour.metrics());
    let unknown: Vec<_> = counted.difference(&dashboards::with_parts(&dashboards::exported()?)).cloned().collect();
    assert!(unknown.is_empty(), "counted, and declared nowhere: {unknown:?}");
    assert!(counted.len() > 20, "{counted:?}");
    Ok(())
}

#[test]
fn who_comes_from_another_system_finds_people_consents_and_stops_as_they_were() -> Result<()> {
    let tour = tour::Tour::of("docs/migrate.md")?;
    let said = tour.said();
    assert!(said.contains("3 lines: 3 created, 0 updated, 0 not taken"), "{said}");
    assert!(said.contains("\"display_name\":\"Bob\"") && said.contains("\"action\":\"revoked\""), "{said}");
    assert!(said.contains("\"address\":\"+447700900299\"") && said.contains("\"reason\":\"complaint\""), "{said}");
    Ok(())
}

#[test]
fn every_link_leads_to_a_file_that_exists_and_to_a_heading_in_it() -> Result<()> {
    let pages = Page::all()?;
    let broken: Vec<String> = pages.iter().flat_map(|page| page.broken_links(&pages)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    Ok(())
}

#[test]
fn every_test_that_the_pages_of_promises_name_exists() -> Result<()> {
    let tests = tree::functions()?;
    for name in ["docs/reliability.md", "docs/security.md"] {
        let page = Page::read(name)?;
        let named: Vec<String> = page.inline_code().into_iter().filter(|code| is_sentence(code)).collect();
        let missing: Vec<_> = named.iter().filter(|name| !tests.contains(*name)).collect();
        assert!(missing.is_empty(), "{name}: {missing:#?}");
        assert!(named.len() > 20, "{name}: {named:?}");
    }
    Ok(())
}

#[test]
fn every_check_of_the_doctor_has_its_row_and_the_page_invents_none() -> Result<()> {
    let sources = tree::sources("crates/cli/src/doctor")?;
    let text: String = sources.into_iter().map(|(_, text)| text).collect();
    let looked_at: BTreeSet<String> =
        text.split('"').skip(1).filter(|word| is_check(word)).map(str::to_owned).collect();
    let page = Page::read("docs/doctor.md")?;
    let told: BTreeSet<String> = page.inline_code().into_iter().filter(|word| is_check(word)).collect();
    let of_the_parent = ["database.look", "queue.look"].map(str::to_owned);
    assert_eq!(told, looked_at.into_iter().chain(of_the_parent).collect());
    assert!(told.len() > 40, "{told:?}");
    Ok(())
}

/// `<noun>.<what>`
fn is_check(word: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    word.split_once('.').is_some_and(|(noun, what)| plain(noun) && plain(what))
}

/// A name of a test, as we write them.
fn is_sentence(code: &str) -> bool {
    let plain = code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    plain && code.matches('_').count() >= 4
}

#[test]
fn in_six_languages_a_request_is_signed_as_the_published_vectors_say() -> Result<()> {
    let vectors = signing::vectors()?;
    assert_eq!(vectors.len(), 5);
    for vector in &vectors {
        assert_eq!(vector.signed_in_rust().as_ref(), Some(&vector.headers()), "Rust: {}", vector.name());
        for language in &signing::LANGUAGES {
            assert_eq!(vector.signed_in(language)?, vector.headers(), "{language:?}: {}", vector.name());
        }
    }
    Ok(())
}

#[test]
fn every_metric_is_drawn_or_alerted_on_and_every_drawn_one_is_exported() -> Result<()> {
    let (exported, drawn) = (dashboards::exported()?, dashboards::drawn()?);
    let parts = dashboards::with_parts(&exported);
    let unknown: Vec<_> = drawn.difference(&parts).collect();
    assert!(unknown.is_empty(), "on a dashboard, and exported by nobody: {unknown:?}");
    let undrawn: Vec<_> = exported.iter().filter(|name| !dashboards::is_drawn(name, &drawn)).collect();
    assert!(undrawn.is_empty(), "exported, and on no dashboard: {undrawn:?}");
    Ok(())
}

#[test]
fn every_dashboard_can_be_imported_and_no_panel_covers_another() -> Result<()> {
    let wrong = dashboards::wrong()?;
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}
