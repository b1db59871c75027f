//! A split for recordings whose names tell none: some of the normal ones are held out for testing.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Recording;
use crate::artifact::{Clip, Domain, Label, Split};
use crate::diagnose::Problem;
use crate::seed::Seed;

/// The word for recordings that are drawn one by one.
const RANDOM: &str = "random";

/// Which recordings are for testing. Anomalies all are; of the normal recordings of a section and
/// domain a share is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Holdout {
    /// The share of the normal recordings, or of their groups, that is for testing.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1), example = 0.3)]
    pub holdout: f64,
    /// Recordings with the same value of this attribute stay together, so that pieces of one long
    /// recording never stand on both sides: `session` for `{attr.session}` in the pattern, or for
    /// a column of an attribute table. `random`: each recording is drawn by itself.
    #[serde(default = "random")]
    #[schemars(example = &"session")]
    pub by: String,
    /// Another seed draws others.
    #[serde(default)]
    pub seed: u64,
}

fn random() -> String {
    RANDOM.to_owned()
}

impl Holdout {
    /// Settings out of range. `attributes` are those that the pattern has; `None` where only the
    /// recordings tell them.
    pub fn problems(&self, attributes: Option<&BTreeSet<String>>) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !(self.holdout > 0.0 && self.holdout < 1.0) {
            let message = format!("`holdout` is {}, not between 0 and 1", self.holdout);
            problems.push(
                Problem::new("split.holdout", message)
                    .hint("0.3 keeps three of ten recordings for testing"),
            );
        }
        let unknown = attributes.is_some_and(|attributes| !attributes.contains(&self.by));
        if self.by != RANDOM && unknown {
            let message = format!("no recording has the attribute `{}`", self.by);
            let hint = format!("add `{{attr.{}}}` to the pattern, or write `by: random`", self.by);
            problems.push(Problem::new("split.by", message).hint(hint));
        }
        problems
    }

    /// The first recording that lacks the attribute which keeps recordings together.
    pub fn lacks<'r>(&self, recordings: &'r [Recording]) -> Option<&'r Clip> {
        let has = |clip: &Clip| self.by == RANDOM || clip.attributes.contains_key(&self.by);
        recordings.iter().map(|recording| &recording.clip).find(|clip| !has(clip))
    }

    /// Splits the recordings of a section. A group with an anomaly is for testing as a whole. Of
    /// two groups or more at least one stays on each side. `drawn` gives the machine and the name
    /// that a recording is drawn by: those with equal ones, of other sections too, are drawn alike.
    pub fn split(&self, recordings: &mut [Recording], drawn: impl Fn(&Clip) -> (&str, &str)) {
        let group = |recording: &Recording| match self.by.as_str() {
            RANDOM => drawn(&recording.clip).1.to_owned(),
            name => recording.clip.attributes.get(name).cloned().unwrap_or_default(),
        };
        let is_anomaly = |recording: &&Recording| recording.clip.label == Some(Label::Anomaly);
        let faulty: BTreeSet<String> = recordings.iter().filter(is_anomaly).map(group).collect();
        let mut groups: BTreeMap<Option<Domain>, BTreeSet<(u64, String)>> = BTreeMap::new();
        for recording in recordings.iter() {
            let (clip, name) = (&recording.clip, group(recording));
            if !faulty.contains(&name) {
                let path = ["split", drawn(clip).0, clip.section.as_str(), name.as_str()];
                groups
                    .entry(clip.domain)
                    .or_default()
                    .insert((Seed(self.seed).derive(&path).0, name));
            }
        }
        let mut held = faulty;
        for groups in groups.into_values() {
            let most = groups.len().saturating_sub(1);
            let count =
                ((self.holdout * groups.len() as f64).round() as usize).clamp(most.min(1), most);
            held.extend(groups.into_iter().take(count).map(|(_, name)| name));
        }
        for recording in recordings {
            recording.clip.split =
                if held.contains(&group(recording)) { Split::Test } else { Split::Train };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Audio, Channel};
    use crate::digest::Digest;

    fn recording(number: usize, session: &str, label: Label) -> Recording {
        let clip = Clip {
            id: format!("{number:03}.wav"),
            machine: "fan".into(),
            section: "00".into(),
            domain: None,
            split: Split::Train,
            label: Some(label),
            attributes: [("session".to_owned(), session.to_owned())].into(),
        };
        Recording { clip, audio: Audio::Wav { channel: Channel::Mean, sha256: Digest::of(b"") } }
    }

    fn sides(holdout: &Holdout, recordings: &mut [Recording]) -> Vec<Split> {
        holdout.split(recordings, |clip| (&clip.machine, &clip.id));
        recordings.iter().map(|recording| recording.clip.split).collect()
    }

    #[test]
    fn a_share_of_the_normal_recordings_is_for_testing_and_anomalies_all_are() {
        let label = |n: usize| if n < 10 { Label::Anomaly } else { Label::Normal };
        let mut recordings: Vec<Recording> = (0..50).map(|n| recording(n, "", label(n))).collect();
        let holdout = Holdout { holdout: 0.3, by: random(), seed: 0 };
        let found = sides(&holdout, &mut recordings);
        assert!(found[..10].iter().all(|side| *side == Split::Test));
        assert_eq!(found[10..].iter().filter(|side| **side == Split::Test).count(), 12);
        // The order of the files does not matter, another seed does.
        let mut turned: Vec<Recording> = recordings.iter().rev().cloned().collect();
        assert_eq!(sides(&holdout, &mut turned).into_iter().rev().collect::<Vec<_>>(), found);
        assert_ne!(sides(&Holdout { seed: 1, ..holdout }, &mut recordings), found);
    }

    #[test]
    fn pieces_of_a_session_never_stand_on_both_sides() {
        let mut recordings: Vec<Recording> = (0..60)
            .map(|n| {
                recording(
                    n,
                    &format!("s{}", n % 6),
                    if n == 3 { Label::Anomaly } else { Label::Normal },
                )
            })
            .collect();
        let found =
            sides(&Holdout { holdout: 0.3, by: "session".into(), seed: 0 }, &mut recordings);
        for (n, side) in found.iter().enumerate() {
            assert_eq!(*side, found[n % 6], "{n}");
        }
        assert_eq!(found[3], Split::Test);
        assert!(
            found.contains(&Split::Train)
                && found[..6].iter().filter(|side| **side == Split::Test).count() == 3
        );
    }

    #[test]
    fn of_two_recordings_one_stays_on_each_side_and_one_alone_is_for_training() {
        let holdout = Holdout { holdout: 0.01, by: random(), seed: 0 };
        let mut two: Vec<Recording> = (0..2).map(|n| recording(n, "", Label::Normal)).collect();
        assert_eq!(
            sides(&holdout, &mut two).iter().filter(|side| **side == Split::Test).count(),
            1
        );
        assert_eq!(sides(&holdout, &mut two[..1]), [Split::Train]);
    }
}
