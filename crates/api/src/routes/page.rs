//! Lists page by keyset: what is added while somebody reads moves nothing.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use postroad_core::limits::PAGE_MAX;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

/// Rows of a page when nobody says how many.
const PAGE_DEFAULT: i64 = 50;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub data: Vec<T>,
    /// Pass it as `after` for the following page. Absent: this is the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// From one row more than `limit`, which shows that there are more.
    pub fn of<Row>(mut rows: Vec<Row>, limit: i64, key: impl Fn(&Row) -> String, show: impl Fn(Row) -> T) -> Self {
        let limit = usize::try_from(limit).unwrap_or_default();
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(key) } else { None };
        Self { data: rows.into_iter().map(show).collect(), next }
    }
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Rows of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<i64>,
    /// `next` of the page before.
    #[param(max_length = 64)]
    pub after: Option<String>,
}

/// Rows of a page.
pub(crate) fn limit(wanted: Option<i64>) -> Result<i64, Problem> {
    let limit = wanted.unwrap_or(PAGE_DEFAULT);
    if (1..=PAGE_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::invalid("invalid_query", format_args!("limit is {limit}, and 1 to {PAGE_MAX} are possible")))
    }
}

/// A typed value of a query parameter.
pub(crate) fn parse<T>(name: &str, text: Option<&str>) -> Result<Option<T>, Problem>
where
    T: std::str::FromStr<Err: Display>,
{
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|error: T::Err| Problem::invalid("invalid_query", format_args!("{name}: {error}")))
}

/// Where a page by time ended: an instant and an id, `1767225600000000.cnv_…`.
pub(crate) fn instant_and_id<T: std::str::FromStr>(text: &str) -> Result<(DateTime<Utc>, T), Problem> {
    let parsed = text.split_once('.').and_then(|(at, id)| {
        let at = at.parse().ok().and_then(DateTime::from_timestamp_micros)?;
        Some((at, id.parse().ok()?))
    });
    parsed.ok_or_else(|| Problem::invalid("invalid_query", "after: not the `next` of a page before"))
}
