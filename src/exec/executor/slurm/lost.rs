//! Nodes whose task is over without them.

use super::profile::minutes;
use super::queue::End;
use super::{Asked, Slurm};
use crate::exec::Failure;
use crate::plan::NodeId;

/// A node is lost this many times before it has failed.
const TRIES: u32 = 2;

/// How often a node was lost, and what it asks for more.
#[derive(Clone, Copy, Default)]
pub struct Lost {
    pub times: u32,
    /// How often its time and its memory are doubled.
    pub time: u32,
    pub memory: u32,
}

impl Slurm {
    /// A node whose task is over without it. `how` says what Slurm did, `words` are the last lines
    /// of the output of the task.
    pub(super) fn lose(&mut self, node: NodeId, end: End, how: &str, words: &[String]) {
        let asks = |slurm: &Self| slurm.asked.get(&node).map(|asked| slurm.asks(end, asked));
        let had = asks(self).unwrap_or_default();
        let lost = self.lost.entry(node).or_default();
        match end {
            End::Timeout => lost.time += 1,
            End::Memory => lost.memory += 1,
            End::Cancelled | End::Preempted | End::Other => {}
        }
        lost.times += u32::from(end != End::Preempted);
        let fails = lost.times >= TRIES || end == End::Cancelled;
        let now = asks(self).unwrap_or_default();
        let Some(asked) = self.asked.get(&node) else { return };
        if !fails {
            let with = if now == had { String::new() } else { format!(", with {now}") };
            let label = &asked.job.label;
            self.warn(format!("{label} runs again{with}: {how}"));
            return self.submit_later(node);
        }
        let last =
            words.last().map_or_else(String::new, |last| format!("; its last words: {last}"));
        let had = if had.is_empty() { had } else { format!(" (it had {had})") };
        self.done(node, Err(Failure::Stage(format!("{how}{had}{last}"))));
    }

    /// How much a node asks for of what it had too little of: `2 min`.
    fn asks(&self, end: End, asked: &Asked) -> String {
        let class = self.class(asked);
        match (end, class.request.time.as_deref().and_then(minutes)) {
            (End::Timeout, Some(minutes)) => format!("{minutes} min"),
            (End::Memory, _) => format!("{} MB", class.megabytes),
            _ => String::new(),
        }
    }
}
