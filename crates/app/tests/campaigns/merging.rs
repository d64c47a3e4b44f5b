//! A person who was stored twice gets a campaign once, whenever somebody notices.

use postroad_app::{merges, plan};
use postroad_core::ids::{ContactId, MessageId};

use crate::stage::Stage;

/// Everybody, oldest first.
async fn people(stage: &mut Stage) -> Vec<ContactId> {
    sqlx::query_scalar("select id from contacts order by id").fetch_all(stage.seed.conn()).await.unwrap()
}

async fn states(stage: &mut Stage) -> Vec<String> {
    sqlx::query_scalar("select state from sends order by state").fetch_all(stage.seed.conn()).await.unwrap()
}

async fn planned(stage: &mut Stage) {
    let job = stage.jobs().await.pop().unwrap();
    plan::plan_page(&stage.world.app, &job).await.unwrap();
}

#[tokio::test]
async fn of_two_messages_that_have_not_left_one_is_cancelled_and_both_rows_stay() {
    let mut stage = Stage::new(3).await;
    stage.started().await;
    planned(&mut stage).await;
    let people = people(&mut stage).await;
    let merge = merges::merge(&stage.world.app, stage.seed.tenant, people[0], people[1]).await.unwrap();
    assert_eq!(merge.moved.cancelled.len(), 1);
    assert_eq!(states(&mut stage).await, ["cancelled", "queued", "queued"]);
    assert_eq!(stage.count("select count(*) from recipients").await, 3);
    let undone = merges::undo(&stage.world.app, stage.seed.tenant, people[0], merge.id).await.unwrap();
    assert_eq!(undone.kept.unwrap().cancelled, merge.moved.cancelled, "what was cancelled stays so, and is told");
}

#[tokio::test]
async fn whoever_got_it_by_the_other_gets_it_no_second_time() {
    for gone in [0, 1] {
        let mut stage = Stage::new(2).await;
        stage.started().await;
        planned(&mut stage).await;
        let people = people(&mut stage).await;
        sqlx::query("update sends set state = 'accepted' where contact_id = $1")
            .bind(people[gone])
            .execute(stage.seed.conn())
            .await
            .unwrap();
        merges::merge(&stage.world.app, stage.seed.tenant, people[0], people[1]).await.unwrap();
        assert_eq!(states(&mut stage).await, ["accepted", "cancelled"]);
    }
}

#[tokio::test]
async fn a_message_that_failed_is_no_reason_to_cancel_the_other() {
    let mut stage = Stage::new(2).await;
    stage.started().await;
    planned(&mut stage).await;
    let people = people(&mut stage).await;
    sqlx::query("update sends set state = 'refused' where contact_id = $1")
        .bind(people[0])
        .execute(stage.seed.conn())
        .await
        .unwrap();
    merges::merge(&stage.world.app, stage.seed.tenant, people[0], people[1]).await.unwrap();
    assert_eq!(states(&mut stage).await, ["queued", "refused"]);
}

#[tokio::test]
async fn a_survivor_whom_planning_has_not_reached_is_not_planned_when_the_other_was() {
    let mut stage = Stage::new(5_002).await;
    stage.started().await;
    planned(&mut stage).await;
    let people = people(&mut stage).await;
    let (last, first) = (people[5_001], people[0]);
    let merge = merges::merge(&stage.world.app, stage.seed.tenant, last, first).await.unwrap();
    assert_eq!(merge.moved.planned.len(), 1);
    planned(&mut stage).await;
    let of_both: Vec<MessageId> =
        sqlx::query_scalar("select distinct message_id from recipients where contact_id in ($1, $2)")
            .bind(last)
            .bind(first)
            .fetch_all(stage.seed.conn())
            .await
            .unwrap();
    assert_eq!(of_both.len(), 1);
    assert_eq!(stage.count("select count(*) from sends where state = 'queued'").await, 5_001);
}

#[tokio::test]
async fn whoever_was_merged_before_a_page_is_written_is_planned_once() {
    let mut stage = Stage::new(3).await;
    let people = people(&mut stage).await;
    merges::merge(&stage.world.app, stage.seed.tenant, people[1], people[0]).await.unwrap();
    stage.started().await;
    planned(&mut stage).await;
    assert_eq!(stage.count("select count(*) from sends").await, 2);
}
