//! What happens while the controller of Slurm does not answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::queue::{self, Element, Queued};
use super::{Slurm, now};
use crate::exec::executor::News;
use crate::plan::NodeId;

/// The user hears of a silence that lasts longer.
const QUIET: Duration = Duration::from_secs(8);
/// An array that the controller may have taken is looked for this long, once it answers.
const UNSURE: Duration = Duration::from_secs(10);

/// A time without an answer.
pub struct Silence {
    since: Instant,
    told: bool,
}

/// An array that the controller may have taken.
pub struct Unsure {
    pub name: String,
    pub tasks: Vec<Vec<NodeId>>,
    /// Since when Slurm answers that it does not have it.
    pub missed: Option<Instant>,
}

impl Slurm {
    pub(super) fn warn(&mut self, message: String) {
        self.news.push_back(News::Warning(message));
    }

    /// A command that `begun` then had no answer.
    pub(super) fn unanswered(&mut self, begun: Instant, said: &str) {
        let silence = self.silence.get_or_insert(Silence { since: begun, told: false });
        let lasts = silence.since.elapsed();
        if lasts > QUIET && !std::mem::replace(&mut silence.told, true) {
            self.warn(format!(
                "Slurm has not answered for {} s ({said}); what runs goes on, and nothing is submitted",
                lasts.as_secs()
            ));
        }
    }

    pub(super) fn answered(&mut self) {
        if let Some(silence) = self.silence.take().filter(|silence| silence.told) {
            let lasted = silence.since.elapsed().as_secs();
            self.warn(format!("Slurm answers again, after {lasted} s"));
        }
    }

    /// Looks for arrays that the controller may have taken. What it does not have after a while is
    /// submitted again, and cancelled if it appears after that.
    pub(super) fn find_unsure(&mut self, queue: &BTreeMap<Element, Queued>) {
        let named = |name: &str| queue.iter().find(|(_, q)| q.name == name).map(|((a, _), _)| *a);
        for (number, mut unsure) in std::mem::take(&mut self.unsure) {
            if let Some(array) = named(&unsure.name) {
                self.taken(number, array, unsure.tasks);
            } else if unsure.missed.get_or_insert_with(now).elapsed() < UNSURE {
                self.unsure.insert(number, unsure);
            } else {
                self.strays.insert(unsure.name);
                for node in unsure.tasks.iter().flatten() {
                    // It may have been taken and done meanwhile.
                    if !self.look_up(*node) {
                        self.submit_later(*node);
                    }
                }
            }
        }
        let stray: Vec<String> =
            self.strays.iter().filter_map(|name| named(name)).map(|a| a.to_string()).collect();
        self.strays.retain(|name| named(name).is_none());
        // One that is not cancelled finds its stages done, or does them twice.
        let _ = queue::cancel(stray);
    }

    /// Cancels all that was submitted. Says what the user has to cancel if Slurm does not answer.
    pub(super) fn cancel_all(&mut self) {
        let arrays: BTreeSet<u64> = self.tasks.values().map(|task| task.array).collect();
        let unsure = std::mem::take(&mut self.unsure).into_values().map(|unsure| unsure.name);
        let mut names = std::mem::take(&mut self.strays);
        names.extend(unsure);
        let arrays: Vec<String> = arrays.iter().map(u64::to_string).collect();
        let commands =
            std::iter::once(arrays).chain(names.iter().map(|n| vec![format!("--name={n}")]));
        let (mut left, mut why) = (Vec::new(), String::new());
        for command in commands {
            // After one without an answer no more are tried.
            let heard = if left.is_empty() { queue::cancel(command.clone()) } else { Err(why) };
            why = heard.err().unwrap_or_default();
            if !why.is_empty() && !command.is_empty() {
                left.push(format!("`scancel {}`", command.join(" ")));
            }
        }
        if !left.is_empty() {
            let left = left.join(", ");
            self.warn(format!(
                "Slurm does not answer ({why}), so its tasks go on; to end them: {left}"
            ));
        }
    }
}
