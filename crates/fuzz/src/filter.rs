//! Filters of contacts, with a database behind.

use postroad_core::segment::Filter;
use postroad_store::{
    TenantTx,
    audiences::{self, Meant},
};

use crate::{parts::now, stage::Stage};

#[test]
fn a_filter_is_refused_or_is_a_statement_that_the_database_runs() {
    let Stage { runtime, db, tenant } = Stage::new();
    let run = |filter: &Filter| {
        runtime.block_on(async {
            let mut tx = TenantTx::begin(&db.store, tenant).await.unwrap();
            audiences::count(&mut tx, Meant { filter, at: now() }).await
        })
    };
    target!(|input: &[u8]| {
        let Ok(filter) = serde_json::from_slice::<Filter>(input) else { return false };
        if let Err(refused) = filter.check() {
            assert!(!refused.to_string().is_empty() && refused.path.starts_with("filter"));
            return false;
        }
        let written = serde_json::to_vec(&filter).unwrap();
        assert_eq!(serde_json::from_slice::<Filter>(&written).unwrap(), filter, "it means the same when it is written");
        let counted = run(&filter);
        assert!(counted.is_ok(), "{filter:?}: {counted:?}");
        true
    });
}
