//! The word `mix.response` of a spec: the room between a machine and its microphone.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Mix;
use crate::diagnose::Problem;
use crate::dsp::{CONVOLVE_VERSION, POLYPHASE_VERSION};
use crate::mix::{Placed, RESPONSE_VERSION, RT60, Response, Types, seconds};
use crate::source::{self, SourceSpec};

/// The room between a machine and its microphone: an impulse response is drawn for each clip and
/// convolved with it. Each response has an energy of 1, and levels are those of the dry recordings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Room {
    /// Generates responses with this reverberation time in seconds, after which the reverberation has
    /// decayed by 60 dB: a number, `{ uniform: [0.2, 0.6] }`, `{ choose: [0.2, 0.6] }`, or by domain
    /// `{ source: 0.2, target: 0.6 }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "seconds::<Placed>", example = 0.4)]
    pub rt60: Option<Placed>,
    /// Energy of the direct sound over that of the reverberation in dB, in generated responses.
    #[schemars(range(min = -100, max = 100))]
    pub direct_db: f64,
    /// Recorded responses instead: a source whose machines are the types of rooms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<SourceSpec>,
    /// Types of recorded responses that a clip may get. Default: all types of `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub types: Option<Types>,
    /// Whether the noise is convolved as well, with a response of its own from the same room.
    pub noise: bool,
}

impl Mix {
    /// The versions of the code that resamples recorded noise, and that makes rooms and microphones, if
    /// there are any.
    pub fn uses(&self) -> BTreeMap<String, u32> {
        let mut uses = source::uses(self.microphones.as_ref().map(|two| two.channel));
        // Generated noise has the rate of the clips.
        if self.noise.as_ref().is_some_and(|noise| noise.member().root().is_some()) {
            uses.insert("polyphase".into(), POLYPHASE_VERSION);
        }
        if self.response.is_some() || self.microphones.is_some() {
            uses.insert("response".into(), RESPONSE_VERSION);
            uses.insert("convolve".into(), CONVOLVE_VERSION);
        }
        uses
    }
}

impl Room {
    /// Settings out of range, except those of the source, which checks its own.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        match (&self.rt60, &self.from) {
            (None, None) => problems.push(Problem::new("response", "no response is given").hint(
                "write `rt60: 0.4` to generate responses, or `from: { folder: { .. } }` for recorded ones",
            )),
            (Some(_), Some(_)) => problems.push(
                Problem::new("response.rt60", "is never used: `from` gives the responses")
                    .hint("leave out one of the two"),
            ),
            _ => {}
        }
        let seconds = self.rt60.iter();
        problems.extend(seconds.flat_map(|rt60| rt60.problems("response.rt60", RT60, "seconds")));
        if !(-100.0..=100.0).contains(&self.direct_db) {
            let message = format!("{} is out of range", self.direct_db);
            let hint = "write a number of dB from -100 to 100";
            problems.push(Problem::new("response.direct_db", message).hint(hint));
        }
        if self.from.is_some() && self.direct_db != 0.0 {
            let problem =
                Problem::new("response.direct_db", "is never used: `from` gives the responses");
            problems.push(problem.hint("leave it out"));
        }
        match (&self.types, &self.from) {
            (Some(_), None) => problems.push(
                Problem::new("response.types", "is never used: responses are generated")
                    .hint("leave it out, or set `from`"),
            ),
            (Some(types), Some(_)) => {
                problems.extend(types.problems("response.types", "room", "hall"))
            }
            _ => {}
        }
        problems
    }

    /// How responses are drawn.
    pub fn response(&self) -> Response {
        let Self { rt60, direct_db, from: _, types, noise } = self.clone();
        Response { rt60, direct_db, types, noise }
    }
}
