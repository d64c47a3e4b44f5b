//! Links of a recipient's own: where they lead, who is counted, and what nobody can make up.

use chrono::TimeDelta;
use postroad_app::{
    campaigns::{self, NewCampaign},
    clicks::{self, Visit},
    contacts, plan, preferences,
};
use postroad_core::{
    actor::Actor,
    ids::{CampaignId, ContactId},
};
use postroad_store::campaigns::Variable;

use crate::stage::Stage;

const SHOP: &str = "https://shop.example/spring?from=postroad#top";

/// A campaign to two people, and for each the values of its message.
async fn sent(stage: &mut Stage) -> (CampaignId, Vec<(ContactId, Vec<String>)>) {
    let link = |link: &str| Variable::Link { link: link.to_owned() };
    let variables = vec![link(SHOP), link("preferences"), link("unsubscribe")];
    sqlx::query("update templates set placeholders = 3").execute(stage.seed.conn()).await.unwrap();
    let draft = NewCampaign { variables, ..stage.draft() };
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let id = campaigns::create(&app, Actor::Operator, tenant, draft).await.unwrap();
    campaigns::start(&app, Actor::Operator, tenant, id).await.unwrap();
    let job = stage.jobs().await.pop().unwrap();
    plan::plan_pages(&app, &job).await.unwrap();
    let sql = "select contact_id, array(select jsonb_array_elements_text(content -> 'parameters')) from messages order by contact_id";
    (id, sqlx::query_as(sql).fetch_all(stage.seed.conn()).await.unwrap())
}

/// Token and place.
fn parts(url: &str) -> (String, i16) {
    let (token, place) = url.strip_prefix("https://messages.example/l/").unwrap().split_once('/').unwrap();
    (token.to_owned(), place.parse().unwrap())
}

#[tokio::test]
async fn a_link_leads_on_and_says_who_came() {
    let mut stage = Stage::new(2).await;
    let (id, values) = sent(&mut stage).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let (token, place) = parts(&values[0].1[0]);
    assert_ne!(values[0].1, values[1].1);
    for visit in [Visit::Program, Visit::Person, Visit::Person] {
        assert_eq!(clicks::follow(&app, &token, place, visit).await.unwrap().as_deref(), Some(SHOP));
    }
    assert_eq!(stage.count("select sum(clicks) from clicks").await, 2);
    assert_eq!(campaigns::report(&app, tenant, id).await.unwrap().clicked, 1);
    let mut file = campaigns::Recipients::open(&app, tenant, id).await.unwrap();
    let mut text = String::new();
    while let Some(piece) = file.next(&app).await.unwrap() {
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    let clicked = |line: &&str| line.split(',').nth(7).is_some_and(|at| !at.is_empty());
    assert_eq!(text.lines().skip(1).filter(clicked).count(), 1, "{text}");
}

#[tokio::test]
async fn what_we_did_not_write_leads_nowhere() {
    let mut stage = Stage::new(1).await;
    let (_, values) = sent(&mut stage).await;
    let app = stage.world.app.clone();
    let (token, place) = parts(&values[0].1[0]);
    let last = token.len() - 1;
    let other = if token.ends_with('A') { 'B' } else { 'A' };
    let forged = format!("{}{other}", &token[..last]);
    for (token, place) in
        [(forged.as_str(), place), (&token[1..], place), (&token, 2), (&token, 4), (&token, 0), ("", 1)]
    {
        assert_eq!(clicks::follow(&app, token, place, Visit::Person).await.unwrap(), None, "{token} {place}");
    }
    assert!(preferences::open(&app, &forged).await.unwrap().is_none());
    app.clock.advance(postroad_core::limits::LINK_KEPT + TimeDelta::days(1));
    assert_eq!(clicks::follow(&app, &token, place, Visit::Person).await.unwrap(), None, "its time is over");
    assert_eq!(stage.count("select count(*) from clicks").await, 0);
}

#[tokio::test]
async fn the_pages_of_a_person_open_by_the_links_of_a_message() {
    let mut stage = Stage::new(1).await;
    let (_, values) = sent(&mut stage).await;
    let app = stage.world.app.clone();
    let [_, page, unsubscribe] = &values[0].1[..] else { panic!("three values") };
    let page = page.strip_prefix("https://messages.example/p/").unwrap();
    assert_eq!(unsubscribe.strip_prefix("https://messages.example/u/"), Some(page), "one token for both");
    assert_eq!(preferences::open(&app, page).await.unwrap().unwrap().entries.len(), 1);
    let words = |_: Option<&str>| preferences::Shown { language: "en", marketing: "News", transactional: "Orders" };
    preferences::carry_out(&app, page, &preferences::Wish::Unsubscribe, words).await.unwrap().unwrap();
    let revoked = "select count(*) from consents where action = 'revoked' and evidence ->> 'message' like 'msg_%'";
    assert_eq!(stage.count(revoked).await, 1);
}

#[tokio::test]
async fn who_is_erased_is_forgotten_here_too() {
    let mut stage = Stage::new(1).await;
    let (_, values) = sent(&mut stage).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let (contact, links) = &values[0];
    let (token, place) = parts(&links[0]);
    clicks::follow(&app, &token, place, Visit::Person).await.unwrap().unwrap();
    contacts::erase(&app, tenant, *contact).await.unwrap();
    assert_eq!(stage.count("select count(*) from clicks").await, 0);
    assert!(preferences::open(&app, &token).await.unwrap().is_none());
}
