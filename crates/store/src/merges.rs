//! Two contacts that are one person: what moves, the history of it, and the way back.
//!
//! Messages go with their address, so a message always belongs to whom its address belongs to. What the two contacts are
//! called is decided by the caller and written with [`crate::contacts::update`].

mod history;
mod moves;

pub use history::{Kept, Merge, Moved, MovedGroup, blank, find, insert, list, mark_undone, were_one};
pub use moves::{
    Standing, cancel_surplus, group_memberships, groups_back, hold_planning, join_groups, lock, mark_merged,
    mark_planned, merged_contacts, move_addresses, move_messages, set_uses, stand_alone, survivor, uses,
};
