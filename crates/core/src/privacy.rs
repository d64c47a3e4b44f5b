//! How what people say rests in the database.

use crate::words::words;

words! {
    /// Of a tenant, or of one of its accounts; it holds for what is written from then on.
    Bodies {
        Plain = "plain",
        /// Under the tenant's data key: a copy of the database does not tell it, and no search finds it.
        Sealed = "sealed",
    }
}
