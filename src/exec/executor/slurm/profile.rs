//! A profile: what to ask Slurm for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::diagnose::suggest;
use crate::stage::{STAGES, outputs_of};

/// The file of `--profile`. Nothing in it is part of a key.
///
/// ```yaml
/// all: { partition: cpu, account: lab, time: "2:00:00", memory: 4G, threads: 4 }
/// stages:
///   training: { threads: 8, memory: 16G, time: "8:00:00", partition: gpu, gpus: 1 }
/// task_minutes: 5
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// For stages of all kinds.
    pub all: Request,
    /// For stages of one kind, such as `training`; what is absent comes from `all`.
    pub stages: BTreeMap<String, Request>,
    /// How many minutes a task should last. Short stages share a task. Default: 5.
    pub task_minutes: Option<f64>,
    /// The most tasks of an array that run at once.
    pub at_once: Option<u32>,
    /// The program on the nodes, if it is not where it is here.
    pub program: Option<PathBuf>,
    /// Lines of shell before the program, such as `module load`.
    pub setup: Vec<String>,
}

/// What to ask for. Absent settings are left to Slurm and to the estimate of the stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Request {
    pub partition: Option<String>,
    pub account: Option<String>,
    pub qos: Option<String>,
    /// As for `sbatch --time`: minutes, or `HH:MM:SS`, or `D-HH:MM:SS`.
    pub time: Option<String>,
    /// At least this much memory for a task: `16G`. A stage that is expected to need more gets
    /// more.
    pub memory: Option<String>,
    /// Threads of a stage, and processors of its task. Default: as many as the stage can use, at
    /// most 4, and no more than a node has.
    pub threads: Option<usize>,
    pub gpus: Option<u32>,
    /// Further options of `sbatch`, as they are.
    pub options: Vec<String>,
}

/// The most threads of a task without a setting.
pub const THREADS: usize = 4;

impl Profile {
    /// Reads the text of a profile.
    ///
    /// Errors: it is no YAML of this form, or names a stage, size or time that does not exist.
    pub fn read(text: &str) -> Result<Self, String> {
        let profile: Self = serde_yaml::from_str(text).map_err(|e| e.to_string())?;
        if let Some(stage) = profile.stages.keys().find(|stage| outputs_of(stage).is_none()) {
            return Err(format!("`stages.{stage}`: {}", suggest(stage, STAGES)));
        }
        for request in std::iter::once(&profile.all).chain(profile.stages.values()) {
            if let Some(memory) = &request.memory {
                megabytes(memory).ok_or(format!("`memory: {memory}` is no size; write 16G"))?;
            }
            if let Some(time) = &request.time {
                minutes(time).ok_or(format!("`time: {time}` is no time; write 2:00:00"))?;
            }
            if request.threads == Some(0) {
                return Err("`threads: 0` can run nothing".to_owned());
            }
        }
        Ok(profile)
    }

    /// What to ask for a stage of this kind.
    pub fn request(&self, stage: &str) -> Request {
        let all = &self.all;
        let Some(own) = self.stages.get(stage) else { return all.clone() };
        let own = own.clone();
        Request {
            partition: own.partition.or_else(|| all.partition.clone()),
            account: own.account.or_else(|| all.account.clone()),
            qos: own.qos.or_else(|| all.qos.clone()),
            time: own.time.or_else(|| all.time.clone()),
            memory: own.memory.or_else(|| all.memory.clone()),
            threads: own.threads.or(all.threads),
            gpus: own.gpus.or(all.gpus),
            options: all.options.iter().cloned().chain(own.options).collect(),
        }
    }

    /// The most threads of any stage.
    pub fn most_threads(&self) -> usize {
        let own = self.stages.values().filter_map(|request| request.threads);
        own.chain([self.all.threads.unwrap_or(THREADS)]).max().unwrap_or(THREADS)
    }
}

/// Megabytes (2^20 bytes) of a size as Slurm writes it: `500`, `16G`.
pub fn megabytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    match text[digits..].to_ascii_uppercase().trim_end_matches('B') {
        "K" => Some(number.div_ceil(1024)),
        "" | "M" => Some(number),
        "G" => number.checked_mul(1024),
        "T" => number.checked_mul(1024 * 1024),
        _ => None,
    }
}

/// Minutes of a time as Slurm writes it: `90`, `30:00`, `2:00:00`, `1-12`, `1-12:30`.
pub fn minutes(text: &str) -> Option<u64> {
    let (days, rest) = text.split_once('-').map_or((None, text), |(d, r)| (Some(d), r));
    let parts: Vec<u64> = rest.split(':').map(|p| p.parse().ok()).collect::<Option<_>>()?;
    let part = |i: usize| parts.get(i).copied().unwrap_or(0);
    let minutes = match (days, parts.len()) {
        (Some(_), 1..=3) => 60 * part(0) + part(1) + part(2).div_ceil(60),
        (None, 1) => part(0),
        (None, 2) => part(0) + part(1).div_ceil(60),
        (None, 3) => 60 * part(0) + part(1) + part(2).div_ceil(60),
        _ => return None,
    };
    Some(24 * 60 * days.map_or(Some(0), |d| d.parse().ok())? + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_has_its_own_settings_and_else_those_of_all() {
        let text = "all: { partition: cpu, memory: 4G, threads: 2, options: [--nice] }\n\
                    stages: { training: { partition: gpu, gpus: 1, options: [--exclusive] } }\n";
        let profile = Profile::read(text).unwrap();
        let training = profile.request("training");
        assert_eq!(training.partition.as_deref(), Some("gpu"));
        assert_eq!((training.memory.as_deref(), training.gpus), (Some("4G"), Some(1)));
        assert_eq!(training.options, ["--nice", "--exclusive"]);
        assert_eq!((training.threads, profile.most_threads()), (Some(2), 2));
        let one = Profile::read("stages: { training: { threads: 2 } }").unwrap();
        assert_eq!(one.most_threads(), THREADS, "the other stages keep the default");
        assert_eq!(profile.request("metrics"), profile.all);
        assert_eq!(Profile::read("{}").unwrap(), Profile::default());
    }

    #[test]
    fn mistakes_are_told() {
        let wrong = |text: &str| Profile::read(text).unwrap_err();
        assert!(wrong("stages: { trainings: {} }").contains("training"));
        assert!(wrong("all: { memory: much }").contains("`memory: much` is no size"));
        assert!(wrong("all: { time: soon }").contains("`time: soon` is no time"));
        assert!(wrong("all: { cpus: 3 }").contains("unknown field `cpus`"));
        assert!(STAGES.iter().all(|stage| outputs_of(stage).is_some()));
    }

    #[test]
    fn sizes_and_times_are_those_of_slurm() {
        let sizes = ["500", "16G", "1T", "2048K", "3MB", "x"].map(megabytes);
        assert_eq!(sizes, [Some(500), Some(16_384), Some(1_048_576), Some(2), Some(3), None]);
        let times = ["90", "30:01", "2:00:00", "1-12", "1-12:30", "soon"].map(minutes);
        assert_eq!(times, [Some(90), Some(31), Some(120), Some(2160), Some(2190), None]);
    }
}
