//! Draws the noise and the level of each clip, from the clip's identity alone, never from an order.

use std::collections::BTreeMap;

use super::{Layer, Microphones, Response, Snr, unknown_type};
use crate::artifact::{Audio, AudioTable, Clip, More, Part, Recipe};
use crate::math;
use crate::seed::Seed;

/// The candidate noise clips, by type.
pub type Candidates = BTreeMap<String, AudioTable>;

/// The reason why a section cannot be mixed.
#[derive(Debug, thiserror::Error)]
pub enum MixError {
    /// A problem of one clip.
    #[error("clip `{clip}`: {why}")]
    Clip { clip: String, why: String },
    /// The mean power is 0, so no signal-to-noise ratio exists.
    #[error("every clip of the section is silent, so no signal-to-noise ratio exists")]
    Silent,
}

/// a, the power that ratios refer to.
#[derive(Clone, Copy, Debug)]
pub enum Signal<'a> {
    /// The mean power of several clips.
    Mean(f64),
    /// The power of each clip, by its id.
    Each(&'a BTreeMap<String, f64>),
}

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Draws<'a> {
    pub layers: &'a [Layer],
    /// The noise clips.
    pub noises: &'a Candidates,
    pub response: Option<&'a Response>,
    /// Recorded responses.
    pub responses: &'a Candidates,
    pub microphones: Option<&'a Microphones>,
    pub seed: u64,
}

/// Draws the recipe of a section.
///
/// A part's power is a / 10^(snr / 10). Its place in the noise clip is a share of the possible
/// starts, because the clip's length is not known yet.
pub fn draw(clips: &[Clip], signal: Signal, draws: &Draws) -> Result<Recipe, MixError> {
    // A NaN is as useless as a zero.
    let is_silent = |power: f64| power.is_nan() || power <= 0.0;
    if let Signal::Mean(power) = signal
        && is_silent(power)
    {
        return Err(MixError::Silent);
    }
    let Draws { layers, noises: candidates, responses, seed, .. } = *draws;
    let mut parts = Vec::with_capacity(clips.len() * layers.len());
    for clip in clips {
        let wrong = |why: String| MixError::Clip { clip: clip.id.clone(), why };
        let power = match signal {
            Signal::Mean(power) => power,
            Signal::Each(powers) => powers.get(&clip.id).copied().unwrap_or(0.0),
        };
        if is_silent(power) {
            return Err(wrong("it is silent, so no signal-to-noise ratio exists".into()));
        }
        let own = Seed(seed).derive(&["room", &clip.id]);
        let response = draws.response.map(|r| r.draw(clip, own, "", responses)).transpose();
        let response = response.map_err(wrong)?;
        let ways = draws.microphones.map(|microphones| microphones.draw(own));
        for (number, layer) in layers.iter().enumerate() {
            let name = number.to_string();
            let own_ratio = Seed(seed).derive(&["ratio", &clip.id, &name]);
            let snr = layer.snr_db.of(clip, own_ratio).map_err(wrong)?;
            let mut rng = Seed(seed).derive(&["mixing", &clip.id, &name]).rng();
            let types = layer.types.of(clip).map_err(wrong)?;
            if types.is_empty() {
                return Err(wrong("no type of noise is allowed for it".into()));
            }
            let chosen = &types[rng.below(types.len())];
            let noises: Option<Vec<(&String, &Audio)>> =
                candidates.get(chosen).map(|table| table.0.iter().collect());
            let noises = noises.filter(|n| !n.is_empty()).ok_or_else(|| {
                let known: Vec<&str> = candidates.keys().map(String::as_str).collect();
                wrong(unknown_type("noise", chosen, &known))
            })?;
            let (noise, audio) = noises[rng.below(noises.len())];
            let of_noise = draws.response.filter(|response| response.noise);
            let of_noise = of_noise.map(|r| r.draw(clip, own, &name, responses)).transpose();
            parts.push(Part {
                clip: clip.id.clone(),
                kind: chosen.clone(),
                noise: noise.clone(),
                audio: audio.clone(),
                place: rng.uniform(),
                power: power / math::powf(10f64, snr / 10.0),
                more: More {
                    snr_db: matches!(layer.snr_db, Snr::Drawn(_)).then_some(snr),
                    response: response.clone(),
                    noise_response: of_noise.map_err(wrong)?,
                    ways: ways.clone(),
                },
            });
        }
    }
    Ok(Recipe(parts))
}

