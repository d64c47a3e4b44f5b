//! The lines of an import that could not be taken, as a file: line, code and reason, then the line as it stood. Corrected,
//! it can be imported as it is: our own columns are passed over.

use postroad_core::ids::{ImportId, TenantId};
use postroad_store::{
    Result, TenantTx,
    import::{self, LineError},
};

use super::ImportError;
use crate::{
    App,
    cells::Cell,
    lines::{Export, Lines},
};

const OWN_COLUMNS: [&str; 3] = ["postroad_line", "postroad_code", "postroad_reason"];

/// An error file, in the order of the lines.
pub type ErrorFile = Export<ErrorLines>;

#[derive(Debug)]
pub struct ErrorLines {
    import: ImportId,
    columns: Vec<String>,
}

impl ErrorFile {
    pub async fn open(app: &App, tenant: TenantId, id: ImportId) -> Result<Self, ImportError> {
        let mut tx = TenantTx::begin(&app.store, tenant).await?;
        let import = import::find(&mut tx, id).await?.ok_or(ImportError::NotFound)?;
        Ok(Self::of(tenant, ErrorLines { import: id, columns: import.columns }))
    }
}

impl Lines for ErrorLines {
    type Line = LineError;
    type Key = i64;

    fn header(&self) -> Vec<Cell<'_>> {
        OWN_COLUMNS.into_iter().chain(self.columns.iter().map(String::as_str)).map(Cell::from).collect()
    }

    async fn page(&self, tx: &mut TenantTx, after: Option<i64>, limit: i64) -> Result<Vec<LineError>> {
        import::list_errors(tx, self.import, after.unwrap_or_default(), limit).await
    }

    fn key(error: &LineError) -> i64 {
        error.line
    }

    fn cells<'a>(&'a self, error: &'a LineError) -> Vec<Cell<'a>> {
        let own = [Cell::Number(error.line), error.code.as_str().into(), error.detail.as_str().into()];
        own.into_iter().chain(error.fields.iter().flatten().map(|field| field.as_str().into())).collect()
    }
}
