//! Threads for rayon inside a stage: one pool per running job, kept for the next job of its size.
//!
//! Each job has its own pool, because rayon inside a stage must not wait for another stage or steal
//! from it. Starting and ending threads would cost a small stage as much as its work, so idle pools
//! are kept. There are never more pools of a size than jobs of that size ran at once, and their
//! threads sleep.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

static IDLE: Mutex<BTreeMap<usize, Vec<ThreadPool>>> = Mutex::new(BTreeMap::new());

/// Runs `work` on `threads` threads that nothing else uses meanwhile. A panic of `work` passes
/// through and ends its pool.
///
/// Errors: the system cannot start the threads.
pub fn on_threads<R: Send>(
    threads: usize,
    work: impl FnOnce() -> R + Send,
) -> Result<R, ThreadPoolBuildError> {
    let idle = || IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = idle().get_mut(&threads).and_then(Vec::pop);
    let pool = match kept {
        Some(pool) => pool,
        None => ThreadPoolBuilder::new().num_threads(threads).build()?,
    };
    let result = pool.install(work);
    idle().entry(threads).or_default().push(pool);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_serves_the_next_job_of_its_size_and_no_two_at_once() {
        // A size that no other test uses.
        let thread = || on_threads(3, || std::thread::current().id()).unwrap();
        let pool = on_threads(3, || rayon::broadcast(|_| std::thread::current().id())).unwrap();
        assert!(pool.len() == 3 && pool.contains(&thread()));
        let inside =
            on_threads(3, || std::thread::scope(|s| s.spawn(thread).join().unwrap())).unwrap();
        assert!(!pool.contains(&inside));
    }

    #[test]
    fn a_panic_passes_through_and_the_next_job_runs() {
        assert!(std::panic::catch_unwind(|| on_threads(5, || -> () { panic!("a bug") })).is_err());
        assert_eq!(on_threads(5, rayon::current_num_threads).unwrap(), 5);
    }
}
