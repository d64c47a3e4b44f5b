//! Each recipient in their own language.

use postroad_app::{
    campaigns::{self, NewCampaign},
    plan,
};
use postroad_core::{actor::Actor, template::variant};
use proptest::{
    prelude::*,
    sample::{select, subsequence},
};

use crate::stage::Stage;

const SPOKEN: [Option<&str>; 12] = [
    None,
    Some("en"),
    Some("en-US"),
    Some("EN_gb"),
    Some("de"),
    Some("de-AT"),
    Some("pt_BR"),
    Some("pt-PT"),
    Some("zh-Hant-TW"),
    Some("zh_hant"),
    Some("es-419"),
    Some("fil"),
];
/// Beside `en_US`, in which the campaign is written.
const VARIANTS: [&str; 7] = ["en", "de", "pt_BR", "pt_PT", "zh_Hant", "zh", "es"];

async fn variant_of(stage: &mut Stage, language: &str, status: &str, placeholders: i32) {
    sqlx::query(
        "insert into templates (tenant_id, id, account_id, name, language, category, status, body, placeholders, created_at, updated_at)
         values ($1, gen_random_uuid(), $2, 'hello', $3, 'marketing', $4, 'Hello {{1}}', $5, now(), now())",
    )
    .bind(stage.seed.tenant)
    .bind(stage.account)
    .bind(language)
    .bind(status)
    .bind(placeholders)
    .execute(stage.seed.conn())
    .await
    .unwrap();
}

/// What each contact speaks, and the language and the template of its message.
async fn sent(stage: &mut Stage) -> Vec<(Option<String>, String, String)> {
    sqlx::query_as(
        "select c.language, m.content ->> 'language', t.language from messages m join contacts c on c.id = m.contact_id
         join templates t on t.id = m.template_id order by c.id",
    )
    .fetch_all(stage.seed.conn())
    .await
    .unwrap()
}

async fn planned(stage: &mut Stage, in_own_language: bool) -> Vec<(Option<String>, String, String)> {
    let draft = NewCampaign { in_own_language, ..stage.draft() };
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let id = campaigns::create(&app, Actor::Operator, tenant, draft).await.unwrap();
    campaigns::start(&app, Actor::Operator, tenant, id).await.unwrap();
    let job = stage.jobs().await.pop().unwrap();
    plan::plan_pages(&app, &job).await.unwrap();
    sent(stage).await
}

async fn speak(stage: &mut Stage, languages: &[Option<&str>]) {
    let languages: Vec<Option<String>> = languages.iter().map(|one| one.map(str::to_owned)).collect();
    sqlx::query(
        "update contacts c set language = l.language
         from   (select id, row_number() over (order by id) as n from contacts) x
         join   unnest($1::text[]) with ordinality as l (language, n) on l.n = x.n
         where  c.id = x.id",
    )
    .bind(languages)
    .execute(stage.seed.conn())
    .await
    .unwrap();
}

#[tokio::test]
async fn everybody_gets_the_variant_that_the_rule_picks() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let any = (prop::collection::vec(select(SPOKEN.to_vec()), 40), subsequence(VARIANTS.to_vec(), 0..=VARIANTS.len()));
    for _ in 0..6 {
        let (spoken, variants) = proptest::strategy::ValueTree::current(&any.new_tree(&mut runner).unwrap());
        let mut stage = Stage::new(40).await;
        speak(&mut stage, &spoken).await;
        for language in &variants {
            variant_of(&mut stage, language, "approved", 1).await;
        }
        let all: Vec<&str> = variants.iter().copied().chain(["en_US"]).collect();
        for (speaks, language, template) in planned(&mut stage, true).await {
            let expected = variant::pick(&all, speaks.as_deref(), Some("en_US")).unwrap();
            assert_eq!((language.as_str(), template.as_str()), (expected, expected), "{speaks:?} of {all:?}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_sent_speaks_to_nobody_and_nothing_is_picked_unasked() {
    let mut stage = Stage::new(3).await;
    speak(&mut stage, &[Some("de"), Some("pt_BR"), Some("es")]).await;
    variant_of(&mut stage, "de", "paused", 1).await;
    variant_of(&mut stage, "pt_BR", "approved", 2).await;
    variant_of(&mut stage, "es", "approved", 1).await;
    let languages = |sent: Vec<(Option<String>, String, String)>| -> Vec<String> {
        sent.into_iter().map(|(_, language, _)| language).collect()
    };
    assert_eq!(languages(planned(&mut stage, true).await), ["en_US", "en_US", "es"]);
    sqlx::query("truncate messages, sends, recipients cascade").execute(stage.seed.conn()).await.unwrap();
    assert_eq!(languages(planned(&mut stage, false).await), ["en_US", "en_US", "en_US"]);
}
