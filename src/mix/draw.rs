//! Draws the noise and the level of each clip, from the clip's identity alone, never from an order.

use std::collections::BTreeMap;

use super::Layer;
use crate::artifact::{Audio, AudioTable, Clip, Part, Recipe};
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

/// Draws the recipe of a section.
///
/// `signal` is a, the mean power of the section's clips. A part's power is a / 10^(snr / 10). Its
/// place in the noise clip is a share of the possible starts, because the clip's length is not
/// known yet.
pub fn draw(
    clips: &[Clip],
    layers: &[Layer],
    signal: f64,
    candidates: &Candidates,
    seed: u64,
) -> Result<Recipe, MixError> {
    // A NaN is as useless as a zero.
    if signal.is_nan() || signal <= 0.0 {
        return Err(MixError::Silent);
    }
    let mut parts = Vec::with_capacity(clips.len() * layers.len());
    for clip in clips {
        let wrong = |why: String| MixError::Clip { clip: clip.id.clone(), why };
        for (number, layer) in layers.iter().enumerate() {
            let snr = layer.snr_db.of(clip).map_err(wrong)?;
            let mut rng = Seed(seed).derive(&["mixing", &clip.id, &number.to_string()]).rng();
            let types = layer.types.of(clip).map_err(wrong)?;
            if types.is_empty() {
                return Err(wrong("no type of noise is allowed for it".into()));
            }
            let chosen = &types[rng.below(types.len())];
            let noises: Option<Vec<(&String, &Audio)>> =
                candidates.get(chosen).map(|table| table.0.iter().collect());
            let noises = noises.filter(|n| !n.is_empty()).ok_or_else(|| {
                let known: Vec<&str> = candidates.keys().map(String::as_str).collect();
                wrong(format!("there is no noise of type `{chosen}`; known: {}", known.join(", ")))
            })?;
            let (noise, audio) = noises[rng.below(noises.len())];
            parts.push(Part {
                clip: clip.id.clone(),
                kind: chosen.clone(),
                noise: noise.clone(),
                audio: audio.clone(),
                place: rng.uniform(),
                power: signal / math::powf(10f64, snr / 10.0),
            });
        }
    }
    Ok(Recipe(parts))
}

#[cfg(test)]
mod tests {
    use super::super::{Snr, Types};
    use super::*;
    use crate::artifact::{Domain, Label, Split};

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

    #[test]
    fn a_part_follows_from_the_clip_alone() {
        let clips: Vec<Clip> = (0..40)
            .map(|i| {
                let domain = if i % 2 == 0 { Domain::Source } else { Domain::Target };
                clip(&format!("{i:02}.wav"), Some(domain), if i % 3 == 0 { "L1" } else { "L2" })
            })
            .collect();
        let all = draw(&clips, &[layer()], 2.0, &candidates(), 7).unwrap();
        let mut reversed: Vec<Clip> = clips.iter().skip(9).rev().cloned().collect();
        reversed.retain(|c| c.id != "20.wav");
        let some = draw(&reversed, &[layer()], 2.0, &candidates(), 7).unwrap();
        assert!(some.0.iter().all(|part| all.0.contains(part)) && some.0.len() == 30);
        for (part, clip) in all.0.iter().zip(&clips) {
            assert_eq!(part.kind == "C", clip.domain == Some(Domain::Target), "{part:?}");
            let snr = 10.0 * math::log10(2.0 / part.power);
            assert!((snr - if clip.attributes["n-lv"] == "L1" { 3.0 } else { -9.0 }).abs() < 1e-12);
        }
        let kinds: std::collections::BTreeSet<&str> =
            all.0.iter().map(|p| p.noise.as_str()).collect();
        assert!(kinds.len() > 8, "{kinds:?}");
        assert_ne!(draw(&clips, &[layer()], 2.0, &candidates(), 8).unwrap(), all);
    }

    #[test]
    fn what_is_missing_is_named() {
        let told = |clip: Clip, layer: Layer, signal: f64| {
            draw(&[clip], &[layer], signal, &candidates(), 0).unwrap_err().to_string()
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
            "clip `x.wav`: its domain is unknown, but the noise depends on it"
        );
        let by = |name: &str| Layer { types: Types::Attribute(name.into()), snr_db: Snr::Db(0.0) };
        assert_eq!(
            told(known.clone(), by("f-n"), 1.0),
            "clip `x.wav`: it has no attribute `f-n`, which says its noise"
        );
        assert_eq!(
            told(known, by("n-lv"), 1.0),
            "clip `x.wav`: there is no noise of type `L1`; known: A, B, C"
        );
    }
}
