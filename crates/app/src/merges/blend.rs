//! What the survivor gets of the other, and gives back. Pure.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use postroad_core::limits::TAGS_MAX;
use postroad_store::{
    contacts::Contact,
    merges::{Kept, Merge, Moved},
};

use super::MergeError;
use crate::contacts::check::ATTRIBUTES_MAX;

/// Uses that are remembered of one contact: no cap counts more.
const USES_MAX: usize = 100;

/// The survivor's own word counts; what it lacks comes from the other.
pub(super) fn fill(survivor: &mut Contact, gone: &Contact, moved: &mut Moved) -> Result<(), MergeError> {
    for (name, own, others) in fields(survivor, gone) {
        if own.is_none() && others.is_some() {
            own.clone_from(others);
            moved.fields.push(name.to_owned());
        }
    }
    for (name, value) in &gone.attributes {
        if !survivor.attributes.contains_key(name) {
            survivor.attributes.insert(name.clone(), value.clone());
            moved.attributes.push(name.clone());
        }
    }
    moved.tags = gone.tags.iter().filter(|tag| !survivor.tags.contains(tag)).cloned().collect();
    let tags: BTreeSet<String> = survivor.tags.drain(..).chain(moved.tags.iter().cloned()).collect();
    survivor.tags = tags.into_iter().collect();
    if survivor.attributes.len() > ATTRIBUTES_MAX {
        return Err(MergeError::TooManyAttributes);
    }
    if survivor.tags.len() > TAGS_MAX { Err(MergeError::TooManyTags) } else { Ok(()) }
}

type Field<'a> = (&'static str, &'a mut Option<String>, &'a Option<String>);

fn fields<'a>(survivor: &'a mut Contact, gone: &'a Contact) -> [Field<'a>; 3] {
    [
        ("display_name", &mut survivor.display_name, &gone.display_name),
        ("language", &mut survivor.language, &gone.language),
        ("time_zone", &mut survivor.time_zone, &gone.time_zone),
    ]
}

/// What came from the other and is as it came goes; what was changed since stays, and is told.
pub(super) fn take_back(survivor: &mut Contact, gone: &Contact, moved: &Moved, kept: &mut Kept) {
    for (name, own, others) in fields(survivor, gone) {
        if !moved.fields.iter().any(|field| field == name) {
            continue;
        }
        if own == others {
            *own = None;
        } else {
            kept.fields.push(name.to_owned());
        }
    }
    for name in &moved.attributes {
        if survivor.attributes.get(name) == gone.attributes.get(name) {
            survivor.attributes.remove(name);
        } else {
            kept.attributes.push(name.clone());
        }
    }
    survivor.tags.retain(|tag| !moved.tags.contains(tag));
}

/// All of both, oldest first; of too many the newest.
pub(super) fn uses(one: &[DateTime<Utc>], two: &[DateTime<Utc>]) -> Vec<DateTime<Utc>> {
    let all: BTreeSet<DateTime<Utc>> = one.iter().chain(two).copied().collect();
    let surplus = all.len().saturating_sub(USES_MAX);
    all.into_iter().skip(surplus).collect()
}

/// What counts for the survivor and for the other afterwards.
pub(super) fn uses_back(
    own: &[DateTime<Utc>],
    others: &[DateTime<Utc>],
    merge: &Merge,
) -> (Vec<DateTime<Utc>>, Vec<DateTime<Utc>>) {
    let added = &merge.moved.uses_added;
    let since: Vec<DateTime<Utc>> =
        own.iter().filter(|at| !added.contains(at) && !merge.moved.uses_before.contains(at)).copied().collect();
    (uses(&merge.moved.uses_before, &since), uses(others, &since))
}
