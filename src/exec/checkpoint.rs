//! Checkpoints of a running stage, kept on the desk.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::context::Checkpoint;
use crate::desk::Desk;
use crate::digest::Digest;
use crate::seed::Seed;

/// The time between two checkpoints. A killed stage loses at most this, plus the work until its
/// next call of `save`.
const EVERY: Duration = Duration::from_secs(1);

/// The checkpoints of a stage.
pub(super) struct Kept<'a> {
    desk: &'a Desk,
    key: Digest,
    log: &'a (dyn Fn(&str) + Sync),
    /// Whether the inputs still match the key. Progress with changed inputs must not be continued.
    is_sound: &'a (dyn Fn() -> bool + Sync),
    every: Duration,
    /// The start of the stage, and the last save of each of its parts.
    begun: Instant,
    saved: Mutex<BTreeMap<u64, Instant>>,
}

impl<'a> Kept<'a> {
    pub(super) fn new(
        desk: &'a Desk,
        key: Digest,
        log: &'a (dyn Fn(&str) + Sync),
        is_sound: &'a (dyn Fn() -> bool + Sync),
    ) -> Self {
        Self { desk, key, log, is_sound, every: EVERY, begun: now(), saved: Mutex::default() }
    }
}

#[expect(clippy::disallowed_methods, reason = "decides only how often something is saved")]
fn now() -> Instant {
    Instant::now()
}

impl Checkpoint for Kept<'_> {
    fn load(&self, part: Seed) -> Option<Vec<u8>> {
        self.desk.load_checkpoint(&self.key, part.0)
    }

    fn save(&self, part: Seed, make: &dyn Fn() -> Vec<u8>) {
        let mut saved = self.saved.lock().expect("nobody panics while saving");
        // A short stage saves nothing.
        let last = *saved.get(&part.0).unwrap_or(&self.begun);
        if now().duration_since(last) < self.every {
            return;
        }
        let state = make();
        // This check comes after `make`, so it notices a change of the inputs before that.
        if !(self.is_sound)() {
            return;
        }
        if let Err(error) = self.desk.save_checkpoint(&self.key, part.0, &state) {
            (self.log)(&format!("no checkpoint: {error}"));
        }
        saved.insert(part.0, now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_saved_each_for_itself_and_not_too_often() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::open(folder.path()).unwrap();
        let (key, log) = (Digest::of(b"key"), |line: &str| panic!("{line}"));
        let kept = |every| Kept { every, ..Kept::new(&desk, key, &log, &|| true) };
        kept(Duration::from_secs(900)).save(Seed(1), &|| unreachable!("it has only begun"));
        assert_eq!(kept(EVERY).load(Seed(1)), None);
        let often = kept(Duration::ZERO);
        often.save(Seed(1), &|| vec![1]);
        often.save(Seed(1), &|| vec![2]);
        often.save(Seed(2), &|| vec![3]);
        let later = kept(EVERY);
        assert_eq!(
            (later.load(Seed(1)), later.load(Seed(2)), later.load(Seed(3))),
            (Some(vec![2]), Some(vec![3]), None)
        );
        let spoilt = Kept { every: Duration::ZERO, ..Kept::new(&desk, key, &log, &|| false) };
        spoilt.save(Seed(1), &|| vec![9]);
        assert_eq!(later.load(Seed(1)), Some(vec![2]));
    }

    #[test]
    fn what_cannot_be_saved_is_told_and_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::open(folder.path()).unwrap();
        let told = Mutex::new(Vec::new());
        let log = |line: &str| told.lock().unwrap().push(line.to_owned());
        let kept =
            Kept { every: Duration::ZERO, ..Kept::new(&desk, Digest::of(b"key"), &log, &|| true) };
        std::fs::remove_dir_all(folder.path()).unwrap();
        kept.save(Seed(1), &|| vec![1]);
        assert!(told.lock().unwrap()[0].starts_with("no checkpoint: the cache at "));
    }
}
