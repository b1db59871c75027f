//! A run as a document: a plan stored in the cache, readable without its spec and data.
//!
//! ```text
//! {"schema":1,"head":{…},"body":{…}}             digests and lengths of the two lines below
//! {"name":…,"axes":…,"points":…}                 the head: everything that tables need
//! {"nodes":…,"settings":…}                       the body: all stages with their inputs and keys
//! ```
//!
//! The document is written before the first job, and again with keys and results after the run. Its
//! name is the digest of its first version, so the same spec, data and code give the same document.
//! Commands that show tables read only the head.
//!
//! This room makes and reads documents. It knows no clock, no files and no cache.

mod document;
mod head;

pub use document::{Body, Frozen, Run, RunError};
pub use head::{Expectation, Head, ResultRef};