#[cfg(test)]
mod tests {
    use super::super::{Drawn, Types};
    use super::*;
    use crate::artifact::{Domain, Echo, Label, Split};
    use serde_json::json;

    fn clip(id: &str, domain: Option<Domain>, level: &str) -> Clip {
        Clip {
            id: id.into(),
            machine: "fan".into(),
            section: "00".into(),
            domain,
            split: Split::Train,
            label: Some(Label::Normal),
            attributes: [("n-lv".to_owned(), level.to_owned())].into(),
        }
    }

    fn candidates() -> Candidates {
        let table = |kind: &str| {
            let rows =
                (0..5).map(|i| (format!("{kind}/{i}.wav"), Audio::Synthetic(format!("{kind}{i}"))));
            AudioTable(rows.collect())
        };
        ["A", "B", "C"].map(|kind| (kind.to_owned(), table(kind))).into()
    }

    fn layer() -> Layer {
        Layer {
            types: Types::Domain { source: vec!["A".into(), "B".into()], target: vec!["C".into()] },
            snr_db: Snr::Attribute {
                name: "n-lv".into(),
                levels: [("L1".into(), 3.0), ("L2".into(), -9.0)].into(),
            },
        }
    }

    fn drawn(clips: &[Clip], layer: Layer, signal: f64, seed: u64) -> Result<Recipe, MixError> {
        let (layers, noises, responses) = ([layer], candidates(), Candidates::new());
        let (response, microphones) = (None, None);
        let draws = Draws {
            layers: &layers,
            noises: &noises,
            response,
            responses: &responses,
            microphones,
            seed,
        };
        draw(clips, Signal::Mean(signal), &draws)
    }

    #[test]
    fn a_part_follows_from_the_clip_alone() {
        let clips: Vec<Clip> = (0..40)
            .map(|i| {
                let domain = if i % 2 == 0 { Domain::Source } else { Domain::Target };
                clip(&format!("{i:02}.wav"), Some(domain), if i % 3 == 0 { "L1" } else { "L2" })
            })
            .collect();
        let all = drawn(&clips, layer(), 2.0, 7).unwrap();
        let mut reversed: Vec<Clip> = clips.iter().skip(9).rev().cloned().collect();
        reversed.retain(|c| c.id != "20.wav");
        let some = drawn(&reversed, layer(), 2.0, 7).unwrap();
        assert!(some.0.iter().all(|part| all.0.contains(part)) && some.0.len() == 30);
        for (part, clip) in all.0.iter().zip(&clips) {
            assert_eq!(part.kind == "C", clip.domain == Some(Domain::Target), "{part:?}");
            let snr = 10.0 * math::log10(2.0 / part.power);
            assert!((snr - if clip.attributes["n-lv"] == "L1" { 3.0 } else { -9.0 }).abs() < 1e-12);
        }
        let kinds: std::collections::BTreeSet<&str> =
            all.0.iter().map(|p| p.noise.as_str()).collect();
        assert!(kinds.len() > 8, "{kinds:?}");
        assert_ne!(drawn(&clips, layer(), 2.0, 8).unwrap(), all);
    }

