//! The synthetic twin of MIMII DG: the sounds of machines and factories, as functions of seeds.
//!
//! The five machines of Dohi et al. 2022, each in its own file and modelled on how such a machine
//! makes sound, with pumps and factory noise to mix in. The attributes of a clip drive its machine;
//! they are the ones in MIMII DG's file names (`vel`, `volt`, `pat`…). A machine may have a fault:
//! one that the paper lists, or a related one. The properties of the machine (teeth, blades,
//! resonances) come from the seed of the unit, those of the recording from the seed of the clip.
//!
//! This room is mathematics: it knows no files, no sections and no signal-to-noise ratios. Sounds
//! are dry, in about -1..1. Clipping, 16 bits and mixing happen elsewhere.

mod bearing;
mod body;
mod factory;
mod fan;
mod gearbox;
mod hall;
mod loops;
mod panel;
mod pump;
mod rotor;
mod slider;
mod sound;
mod stroke;
#[cfg(test)]
mod testing;
mod valve;

use std::collections::BTreeMap;

pub use body::Tuning;

use serde::{Deserialize, Serialize};

use crate::seed::Seed;
use sound::Sound;

/// The five machines.
pub const MACHINES: [&str; 5] = ["bearing", "fan", "gearbox", "slider", "valve"];

/// The sounds to mix in: factory noise A, B, C and the pumps W, X, Y, Z.
pub const NOISES: [&str; 7] = ["A", "B", "C", "W", "X", "Y", "Z"];

/// The attributes that change the way from a machine to the microphone and nothing else.
pub const WAYS: [&str; 2] = ["loc", "panel"];

/// A way to the microphone between two: the share `share` of a recording's own way, and the rest of
/// the way under other attributes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Between {
    pub attributes: BTreeMap<String, String>,
    pub share: f64,
}

/// The description of one recording.
#[derive(Clone, Debug)]
pub struct Scene<'a> {
    /// Samples per second.
    pub rate: f64,
    pub samples: usize,
    /// Seed of the machine's properties.
    pub unit: Seed,
    /// Seed of the recording's properties.
    pub clip: Seed,
    /// Domain-shift attributes, such as `vel` -> `12`.
    pub attributes: &'a BTreeMap<String, String>,
    /// One of the machine's [`faults`], and its size. Size 1 is calibrated to MIMII DG's tables.
    pub fault: Option<(&'a str, f64)>,
    /// What the calibration set for the section of the recording.
    pub tuning: Tuning,
}

impl Scene<'_> {
    /// An empty clip with the recording's random numbers.
    fn sound(&self) -> Sound {
        Sound::new(self.rate, self.samples, self.clip.rng())
    }

    /// The number in an attribute, or `default` without that attribute.
    fn number(&self, attribute: &str, default: f64) -> Result<f64, String> {
        match self.attributes.get(attribute) {
            None => Ok(default),
            Some(text) => {
                text.parse().map_err(|_| format!("`{attribute}` is `{text}`, not a number"))
            }
        }
    }

    /// The word in an attribute, or `default` without that attribute.
    fn word<'a>(&'a self, attribute: &str, default: &'a str) -> &'a str {
        self.attributes.get(attribute).map_or(default, String::as_str)
    }

    /// The machine's speed over the speed that its attributes say: a load of the moment, a supply
    /// that sags, a belt that slips. It stays within two standard deviations.
    fn pace(&self) -> f64 {
        if self.tuning.jitter == 0.0 {
            return 1.0;
        }
        1.0 + self.tuning.jitter * self.clip.derive(&["pace"]).rng().normal().clamp(-2.0, 2.0)
    }

    /// The size of a fault in the machine's own sound; 0 if the machine does not have it.
    fn fault(&self, name: &str) -> f64 {
        let size = self.fault.filter(|(fault, _)| *fault == name).map_or(0.0, |(_, size)| size);
        self.tuning.fault * size
    }
}

/// The faults of a machine: those of Dohi et al. 2022, and some related ones (a contaminated valve
/// sticks or leaks, a gear wears or is overloaded). Noises have none.
pub fn faults(kind: &str) -> &'static [&'static str] {
    match kind {
        "bearing" => bearing::FAULTS,
        "fan" => fan::FAULTS,
        "gearbox" => gearbox::FAULTS,
        "slider" => slider::FAULTS,
        "valve" => valve::FAULTS,
        _ => &[],
    }
}

/// The samples of a machine or noise of this kind.
///
/// Errors: an unknown kind, an unknown fault of this kind, an attribute that the machine cannot
/// read.
pub fn render(kind: &str, scene: &Scene) -> Result<Vec<f32>, String> {
    if let Some((fault, _)) = scene.fault.filter(|(fault, _)| !faults(kind).contains(fault)) {
        return Err(format!("`{kind}` has no fault `{fault}`; known: {}", faults(kind).join(", ")));
    }
    let machine = match kind {
        "bearing" => bearing::render(scene),
        "fan" => fan::render(scene),
        "gearbox" => gearbox::render(scene),
        "slider" => slider::render(scene),
        "valve" => valve::render(scene),
        "A" | "B" | "C" => return factory::render(kind, scene),
        "W" | "X" | "Y" | "Z" => return Ok(pump::stand(scene, pump::render(kind, scene)?)),
        _ => return Err(format!("there is no generator `{kind}`")),
    };
    Ok(body::hear(scene, machine?))
}

/// The samples of a machine by a way between two. Both ways carry the same sound of the machine.
///
/// Errors: as [`render`].
pub fn render_between(kind: &str, scene: &Scene, between: &Between) -> Result<Vec<f32>, String> {
    let other = Scene { attributes: &between.attributes, ..scene.clone() };
    let (own, other) = (render(kind, scene)?, render(kind, &other)?);
    let mix = |(x, y): (f32, f32)| {
        (between.share * f64::from(x) + (1.0 - between.share) * f64::from(y)) as f32
    };
    Ok(own.into_iter().zip(other).map(mix).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_between_two_carries_both() {
        let at = |loc: &str| BTreeMap::from([("loc".to_owned(), loc.to_owned())]);
        let (own, other) = (at("E"), at("A"));
        let scene = |attributes| Scene {
            rate: 8000.0,
            samples: 800,
            unit: Seed(1),
            clip: Seed(2),
            attributes,
            fault: None,
            tuning: Tuning::default(),
        };
        let between = |share| {
            render_between("bearing", &scene(&own), &Between { attributes: other.clone(), share })
        };
        let [whole, none] = [&own, &other].map(|at| render("bearing", &scene(at)).unwrap());
        assert_ne!(whole, none);
        assert_eq!(between(1.0).unwrap(), whole);
        assert_eq!(between(0.0).unwrap(), none);
        let half = between(0.5).unwrap();
        assert!((half[99] - 0.5 * (whole[99] + none[99])).abs() < 1e-6);
    }

    #[test]
    fn what_a_kind_does_not_have_is_refused() {
        let none = BTreeMap::new();
        let mut scene = Scene {
            rate: 8000.0,
            samples: 800,
            unit: Seed(1),
            clip: Seed(2),
            attributes: &none,
            fault: None,
            tuning: Tuning::default(),
        };
        assert_eq!(render("lathe", &scene).unwrap_err(), "there is no generator `lathe`");
        scene.fault = Some(("clogging", 1.0));
        assert!(render("fan", &scene).is_ok());
        let error = render("bearing", &scene).unwrap_err();
        assert_eq!(
            error,
            "`bearing` has no fault `clogging`; known: eccentricity x, eccentricity y"
        );
        assert!(render("A", &scene).is_err());
    }
}
