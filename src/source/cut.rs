//! Long recordings as clips: each is a part of a file, and nothing is copied.
//!
//! Recordings are cut after they were split for training and testing, so a recording lies on one
//! side as a whole.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::wav::{self, Header};
use super::{FileList, Listing, Recording, SourceError};
use crate::artifact::{Audio, Segment};
use crate::diagnose::Problem;

/// Raised whenever the same recording gives other clips or samples.
pub const VERSION: u32 = 1;

/// The shortest and the longest clip in seconds.
const BOUNDS: [f64; 2] = [0.01, 3600.0];

/// Cuts each recording into clips of equal length. A clip has the attributes and the split of its
/// recording. An end that is shorter than a clip is left out, and `check` tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// Length of a clip in seconds.
    #[schemars(range(min = 0.01, max = 3600), example = 10)]
    pub seconds: f64,
    /// Seconds from the start of a clip to the start of the next one. Default: `seconds`, so that
    /// clips follow each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.01, max = 3600), example = 5)]
    pub hop: Option<f64>,
}

/// A clip of a recording: its start in seconds, and its samples.
type Part = (f64, Segment);

impl Cut {
    fn hop(&self) -> f64 {
        self.hop.unwrap_or(self.seconds)
    }

    /// Settings out of range.
    pub fn problems(&self) -> Vec<Problem> {
        let [least, most] = BOUNDS;
        let wrong = |(field, value): (&str, f64)| {
            let message = format!("`{field}` is {value}, outside {least}..{most}");
            let hint = format!("write seconds from {least} to {most}");
            (!(least..=most).contains(&value))
                .then(|| Problem::new(format!("cut.{field}"), message).hint(hint))
        };
        let hop = self.hop.map(|hop| ("hop", hop));
        std::iter::once(("seconds", self.seconds)).chain(hop).filter_map(wrong).collect()
    }

    /// The settings as resolved.
    pub fn keyed(&self) -> serde_json::Value {
        serde_json::json!({ "seconds": self.seconds, "hop": self.hop() })
    }

    /// Samples of a clip at this rate.
    pub fn frames(&self, rate: u32) -> u64 {
        ((self.seconds * f64::from(rate)).round() as u64).max(1)
    }

    /// The clips of a recording. Starts are rounded to samples one by one, so they do not drift.
    fn parts(&self, header: &Header) -> impl Iterator<Item = Part> {
        let (hop, rate, frames) = (self.hop(), f64::from(header.rate), self.frames(header.rate));
        let all = header.frames as u64;
        (0_u32..)
            .map(move |i| {
                let at = f64::from(i) * hop;
                (at, Segment { start: (at * rate).round() as u64, frames })
            })
            .take_while(move |(_, part)| part.start.saturating_add(frames) <= all)
    }

    /// The clips of recordings of a section, in their order. Reads the heads of the files, and all
    /// of an Ogg file.
    ///
    /// Errors: a file cannot be read; all are shorter than a clip.
    pub(super) fn apart(
        &self,
        root: &Path,
        recordings: Vec<Recording>,
    ) -> Result<Vec<Recording>, SourceError> {
        let mut clips = Vec::new();
        for Recording { clip, audio } in &recordings {
            let (rate, whole) = match audio {
                Audio::Resampled { rate, audio } => (Some(*rate), audio.as_ref()),
                audio => (None, audio),
            };
            let (
                Audio::Wav { channel, sha256 } | Audio::Encoded { channel, sha256, .. },
                Some(path),
            ) = (whole, whole.path(&clip.id))
            else {
                let why = "only files can be cut into clips".to_owned();
                return Err(SourceError::File { path: clip.id.clone(), why });
            };
            let header = wav::locate(&root.join(&path))?;
            clips.extend(self.parts(&header).map(|(at, part)| {
                let (channel, sha256, path) = (*channel, *sha256, path.clone());
                let cut = Audio::Cut { channel, sha256, part, path };
                let audio = match rate {
                    Some(rate) => Audio::Resampled { rate, audio: Box::new(cut) },
                    None => cut,
                };
                Recording { clip: clip.part(at), audio }
            }));
        }
        match recordings.first().filter(|_| clips.is_empty()) {
            None => Ok(clips),
            Some(first) => Err(SourceError::File {
                // The id of its clip has another ending, unless it is a WAV file.
                path: first.audio.path(&first.clip.id).unwrap_or_else(|| first.clip.id.clone()),
                why: format!(
                    "it is shorter than a clip of {} s (`cut.seconds`), and so are all recordings of its section",
                    self.seconds
                ),
            }),
        }
    }

    /// What of the recordings is in no clip, in words to a person. Reads the heads of all files,
    /// and all of an Ogg file.
    pub fn note(&self, root: &Path, listing: &Listing) -> Option<String> {
        let (mut recordings, mut clips, mut ends, mut seconds) = (0, 0, 0, 0.0);
        let mut short = Vec::new();
        let paths = listing.sections.values().flat_map(|FileList { audio, .. }| audio);
        for path in paths {
            // A file that cannot be read is told elsewhere.
            let Ok(header) = wav::locate(&root.join(path)) else { continue };
            let (count, end) = self
                .parts(&header)
                .fold((0, 0), |(count, _), (_, part)| (count + 1, part.start + part.frames));
            recordings += 1;
            clips += count;
            let left = header.frames as u64 - end;
            match count {
                0 => short.push(path),
                _ if left > 0 => {
                    ends += 1;
                    seconds += left as f64 / f64::from(header.rate);
                }
                _ => {}
            }
        }
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let end = (ends > 0).then(|| {
            format!("{ends} end{}, {seconds:.1} s in all, shorter than a clip", plural(ends))
        });
        let short = short.first().map(|first| {
            let n = short.len();
            let them = if n == 1 { "is" } else { "are" };
            format!("{n} recording{} that {them} shorter than a clip, `{first}` for one", plural(n))
        });
        let lost: Vec<String> = end.into_iter().chain(short).collect();
        (!lost.is_empty()).then(|| {
            format!(
                "`cut` makes {clips} clip{} of {} s of {recordings} recording{}; left out: {}",
                plural(clips),
                self.seconds,
                plural(recordings),
                lost.join("; ")
            )
        })
    }
}

#[cfg(test)]
mod tests;
