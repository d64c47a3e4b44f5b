//! Roles that a tenant makes, beside those that there are.

use postroad_core::{
    ids::{RoleId, TenantId},
    scope::Scope,
    sight::Sees,
};
pub use postroad_store::roles::CustomRole;
use postroad_store::{Error, TenantTx, roles};

use crate::{App, text};

/// Roles of one tenant.
const ROLES_MAX: i64 = 50;

#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    #[error("there is no such role")]
    NotFound,
    #[error("the name does not have 1 to 100 characters")]
    Name,
    #[error("another role has this name")]
    NameTaken,
    #[error("a role may do something: name at least one scope, each once")]
    Scopes,
    #[error("this is for owners and admins only: {0}")]
    ForAdmins(Scope),
    #[error("a tenant has at most {ROLES_MAX} roles of its own")]
    TooMany,
    #[error("somebody has this role; give them another one first")]
    InUse,
    #[error(transparent)]
    Store(Error),
}

impl From<Error> for RoleError {
    fn from(error: Error) -> Self {
        match error {
            Error::Taken { constraint } if constraint == "roles_by_name" => Self::NameTaken,
            Error::Violated { constraint } if constraint.starts_with("members") => Self::InUse,
            error => Self::Store(error),
        }
    }
}

/// What whoever has a role may do, and sees.
#[derive(Debug, Clone)]
pub struct Grants {
    /// 1 to 100 characters; no other role has it, whatever its case.
    pub name: String,
    pub scopes: Vec<Scope>,
    pub sees: Sees,
}

impl Grants {
    fn checked(self) -> Result<Self, RoleError> {
        let Self { name, mut scopes, sees } = self;
        let name = name.trim().to_owned();
        if !text::fits(&name, 1..=100) {
            return Err(RoleError::Name);
        }
        let given = scopes.len();
        scopes.sort_unstable();
        scopes.dedup();
        if given == 0 || given != scopes.len() {
            return Err(RoleError::Scopes);
        }
        let too_high = scopes.iter().copied().find(|scope| scope.is_for_admins());
        too_high.map_or(Ok(Self { name, scopes, sees }), |scope| Err(RoleError::ForAdmins(scope)))
    }

    fn words(&self) -> Vec<String> {
        self.scopes.iter().map(ToString::to_string).collect()
    }
}

pub async fn create(app: &App, tenant: TenantId, grants: Grants) -> Result<CustomRole, RoleError> {
    let (grants, now) = (grants.checked()?, app.clock.now());
    let (id, scopes) = (RoleId::new(now), grants.words());
    let role = CustomRole { id, name: grants.name, scopes, sees: grants.sees, created_at: now, updated_at: now };
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if roles::count(&mut tx).await? >= ROLES_MAX {
        return Err(RoleError::TooMany);
    }
    roles::insert(&mut tx, &role).await?;
    tx.commit().await?;
    Ok(role)
}

/// A page, oldest first.
pub async fn list(
    app: &App,
    tenant: TenantId,
    after: Option<RoleId>,
    limit: i64,
) -> Result<Vec<CustomRole>, RoleError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(roles::list(&mut tx, None, after, limit).await?)
}

/// Counts from the next request of everybody who has it.
pub async fn update(app: &App, tenant: TenantId, id: RoleId, grants: Grants) -> Result<CustomRole, RoleError> {
    let (grants, now) = (grants.checked()?, app.clock.now());
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let found = roles::list(&mut tx, Some(id), None, 1).await?.pop().ok_or(RoleError::NotFound)?;
    let role = CustomRole { scopes: grants.words(), name: grants.name, sees: grants.sees, updated_at: now, ..found };
    if !roles::update(&mut tx, &role).await? {
        return Err(RoleError::NotFound);
    }
    tx.commit().await?;
    Ok(role)
}

pub async fn delete(app: &App, tenant: TenantId, id: RoleId) -> Result<(), RoleError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if !roles::delete(&mut tx, id).await? {
        return Err(RoleError::NotFound);
    }
    Ok(tx.commit().await?)
}
