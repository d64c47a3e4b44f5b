//! Whom a campaign is for.

use postroad_core::{
    ids::{CampaignId, GroupId, SegmentId},
    segment::Filter,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Who gets it. Frozen at the start: who is added later gets nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Audience {
    /// Everybody with an address on the account's channel.
    All {
        all: bool,
    },
    Contacts {
        contact_ids: Vec<Uuid>,
    },
    /// Whom this import wrote last.
    Import {
        import: Uuid,
    },
    /// Of whom the segment's filter holds when the campaign starts.
    Segment {
        segment: SegmentId,
    },
    Group {
        group: GroupId,
    },
    Filter {
        filter: Filter,
    },
    /// Whom the other campaign did not reach, as soon as that is known.
    Fallback {
        fallback_of: CampaignId,
    },
}

/// Who gets nothing, though the audience has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Exclusion {
    Segment { segment: SegmentId },
    Group { group: GroupId },
    Filter { filter: Filter },
}
