//! From an empty database to the newest schema: roles, the queue's tables, ours.
//!
//! Apart from the store, whose queries are checked against a database that this crate has prepared. Deliberately absent:
//! queries of the product.

pub mod migrate;
mod urls;

pub use urls::Urls;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the database address cannot be read: {0}")]
    Address(#[source] url::ParseError),
    #[error("the migrations cannot be applied: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;
