//! Data keys that were unwrapped, so that opening a secret does not ask the database each time.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;
use postroad_core::ids::{DataKeyId, TenantId};

use super::cipher::Key;

/// Keys held in memory; the oldest goes first, and is wiped when it goes.
const HELD_MAX: usize = 1_024;

/// The tenant is part of the name: a key is never found for another tenant.
type Name = (TenantId, DataKeyId);

#[derive(Default)]
pub(super) struct Unwrapped(Mutex<Held>);

#[derive(Default)]
struct Held {
    keys: HashMap<Name, Key>,
    order: VecDeque<Name>,
}

impl Unwrapped {
    pub(super) fn get(&self, tenant: TenantId, id: DataKeyId) -> Option<Key> {
        self.0.lock().keys.get(&(tenant, id)).cloned()
    }

    pub(super) fn put(&self, tenant: TenantId, id: DataKeyId, key: Key) {
        let mut held = self.0.lock();
        if held.keys.insert((tenant, id), key).is_none() {
            held.order.push_back((tenant, id));
        }
        if held.order.len() > HELD_MAX
            && let Some(oldest) = held.order.pop_front()
        {
            held.keys.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_keys_go_when_there_are_too_many() {
        let held = Unwrapped::default();
        let tenant = TenantId::from_uuid(uuid::Uuid::from_u128(1));
        let id = |n: usize| DataKeyId::from_uuid(uuid::Uuid::from_u128(n as u128));
        for n in 0..=HELD_MAX {
            held.put(tenant, id(n), Key::generate());
        }
        assert!(held.get(tenant, id(0)).is_none());
        assert!(held.get(tenant, id(1)).is_some() && held.get(tenant, id(HELD_MAX)).is_some());
        assert!(held.get(TenantId::from_uuid(uuid::Uuid::from_u128(2)), id(1)).is_none());
    }
}
