//! Progress of a stage, passed on at most a few times per second.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::context::Progress;

/// The least time between two reports of a stage.
const EVERY: Duration = Duration::from_millis(200);

/// Passes on some of the progress reports.
pub(super) struct Teller<'a> {
    tell: &'a (dyn Fn(Progress) + Sync),
    every: Duration,
    last: Mutex<Instant>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(tell: &'a (dyn Fn(Progress) + Sync)) -> Self {
        Self { tell, every: EVERY, last: Mutex::new(now()) }
    }

    pub(super) fn hear(&self, progress: Progress) {
        let mut last = self.last.lock().expect("nobody panics while telling");
        if now().duration_since(*last) >= self.every {
            *last = now();
            (self.tell)(progress);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "decides only how often something is shown")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_tells_too_often_is_not_always_passed_on() {
        let heard = Mutex::new(0);
        let tell = |_: Progress| *heard.lock().unwrap() += 1;
        let progress = || Progress { done: 1, total: 2, text: String::new() };
        for (every, expected) in [(Duration::ZERO, 3), (Duration::from_secs(900), 3)] {
            let teller = Teller { every, ..Teller::new(&tell) };
            (0..3).for_each(|_| teller.hear(progress()));
            assert_eq!(*heard.lock().unwrap(), expected);
        }
    }
}
