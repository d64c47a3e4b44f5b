//! What a member was told of: looked at, taken away, or not wanted at all. What they are told of is written where it
//! happens, in [`crate::telling`].

use postroad_core::{
    actor::Actor,
    conversation::EventKind,
    ids::{MemberId, NotificationId, TenantId},
    notification::NotificationKind,
};
pub use postroad_store::notifications::Notification;
use postroad_store::{
    Error, TenantTx,
    events::{self, Notice},
    members, notifications as stored,
};
use serde_json::{Value, json};

use crate::App;

/// Notifications that one call marks.
const MARKED_MAX: i64 = 10_000;

#[derive(Debug, thiserror::Error)]
pub enum NotificationError {
    #[error("there is no such notification")]
    NotFound,
    #[error("there is no such member")]
    UnknownMember,
    #[error(
        "the member was told of newer messages of the same conversation; that notification stands for this one too"
    )]
    NewerThere,
    #[error(transparent)]
    Store(Error),
}

impl From<Error> for NotificationError {
    fn from(error: Error) -> Self {
        match error {
            Error::Taken { constraint } if constraint == "notifications_collapsed" => Self::NewerThere,
            error => Self::Store(error),
        }
    }
}

/// Which notifications of a member, newest first.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    pub member: MemberId,
    pub only_unread: bool,
    pub before: Option<NotificationId>,
    /// At least 1.
    pub limit: i64,
}

/// A page, and how many the member has not looked at, counted to 1,000.
pub async fn list(app: &App, tenant: TenantId, wanted: Listed) -> Result<(Vec<Notification>, i64), NotificationError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    know(&mut tx, wanted.member).await?;
    let page = stored::list(&mut tx, wanted.member, wanted.only_unread, wanted.before, wanted.limit).await?;
    Ok((page, stored::count_unread(&mut tx, wanted.member).await?))
}

async fn know(tx: &mut TenantTx, member: MemberId) -> Result<(), NotificationError> {
    members::find(tx, member).await?.map(|_| ()).ok_or(NotificationError::UnknownMember)
}

/// What a member made of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Read,
    Unread,
}

/// `whose`: only if it is theirs; none of a program, which may speak for anybody.
pub async fn mark(
    app: &App,
    tenant: TenantId,
    (whose, id): (Option<MemberId>, NotificationId),
    mark: Mark,
) -> Result<Notification, NotificationError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let read_at = (mark == Mark::Read).then_some(now);
    let marked = stored::mark(&mut tx, (whose, id), read_at).await?.ok_or(NotificationError::NotFound)?;
    tell(app, tx, marked.member, json!({"id": id, "read": mark == Mark::Read})).await?;
    Ok(marked)
}

/// Marks everything up to and with one notification as read, at most 10,000; returns how many were not.
pub async fn mark_all(
    app: &App,
    tenant: TenantId,
    member: MemberId,
    up_to: NotificationId,
) -> Result<u64, NotificationError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    know(&mut tx, member).await?;
    let marked = stored::mark_all(&mut tx, member, up_to, MARKED_MAX, now).await?;
    if marked > 0 {
        tell(app, tx, member, json!({"up_to": up_to, "read": true})).await?;
    }
    Ok(marked)
}

pub async fn delete(
    app: &App,
    tenant: TenantId,
    (whose, id): (Option<MemberId>, NotificationId),
) -> Result<(), NotificationError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let member = stored::delete(&mut tx, (whose, id)).await?.ok_or(NotificationError::NotFound)?;
    tell(app, tx, member, json!({"id": id, "deleted": true})).await
}

/// To the member's other clients, with how much is left to look at; then commits.
async fn tell(app: &App, mut tx: TenantTx, member: MemberId, mut data: Value) -> Result<(), NotificationError> {
    let tenant = tx.tenant();
    data["unread"] = json!(stored::count_unread(&mut tx, member).await?);
    let actor = Actor::Member(member);
    let notice = Notice { kind: EventKind::NotificationChanged, member, conversation: None, actor, data };
    events::tell_all(&mut tx, &[], &[(tenant, notice)], app.clock.now()).await?;
    tx.commit().await?;
    app.live.told([tenant]);
    Ok(())
}

/// Whether the member wants to be told in the application, of every kind.
pub async fn preferences(
    app: &App,
    tenant: TenantId,
    member: MemberId,
) -> Result<Vec<(NotificationKind, bool)>, NotificationError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    read_preferences(&mut tx, member).await
}

async fn read_preferences(
    tx: &mut TenantTx,
    member: MemberId,
) -> Result<Vec<(NotificationKind, bool)>, NotificationError> {
    know(tx, member).await?;
    let said = stored::preferences(tx, member).await?;
    let wants = |kind| said.iter().find(|(of, _)| *of == kind).is_none_or(|(_, in_app)| *in_app);
    Ok(NotificationKind::ALL.iter().map(|kind| (*kind, wants(*kind))).collect())
}

/// What the member says holds from the next notification on; kinds that are not named stay as they were.
pub async fn prefer(
    app: &App,
    tenant: TenantId,
    member: MemberId,
    wanted: &[(NotificationKind, bool)],
) -> Result<Vec<(NotificationKind, bool)>, NotificationError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    know(&mut tx, member).await?;
    stored::prefer(&mut tx, member, wanted, app.clock.now()).await?;
    let preferences = read_preferences(&mut tx, member).await?;
    tx.commit().await?;
    Ok(preferences)
}
