//! Where the three database roles connect.

use crate::{Error, Result};

/// Where the three roles connect. Each holds a password: it never prints.
#[derive(Clone)]
pub struct Urls {
    /// Migrates; owns the tables.
    pub owner: String,
    /// Serves, under row-level security.
    pub app: String,
    /// Runs the named cross-tenant functions.
    pub system: String,
}

impl Urls {
    /// The three roles beside a privileged address, in `database`. Their passwords follow from the privileged one, so
    /// that every process that knows the one address knows the others; without one they have none either.
    pub fn beside(admin: &str, database: &str) -> Result<Self> {
        let base = url::Url::parse(admin).map_err(Error::Address)?;
        let secret = base.password().map(str::to_owned);
        let role = |name: &str| {
            let mut url = base.clone();
            let password = secret.as_ref().map(|secret| role_password(name, secret));
            let set = url.set_username(name).is_ok() && url.set_password(password.as_deref()).is_ok();
            debug_assert!(set, "a postgres address has a host");
            url.set_path(database);
            url.to_string()
        };
        Ok(Self { owner: role("postroad_owner"), app: role("postroad_app"), system: role("postroad_system") })
    }
}

fn role_password(role: &str, secret: &str) -> String {
    use sha2::{Digest, Sha256};
    data_encoding::HEXLOWER.encode(&Sha256::digest(format!("postroad role\n{role}\n{secret}")))
}
