//! An estimate of the remaining time of a stage, from its progress so far.

/// The pace of one stage.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// Time in seconds and steps done at the first report. The steps need not be 0: a training may
    /// continue from a checkpoint.
    first: Option<(f64, u64)>,
    last: u64,
}

impl Pace {
    /// Takes a report that `done` of `total` steps are done at time `now`. Returns the remaining
    /// seconds, once they can be estimated.
    pub(super) fn hear(&mut self, now: f64, done: u64, total: u64) -> Option<f64> {
        // A stage that fits several models counts from the start for each.
        if done < self.last {
            self.first = None;
        }
        self.last = done;
        let (since, from) = *self.first.get_or_insert((now, done));
        let (time, steps) = (now - since, done - from);
        (steps > 0 && time > 0.0).then(|| time / steps as f64 * total.saturating_sub(done) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_the_pace_since_the_first_word() {
        let mut pace = Pace::default();
        assert_eq!(pace.hear(10.0, 60, 100), None);
        assert_eq!(pace.hear(12.0, 61, 100), Some(78.0));
        assert_eq!(pace.hear(14.0, 80, 100), Some(4.0));
        assert_eq!(pace.hear(14.0, 100, 100), Some(0.0));
        // The next model of the stage.
        assert_eq!(pace.hear(15.0, 1, 100), None);
        assert_eq!(pace.hear(16.0, 2, 100), Some(98.0));
    }
}
