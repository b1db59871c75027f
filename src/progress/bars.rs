//! Bars, for terminals: one for the run, a line for each stage at work.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{duration, progress, tally, waiting};
use crate::exec::{Event, Listener};
use crate::plan::NodeId;
use crate::shown::{shown, shown_lines};

/// Draws on stderr.
pub struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    working: BTreeMap<NodeId, ProgressBar>,
}

impl Default for Bars {
    fn default() -> Self {
        let style =
            ProgressStyle::with_template("{bar:32.cyan} {pos}/{len} stages {elapsed_precise}");
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(0).with_style(style.expect("a valid template")));
        Self { all, total, working: BTreeMap::new() }
    }
}

impl Bars {
    fn end(&mut self, node: NodeId, line: Option<String>) {
        if let Some(bar) = self.working.remove(&node) {
            bar.finish_and_clear();
        }
        self.say(line);
        self.total.inc(1);
    }

    fn say(&self, line: Option<String>) {
        if let Some(line) = line {
            let _ = self.all.println(shown_lines(&line));
        }
    }
}

impl Listener for Bars {
    fn hear(&mut self, event: Event) {
        match event {
            Event::Begun { stages, .. } => self.total.set_length(stages as u64),
            Event::Cached { .. } => self.total.inc(1),
            Event::Started { node, label, why } => {
                let style = ProgressStyle::with_template("  {spinner} {msg} {elapsed}")
                    .expect("a valid template");
                let bar = self.all.add(ProgressBar::new_spinner().with_style(style));
                bar.set_message(shown(&format!("{label} ({why})")).into_owned());
                bar.enable_steady_tick(Duration::from_millis(120));
                self.working.insert(node, bar);
            }
            Event::Progress { node, label, done, total, text, left_seconds } => {
                if let Some(bar) = self.working.get(&node) {
                    let words = format!("{label} {}", progress(done, total, text, left_seconds));
                    bar.set_message(shown(&words).into_owned());
                }
            }
            Event::Finished { node, label, seconds, again } => {
                let slow = seconds >= 1.0;
                self.end(node, slow.then(|| format!("  {label} {}", duration(seconds))));
                if again {
                    // It was counted when its record was found.
                    self.total.set_position(self.total.position().saturating_sub(1));
                }
            }
            Event::Failed { node, label, message, .. } => {
                self.end(node, Some(format!("  {label} FAILED: {message}")))
            }
            Event::Skipped { node, .. } => self.end(node, None),
            Event::Shared { label, by } => self.say(Some(format!("  {}", waiting(label, by)))),
            Event::Warning { message } => self.say(Some(format!("warning: {message}"))),
            Event::Ended { tally: counts } => {
                std::mem::take(&mut self.working)
                    .into_values()
                    .for_each(|bar| bar.finish_and_clear());
                self.total.finish_and_clear();
                self.say(Some(tally(counts)));
            }
        }
    }
}
