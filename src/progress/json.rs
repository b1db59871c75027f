//! One JSON object per line, for programs that watch a run. While stages run, stderr of `run
//! --log-format json` holds nothing else.

use std::io::Write;

use serde_json::{Value, json};

use crate::exec::{Event, Listener};

/// Writes lines to stderr.
pub struct Json;

impl Listener for Json {
    fn hear(&mut self, event: Event) {
        // The run goes on if nobody reads stderr.
        let _ = std::io::stderr().write_all(format!("{}\n", line(&event)).as_bytes());
    }
}

/// An event as an object: its name under `event`, and seconds as numbers. Unknown values are left
/// out.
fn line(event: &Event) -> Value {
    match event {
        Event::Begun { chosen, .. } => json!({ "event": "begun", "stages": chosen.len() }),
        Event::Cached { label, seconds, .. } => {
            json!({ "event": "cached", "stage": label, "saved_seconds": seconds })
        }
        Event::Started { label, why, .. } => {
            json!({ "event": "started", "stage": label, "why": why })
        }
        Event::Progress { label, done, total, text, left_seconds, .. } => json!({
            "event": "progress", "stage": label, "done": done, "total": total, "text": text, "left_seconds": left_seconds,
        }),
        Event::Finished { label, seconds, again, .. } => {
            json!({ "event": "finished", "stage": label, "seconds": seconds, "again": again })
        }
        Event::Failed { label, message, log, said, .. } => json!({
            "event": "failed", "stage": label, "message": message, "log": log, "said": said,
        }),
        Event::Skipped { label, because, .. } => {
            json!({ "event": "skipped", "stage": label, "because": because })
        }
        Event::Shared { label, by } => json!({ "event": "waiting", "stage": label, "process": by }),
        Event::Warning { message } => json!({ "event": "warning", "message": message }),
        Event::Ended { tally } => json!({
            "event": "ended", "ran": tally.ran, "cached": tally.cached, "failed": tally.failed,
            "skipped": tally.skipped, "stale": tally.stale, "made_again": tally.revived,
            "saved_seconds": tally.saved_seconds, "seconds": tally.wall.as_secs_f64(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_its_names_are() {
        let text = line(&Event::Shared { label: "a\n\"b", by: None }).to_string();
        assert_eq!(text, r#"{"event":"waiting","process":null,"stage":"a\n\"b"}"#);
    }
}
