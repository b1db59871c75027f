//! Threads for rayon inside a stage: one pool per running job, kept for the next job of its size.
//!
//! Each job has its own pool, because rayon inside a stage must not wait for another stage or steal
//! from it. Starting and ending threads would cost a small stage as much as its work, so idle pools
//! are kept. There are never more pools of a size than jobs of that size ran at once, and their
//! threads sleep.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

static IDLE: Mutex<BTreeMap<usize, Vec<ThreadPool>>> = Mutex::new(BTreeMap::new());

thread_local! {
    /// The pool that consists of this thread.
    static OWN: RefCell<Option<Rc<ThreadPool>>> = const { RefCell::new(None) };
}

/// Makes this thread a pool of its own, for jobs of one thread. Handing a small stage to another
/// thread costs a sixth of its time. rayon never lets go of such a thread, so only threads that do
/// nothing but jobs may call this.
pub fn own_pool() {
    // Without it, the thread hands jobs over.
    let pool = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().ok();
    OWN.set(pool.map(Rc::new));
}

/// Runs `work` on `threads` threads that nothing else uses meanwhile. A panic of `work` passes
/// through and ends its pool.
///
/// Errors: the system cannot start the threads.
pub fn on_threads<R: Send>(
    threads: usize,
    work: impl FnOnce() -> R + Send,
) -> Result<R, ThreadPoolBuildError> {
    let own = OWN.with_borrow(Clone::clone).filter(|_| threads == 1);
    if let Some(pool) = own {
        return Ok(pool.install(work));
    }
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
    fn a_thread_with_its_own_pool_does_jobs_of_one_thread_itself() {
        let done = std::thread::spawn(|| {
            own_pool();
            let here = std::thread::current().id();
            let panics = std::panic::catch_unwind(|| on_threads(1, || -> () { panic!("a bug") }));
            let alone = on_threads(1, || {
                let threads = rayon::broadcast(|_| std::thread::current().id());
                (threads, rayon::join(|| 1, || 2))
            });
            let four =
                on_threads(4, || (rayon::current_num_threads(), std::thread::current().id()));
            (here, panics.is_err(), alone.unwrap(), four.unwrap())
        });
        let (here, panicked, alone, (count, other)) = done.join().unwrap();
        assert!(panicked);
        assert_eq!(alone, (vec![here], (1, 2)));
        assert!(count == 4 && other != here);
    }

    #[test]
    fn a_panic_passes_through_and_the_next_job_runs() {
        assert!(std::panic::catch_unwind(|| on_threads(5, || -> () { panic!("a bug") })).is_err());
        assert_eq!(on_threads(5, rayon::current_num_threads).unwrap(), 5);
    }
}
