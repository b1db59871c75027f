//! Threads for rayon inside a stage: a pool for each job at work, kept for the next job of its
//! size.
//!
//! A job has a pool of its own, because rayon inside a stage may neither wait for another stage nor
//! steal from one. Starting and ending the threads would cost a small stage as much as its work, so
//! idle pools stay; there are never more of a size than jobs of that size ran at once, and their
//! threads sleep.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

static IDLE: Mutex<BTreeMap<usize, Vec<ThreadPool>>> = Mutex::new(BTreeMap::new());

/// Runs `work` on `threads` threads that nobody else uses meanwhile. A panic of `work` passes
/// through and ends its pool.
///
/// Errors: the system gives no more threads.
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
        // A size that no other test asks for.
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
