//! Progress as lines, for pipes and logs. Cached stages are counted, not listed. In a small run
//! each stage gets a line when it ends. In a large run only slow or failed stages get one, and a
//! summary line appears now and then.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::board::Board;
use super::{duration, progress, say, tally, waiting};
use crate::exec::{Event, Listener};
use crate::plan::NodeId;

/// A stage that runs longer than this is reported as running.
const LONG: Duration = Duration::from_secs(5);

/// The time between two progress lines of a stage or of the run.
const SPARSE: Duration = Duration::from_secs(30);

/// In a run of more stages than this, quick stages get no lines.
const MANY: usize = 200;

/// A stage that takes fewer seconds is quick.
const QUICK: f64 = 1.0;

/// Writes lines to stderr.
pub struct Plain {
    board: Board,
    working: BTreeMap<NodeId, Work>,
    since: Instant,
    /// The time of the last line about the whole run.
    said: Instant,
}

struct Work {
    label: String,
    why: String,
    since: Instant,
    told: bool,
    /// The time of the last line about this stage, or its start.
    said: Instant,
}

#[expect(clippy::disallowed_methods, reason = "decides only when a line is shown")]
fn now() -> Instant {
    Instant::now()
}

impl Default for Plain {
    fn default() -> Self {
        Self { board: Board::default(), working: BTreeMap::new(), since: now(), said: now() }
    }
}

impl Plain {
    fn step(&self) -> String {
        let width = self.board.total().to_string().len();
        format!("[{:>width$}/{}]", self.board.done(), self.board.total())
    }
}

impl Listener for Plain {
    fn hear(&mut self, event: Event) {
        self.board.hear(&event, self.since.elapsed().as_secs_f64());
        match event {
            Event::Begun { .. } | Event::Cached { .. } => {}
            Event::Started { node, label, why, .. } => {
                let (label, why, since) = (label.to_owned(), why.to_owned(), now());
                self.working.insert(node, Work { label, why, since, told: false, said: since });
            }
            Event::Progress { node, label, done, total, text, left_seconds } => {
                if let Some(work) =
                    self.working.get_mut(&node).filter(|work| work.said.elapsed() > SPARSE)
                {
                    work.said = now();
                    say(format!("running {label}: {}", progress(done, total, text, left_seconds)));
                }
            }
            Event::Finished { node, label, seconds, again } => {
                let why = self.working.remove(&node).map(|w| w.why).unwrap_or_default();
                if self.board.total() > MANY && seconds < QUICK {
                    return;
                }
                // A repeated stage was already counted when its record was found.
                let step = if again { "again".to_owned() } else { self.step() };
                say(format!("{step} {label} {} ({why})", duration(seconds)));
            }
            Event::Failed { node, label, message, .. } => {
                self.working.remove(&node);
                say(format!("{} {label} FAILED: {message}", self.step()));
            }
            Event::Skipped { label, because, .. } => {
                say(format!("{} {label} skipped because of {because}", self.step()))
            }
            Event::Shared { label, by } => say(waiting(label, by)),
            Event::Warning { message } => say(format!("warning: {message}")),
            Event::Ended { tally: counts } => {
                if counts.ran > 0 && self.board.total() > MANY {
                    let lines = self.board.lines(self.since.elapsed().as_secs_f64());
                    lines.into_iter().for_each(|line| say(format!("  {}", line.trim_end())));
                }
                say(tally(counts));
            }
        }
    }

    fn tick(&mut self) {
        for work in self.working.values_mut().filter(|w| !w.told && w.since.elapsed() > LONG) {
            work.told = true;
            say(format!("running {} ({})", work.label, work.why));
        }
        if self.said.elapsed() > SPARSE && !self.working.is_empty() {
            self.said = now();
            say(self.board.summary(self.since.elapsed().as_secs_f64()));
        }
    }
}
