//! Whatever two contacts are, a merge and its undoing leave them as they were.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use postroad_app::{
    contacts::NewContact,
    groups::{self, People},
    merges,
};
use postroad_core::ids::{ContactId, TenantId};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::{
    merges::{person, world},
    world::{World, noon},
};

const ROUNDS: usize = 40;

/// Somebody from a small world, so that two of them have things in common.
#[derive(Debug, Clone)]
struct Somebody {
    contact: Described,
    groups: Vec<bool>,
    uses: Vec<i64>,
}

#[derive(Debug, Clone)]
struct Described {
    name: Option<String>,
    zone: Option<String>,
    attributes: BTreeMap<String, String>,
    tags: Vec<String>,
}

fn somebody() -> impl Strategy<Value = Somebody> {
    let name = prop::option::of(prop::sample::select(vec!["Ada".to_owned(), "Bo".to_owned()]));
    let zone = prop::option::of(prop::sample::select(vec!["UTC".to_owned(), "Asia/Kolkata".to_owned()]));
    let attributes = prop::collection::btree_map("[abc]", "[xy]", 0..4);
    let tags = prop::collection::vec("[pqr]", 0..3);
    let contact = (name, zone, attributes, tags).prop_map(|(name, zone, attributes, tags)| Described {
        name,
        zone,
        attributes,
        tags,
    });
    (contact, prop::collection::vec(any::<bool>(), 3), prop::collection::vec(1..9i64, 0..5))
        .prop_map(|(contact, groups, uses)| Somebody { contact, groups, uses })
}

#[tokio::test]
async fn a_merge_and_its_undoing_leave_everything_that_nobody_touched_as_it_was() {
    let (world, tenant) = world().await;
    let mut runner = TestRunner::deterministic();
    let mut list = Vec::new();
    for name in ["one", "two", "three"] {
        list.push(groups::create(&world.app, tenant, name).await.unwrap().id);
    }
    for round in 0..ROUNDS {
        let [one, two] = [(); 2].map(|()| somebody().new_tree(&mut runner).unwrap().current());
        let a = write(&world, tenant, &one, round * 2, &list).await;
        let b = write(&world, tenant, &two, round * 2 + 1, &list).await;
        let before = stored(&world, [a, b]).await;
        let merge = merges::merge(&world.app, tenant, a, b).await.unwrap();
        assert_ne!(stored(&world, [a, b]).await, before);
        world.app.clock.advance(TimeDelta::minutes(1));
        let kept = merges::undo(&world.app, tenant, a, merge.id).await.unwrap().kept.unwrap().0;
        assert_eq!(kept, merges::Kept::default());
        assert_eq!(stored(&world, [a, b]).await, before, "{one:?} and {two:?}");
    }
}

async fn write(
    world: &World,
    tenant: TenantId,
    somebody: &Somebody,
    number: usize,
    list: &[postroad_core::ids::GroupId],
) -> ContactId {
    let Described { name, zone, attributes, tags } = somebody.contact.clone();
    let rest = NewContact { display_name: name, time_zone: zone, attributes, tags, ..NewContact::default() };
    let id = person(world, tenant, &format!("key-{number}"), &format!("+1202555{number:04}"), rest).await;
    for (group, _) in list.iter().zip(&somebody.groups).filter(|(_, is_member)| **is_member) {
        groups::add(&world.app, tenant, *group, &People::Contacts(vec![id])).await.unwrap();
    }
    let mut uses: Vec<_> = somebody.uses.iter().map(|hours| noon() - TimeDelta::hours(*hours)).collect();
    uses.sort_unstable();
    uses.dedup();
    let insert = sqlx::query("insert into frequency_uses (tenant_id, contact_id, uses) values ($1, $2, $3)");
    insert.bind(tenant).bind(id).bind(uses).execute(&mut world.admin().await).await.unwrap();
    message(world, id).await;
    id
}

/// One that went to the person.
async fn message(world: &World, contact: ContactId) {
    let sql = "
        with m as (
            insert into messages (tenant_id, id, direction, account_id, contact_id, address_id, channel, source, class, purpose,
                                  quiet_policy, kind, content, created_at)
            select a.tenant_id, gen_random_uuid(), 'outbound', gen_random_uuid(), a.contact_id, a.id, a.channel, 'api', 'transactional',
                   'transactional', 'hold', 'text', '{}', now()
            from   addresses a where a.contact_id = $1 returning *)
        insert into sends (tenant_id, id, lane_id, address_id, contact_id, flow, weight, class, state, run_at, state_at)
        select tenant_id, id, account_id, address_id, contact_id, gen_random_uuid(), 1, class, 'sent', now(), now() from m";
    sqlx::query(sql).bind(contact).execute(&mut world.admin().await).await.unwrap();
}

/// Everything that says whose something is, but for counters and clocks.
async fn stored(world: &World, contacts: [ContactId; 2]) -> String {
    let sql = "
        select jsonb_build_array(
            (select jsonb_agg(to_jsonb(c) - 'updated_at' order by c.id) from contacts c where c.id = any($1)),
            (select jsonb_agg(to_jsonb(a) - 'consent_version' order by a.id) from addresses a where a.contact_id = any($1)),
            (select jsonb_agg(to_jsonb(g) order by g.group_id, g.contact_id) from group_members g where g.contact_id = any($1)),
            (select jsonb_agg(to_jsonb(f) order by f.contact_id) from frequency_uses f where f.contact_id = any($1)),
            (select jsonb_agg(to_jsonb(m) order by m.id) from messages m where m.contact_id = any($1)),
            (select jsonb_agg(to_jsonb(s) order by s.id) from sends s where s.contact_id = any($1)))::text";
    sqlx::query_scalar(sql).bind(contacts.map(ContactId::uuid)).fetch_one(&mut world.admin().await).await.unwrap()
}
