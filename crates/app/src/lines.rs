//! Files of lines, read piece by piece: the header, then page after page, each behind the last line of the one before.
//!
//! To add one: implement [`Lines`]. What stands in a cell is guarded where it is written, in [`cells::rows`].

use postroad_core::{ids::TenantId, limits::EXPORT_PAGE};
use postroad_store::{Result, TenantTx};

use crate::{
    App,
    cells::{self, Cell},
};

/// What a file is made of.
pub trait Lines: Send + Sync {
    type Line: Send + Sync;
    /// What a line goes by: the next page begins behind it.
    type Key: Copy + Send + Sync;

    fn header(&self) -> Vec<Cell<'_>>;

    /// None: the first page. Fewer lines than `limit` are the last.
    fn page(
        &self,
        tx: &mut TenantTx,
        after: Option<Self::Key>,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<Self::Line>>> + Send;

    fn key(line: &Self::Line) -> Self::Key;

    fn cells<'a>(&'a self, line: &'a Self::Line) -> Vec<Cell<'a>>;
}

/// A file of lines, as far as it was read.
#[derive(Debug)]
pub struct Export<L: Lines> {
    tenant: TenantId,
    lines: L,
    next: Next<L::Key>,
}

#[derive(Debug)]
enum Next<K> {
    Header,
    After(Option<K>),
    Nothing,
}

impl<L: Lines> Export<L> {
    pub(crate) const fn of(tenant: TenantId, lines: L) -> Self {
        Self { tenant, lines, next: Next::Header }
    }

    /// The next piece; none behind the last.
    pub async fn next(&mut self, app: &App) -> Result<Option<Vec<u8>>> {
        match self.next {
            Next::Header => {
                self.next = Next::After(None);
                Ok(Some(cells::rows([self.lines.header()])))
            }
            Next::After(after) => self.page(app, after).await,
            Next::Nothing => Ok(None),
        }
    }

    async fn page(&mut self, app: &App, after: Option<L::Key>) -> Result<Option<Vec<u8>>> {
        let mut tx = TenantTx::begin(&app.store, self.tenant).await?;
        let lines = self.lines.page(&mut tx, after, EXPORT_PAGE).await?;
        let is_last = i64::try_from(lines.len()).unwrap_or(i64::MAX) < EXPORT_PAGE;
        self.next = match lines.last() {
            Some(last) if !is_last => Next::After(Some(L::key(last))),
            _ => Next::Nothing,
        };
        Ok((!lines.is_empty()).then(|| cells::rows(lines.iter().map(|line| self.lines.cells(line)))))
    }
}
