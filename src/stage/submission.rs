//! The submission stage: scores of another program take the place of a model's.
//!
//! Who reads the files pairs their rows with the truth before anything runs; see
//! [`evaluate::system`](crate::evaluate::system). So its inputs are whole, and all of its key:
//! scores in another file or folder, or in another order, are the same scores.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Inputs, Item, Output, StageError, code};
use crate::artifact::{ClipSet, Scores, Split};

const VERSION: u32 = 1;

/// Settings of the submission stage: it has none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submission {}

impl Submission {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        (code("submission", VERSION, []), json!({}))
    }

    /// Nobody trained, so there are no training clips.
    pub(super) fn run(&self, inputs: &Inputs) -> Result<Vec<Output>, StageError> {
        let clips: ClipSet = inputs.get((Split::Test, Item::Clips))?;
        let scores: Scores = inputs.get(Item::Scores)?;
        let decisions: Scores = inputs.get(Item::Decisions)?;
        for clip in clips.clips() {
            let wrong = |why: &str| StageError::Clip { clip: clip.id.clone(), why: why.to_owned() };
            match scores.0.get(&clip.id) {
                Some(score) if score.is_finite() => {}
                Some(score) => return Err(wrong(&format!("its score is {score}"))),
                None => return Err(wrong("it has no score")),
            }
            if !decisions.0.is_empty() && !decisions.0.contains_key(&clip.id) {
                return Err(wrong("it has no decision"));
            }
        }
        Ok(vec![
            Output::of((Split::Train, Item::Clips), &ClipSet::new(Vec::new())),
            Output::of((Split::Test, Item::Clips), &clips),
            Output::of(Item::Scores, &scores),
            Output::of(Item::Decisions, &decisions),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Artifact, Blob, Clip};

    fn told(scores: &[(&str, f64)], decisions: &[(&str, f64)]) -> Result<usize, String> {
        let table = |rows: &[(&str, f64)]| {
            let rows = rows.iter().map(|(clip, value)| ((*clip).to_owned(), *value));
            Blob::new(Scores(rows.collect()).encode())
        };
        let clip = |id: &str| Clip {
            id: id.to_owned(),
            machine: "fan".to_owned(),
            section: "00".to_owned(),
            domain: None,
            split: Split::Test,
            label: None,
            attributes: BTreeMap::new(),
        };
        let clips = Blob::new(ClipSet::new(vec![clip("a"), clip("b")]).encode());
        let inputs = Inputs(
            [
                ("test/clips".to_owned(), clips),
                ("scores".to_owned(), table(scores)),
                ("decisions".to_owned(), table(decisions)),
            ]
            .into(),
        );
        Submission {}.run(&inputs).map(|out| out.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_clip_has_a_score_and_all_or_none_a_decision() {
        let scores = [("a", 1.0), ("b", 2.0)];
        assert_eq!(told(&scores, &[]), Ok(4));
        assert_eq!(told(&scores, &[("a", 1.0), ("b", 0.0)]), Ok(4));
        let lacking = |found: Result<usize, String>| found.unwrap_err();
        assert_eq!(lacking(told(&scores[..1], &[])), "clip `b`: it has no score");
        assert_eq!(lacking(told(&[("a", f64::NAN)], &[])), "clip `a`: its score is NaN");
        assert_eq!(lacking(told(&scores, &[("a", 1.0)])), "clip `b`: it has no decision");
    }
}
