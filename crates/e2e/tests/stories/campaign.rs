use anyhow::{Context, Result};
use postroad_e2e::until_some;
use serde_json::Value;

use crate::world::{PATIENCE, World};

/// One of each kind: agreed, agreed in a zone of their own, never asked, opted out, and a line that is no person.
const PEOPLE: &str = "\
phone,display_name,time_zone,consent,opted_out
+15550100001,Ada,,yes,
+15550100002,Grace,Europe/Paris,yes,
+15550100003,Edsger,,,
+15550100004,Barbara,,yes,yes
nobody,Nobody,,yes,
";

#[tokio::test]
async fn a_campaign_over_a_file_reaches_whom_it_may_and_says_why_not_the_others() -> Result<()> {
    let world = World::start().await?;
    let output = world.operator().import(PEOPLE).await;
    // Exit code 6: some lines could not be taken, the others were.
    assert!(output.is_err(), "a line that is no person is told");
    let id = create(&world).await?;
    world.operator().run(&["campaigns", "start", &id, "--yes"]).await?;
    let ended = until_some("the campaign has ended", PATIENCE, || async {
        let shown: Value = serde_json::from_str(&world.operator().run(&["campaigns", "show", &id, "--json"]).await?)?;
        let state = shown["state"].as_str().context("a state")?;
        Ok(matches!(state, "completed" | "partially_failed").then(|| shown.clone()))
    })
    .await?;
    assert_eq!(ended["recipients"], 4, "{ended}");
    let reached: Vec<bool> = (1..=4).map(|n| !world.sent_to(&format!("+1555010000{n}")).is_empty()).collect();
    assert_eq!(reached, [true, true, false, false], "{ended}");
    let refused: i64 = ended["progress"]
        .as_object()
        .context("progress")?
        .iter()
        .filter(|(state, _)| state.starts_with("refused"))
        .filter_map(|(_, count)| count.as_i64())
        .sum();
    assert_eq!(refused, 2, "{ended}");
    Ok(())
}

async fn create(world: &World) -> Result<String> {
    let create =
        ["campaigns", "create", "News", "--all", "--purpose", "transactional", "--fill", "@display_name=there"];
    let of = ["--account", world.account.as_str(), "--template", world.template.as_str()];
    world.operator().run(&[&create[..], &of[..]].concat()).await
}
