//! The database and the model agree, about whoever and whatever is asked.

use std::collections::BTreeSet;

use postroad_core::{
    account::Channel,
    consent::{ConsentAction, Purpose},
    ids::ContactId,
    segment::Filter,
    send::SendState,
};
use postroad_store::{
    TenantTx,
    audiences::{self, Meant, Step, Use},
};
use proptest::{
    prelude::*,
    sample::{select, subsequence},
    strategy::ValueTree,
    test_runner::TestRunner,
};
use uuid::Uuid;

use crate::{
    arbitrary::{self, CHANNELS, LANGUAGES, NAMES, TAGS, VALUES, ZONES},
    model,
    people::{Address, Got, Person, Town},
    stage::Stage,
};

const PEOPLE: usize = 160;
const FILTERS: usize = 120;

fn runner() -> TestRunner {
    TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })
}

fn one<T: std::fmt::Debug>(runner: &mut TestRunner, strategy: &impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

fn people() -> impl Strategy<Value = Person> {
    let known =
        (select(vec![-5_i64, 0, 10, 24, 25, 130, 300, 900]), prop::option::of(select(vec!["Ada", "Golden Bo", ""])));
    let spoken = (prop::option::of(select(LANGUAGES)), prop::option::of(select(ZONES)));
    let said = (
        subsequence(TAGS.to_vec(), 0..=TAGS.len()),
        prop::collection::btree_map(select(&NAMES[..3]), select(VALUES), 0..=3),
        prop::option::of(1..3_u128),
    );
    let did = (
        prop::collection::vec(addresses(), 0..=4),
        prop::collection::vec(select(vec![-3_i64, 1, 23, 24, 25, 119, 121, 400, 3_000]), 0..=2),
        subsequence(vec![1_u128, 2], 0..=2).prop_flat_map(|groups| {
            let count = groups.len();
            (Just(groups), prop::collection::vec(select(vec![-1_i64, 0, 50]), count))
        }),
        subsequence(vec![1_u128, 2], 0..=2).prop_flat_map(|campaigns| {
            let count = campaigns.len();
            (
                Just(campaigns),
                prop::collection::vec((select(SendState::ALL), select(vec![2_i64, 24, 130]), any::<bool>()), count),
            )
        }),
    );
    (known, spoken, said, did).prop_map(|((known_for_h, name), (language, zone), (tags, attributes, import), did)| {
        let (addresses, wrote_h, (groups, joined), (campaigns, gots)) = did;
        let got = |(campaign, (state, ago_h, clicked))| Got { campaign, state, ago_h, clicked };
        let campaigns = campaigns.into_iter().zip(gots).map(got);
        Person {
            known_for_h,
            name,
            language,
            zone,
            tags,
            attributes,
            import,
            addresses,
            wrote_h,
            groups: groups.into_iter().zip(joined).collect(),
            campaigns: campaigns.collect(),
        }
    })
}

fn addresses() -> impl Strategy<Value = Address> {
    let word = || prop::option::of(select(ConsentAction::ALL));
    (select(CHANNELS), word(), word(), any::<bool>()).prop_map(|(channel, marketing, transactional, suppressed)| {
        Address { channel, marketing, transactional, suppressed }
    })
}

/// Everybody meant, step by step; every step is within its bounds.
async fn walked(tx: &mut TenantTx, meant: Meant<'_>) -> Vec<Uuid> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let walked = audiences::walk(tx, meant, Step { after, take: 40, look: 60 }).await.unwrap();
        assert!(walked.meant.len() <= 40);
        found.extend(walked.meant);
        let Some(to) = walked.to else { return found };
        assert!(after.is_none_or(|after: ContactId| after < to), "a step leads on");
        after = Some(to);
    }
}

/// A filter and, in every third case, itself within a group: that is walked along another path.
fn variants(filter: &Filter, nth: usize) -> Filter {
    if nth.is_multiple_of(3) {
        Filter::All(vec![Filter::Group(arbitrary::group(1)), filter.clone()])
    } else {
        filter.clone()
    }
}

#[tokio::test]
async fn the_statement_means_whom_the_filter_means() {
    let stage = Stage::new(0).await;
    let (app, tenant, now) = (stage.world.app.clone(), stage.seed.tenant, stage.seed.now);
    let mut town = Town::new(stage.seed, stage.account).with_nouns(stage.template.uuid()).await;
    let mut runner = runner();
    let (anybody, anything) = (people(), arbitrary::filters());
    for _ in 0..PEOPLE {
        let person = one(&mut runner, &anybody);
        town.add(person).await;
    }
    let (mut hits, for_what) = (0, Use { channel: Channel::Whatsapp, purpose: Purpose::Marketing });
    for nth in 0..FILTERS {
        let filter = variants(&one(&mut runner, &anything), nth);
        let meant = Meant { filter: &filter, at: now };
        let known = town.people.iter().filter(|(_, person)| person.known_for_h >= 0);
        let expected: BTreeSet<Uuid> =
            known.filter(|(_, person)| model::holds(&filter, person, now)).map(|(id, _)| id.uuid()).collect();
        let mut tx = TenantTx::begin(&app.store, tenant).await.unwrap();
        let found = walked(&mut tx, meant).await;
        assert!(found.is_sorted(), "{filter:?}");
        let differ = |ids: &BTreeSet<Uuid>| {
            town.people.iter().find(|(id, _)| ids.contains(&id.uuid()) != expected.contains(&id.uuid())).cloned()
        };
        assert_eq!(
            differ(&found.iter().copied().collect()).map(|(_, person)| person).map(|p| format!("{p:?}")),
            None,
            "{filter:?}"
        );
        let count = audiences::count(&mut tx, meant).await.unwrap();
        let alike: i64 =
            audiences::alike(&mut tx, meant, for_what).await.unwrap().iter().map(|alike| alike.count).sum();
        let all: Vec<Uuid> = town.people.iter().map(|(id, _)| id.uuid()).collect();
        let among = audiences::among(&mut tx, meant, &all).await.unwrap();
        let wanted = i64::try_from(expected.len()).unwrap();
        assert_eq!(
            (found.len(), count, alike, among.len()),
            (expected.len(), wanted, wanted, expected.len()),
            "{filter:?}"
        );
        hits += usize::from(!expected.is_empty() && expected.len() < PEOPLE / 2);
    }
    assert!(hits > FILTERS / 4, "only {hits} of the filters meant some and not most");
}
