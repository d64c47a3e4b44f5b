//! How people reach a business: what a tenant tells of itself, and the pages that people open show.

use postroad_core::{
    account::Channel,
    phone,
    website::{self, NoWebsite},
};
pub use postroad_store::tenants::Business;
use postroad_store::{Error, TenantTx, tenants};

use crate::addresses::{self, AddressError};

/// What of it nobody could use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusinessError {
    #[error("the email is no mail address")]
    Email,
    #[error("the phone cannot be called: {0}")]
    Phone(#[from] phone::PhoneError),
    #[error(transparent)]
    Website(#[from] NoWebsite),
}

/// Each in its one spelling.
pub(crate) fn spelled(business: &Business) -> Result<Business, BusinessError> {
    let Business { email, phone, website } = business;
    Ok(Business {
        email: email.as_deref().map(self::email).transpose()?,
        phone: phone.as_deref().map(|text| phone::normalise(text, None)).transpose()?.map(String::from),
        website: website.as_deref().map(website::normalise).transpose()?,
    })
}

pub(crate) fn email(text: &str) -> Result<String, BusinessError> {
    addresses::normalise(Channel::Email, text, None).map_err(|_: AddressError| BusinessError::Email)
}

/// Who writes to people.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    pub name: String,
    pub business: Business,
}

/// The transaction's tenant.
pub(crate) async fn writer(tx: &mut TenantTx) -> Result<Writer, Error> {
    let tenant = tx.tenant();
    let found = tenants::find(tx, tenant).await?;
    Ok(found.map(|tenant| Writer { name: tenant.name, business: tenant.business }).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_has_one_spelling_and_what_is_not_told_stays_so() {
        let told = |text: &str| Some(text.to_owned());
        let given = Business {
            email: told(" Hello@Shop.example "),
            phone: told("+44 (0) 20 7946 0018"),
            website: told("https://shop.example"),
        };
        let expected = Business {
            email: told("hello@shop.example"),
            phone: told("+442079460018"),
            website: told("https://shop.example/"),
        };
        assert_eq!(spelled(&given), Ok(expected.clone()));
        assert_eq!(spelled(&expected), Ok(expected), "once more changes nothing");
        assert_eq!(spelled(&Business::default()), Ok(Business::default()));
    }
}
