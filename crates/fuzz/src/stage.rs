//! A database with a tenant in it, for targets that end in a statement.

use postroad_core::ids::TenantId;
use postroad_testkit::{Seed, TestDb};
use tokio::runtime::Runtime;

use crate::parts::now;

pub(crate) struct Stage {
    pub(crate) runtime: Runtime,
    pub(crate) db: TestDb,
    pub(crate) tenant: TenantId,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let db = runtime.block_on(TestDb::new());
        let tenant = runtime.block_on(Seed::new(&db, now())).tenant;
        Self { runtime, db, tenant }
    }
}
