//! Numbers that a spec gives for all clips, has drawn for each clip, or gives by domain.

pub(super) mod form;

use schemars::JsonSchema;

use crate::artifact::{Clip, Domain};
use crate::diagnose::Problem;
use crate::seed::Seed;

/// A number, or a way to draw one: `-6`, `{ uniform: [-6, 6] }` or `{ choose: [-6, 0, 6] }`.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[schemars(untagged, inline)]
pub enum Drawn {
    /// The same number for every clip.
    Number(f64),
    #[schemars(with = "ByUniform")]
    Uniform([f64; 2]),
    #[schemars(with = "ByChoice")]
    Choose(Vec<f64>),
}

/// A number for each clip, or one for each domain: `{ source: 0.2, target: 0.6 }`.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[schemars(untagged, inline)]
pub enum Placed {
    All(Drawn),
    #[schemars(with = "ByDomain")]
    Domain {
        source: Drawn,
        target: Drawn,
    },
}

/// The form of [`Drawn::Uniform`].
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, inline)]
struct ByUniform {
    /// A number between these two is drawn for each clip.
    #[schemars(rename = "uniform")]
    _uniform: [f64; 2],
}

/// The form of [`Drawn::Choose`].
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, inline)]
struct ByChoice {
    /// One of these numbers is drawn for each clip.
    #[schemars(rename = "choose")]
    _choose: Vec<f64>,
}

/// The form of [`Placed::Domain`].
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, inline)]
struct ByDomain {
    /// For clips of the source domain.
    #[schemars(rename = "source")]
    _source: Drawn,
    /// For clips of the target domain.
    #[schemars(rename = "target")]
    _target: Drawn,
}

impl Drawn {
    /// The number for a clip; `seed` is the clip's own.
    pub fn of(&self, seed: Seed) -> f64 {
        match self {
            Drawn::Number(number) => *number,
            Drawn::Uniform([low, high]) => low + (high - low) * seed.rng().uniform(),
            Drawn::Choose(all) => all[seed.rng().below(all.len())],
        }
    }

    /// Every number in the setting.
    pub fn numbers(&self) -> Vec<f64> {
        match self {
            Drawn::Number(number) => vec![*number],
            Drawn::Uniform(ends) => ends.to_vec(),
            Drawn::Choose(all) => all.clone(),
        }
    }

    pub(super) fn add(&mut self, more: f64) {
        match self {
            Drawn::Number(number) => *number += more,
            Drawn::Uniform(ends) => ends.iter_mut().for_each(|end| *end += more),
            Drawn::Choose(all) => all.iter_mut().for_each(|one| *one += more),
        }
    }

    fn problem(&self, field: &str) -> Option<Problem> {
        match self {
            Drawn::Uniform([low, high]) if low > high => {
                let message = format!("`uniform` is from {low} to {high}, which is no range");
                let hint = format!("write the smaller number first, `[{high}, {low}]`");
                Some(Problem::new(field, message).hint(hint))
            }
            Drawn::Choose(all) if all.is_empty() => {
                let problem = Problem::new(field, "`choose` has nothing to choose from");
                Some(problem.hint("write at least one number, `[-6, 0, 6]`"))
            }
            _ => None,
        }
    }
}

impl Placed {
    /// The number for `clip`; `seed` is the clip's own. Errors: its domain decides and is unknown.
    pub fn of(&self, clip: &Clip, seed: Seed) -> Result<f64, String> {
        match (self, clip.domain) {
            (Placed::All(drawn), _) => Ok(drawn.of(seed)),
            (Placed::Domain { source, .. }, Some(Domain::Source)) => Ok(source.of(seed)),
            (Placed::Domain { target, .. }, Some(Domain::Target)) => Ok(target.of(seed)),
            (Placed::Domain { .. }, None) => {
                Err("its domain is unknown, but the mix depends on it".into())
            }
        }
    }

    fn parts(&self) -> Vec<&Drawn> {
        match self {
            Placed::All(drawn) => vec![drawn],
            Placed::Domain { source, target } => vec![source, target],
        }
    }

    /// Every number in the setting.
    pub fn numbers(&self) -> Vec<f64> {
        self.parts().into_iter().flat_map(Drawn::numbers).collect()
    }

    pub(super) fn add(&mut self, more: f64) {
        match self {
            Placed::All(drawn) => drawn.add(more),
            Placed::Domain { source, target } => {
                source.add(more);
                target.add(more);
            }
        }
    }

    /// What cannot be drawn, and numbers that are not from `low` to `high`. `unit` is a word such as
    /// `dB`.
    pub fn problems(&self, field: &str, [low, high]: [f64; 2], unit: &str) -> Vec<Problem> {
        let mut found: Vec<Problem> =
            self.parts().into_iter().filter_map(|drawn| drawn.problem(field)).collect();
        let outside = self.numbers().into_iter().find(|x| !(low..=high).contains(x));
        found.extend(outside.map(|x| {
            let hint = format!("write a number of {unit} from {low} to {high}");
            Problem::new(field, format!("{x} is out of range")).hint(hint)
        }));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_drawn_by_the_seed_alone() {
        let seeds = || (0..400).map(Seed);
        let uniform: Drawn = serde_json::from_value(json!({"uniform": [-6, 6]})).unwrap();
        let all: Vec<f64> = seeds().map(|seed| uniform.of(seed)).collect();
        assert!(all.iter().all(|x| (-6.0..6.0).contains(x)));
        let mean = all.iter().sum::<f64>() / 400.0;
        assert!(mean.abs() < 0.6 && all.iter().any(|x| *x < -5.5) && all.iter().any(|x| *x > 5.5));
        assert!(all.iter().copied().eq(seeds().map(|seed| uniform.of(seed))));
        let choose: Drawn = serde_json::from_value(json!({"choose": [-6, 0, 6]})).unwrap();
        let sixes = seeds().filter(|seed| choose.of(*seed) == 6.0).count();
        assert!((100..167).contains(&sixes), "{sixes}");
        assert_eq!(Drawn::Number(3.0).of(Seed(1)), 3.0);
    }

    #[test]
    fn what_cannot_be_drawn_is_told() {
        let told = |value| {
            let placed: Placed = serde_json::from_value(value).unwrap();
            let problems = placed.problems("snr_db", [-100.0, 100.0], "dB");
            problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(told(json!(3)), "");
        assert_eq!(
            told(json!({"uniform": [6, -6]})),
            "`uniform` is from 6 to -6, which is no range"
        );
        assert_eq!(
            told(json!({"source": {"choose": []}, "target": 300})),
            "`choose` has nothing to choose from; 300 is out of range"
        );
    }
}
