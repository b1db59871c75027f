//! A run as a document: a plan frozen into the cache, which is read without its spec and its data.
//!
//! ```text
//! {"schema":1,"head":{…},"body":{…}}             digests and lengths of the two lines below
//! {"name":…,"axes":…,"points":…}                 the head: what tables are made of
//! {"nodes":…,"settings":…}                       the body: every stage with its needs and its key
//! ```
//!
//! The document is written before the first job, and again with keys and results when the run has
//! ended. Its name is the digest of what it was before: the same spec, data and code give the same
//! document. Commands that show tables read the head alone.
//!
//! This room makes and reads documents. It knows nothing of clocks, files or the cache.

mod document;
mod head;

pub use document::{Body, Frozen, Run, RunError};
pub use head::{Expectation, Head, ResultRef};
