//! Mathematics that learns from vectors: products and factors of matrices, moments, neighbours,
//! clusters, mixtures, support vectors, trees, maps.
//!
//! This room knows rows of numbers. It knows no clips, domains, settings of a spec or stored
//! models: those belong to the detectors. Long computations ask their
//! [`Context`](crate::context::Context) for threads and whether to stop.

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
