//! People who work for a tenant, and their departments.

use postroad_core::{
    conversation::Role,
    ids::{AccountId, DepartmentId, MemberId, RoleId, TenantId},
};
pub use postroad_store::members::{Department, Member};
use postroad_store::{Error, TenantTx, accounts, members};

use crate::{App, patch::Patch, text};

/// Conversations that one member may have by turns.
const CAPACITY_MAX: i32 = 10_000;
/// Accounts to which what a member sees is limited.
const ACCOUNTS_MAX: usize = 100;

#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    #[error("there is no such member")]
    NotFound,
    #[error("there is no such department")]
    UnknownDepartment,
    #[error("the name has too few or too many characters")]
    Name,
    #[error("another department has this name")]
    NameTaken,
    #[error("the email is no address")]
    Email,
    #[error("a member has room for 0 to {CAPACITY_MAX} conversations")]
    Capacity,
    #[error("a member sees what comes through 1 to {ACCOUNTS_MAX} accounts, or through all: null")]
    Accounts,
    #[error("owners and admins may do and see everything: give them another role first")]
    MayDoEverything,
    #[error("there is no such role")]
    UnknownRole,
    #[error("there is no account {0}")]
    UnknownAccount(AccountId),
    #[error("you cannot give a role that may do more than your own, nor change somebody who has one")]
    RoleTooHigh,
    #[error("another member has this email")]
    EmailTaken,
    #[error(transparent)]
    Store(Error),
}

impl From<Error> for MemberError {
    fn from(error: Error) -> Self {
        match error {
            Error::Taken { constraint } if constraint == "members_by_email" => Self::EmailTaken,
            Error::Taken { constraint } if constraint == "departments_by_name" => Self::NameTaken,
            Error::Violated { constraint } if constraint.contains("department") => Self::UnknownDepartment,
            Error::Violated { constraint } if constraint.contains("role_id") => Self::UnknownRole,
            error => Self::Store(error),
        }
    }
}

/// Somebody who is to work for a tenant.
#[derive(Clone)]
pub struct NewMember {
    /// 1 to 200 characters.
    pub name: String,
    pub email: Option<String>,
    pub role: Role,
    pub department: Option<DepartmentId>,
}

/// `giver`: the role of the person who does it; none of a program or a rule, which may do what their scope says.
pub async fn create(app: &App, tenant: TenantId, giver: Option<Role>, new: NewMember) -> Result<Member, MemberError> {
    may_give(giver, new.role)?;
    let now = app.clock.now();
    let member = Member {
        id: MemberId::new(now),
        name: named(&new.name, 200)?,
        email: new.email.map(|email| reached(&email)).transpose()?,
        role: new.role,
        custom_role: None,
        active: true,
        department: new.department,
        capacity: None,
        accounts: None,
        created_at: now,
        updated_at: now,
    };
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    members::insert(&mut tx, &member).await?;
    tx.commit().await?;
    Ok(member)
}

fn named(name: &str, chars_max: usize) -> Result<String, MemberError> {
    let name = name.trim();
    text::fits(name, 1..=chars_max).then(|| name.to_owned()).ok_or(MemberError::Name)
}

/// Something before and behind one `@`: whether anybody reads it, only a message tells.
pub(crate) fn reached(email: &str) -> Result<String, MemberError> {
    let email = email.trim();
    let is_address = email.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !host.contains('@') && !email.contains(char::is_whitespace)
    });
    (is_address && text::fits(email, 3..=320)).then(|| email.to_owned()).ok_or(MemberError::Email)
}

pub async fn get(app: &App, tenant: TenantId, id: MemberId) -> Result<Member, MemberError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    members::find(&mut tx, id).await?.ok_or(MemberError::NotFound)
}

/// A page, oldest first.
pub async fn list(
    app: &App,
    tenant: TenantId,
    after: Option<MemberId>,
    limit: i64,
) -> Result<Vec<Member>, MemberError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(members::list(&mut tx, after, limit).await?)
}

