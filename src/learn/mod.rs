//! Mathematics that learns from vectors: products and factors of matrices, moments, neighbours,
//! clusters, mixtures, support vectors, trees, maps.
//!
//! This room knows rows of numbers. It knows no clips, no domains, no settings of a spec and no
//! stored models: those are the detectors'. What takes long asks its
//! [`Context`](crate::context::Context) for threads and whether it should stop.

pub(crate) mod centres;
pub(crate) mod cholesky;
pub(crate) mod dbscan;
pub(crate) mod eigen;
pub(crate) mod em;
pub(crate) mod kernel;
pub(crate) mod lloyd;
pub(crate) mod mixture;
pub(crate) mod moments;
pub(crate) mod neighbours;
pub(crate) mod product;
pub(crate) mod scaling;
pub(crate) mod smo;
pub(crate) mod tree;
pub(crate) mod tsne;

pub use error::Error;

mod error;
