//! Why nothing was learnt.

/// Why an algorithm gave no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The vectors cannot be learnt from, such as those that are all the same.
    #[error("{0}")]
    Data(String),
    /// There are too few vectors, or they are too much alike. A part of the vectors may be too few
    /// where all are not.
    #[error("{0}")]
    TooFew(String),
    /// The run was given up; nobody will see this.
    #[error("cancelled")]
    Cancelled,
}
