//! Words that conversations carry, so that they are found again.

use postroad_core::ids::{LabelId, TenantId};
pub use postroad_store::labels::Label;
use postroad_store::{Error, TenantTx, labels};

use crate::{App, text};

#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    #[error("there is no such label")]
    NotFound,
    #[error("the name does not have 1 to 50 characters")]
    Name,
    #[error("another label has this name")]
    NameTaken,
    #[error("a color is # and six of the digits 0 to 9 and a to f")]
    Color,
    #[error(transparent)]
    Store(Error),
}

impl From<Error> for LabelError {
    fn from(error: Error) -> Self {
        match error {
            Error::Taken { constraint } if constraint == "labels_by_name" => Self::NameTaken,
            error => Self::Store(error),
        }
    }
}

/// What a label looks like.
#[derive(Debug, Clone)]
pub struct Look {
    /// 1 to 50 characters; no other label has it, whatever its case.
    pub name: String,
    /// `#rrggbb` in small letters.
    pub color: String,
}

impl Look {
    fn checked(self) -> Result<Self, LabelError> {
        let name = self.name.trim().to_owned();
        if !text::fits(&name, 1..=50) {
            return Err(LabelError::Name);
        }
        let digits = self.color.strip_prefix('#').unwrap_or_default();
        let is_color = digits.len() == 6 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_color.then_some(Self { name, color: self.color }).ok_or(LabelError::Color)
    }
}

pub async fn create(app: &App, tenant: TenantId, look: Look) -> Result<Label, LabelError> {
    let (look, now) = (look.checked()?, app.clock.now());
    let label = Label { id: LabelId::new(now), name: look.name, color: look.color, created_at: now, updated_at: now };
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    labels::insert(&mut tx, &label).await?;
    tx.commit().await?;
    Ok(label)
}

/// A page, oldest first.
pub async fn list(app: &App, tenant: TenantId, after: Option<LabelId>, limit: i64) -> Result<Vec<Label>, LabelError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(labels::list(&mut tx, after, limit).await?)
}

pub async fn update(app: &App, tenant: TenantId, id: LabelId, look: Look) -> Result<Label, LabelError> {
    let look = look.checked()?;
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let updated = labels::update(&mut tx, id, &look.name, &look.color, app.clock.now()).await?;
    let label = updated.ok_or(LabelError::NotFound)?;
    tx.commit().await?;
    Ok(label)
}

/// Takes it from every conversation, too.
pub async fn delete(app: &App, tenant: TenantId, id: LabelId) -> Result<(), LabelError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if !labels::delete(&mut tx, id).await? {
        return Err(LabelError::NotFound);
    }
    Ok(tx.commit().await?)
}
