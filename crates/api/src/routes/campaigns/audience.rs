//! Who gets a campaign, as callers write it and as they see it.

use postroad_core::{
    ids::{CampaignId, ContactId, GroupId, ImportId, SegmentId},
    segment::Filter,
};
use postroad_store::campaigns as stored;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{problem::Problem, schema::SegmentFilter};

/// Who gets it: exactly one of these. Frozen at the start: whoever is added and whatever is edited later changes nothing.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAudience {
    /// True: everybody with an address on the account's channel.
    all: Option<bool>,
    #[schema(value_type = Option<Vec<String>>, max_items = 10_000)]
    contact_ids: Option<Vec<ContactId>>,
    /// Whom this import wrote last.
    #[schema(value_type = Option<String>, pattern = "^imp_[0-9a-f]{32}$")]
    import_id: Option<ImportId>,
    #[schema(value_type = Option<String>, pattern = "^seg_[0-9a-f]{32}$")]
    segment_id: Option<SegmentId>,
    #[schema(value_type = Option<String>, pattern = "^grp_[0-9a-f]{32}$")]
    group_id: Option<GroupId>,
    #[schema(value_type = Option<SegmentFilter>)]
    filter: Option<Filter>,
}

impl NewAudience {
    pub(super) fn into_stored(self) -> Result<stored::Audience, Problem> {
        let Self { all, contact_ids, import_id, segment_id, group_id, filter } = self;
        let named = [
            all.map(|all| stored::Audience::All { all }),
            contact_ids
                .map(|ids| stored::Audience::Contacts { contact_ids: ids.into_iter().map(ContactId::uuid).collect() }),
            import_id.map(|import| stored::Audience::Import { import: import.uuid() }),
            segment_id.map(|segment| stored::Audience::Segment { segment }),
            group_id.map(|group| stored::Audience::Group { group }),
            filter.map(|filter| stored::Audience::Filter { filter }),
        ];
        let mut named = named.into_iter().flatten();
        match (named.next(), named.next()) {
            (None | Some(stored::Audience::All { all: false }), _) | (_, Some(_)) => {
                let detail = "an audience is {\"all\": true}, or contact_ids, an import_id, a segment_id, a group_id or a filter";
                Err(Problem::invalid("invalid_audience", detail))
            }
            (Some(audience), None) => Ok(audience),
        }
    }
}

/// Whom a campaign leaves out: exactly one of these.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CampaignExclusion)]
pub(super) struct Exclusion {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^seg_[0-9a-f]{32}$")]
    segment_id: Option<SegmentId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^grp_[0-9a-f]{32}$")]
    group_id: Option<GroupId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<SegmentFilter>)]
    filter: Option<Filter>,
}

impl Exclusion {
    pub(super) fn into_stored(self) -> Result<stored::Exclusion, Problem> {
        match self {
            Self { segment_id: Some(segment), group_id: None, filter: None } => {
                Ok(stored::Exclusion::Segment { segment })
            }
            Self { segment_id: None, group_id: Some(group), filter: None } => Ok(stored::Exclusion::Group { group }),
            Self { segment_id: None, group_id: None, filter: Some(filter) } => Ok(stored::Exclusion::Filter { filter }),
            _ => Err(Problem::invalid("invalid_audience", "an exclusion is a segment_id, a group_id or a filter")),
        }
    }

    pub(super) fn of(exclusion: stored::Exclusion) -> Self {
        match exclusion {
            stored::Exclusion::Segment { segment } => Self { segment_id: Some(segment), ..Self::default() },
            stored::Exclusion::Group { group } => Self { group_id: Some(group), ..Self::default() },
            stored::Exclusion::Filter { filter } => Self { filter: Some(filter), ..Self::default() },
        }
    }
}

/// Who gets it.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = CampaignAudience)]
pub(super) struct Audience {
    #[serde(skip_serializing_if = "Option::is_none")]
    all: Option<bool>,
    /// How many contacts are named.
    #[serde(skip_serializing_if = "Option::is_none")]
    contacts: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^imp_[0-9a-f]{32}$")]
    import_id: Option<ImportId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^seg_[0-9a-f]{32}$")]
    segment_id: Option<SegmentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^grp_[0-9a-f]{32}$")]
    group_id: Option<GroupId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<SegmentFilter>)]
    filter: Option<Filter>,
    /// Whom this campaign does not reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^cmp_[0-9a-f]{32}$")]
    fallback_of: Option<CampaignId>,
}

impl Audience {
    pub(super) fn of(audience: stored::Audience) -> Self {
        match audience {
            stored::Audience::All { all } => Self { all: Some(all), ..Self::default() },
            stored::Audience::Contacts { contact_ids } => Self { contacts: Some(contact_ids.len()), ..Self::default() },
            stored::Audience::Import { import } => {
                Self { import_id: Some(ImportId::from_uuid(import)), ..Self::default() }
            }
            stored::Audience::Segment { segment } => Self { segment_id: Some(segment), ..Self::default() },
            stored::Audience::Group { group } => Self { group_id: Some(group), ..Self::default() },
            stored::Audience::Filter { filter } => Self { filter: Some(filter), ..Self::default() },
            stored::Audience::Fallback { fallback_of } => Self { fallback_of: Some(fallback_of), ..Self::default() },
        }
    }
}
