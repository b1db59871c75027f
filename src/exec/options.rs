//! What a run is told besides its plan.

/// How a run goes about its work; nothing here changes a result.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Threads that may be busy at once.
    pub jobs: usize,
    /// Bytes that running stages may want together. A stage that wants more runs alone.
    pub memory: u64,
    /// Stop at the first failure.
    pub fail_fast: bool,
    /// Run nothing; nodes that would have to are stale.
    pub frozen: bool,
}
