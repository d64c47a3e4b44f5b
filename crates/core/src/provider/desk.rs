//! Templates at a provider that looks at them before they are used: what an adapter writes and reads for that.
//!
//! Like the rest of an adapter it is arithmetic on bytes. Who calls, when, and what is done with the answer, is the
//! worker's business.

use std::time::Duration;

use super::{BuildError, Connection};
use crate::template::{Parts, TemplateCategory, TemplateStatus};

/// A template as it is put before the provider.
#[derive(Debug, Clone, Copy)]
pub struct Submission<'a> {
    pub name: &'a str,
    /// As the provider spells it: `en_US`.
    pub language: &'a str,
    pub category: TemplateCategory,
    pub body: &'a str,
    pub parts: &'a Parts,
}

/// Where a template stands at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub provider_ref: String,
    /// None: a word that we do not know.
    pub status: Option<TemplateStatus>,
    /// As the provider sees it, which need not be what was asked for.
    pub category: Option<TemplateCategory>,
    pub reason: Option<String>,
}

/// What a template says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub body: String,
    pub parts: Parts,
}

/// A template that the provider has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub language: String,
    pub standing: Standing,
    /// None: it has something that none of our messages could fill in.
    pub text: Option<Text>,
}

/// A page of the provider's templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub templates: Vec<Listed>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

/// Why a call about templates did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeskFault {
    /// For good, with the provider's code and its words for a person.
    #[error("{code}: {words}")]
    Refused { code: String, words: String },
    /// The provider has one of this name in this language.
    #[error("{code}: {words}")]
    Taken { code: String, words: String },
    /// The provider has nothing of this name or id.
    #[error("{code}: {words}")]
    Missing { code: String, words: String },
    /// Nothing was done. Try again, not before `after` when the provider names a time.
    #[error("{code}: {words}")]
    Later { code: String, words: String, after: Option<Duration> },
    /// It may have been done.
    #[error("the provider's answer cannot be read ({code})")]
    Unreadable { code: String },
}

/// The part of an adapter that keeps templates.
pub trait TemplateDesk: Send + Sync {
    /// Puts a new template before the provider. Repeating it is answered with [`DeskFault::Taken`].
    fn create(
        &self,
        connection: &Connection,
        submission: &Submission<'_>,
    ) -> Result<http::Request<Vec<u8>>, BuildError>;
    /// Puts another text before the provider for a template that it has.
    fn edit(
        &self,
        connection: &Connection,
        provider_ref: &str,
        submission: &Submission<'_>,
    ) -> Result<http::Request<Vec<u8>>, BuildError>;
    /// A page of the templates, all or those of a name; names that only contain it may be among them.
    fn list(
        &self,
        connection: &Connection,
        name: Option<&str>,
        after: Option<&str>,
    ) -> Result<http::Request<Vec<u8>>, BuildError>;
    /// Takes one language of a template away.
    fn remove(
        &self,
        connection: &Connection,
        name: &str,
        provider_ref: &str,
    ) -> Result<http::Request<Vec<u8>>, BuildError>;

    /// The answer to [`TemplateDesk::create`].
    fn created(&self, response: &http::Response<Vec<u8>>) -> Result<Standing, DeskFault>;
    /// The answer to [`TemplateDesk::edit`] and [`TemplateDesk::remove`].
    fn done(&self, response: &http::Response<Vec<u8>>) -> Result<(), DeskFault>;
    /// The answer to [`TemplateDesk::list`].
    fn page(&self, response: &http::Response<Vec<u8>>) -> Result<Page, DeskFault>;
}
