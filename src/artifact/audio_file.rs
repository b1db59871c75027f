//! The files of recordings: their endings, and the clips that they are.
//!
//! A clip has one id, whatever the format of its file: its path with the ending `.wav`. So a data
//! set that was converted to FLAC has the clips, seeds and draws that it had before, and whatever
//! has the same samples is found in the cache from the features on.

use super::{Audio, Channel};
use crate::digest::Digest;

/// The endings of files that are recordings.
const ENDINGS: [&str; 4] = ["wav", "flac", "ogg", "oga"];

/// Whether a text is such an ending, in either case of letters.
pub(super) fn is_ending(text: &str) -> bool {
    ENDINGS.iter().any(|ending| text.eq_ignore_ascii_case(ending))
}

/// The name of a recording without its ending; `None` if it does not end as one.
pub fn stem(file: &str) -> Option<&str> {
    let (stem, ending) = file.rsplit_once('.')?;
    is_ending(ending).then_some(stem)
}

/// The ending of a recording that is no WAV file by its name.
fn other(file: &str) -> Option<(&str, &str)> {
    let (stem, ending) = file.rsplit_once('.')?;
    (is_ending(ending) && !ending.eq_ignore_ascii_case("wav")).then_some((stem, ending))
}

/// The id of the clip in the file at this path: with `.wav` in place of another ending.
pub fn clip_id(path: &str) -> String {
    other(path).map_or_else(|| path.to_owned(), |(stem, _)| format!("{stem}.wav"))
}

impl Audio {
    /// The samples of the file at `path`, at the rate that the spec asks for, if it does.
    pub fn of_file(path: &str, channel: Channel, rate: Option<u32>, sha256: Digest) -> Self {
        let audio = match other(path) {
            None => Audio::Wav { channel, sha256 },
            Some((_, ending)) => Audio::Encoded { ending: ending.to_owned(), channel, sha256 },
        };
        match rate {
            Some(rate) => Audio::Resampled { rate, audio: Box::new(audio) },
            None => audio,
        }
    }

    /// The recording itself, before it gets another rate.
    pub fn recorded(&self) -> &Self {
        match self {
            Audio::Resampled { audio, .. } => audio.recorded(),
            audio => audio,
        }
    }

    /// The path of the file with the samples of the clip with this id, below the root of its source;
    /// `None` of generated sounds and of snapshots.
    pub fn path(&self, id: &str) -> Option<String> {
        match (self, id.strip_suffix(".wav")) {
            (Audio::Resampled { audio, .. }, _) => audio.path(id),
            (Audio::Encoded { ending, .. }, Some(stem)) => Some(format!("{stem}.{ending}")),
            (Audio::Wav { .. } | Audio::Encoded { .. }, _) => Some(id.to_owned()),
            (Audio::Cut { path, .. }, _) => Some(path.clone()),
            (Audio::Snapshots(_) | Audio::Synthetic(_), _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_clip_and_a_clip_one_file() {
        let sha256 = Digest::of(b"x");
        for (path, id, text) in [
            ("fan/a.wav", "fan/a.wav", "wav:mean:"),
            ("fan/a.WAV", "fan/a.WAV", "wav:mean:"),
            ("fan/a.flac", "fan/a.wav", "flac:mean:"),
            ("fan/a.wav.FLAC", "fan/a.wav.wav", "FLAC:mean:"),
            ("a.b.ogg", "a.b.wav", "ogg:mean:"),
        ] {
            let audio = Audio::of_file(path, Channel::Mean, None, sha256);
            assert_eq!((clip_id(path).as_str(), audio.path(id).as_deref()), (id, Some(path)));
            assert_eq!(audio.to_string(), format!("{text}{}", sha256.hex()));
            assert_eq!(audio.to_string().parse(), Ok(audio.clone()));
            let at = Audio::of_file(path, Channel::Mean, Some(16_000), sha256);
            assert_eq!(at.path(id).as_deref(), Some(path));
            assert_eq!(at.to_string(), format!("resampled:16000:{audio}"));
            assert_eq!(at.to_string().parse(), Ok(at));
        }
        // New recordings are named by their paths as they are.
        let flac = Audio::of_file("x.flac", Channel::Mean, None, sha256);
        assert_eq!(flac.path("x.flac").as_deref(), Some("x.flac"));
        assert_eq!(stem("a.wave").or(stem("flac")), None);
        for wrong in ["tape:mean:x", "resampled:x:wav", "resampled:8000:tape:7", "flac:mean"] {
            assert!(wrong.parse::<Audio>().is_err(), "{wrong}");
        }
    }
}
