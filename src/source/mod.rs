//! The family of sources: they list clips and read their samples.
//!
//! File names are parsed here and nowhere else; all later code sees [`Clip`]s. A source works in
//! three steps, so planning a run never reads audio. [`Source::list`] looks at names alone. The
//! caller adds the digests of the listed files, and remembers them between runs. [`Source::clips`]
//! turns one section's listing into recordings, as a cached stage. Callers go through
//! [`untrusted`], which checks the names.

use std::collections::BTreeMap;
use std::path::Path;

pub use crate::artifact::SectionId;
use crate::artifact::{Audio, Channel, Clip};
use crate::diagnose::Problem;
use crate::digest::Digest;
use crate::dsp;
use crate::family;

/// The files of one section, by path relative to the root, with `/`: audio and any attribute
/// tables. A synthetic source has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileList {
    pub audio: Vec<String>,
    pub tables: Vec<String>,
}

/// The content of a source, by section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub sections: BTreeMap<SectionId, FileList>,
    /// Audio files that belong to no section, with the reason. They are reported, not silently
    /// dropped.
    pub strays: Vec<(String, String)>,
    /// Words to a person about files that are left alone on purpose.
    pub notes: Vec<String>,
}

/// A file of a section, with the digest of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    pub path: String,
    pub sha256: Digest,
}

/// A clip and the origin of its samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    pub clip: Clip,
    pub audio: Audio,
}

/// Samples of one clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Wave {
    /// Samples per second.
    pub rate: u32,
    /// One channel, in -1..1.
    pub samples: Vec<f32>,
}

impl Wave {
    /// A wave from 16-bit samples.
    pub fn of_steps(rate: u32, steps: &[i16]) -> Self {
        Self { rate, samples: steps.iter().map(|x| f32::from(*x) / 32768.0).collect() }
    }
}

/// The reason why a source fails. Every message names the file or folder.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A folder is missing or has another layout; the hint describes the expected layout.
    #[error("{message}")]
    Layout { message: String, hint: String },
    #[error("{path}: {why}")]
    File { path: String, why: String },
}

/// A place that clips come from.
pub trait Source: Send + Sync {
    /// Raised whenever the same listing gives other clips or samples.
    fn version(&self) -> u32;

    /// All settings that are out of range.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// Whether the recordings already contain background noise, as in a published data set.
    fn mixed(&self) -> bool {
        false
    }

    /// The root folder as resolved, if the source reads files.
    fn root(&self) -> Option<&Path> {
        None
    }

    /// Sections and their files, from names alone. May read folders, never audio.
    fn list(&self) -> Result<Listing, SourceError>;

    /// The clips of one section. `files` are the section's audio files with digests; `tables` the
    /// contents of its attribute tables in the order of the listing.
    fn clips(
        &self,
        section: &SectionId,
        files: &[ListedFile],
        tables: &[Vec<u8>],
    ) -> Result<Vec<Recording>, SourceError>;

    /// The source's part in the key of one section's `dataset` stage. It lacks the root and the
    /// settings that only choose sections, so a moved folder or another choice of sections changes
    /// no key.
    fn keyed(&self) -> serde_json::Value;
}

family! {
    /// Every source a spec can name.
    pub enum SourceSpec: Source {
        "dcase" => Dcase(dcase::Dcase),
        "folder" => Folder(folder::Folder),
        "synthetic" => Synthetic(synthetic::Synthetic),
        "factory" => Factory(factory::Factory),
        "phm2012" => Phm2012(phm2012::Phm2012),
        "scores" => Scores(scores::Scores),
    }
}

impl SourceSpec {
    /// How several channels of its recordings become one, if the spec chooses.
    pub fn channel(&self) -> Option<Channel> {
        match self {
            SourceSpec::Dcase(source) => source.channel,
            SourceSpec::Folder(source) => source.channel,
            SourceSpec::Synthetic(_)
            | SourceSpec::Factory(_)
            | SourceSpec::Phm2012(_)
            | SourceSpec::Scores(_) => None,
        }
    }

