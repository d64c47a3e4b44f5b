//! What fills placeholders.

use postroad_store::campaigns as stored;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;

/// Where the value of a placeholder comes from: `value` for everybody, an `attribute` of the person, or a `link` of the
/// person's own.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CampaignVariable)]
pub(crate) struct Variable {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 1024)]
    value: Option<String>,
    /// The name of an attribute, or `display_name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 64)]
    attribute: Option<String>,
    /// For people without the attribute. Without it they get nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 1024)]
    fallback: Option<String>,
    /// `preferences` or `unsubscribe`: the person's own page. Or an address that the link leads on to, and says who came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 1024)]
    link: Option<String>,
}

impl Variable {
    pub(crate) fn into_stored(self) -> Result<stored::Variable, Problem> {
        match self {
            Self { value: Some(value), attribute: None, fallback: None, link: None } => {
                Ok(stored::Variable::Value { value })
            }
            Self { value: None, attribute: Some(attribute), fallback, link: None } => {
                Ok(stored::Variable::Attribute { attribute, fallback })
            }
            Self { value: None, attribute: None, fallback: None, link: Some(link) } => {
                Ok(stored::Variable::Link { link })
            }
            _ => Err(Problem::invalid("invalid_variable", "a variable has either a value, or an attribute, or a link")),
        }
    }

    pub(crate) fn of(variable: stored::Variable) -> Self {
        match variable {
            stored::Variable::Value { value } => Self { value: Some(value), ..Self::default() },
            stored::Variable::Attribute { attribute, fallback } => {
                Self { attribute: Some(attribute), fallback, ..Self::default() }
            }
            stored::Variable::Link { link } => Self { link: Some(link), ..Self::default() },
        }
    }
}
