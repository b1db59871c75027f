//! Options of a run beside its plan.

/// Options of a run; none of them changes a result.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The most threads in use at once.
    pub jobs: usize,
    /// Memory limit in bytes for all running stages. A stage that needs more runs alone.
    pub memory: u64,
    /// Stop at the first failure.
    pub fail_fast: bool,
    /// Run nothing; nodes that would run are stale.
    pub frozen: bool,
}
