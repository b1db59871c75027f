//! Errors of learning.

/// The reason why an algorithm gave no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The vectors cannot be learnt from, for example because all are the same.
    #[error("{0}")]
    Data(String),
    /// There are too few vectors, or they are too much alike. A group can have too few vectors
    /// where the whole has enough.
    #[error("{0}")]
    TooFew(String),
    /// The run was cancelled; nobody will see this.
    #[error("cancelled")]
    Cancelled,
}
