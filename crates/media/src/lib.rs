//! Files: whether one may come in, how a picture is made harmless, and where bytes lie.
//!
//! Bytes in, bytes out: whose a file is, and who may read it, is not known here. `object_store` brings its own client for S3,
//! so this room opens connections to the bucket and to nothing else. To allow a type of file: its line in the core's
//! `media.rs`, and how it is recognised in `sniff.rs`.

mod face;
mod objects;
mod picture;
mod sniff;

pub use face::face;
pub use objects::{Key, ObjectError, Objects, Place, Reading, S3, Variant};
pub use picture::{Picture, Thumbnail};
pub use sniff::{Examined, examine};
