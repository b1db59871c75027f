//! Progress of a run: listeners that write to stderr.

mod bars;
mod board;
mod json;
mod plain;

pub use bars::Bars;
pub use json::Json;
pub use plain::Plain;

use std::io::Write;

use crate::exec::{Event, Listener, Tally};
use crate::shown::shown_lines;

/// Shows no progress, only warnings and waits for another run.
pub struct Quiet;

impl Listener for Quiet {
    fn hear(&mut self, event: Event) {
        match event {
            Event::Shared { label, by } => say(waiting(label, by)),
            Event::Warning { message } => say(format!("warning: {message}")),
            _ => {}
        }
    }
}

/// Writes each line with one call: lines of two runs do not mix, and many lines stay cheap.
fn say(line: String) {
    // The run goes on if nobody reads stderr.
    let _ = std::io::stderr().write_all((shown_lines(&line) + "\n").as_bytes());
}

/// A message that the run waits for another process.
fn waiting(label: &str, by: Option<u32>) -> String {
    match by {
        Some(number) => format!("waiting for process {number}, which computes {label}"),
        None => format!("waiting for another run that computes {label}"),
    }
}

/// `1.2 s`, `3 min 04 s`.
pub fn duration(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.0} ms", 1000.0 * seconds)
    } else if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        let minutes = (seconds / 60.0).floor();
        format!("{minutes:.0} min {:02.0} s", seconds - 60.0 * minutes)
    }
}

/// The progress of a stage, in its own words if it has any: `epoch 12 of 100, loss 3.21, 1 min 20 s
/// left`.
fn progress(done: u64, total: u64, text: &str, left_seconds: Option<f64>) -> String {
    let mut words = if text.is_empty() { format!("{done} of {total}") } else { text.to_owned() };
    if let Some(left) = left_seconds {
        words.push_str(&format!(", {} left", board::about(left)));
    }
    words
}

/// The last line of a run.
pub fn tally(tally: &Tally) -> String {
    let mut parts = vec![format!("{} stages ran", tally.ran), format!("{} cached", tally.cached)];
    for (count, word) in [
        (tally.failed, "failed"),
        (tally.skipped, "not run"),
        (tally.stale, "would have to run"),
        (tally.revived, "made again for their bytes"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    let mut text = format!("{} in {}", parts.join(", "), duration(tally.wall.as_secs_f64()));
    if tally.saved_seconds >= 1.0 {
        text.push_str(&format!(" (the cache saved {})", duration(tally.saved_seconds)));
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations_read_well() {
        assert_eq!(super::duration(0.0123), "12 ms");
        assert_eq!(super::duration(3.25), "3.2 s");
        assert_eq!(super::duration(184.0), "3 min 04 s");
    }

    #[test]
    fn progress_reads_well() {
        assert_eq!(
            super::progress(12, 100, "epoch 3, loss 3.21", Some(80.4)),
            "epoch 3, loss 3.21, 1 min 20 s left"
        );
        assert_eq!(super::progress(99, 100, "", Some(0.2)), "99 of 100, 1 s left");
        assert_eq!(super::progress(9, 10, "", Some(29.7)), "9 of 10, 30 s left");
        assert_eq!(super::progress(1, 100, "loss 3.21", None), "loss 3.21");
    }
}