    #[test]
    fn ratios_rooms_and_microphones_follow_from_the_clip_too() {
        let clips: Vec<Clip> = (0..60)
            .map(|i| {
                let domain = if i % 2 == 0 { Domain::Source } else { Domain::Target };
                clip(&format!("{i:02}.wav"), Some(domain), "L1")
            })
            .collect();
        let snr_db = serde_json::from_value(
            json!({"source": {"uniform": [-6, 6]}, "target": {"choose": [-12, -9]}}),
        )
        .unwrap();
        let layers = [Layer { snr_db, ..layer() }, layer()];
        let rooms = Response {
            rt60: None,
            direct_db: 0.0,
            types: Some(Types::Domain { source: vec!["A".into()], target: vec!["B".into()] }),
            noise: true,
        };
        let microphones =
            Microphones { far_gain_db: Drawn::Uniform([-9.0, -3.0]), ..Default::default() };
        let (noises, responses) = (candidates(), candidates());
        let powers: BTreeMap<String, f64> =
            (0..60).map(|i| (format!("{i:02}.wav"), f64::from(i + 1))).collect();
        let draws = Draws {
            layers: &layers,
            noises: &noises,
            response: Some(&rooms),
            responses: &responses,
            microphones: Some(&microphones),
            seed: 1,
        };
        let all = draw(&clips, Signal::Each(&powers), &draws).unwrap();
        let some = draw(&clips[40..], Signal::Each(&powers), &draws).unwrap();
        assert_eq!(some.0, all.0[80..]);
        for (i, part) in all.0.iter().enumerate() {
            let (number, source) = (i / 2, i / 2 % 2 == 0);
            let snr = 10.0 * math::log10((number + 1) as f64 / part.power);
            match part.more.snr_db {
                Some(drawn) if source => assert!((-6.0..6.0).contains(&drawn)),
                Some(drawn) => assert!([-12.0, -9.0].contains(&drawn)),
                None => assert!(i % 2 == 1 && (snr - 3.0).abs() < 1e-9),
            }
            assert!(part.more.snr_db.is_none_or(|drawn| (drawn - snr).abs() < 1e-9), "{part:?}");
            let room = if source { "A/" } else { "B/" };
            let of_room = |echo: &Option<Echo>| matches!(echo, Some(Echo::File(id, _)) if id.starts_with(room));
            assert!(of_room(&part.more.response) && of_room(&part.more.noise_response), "{part:?}");
        }
        // Both layers of a clip have its one room, and its noises have places of their own.
        let (one, two) = (&all.0[0].more, &all.0[1].more);
        assert_eq!((&one.response, &one.ways), (&two.response, &two.ways));
        assert!(all.0.chunks(2).any(|p| p[0].more.noise_response != p[1].more.noise_response));
        let silent = [("00.wav".to_owned(), 0.0)].into();
        let told = draw(&clips[..1], Signal::Each(&silent), &draws).unwrap_err().to_string();
        assert_eq!(told, "clip `00.wav`: it is silent, so no signal-to-noise ratio exists");
        let unknown = Response { types: Some(Types::Any(vec!["hall".into()])), ..rooms.clone() };
        let draws = Draws { response: Some(&unknown), ..draws };
        let told = draw(&clips[..1], Signal::Mean(1.0), &draws).unwrap_err().to_string();
        assert_eq!(told, "clip `00.wav`: there is no response of type `hall`; known: A, B, C");
    }

    #[test]
    fn what_is_missing_is_named() {
        let told = |clip: Clip, layer: Layer, signal: f64| {
            drawn(&[clip], layer, signal, 0).unwrap_err().to_string()
        };
        let known = clip("x.wav", Some(Domain::Source), "L1");
        assert!(
            told(known.clone(), layer(), 0.0).starts_with("every clip of the section is silent")
        );
        assert_eq!(
            told(clip("x.wav", Some(Domain::Source), "L9"), layer(), 1.0),
            "clip `x.wav`: its `n-lv` is `L9`, but levels are given only for L1, L2"
        );
        assert_eq!(
            told(clip("x.wav", None, "L1"), layer(), 1.0),
            "clip `x.wav`: its domain is unknown, but `types` depends on it"
        );
        let by = |name: &str| Layer { types: Types::Attribute(name.into()), snr_db: Snr::Db(0.0) };
        assert_eq!(
            told(known.clone(), by("f-n"), 1.0),
            "clip `x.wav`: it has no attribute `f-n`, which `types` names"
        );
        assert_eq!(
            told(known, by("n-lv"), 1.0),
            "clip `x.wav`: there is no noise of type `L1`; known: A, B, C"
        );
    }
}