/// What of a member is to change.
#[derive(Default)]
pub struct MemberChange {
    pub name: Option<String>,
    pub email: Patch<String>,
    pub role: Option<Role>,
    /// In the place of what their role says; owners and admins have none.
    pub custom_role: Patch<RoleId>,
    /// Who is not active keeps what they did, and gets nothing new.
    pub active: Option<bool>,
    pub department: Patch<DepartmentId>,
    /// 0 to 10,000 conversations.
    pub capacity: Patch<i32>,
    /// 1 to 100 of the tenant's accounts; owners and admins see all.
    pub accounts: Patch<Vec<AccountId>>,
}

fn may_give(giver: Option<Role>, role: Role) -> Result<(), MemberError> {
    let may = giver.is_none_or(|giver| giver.may_give(role));
    may.then_some(()).ok_or(MemberError::RoleTooHigh)
}

/// `giver`: as for [`create`].
pub async fn update(
    app: &App,
    tenant: TenantId,
    giver: Option<Role>,
    id: MemberId,
    change: MemberChange,
) -> Result<Member, MemberError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let mut member = members::find(&mut tx, id).await?.ok_or(MemberError::NotFound)?;
    may_give(giver, member.role)?;
    may_give(giver, change.role.unwrap_or(member.role))?;
    if let Some(name) = change.name {
        member.name = named(&name, 200)?;
    }
    if let Some(email) = change.email.value() {
        reached(email)?;
    }
    change.email.apply(&mut member.email);
    change.department.apply(&mut member.department);
    if change.capacity.value().is_some_and(|capacity| !(0..=CAPACITY_MAX).contains(capacity)) {
        return Err(MemberError::Capacity);
    }
    change.capacity.apply(&mut member.capacity);
    member.role = change.role.unwrap_or(member.role);
    if matches!(member.role, Role::Owner | Role::Admin) {
        if change.custom_role.value().is_some() || change.accounts.value().is_some() {
            return Err(MemberError::MayDoEverything);
        }
        member.custom_role = None;
        member.accounts = None;
    }
    change.custom_role.apply(&mut member.custom_role);
    if let Some(accounts) = change.accounts.value() {
        know(&mut tx, accounts).await?;
    }
    change.accounts.apply(&mut member.accounts);
    member.active = change.active.unwrap_or(member.active);
    member.updated_at = app.clock.now();
    members::update(&mut tx, &member).await?;
    tx.commit().await?;
    Ok(member)
}

async fn know(tx: &mut TenantTx, ids: &[AccountId]) -> Result<(), MemberError> {
    if ids.is_empty() || ids.len() > ACCOUNTS_MAX {
        return Err(MemberError::Accounts);
    }
    for id in ids {
        accounts::find(tx, *id).await?.ok_or(MemberError::UnknownAccount(*id))?;
    }
    Ok(())
}

pub async fn create_department(app: &App, tenant: TenantId, name: &str) -> Result<Department, MemberError> {
    let now = app.clock.now();
    let department =
        Department { id: DepartmentId::new(now), name: named(name, 100)?, created_at: now, updated_at: now };
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    members::insert_department(&mut tx, &department).await?;
    tx.commit().await?;
    Ok(department)
}

pub async fn rename_department(
    app: &App,
    tenant: TenantId,
    id: DepartmentId,
    name: &str,
) -> Result<Department, MemberError> {
    let name = named(name, 100)?;
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let renamed = members::rename_department(&mut tx, id, &name, app.clock.now()).await?;
    let department = renamed.ok_or(MemberError::NotFound)?;
    tx.commit().await?;
    Ok(department)
}

/// A page, oldest first.
pub async fn departments(
    app: &App,
    tenant: TenantId,
    after: Option<DepartmentId>,
    limit: i64,
) -> Result<Vec<Department>, MemberError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(members::departments(&mut tx, after, limit).await?)
}
