//! Two microphones: what is drawn of the ways to them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::response::generated;
use super::{DECIBELS, Drawn, MILLISECONDS, Placed, RT60, decibels, milliseconds, seconds};
use crate::artifact::{Channel, Path, Ways};
use crate::diagnose::Problem;
use crate::seed::Seed;

/// Two microphones: a near one, to which the machine is near, and a far one, which is nearer to the
/// noise. The near channel is the machine and softer noise; the far channel is the softer, later
/// machine and the noise. The ratio of machine to noise is that of the near channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Microphones {
    /// Level in dB of the machine at the far microphone, relative to the near one. As every number
    /// here it may be drawn for each clip: `{ uniform: [-18, -6] }` or `{ choose: [-18, -6] }`.
    #[schemars(schema_with = "decibels::<Drawn>")]
    pub far_gain_db: Drawn,
    /// Delay in milliseconds of the machine at the far microphone, rounded to samples.
    #[schemars(schema_with = "milliseconds::<Drawn>")]
    pub far_delay_ms: Drawn,
    /// Reverberation time in seconds of the machine at the far microphone. Default: no
    /// reverberation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "seconds::<Drawn>")]
    pub far_rt60: Option<Drawn>,
    /// Level in dB of the noise at the near microphone, relative to the far one.
    #[schemars(schema_with = "decibels::<Drawn>")]
    pub near_gain_db: Drawn,
    /// Delay in milliseconds of the noise at the near microphone, rounded to samples.
    #[schemars(schema_with = "milliseconds::<Drawn>")]
    pub near_delay_ms: Drawn,
    /// Reverberation time in seconds of the noise at the near microphone. Default: no
    /// reverberation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "seconds::<Drawn>")]
    pub near_rt60: Option<Drawn>,
    /// The channel that a run hears. `dataset write` writes both.
    pub channel: Channel,
}

impl Default for Microphones {
    fn default() -> Self {
        Self {
            far_gain_db: Drawn::Number(-12.0),
            far_delay_ms: Drawn::Number(3.0),
            far_rt60: None,
            near_gain_db: Drawn::Number(-6.0),
            near_delay_ms: Drawn::Number(3.0),
            near_rt60: None,
            channel: Channel::First,
        }
    }
}

impl Microphones {
    /// The same microphones, whichever channel a run hears.
    pub fn recorded(&self) -> Self {
        Self { channel: Channel::First, ..self.clone() }
    }

    /// The ways for a clip; `own` is the clip's seed.
    pub(super) fn draw(&self, own: Seed) -> Ways {
        let of = |name: &str, drawn: &Drawn| drawn.of(own.derive(&[name]));
        let path = |name: &str, gain: &Drawn, delay: &Drawn, rt60: &Option<Drawn>| {
            let rt60 = rt60.as_ref().map(|rt60| of(&format!("{name} rt60"), rt60));
            Path {
                gain_db: of(&format!("{name} gain"), gain),
                delay_ms: of(&format!("{name} delay"), delay),
                response: generated(rt60, own.derive(&[name, "response"])),
            }
        };
        Ways {
            far: path("far", &self.far_gain_db, &self.far_delay_ms, &self.far_rt60),
            near: path("near", &self.near_gain_db, &self.near_delay_ms, &self.near_rt60),
        }
    }

    /// Settings out of range.
    pub fn problems(&self) -> Vec<Problem> {
        let Self {
            far_gain_db,
            far_delay_ms,
            far_rt60,
            near_gain_db,
            near_delay_ms,
            near_rt60,
            ..
        } = self;
        let fields = [
            ("far_gain_db", Some(far_gain_db), DECIBELS, "dB"),
            ("far_delay_ms", Some(far_delay_ms), MILLISECONDS, "milliseconds"),
            ("far_rt60", far_rt60.as_ref(), RT60, "seconds"),
            ("near_gain_db", Some(near_gain_db), DECIBELS, "dB"),
            ("near_delay_ms", Some(near_delay_ms), MILLISECONDS, "milliseconds"),
            ("near_rt60", near_rt60.as_ref(), RT60, "seconds"),
        ];
        let told = |(name, drawn, range, unit): (&str, Option<&Drawn>, [f64; 2], &str)| {
            let field = format!("microphones.{name}");
            drawn.map(|drawn| Placed::All(drawn.clone()).problems(&field, range, unit))
        };
        fields.into_iter().filter_map(told).flatten().collect()
    }
}

/// The number of samples of a delay at `rate` samples a second.
pub fn delay(milliseconds: f64, rate: u32) -> usize {
    (milliseconds * f64::from(rate) / 1000.0).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ways_are_drawn_by_the_seed_of_the_clip() {
        let microphones: Microphones = serde_json::from_value(json!({
            "far_gain_db": {"uniform": [-18, -6]}, "near_rt60": 0.2, "channel": "cancel"
        }))
        .unwrap();
        let ways: Vec<Ways> = (0..50).map(|seed| microphones.draw(Seed(seed))).collect();
        assert_eq!(ways[7], microphones.draw(Seed(7)));
        assert_ne!(ways[7].far.gain_db, ways[8].far.gain_db);
        assert!(ways.iter().all(|ways| (-18.0..-6.0).contains(&ways.far.gain_db)));
        assert!(ways.iter().all(|w| w.near.gain_db == -6.0 && w.far.response.is_none()));
        assert_ne!(ways[7].near.response, ways[8].near.response);
        assert_eq!((delay(3.0, 16_000), delay(0.0, 16_000)), (48, 0));
    }

    #[test]
    fn what_is_out_of_range_is_told() {
        let told = |value| {
            let microphones: Microphones = serde_json::from_value(value).unwrap();
            let told = |problem: Problem| format!("{}: {}", problem.field, problem.message);
            microphones.problems().into_iter().map(told).collect::<Vec<_>>()
        };
        assert!(told(json!({})).is_empty());
        assert_eq!(
            told(json!({"far_delay_ms": -1, "near_rt60": {"choose": []}})),
            [
                "microphones.far_delay_ms: -1 is out of range",
                "microphones.near_rt60: `choose` has nothing to choose from"
            ]
        );
    }
}
