//! The lines of an import that could not be taken, as a file: line, code and reason, then the line as it stood. Corrected,
//! it can be imported as it is: our own columns are passed over.

use std::borrow::Cow;

use postroad_core::ids::{ImportId, TenantId};
use postroad_store::{
    TenantTx,
    import::{self, LineError},
};

use super::ImportError;
use crate::{App, cells};

/// Lines that are read at once.
const PAGE: i64 = 1_000;
const OWN_COLUMNS: [&str; 3] = ["postroad_line", "postroad_code", "postroad_reason"];

/// An error file, read piece by piece.
#[derive(Debug)]
pub struct ErrorFile {
    tenant: TenantId,
    import: ImportId,
    columns: Vec<String>,
    /// None: the header is next.
    after: Option<i64>,
}

impl ErrorFile {
    pub async fn open(app: &App, tenant: TenantId, id: ImportId) -> Result<Self, ImportError> {
        let mut tx = TenantTx::begin(&app.store, tenant).await?;
        let import = import::find(&mut tx, id).await?.ok_or(ImportError::NotFound)?;
        Ok(Self { tenant, import: id, columns: import.columns, after: None })
    }

    /// The next piece; none behind the last.
    pub async fn next(&mut self, app: &App) -> Result<Option<Vec<u8>>, ImportError> {
        let Some(after) = self.after else {
            self.after = Some(0);
            let header = OWN_COLUMNS.into_iter().chain(self.columns.iter().map(String::as_str));
            return Ok(Some(cells::rows([header.map(cells::guard)])));
        };
        let mut tx = TenantTx::begin(&app.store, self.tenant).await?;
        let errors = import::list_errors(&mut tx, self.import, after, PAGE).await?;
        let Some(last) = errors.last() else { return Ok(None) };
        self.after = Some(last.line);
        Ok(Some(cells::rows(errors.iter().map(row))))
    }
}

fn row(error: &LineError) -> impl Iterator<Item = Cow<'_, str>> {
    let own = [Cow::Owned(error.line.to_string()), Cow::Borrowed(error.code.as_str()), cells::guard(&error.detail)];
    own.into_iter().chain(error.fields.iter().flatten().map(|field| cells::guard(field)))
}