    /// The rate in Hz that its recordings are resampled to, if the spec says one.
    pub fn rate(&self) -> Option<u32> {
        match self {
            SourceSpec::Dcase(source) => source.rate,
            SourceSpec::Folder(source) => source.rate,
            SourceSpec::Synthetic(_)
            | SourceSpec::Factory(_)
            | SourceSpec::Phm2012(_)
            | SourceSpec::Scores(_) => None,
        }
    }

    /// How its recordings are cut into clips, if the spec cuts them.
    pub fn cut(&self) -> Option<&cut::Cut> {
        match self {
            SourceSpec::Dcase(source) => source.cut.as_ref(),
            SourceSpec::Folder(source) => source.cut.as_ref(),
            SourceSpec::Synthetic(_)
            | SourceSpec::Factory(_)
            | SourceSpec::Phm2012(_)
            | SourceSpec::Scores(_) => None,
        }
    }

    /// The sample rate in Hz and the number of samples of all its clips, if they are known without a
    /// look at files.
    pub fn form(&self) -> Option<(u32, u64)> {
        match self {
            SourceSpec::Synthetic(source) => {
                Some((source.rate, (source.seconds * f64::from(source.rate)) as u64))
            }
            SourceSpec::Phm2012(_) => Some((phm2012::RATE, phm2012::LENGTH as u64)),
            SourceSpec::Dcase(_)
            | SourceSpec::Folder(_)
            | SourceSpec::Factory(_)
            | SourceSpec::Scores(_) => None,
        }
    }

    /// Whether it has the scores of another program in place of recordings.
    pub fn is_scored(&self) -> bool {
        matches!(self, SourceSpec::Scores(_))
    }

    /// The versions of further code that makes its samples.
    pub fn uses(&self) -> BTreeMap<String, u32> {
        let mut uses = uses(self.channel());
        uses.extend(self.cut().map(|_| ("cut".to_owned(), cut::VERSION)));
        uses.extend(self.rate().map(|_| ("polyphase".to_owned(), dsp::POLYPHASE_VERSION)));
        uses
    }
}

/// The problem of a rate to resample to, if it has one.
fn rate_problem(rate: Option<u32>) -> Option<Problem> {
    let rate = rate.filter(|rate| !(4000..=192_000).contains(rate))?;
    let problem = Problem::new("rate", format!("{rate} is out of range"));
    Some(problem.hint("write a number from 4000 to 192000"))
}

/// The versions of further code that makes one channel of two.
pub fn uses(channel: Option<Channel>) -> BTreeMap<String, u32> {
    match channel {
        Some(Channel::Cancel) => [("cancel".to_owned(), dsp::CANCEL_VERSION)].into(),
        _ => BTreeMap::new(),
    }
}

pub mod cut;
pub mod dcase;
mod doubled;
mod drawn;
mod encoded;
pub mod factory;
pub mod folder;
pub mod guess;
mod holdout;
mod layout;
mod missing;
pub mod names;
mod pattern;
pub mod phm2012;
#[cfg(test)]
mod real_data;
mod refused;
pub mod scores;
mod sound;
pub mod supplemental;
pub mod synthetic;
mod table;
mod tree;
mod unchanged;
pub mod untrusted;
pub mod wav;
pub mod written;

/// The samples of a clip. Reads its files under `root`, or its part of one, and checks that their
/// content is still the listed one, or runs the generator.
pub fn read(clip: &str, audio: &Audio, root: Option<&Path>) -> Result<Wave, SourceError> {
    let wrong = |why: &str| SourceError::File { path: clip.to_owned(), why: why.to_owned() };
    let folder =
        || root.ok_or_else(|| wrong("is a file, and no root folder was given to read it from"));
    match audio {
        Audio::Resampled { rate, audio } => {
            resampled(read(clip, audio, root)?, *rate).map_err(|why| wrong(&why))
        }
        Audio::Wav { channel, sha256 } | Audio::Encoded { channel, sha256, .. } => {
            let path = audio.path(clip).expect("a recording has a file");
            let (wave, digest) = wav::read_hashed(&folder()?.join(path), *channel)?;
            // Results are stored under the listed digest, so other samples must not replace it.
            if digest == *sha256 { Ok(wave) } else { Err(wrong("changed since it was listed")) }
        }
        Audio::Cut { channel, sha256, part, path } => {
            let path = folder()?.join(path);
            listed(&path, *sha256)?;
            let wave = wav::read_range(&path, *channel, *part)?;
            listed(&path, *sha256).map(|()| wave)
        }
        Audio::Snapshots(snapshots) => phm2012::read(folder()?, snapshots),
        Audio::Synthetic(recipe) => sound::render(recipe).map_err(|why| wrong(&why)),
    }
}

