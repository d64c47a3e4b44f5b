//! Views: questions about conversations that are kept, of one member or of everybody.

use postroad_core::ids::{MemberId, TenantId, ViewId};
pub use postroad_store::views::View;
use postroad_store::{Error, TenantTx, views as stored};
use serde_json::Value;

use crate::{App, patch::Patch, text};

#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    #[error("there is no such view")]
    NotFound,
    #[error("the name does not have 1 to 100 characters")]
    Name,
    #[error("there is no such member")]
    UnknownMember,
    #[error(transparent)]
    Store(Error),
}

impl From<Error> for ViewError {
    fn from(error: Error) -> Self {
        match error {
            Error::Violated { constraint } if constraint.contains("member") => Self::UnknownMember,
            error => Self::Store(error),
        }
    }
}

/// A view to be kept. Whoever calls has checked the filter.
#[derive(Debug, Clone)]
pub struct NewView {
    /// 1 to 100 characters.
    pub name: String,
    /// Whose it is. None: everybody's.
    pub member: Option<MemberId>,
    pub filter: Value,
}

pub async fn create(app: &App, tenant: TenantId, new: NewView) -> Result<View, ViewError> {
    let now = app.clock.now();
    let view = View {
        id: ViewId::new(now),
        name: fitting(&new.name)?,
        member: new.member,
        filter: new.filter,
        created_at: now,
        updated_at: now,
    };
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    stored::insert(&mut tx, &view).await?;
    tx.commit().await?;
    Ok(view)
}

/// What changes of one.
#[derive(Debug, Clone, Default)]
pub struct ViewChange {
    pub name: Option<String>,
    pub member: Patch<MemberId>,
    pub filter: Option<Value>,
}

/// `by`: the person who does it, to whom other people's own views do not exist; none of a program.
pub async fn update(
    app: &App,
    tenant: TenantId,
    by: Option<MemberId>,
    id: ViewId,
    change: ViewChange,
) -> Result<View, ViewError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let mut view = seen(&mut tx, by, id).await?;
    if let Some(name) = change.name {
        view.name = fitting(&name)?;
    }
    change.member.apply(&mut view.member);
    view.filter = change.filter.unwrap_or(view.filter);
    view.updated_at = app.clock.now();
    stored::update(&mut tx, &view).await?;
    tx.commit().await?;
    Ok(view)
}

async fn seen(tx: &mut TenantTx, by: Option<MemberId>, id: ViewId) -> Result<View, ViewError> {
    let view = stored::find(tx, id).await?.ok_or(ViewError::NotFound)?;
    let is_somebody_elses = by.is_some() && view.member.is_some() && view.member != by;
    if is_somebody_elses { Err(ViewError::NotFound) } else { Ok(view) }
}

/// `by`: as for [`update`].
pub async fn delete(app: &App, tenant: TenantId, by: Option<MemberId>, id: ViewId) -> Result<(), ViewError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    seen(&mut tx, by, id).await?;
    if !stored::delete(&mut tx, id).await? {
        return Err(ViewError::NotFound);
    }
    Ok(tx.commit().await?)
}

/// `by`: as for [`update`].
pub async fn get(app: &App, tenant: TenantId, by: Option<MemberId>, id: ViewId) -> Result<View, ViewError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    seen(&mut tx, by, id).await
}

/// A page, oldest first. `of`: that member's own and everybody's.
pub async fn list(
    app: &App,
    tenant: TenantId,
    of: Option<MemberId>,
    after: Option<ViewId>,
    limit: i64,
) -> Result<Vec<View>, ViewError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(stored::list(&mut tx, of, after, limit).await?)
}

fn fitting(name: &str) -> Result<String, ViewError> {
    let name = name.trim();
    text::fits(name, 1..=100).then(|| name.to_owned()).ok_or(ViewError::Name)
}
