//! One line an event, for pipes and logs. Cached stages are counted, not listed.

use super::{duration, tally};
use crate::exec::{Event, Listener};

/// Writes lines to stderr.
#[derive(Default)]
pub struct Plain {
    total: usize,
    done: usize,
}

impl Plain {
    fn step(&mut self) -> String {
        self.done += 1;
        let width = self.total.to_string().len();
        format!("[{:>width$}/{}]", self.done, self.total)
    }
}

#[expect(clippy::print_stderr, reason = "this is what it is for")]
impl Listener for Plain {
    fn hear(&mut self, event: Event) {
        match event {
            Event::Begun { plan } => self.total = plan.len(),
            Event::Cached { .. } => self.done += 1,
            Event::Started { label, why, .. } => eprintln!("  run {label} ({why})"),
            Event::Finished { label, seconds, .. } => eprintln!("{} {label} {}", self.step(), duration(seconds)),
            Event::Failed { label, message, .. } => eprintln!("{} {label} FAILED: {message}", self.step()),
            Event::Skipped { label, because, .. } => eprintln!("{} {label} skipped because of {because}", self.step()),
            Event::Shared { label } => eprintln!("  waiting for another run that computes {label}"),
            Event::Warning { message } => eprintln!("warning: {message}"),
            Event::Ended { outcome, .. } => eprintln!("{}", tally(outcome)),
        }
    }
}
