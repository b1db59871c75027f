//! One line an event, for pipes and logs. Cached stages are counted, not listed; a stage is told
//! when it ends, and while it runs only if that takes long.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{duration, progress, say, tally, waiting};
use crate::exec::{Event, Listener};
use crate::plan::NodeId;

/// After this long a stage is said to be running.
const LONG: Duration = Duration::from_secs(5);

/// How far a stage is is said this often.
const SPARSE: Duration = Duration::from_secs(30);

/// Writes lines to stderr.
#[derive(Default)]
pub struct Plain {
    total: usize,
    done: usize,
    working: BTreeMap<NodeId, Work>,
}

struct Work {
    label: String,
    why: String,
    since: Instant,
    told: bool,
    /// When it was last said how far it is, or since when it runs.
    said: Instant,
}

impl Plain {
    fn step(&mut self) -> String {
        self.done += 1;
        let width = self.total.to_string().len();
        format!("[{:>width$}/{}]", self.done, self.total)
    }
}

impl Listener for Plain {
    fn hear(&mut self, event: Event) {
        match event {
            Event::Begun { stages, .. } => self.total = stages,
            Event::Cached { .. } => self.done += 1,
            Event::Started { node, label, why } => {
                #[expect(clippy::disallowed_methods, reason = "decides only when a line is shown")]
                let since = Instant::now();
                let (label, why) = (label.to_owned(), why.to_owned());
                self.working.insert(node, Work { label, why, since, told: false, said: since });
            }
            Event::Progress { node, label, done, total, text, left_seconds } => {
                if let Some(work) =
                    self.working.get_mut(&node).filter(|work| work.said.elapsed() > SPARSE)
                {
                    work.said += work.said.elapsed();
                    say(format!("running {label}: {}", progress(done, total, text, left_seconds)));
                }
            }
            Event::Finished { node, label, seconds, again } => {
                let why = self.working.remove(&node).map(|w| w.why).unwrap_or_default();
                // What is made again was counted when its record was found.
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
            Event::Ended { tally: counts } => say(tally(counts)),
        }
    }

    fn tick(&mut self) {
        for work in self.working.values_mut().filter(|w| !w.told && w.since.elapsed() > LONG) {
            work.told = true;
            say(format!("running {} ({})", work.label, work.why));
        }
    }
}
