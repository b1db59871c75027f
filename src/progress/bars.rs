//! Progress bars for terminals: one line for each kind of stage and one for the run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::board::Board;
use super::{duration, progress, tally, waiting};
use crate::exec::{Event, Listener};
use crate::plan::NodeId;
use crate::shown::{shown, shown_lines};

/// Draws on stderr.
pub struct Bars {
    all: MultiProgress,
    /// One per kind of stage, in plan order.
    kinds: Vec<ProgressBar>,
    total: ProgressBar,
    board: Board,
    /// The last message of each running stage. The bottom line shows the first of them in plan
    /// order.
    words: BTreeMap<NodeId, String>,
    working: ProgressBar,
    since: Instant,
    /// When the bars were last drawn.
    drawn: Instant,
}

impl Default for Bars {
    fn default() -> Self {
        let style = |template| ProgressStyle::with_template(template).expect("a valid template");
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(0));
        total.set_style(style("{bar:32.cyan} {msg} {elapsed_precise:.dim}"));
        let working = all.add(ProgressBar::new(0).with_style(style("  {wide_msg:.dim}")));
        #[expect(clippy::disallowed_methods, reason = "decides only what is shown")]
        let since = Instant::now();
        let (kinds, board, words) = (Vec::new(), Board::default(), BTreeMap::new());
        Self { all, kinds, total, board, words, working, since, drawn: since }
    }
}

impl Bars {
    fn now(&self) -> f64 {
        self.since.elapsed().as_secs_f64()
    }

    fn say(&self, line: &str) {
        let _ = self.all.println(shown_lines(line));
    }

    /// Draws the state of the board.
    fn draw(&mut self) {
        let now = self.now();
        for (number, line) in self.board.lines(now).into_iter().enumerate() {
            if number == self.kinds.len() {
                let style = ProgressStyle::with_template("  {wide_msg}").expect("a valid template");
                let bar = ProgressBar::new(0).with_style(style);
                self.kinds.push(self.all.insert_before(&self.total, bar));
            }
            self.kinds[number].set_message(line);
        }
        self.total.set_length(self.board.total() as u64);
        self.total.set_position(self.board.done() as u64);
        self.total.set_message(self.board.summary(now));
        let words = self.words.values().next().map(String::as_str).unwrap_or_default();
        self.working.set_message(shown(words).into_owned());
    }
}

impl Listener for Bars {
    fn hear(&mut self, event: Event) {
        self.board.hear(&event, self.now());
        match event {
            Event::Begun { .. } | Event::Cached { .. } | Event::Skipped { .. } => {}
            Event::Started { node, label, why, .. } => {
                self.words.insert(node, format!("{label} ({why})"));
            }
            Event::Progress { node, label, done, total, text, left_seconds } => {
                let words = format!("{label} {}", progress(done, total, text, left_seconds));
                self.words.insert(node, words);
            }
            Event::Finished { node, label, seconds, .. } => {
                self.words.remove(&node);
                if seconds >= SLOW {
                    self.say(&format!("  {label} {}", duration(seconds)));
                }
            }
            Event::Failed { node, label, message, .. } => {
                self.words.remove(&node);
                self.say(&format!("  {label} FAILED: {message}"));
            }
            Event::Shared { label, by } => self.say(&format!("  {}", waiting(label, by))),
            Event::Warning { message } => self.say(&format!("warning: {message}")),
            Event::Ended { tally: counts } => {
                self.kinds
                    .iter()
                    .chain([&self.total, &self.working])
                    .for_each(ProgressBar::finish_and_clear);
                self.say(&tally(counts));
            }
        }
    }

    fn tick(&mut self) {
        if self.drawn.elapsed() >= OFTEN {
            #[expect(clippy::disallowed_methods, reason = "decides only what is shown")]
            let now = Instant::now();
            self.drawn = now;
            self.draw();
        }
    }
}

/// The time between two redraws.
const OFTEN: Duration = Duration::from_millis(100);

/// A stage that takes at least this many seconds gets a line when it ends.
const SLOW: f64 = 10.0;
