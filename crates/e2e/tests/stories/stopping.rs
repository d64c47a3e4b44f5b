use anyhow::Result;
use postroad_e2e::until;
use postroad_simulators::meta::{Content, Inbound};
use sqlx::{Connection, Executor};

use crate::world::{PATIENCE, World, agreed, news_for, numbers};

const ADA: &str = "+15550100001";

#[tokio::test]
async fn nothing_is_attempted_after_the_kill_switch_and_the_rest_goes_out_afterwards() -> Result<()> {
    let world = World::start_with(postroad_e2e::Setup::default(), "40").await?;
    let people = numbers(200);
    world.operator().import(&agreed(&people)).await?;
    // Everything is there before anything leaves: however slowly it is posted, there is something to stop.
    world.operator().run(&["pause", "account", &world.account]).await?;
    for number in &people {
        world.post(&news_for(number)).await?;
    }
    world.operator().run(&["resume", "account", &world.account]).await?;
    until("some were sent", PATIENCE, || async { Ok(world.sim.stats().counts.accepted > 20) }).await?;
    world.operator().run(&["pause", "account", &world.account]).await?;
    let mut db = world.installation.database.connect().await?;
    until("nothing is under way", PATIENCE, || async {
        let mut db = world.installation.database.connect().await?;
        let sql = "select count(*) from sends where state in ('queued', 'claimed', 'attempting')";
        Ok(sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut db).await? == 0)
    })
    .await?;
    // The switch is one instant in the database, and so is each intent.
    let sql = "select count(*) from attempts t join accounts a on a.id = t.account_id
               where t.started_at > a.updated_at + interval '1 second'";
    let late: i64 = sqlx::query_scalar(sql).fetch_one(&mut db).await?;
    assert_eq!(late, 0, "attempts that began after the switch");
    let sent = world.sim.stats().counts.accepted;
    assert!(sent < 200, "the switch came too late to show anything");
    world.operator().run(&["resume", "account", &world.account]).await?;
    until("the rest is sent", PATIENCE, || async { Ok(world.sim.stats().counts.accepted_unique == 200) }).await?;
    assert_eq!(world.sim.stats().counts.duplicates, 0);
    Ok(())
}

#[tokio::test]
async fn who_writes_stop_gets_nothing_more_of_what_was_queued() -> Result<()> {
    let world = World::start().await?;
    world.operator().import(&agreed(&[ADA])).await?;
    world.operator().run(&["pause", "account", &world.account]).await?;
    let id = world.post(&news_for(ADA)).await?;
    world.reaches(&id, "waiting").await?;
    let stop = Content::Text { body: "STOP".to_owned() };
    world.sim.inbound(Inbound { from: Some(ADA.to_owned()), message: stop, ..Inbound::default() })?;
    let db = world.installation.database.connect().await?;
    until("the word is on record", PATIENCE, || async {
        let mut db = world.installation.database.connect().await?;
        let sql = "select count(*) from consents where action = 'revoked' and source = 'inbound'";
        Ok(sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut db).await? > 0)
    })
    .await?;
    world.operator().run(&["resume", "account", &world.account]).await?;
    world.reaches(&id, "refused").await?;
    assert!(world.explanation(&id).await?.to_string().contains("opted_out"));
    assert!(world.sent_to(ADA).is_empty());
    db.close().await?;
    Ok(())
}

/// The worker has read that Ada agreed, and is held up there; she takes it back before the intent is written.
#[tokio::test]
async fn an_opt_out_between_the_decision_and_the_intent_still_counts() -> Result<()> {
    let world = World::start().await?;
    world.operator().import(&agreed(&[ADA])).await?;
    let mut barrier = world.installation.database.connect().await?;
    let mut barred = barrier.begin().await?;
    // Facts of a lane, and the last look before the intent, read this table; a person's consent was read before.
    barred.execute("lock table provider_switches in access exclusive mode").await?;
    let id = posted_behind_the_barrier(&world).await?;
    until("the worker has read the facts and stands at the barrier", PATIENCE, || async {
        let mut db = world.installation.database.connect().await?;
        let sql = "select count(*) from pg_stat_activity where application_name = 'postroad-lane' and wait_event_type = 'Lock'";
        Ok(sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut db).await? > 0)
    })
    .await?;
    let mut db = world.installation.database.connect().await?;
    let sql =
        "insert into consents (tenant_id, id, address_id, channel, purpose, action, source, occurred_at, recorded_at)
               select tenant_id, gen_random_uuid(), id, channel, 'transactional', 'revoked', 'operator', now(), now()
               from   addresses where address = $1";
    sqlx::query(sql).bind(ADA).execute(&mut db).await?;
    barred.commit().await?;
    world.reaches(&id, "refused").await?;
    assert!(world.sent_to(ADA).is_empty(), "it left although she had taken her word back");
    Ok(())
}

/// The API reads the same facts to tell what holds a message, so it would stand at the barrier too: the row is written as
/// another room of the product would write it.
async fn posted_behind_the_barrier(world: &World) -> Result<String> {
    let mut db = world.installation.database.connect().await?;
    let id = uuid::Uuid::now_v7();
    let sql = "
        with wanted as (
            select d.tenant_id, d.id as address, d.contact_id as contact, a.id as account
            from   addresses d join accounts a on a.tenant_id = d.tenant_id where d.address = $2 and a.channel = 'whatsapp'
        ), said as (
            insert into messages (tenant_id, id, direction, account_id, contact_id, address_id, channel, source, class, purpose,
                                  quiet_policy, kind, content, created_at)
            select tenant_id, $1, 'outbound', account, contact, address, 'whatsapp', 'agent', 'agent_reply', 'transactional', 'exempt',
                   'template', '{\"type\":\"template\",\"name\":\"order_news\",\"language\":\"en_US\",\"parameters\":[\"Ada\"]}', now()
            from   wanted
        )
        insert into sends (tenant_id, id, lane_id, address_id, contact_id, flow, weight, class, state, run_at, state_at)
        select tenant_id, $1, account, address, contact, '00000000-0000-0000-0000-000000000003', 32, 'agent_reply', 'queued', now(), now()
        from   wanted";
    sqlx::query(sql).bind(id).bind(ADA).execute(&mut db).await?;
    Ok(format!("msg_{}", id.simple()))
}