/// Errors: a recording that was cut into these clips is another one than was listed. Its length came
/// from the file itself.
pub fn still(recordings: &[Recording], root: Option<&Path>) -> Result<(), SourceError> {
    let cut = recordings.iter().filter_map(|recording| match recording.audio.recorded() {
        Audio::Cut { sha256, path, .. } => Some((path, *sha256)),
        _ => None,
    });
    let files: BTreeMap<&String, Digest> = cut.collect();
    let root = root.unwrap_or(Path::new(""));
    files.into_iter().try_for_each(|(path, sha256)| listed(&root.join(path), sha256))
}

/// Errors: the file does not have this digest.
fn listed(path: &Path, sha256: Digest) -> Result<(), SourceError> {
    let wrong = |why: String| SourceError::File { path: path.display().to_string(), why };
    match unchanged::has(path, sha256) {
        Ok(true) => Ok(()),
        Ok(false) => Err(wrong("changed since it was listed".into())),
        Err(e) => Err(wrong(e.to_string())),
    }
}

/// A wave at this rate. The error ends a sentence about its recording.
pub fn resampled(Wave { rate, samples }: Wave, to: u32) -> Result<Wave, String> {
    let samples = dsp::polyphase(&samples, rate, to);
    let samples = samples
        .ok_or_else(|| format!("its rate is {rate} Hz, and that cannot be resampled to {to} Hz"))?;
    Ok(Wave { rate: to, samples })
}

/// One channel of two, as the reader of WAVs makes it.
pub fn joined(channel: Channel, near: &[f32], far: &[f32]) -> Vec<f32> {
    let both = near.iter().zip(far);
    match channel {
        Channel::Mean => both.map(|(a, b)| (a + b) / 2.0).collect(),
        Channel::First => near.to_vec(),
        Channel::Second => far.to_vec(),
        Channel::Difference => both.map(|(a, b)| a - b).collect(),
        Channel::Cancel => dsp::cancel(near, far),
    }
}

/// The paths of all recordings below a folder, in order.
///
/// Errors: a folder that cannot be read.
pub fn recordings(root: &Path) -> Result<Vec<String>, SourceError> {
    let mut found = Vec::new();
    tree::walk(root, "", DEEPEST, &mut found)?;
    let mut paths: Vec<String> =
        found.into_iter().filter(|found| found.utf8).map(|found| found.path).collect();
    paths.sort();
    Ok(paths)
}

/// Links to folders are followed to this depth.
const DEEPEST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Channel;

    #[test]
    fn a_file_that_changed_is_not_read_as_the_one_that_was_listed() {
        let root = tempfile::tempdir().unwrap();
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(root.path().join("a.wav"), spec).unwrap();
        writer.write_sample(16384_i16).unwrap();
        writer.finalize().unwrap();
        let sha256 = Digest::of(&std::fs::read(root.path().join("a.wav")).unwrap());
        let same = Audio::Wav { channel: Channel::Mean, sha256 };
        assert_eq!(
            read("a.wav", &same, Some(root.path())).unwrap(),
            Wave { rate: 8000, samples: vec![0.5] }
        );
        let other = Audio::Wav { channel: Channel::Mean, sha256: Digest::of(b"other") };
        assert_eq!(
            read("a.wav", &other, Some(root.path())).unwrap_err().to_string(),
            "a.wav: changed since it was listed"
        );
        assert_eq!(
            read("a.wav", &same, None).unwrap_err().to_string(),
            "a.wav: is a file, and no root folder was given to read it from"
        );
    }

    #[test]
    fn a_broken_recipe_is_an_error_that_names_the_clip() {
        let error =
            read("fan/x.wav", &Audio::Synthetic("{}".into()), None).unwrap_err().to_string();
        assert!(error.starts_with("fan/x.wav: is not a recipe of the generator: "), "{error}");
    }
}
