//! A section of the twin with any tuning: its clips, their features, and the scores of detectors.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex};

use humshift::artifact::{Audio, AudioTable, Clip, Domain, Label, Split, Tensors};
use humshift::context::Context;
use humshift::detector::{Detector, DetectorSpec, Examples};
use humshift::feature::{Extractor, Feature, log_mel::LogMel};
use humshift::metric::{Ties, auc};
use humshift::mimii_dg::{self, Calibration};
use humshift::mix::{self, Candidates, Draws, Layer, Signal};
use humshift::pool::PoolSpec;
use humshift::source::factory::Factory;
use humshift::source::synthetic::{Clips, Synthetic};
use humshift::source::{self, Recording, SectionId, Source};
use humshift::twin::{NOISES, WAYS};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde_json::json;

pub type Failure = Box<dyn Error + Send + Sync>;

/// AUC in % of both domains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Auc {
    pub source: f64,
    pub target: f64,
}

/// Clips, their dry samples, and the mean of their powers.
type Dry = (Vec<Clip>, Vec<Vec<f32>>, f64);

/// A clip with its frames (log-mel, 128 bands) and its vector by GWRP.
pub struct Heard {
    pub clip: Clip,
    frames: Array2<f32>,
    vector: Array2<f32>,
}

/// The detectors of the calibration.
pub struct Detectors {
    pub autoencoder: DetectorSpec,
    pub mahalanobis: DetectorSpec,
    gwrp: PoolSpec,
}

impl Detectors {
    pub fn new(epochs: usize) -> Self {
        let detector =
            |name, settings| DetectorSpec::parse(name, &settings).expect("sound settings");
        Self {
            autoencoder: detector("autoencoder", json!({ "epochs": epochs })),
            mahalanobis: detector("mahalanobis", json!({})),
            gwrp: PoolSpec::parse("gwrp", &json!({ "decay": 0.98 })).expect("sound settings"),
        }
    }
}

/// The clips of a section, dry, with the noise they will get.
pub struct Section {
    pub id: SectionId,
    recordings: Vec<Recording>,
    layers: &'static [Layer],
    noises: Candidates,
    /// The noise clips heard so far. The same ones come again and again.
    known: Mutex<BTreeMap<String, Arc<[f32]>>>,
    extractor: Box<dyn Extractor>,
}

impl Section {
    pub fn new(machine: &str, section: &str, clips: Clips, seed: u64) -> Result<Self, Failure> {
        let id = SectionId { machine: machine.into(), section: section.into() };
        let twin = Synthetic { seconds: 10.0, clips, seed, ..Synthetic::default() };
        let mut noises = Candidates::new();
        for kind in NOISES {
            let place = SectionId { machine: kind.into(), section: "00".into() };
            let clips = Factory::default().clips(&place, &[], &[])?;
            let rows = clips.into_iter().map(|r| (r.clip.id, r.audio)).collect();
            noises.insert(kind.to_owned(), AudioTable(rows));
        }
        Ok(Self {
            recordings: twin.clips(&id, &[], &[])?,
            layers: &mimii_dg::section(machine, section).ok_or("no such section")?.noise,
            noises,
            known: Mutex::default(),
            extractor: LogMel::default().extractor(16_000)?,
            id,
        })
    }

    fn table(&self) -> Result<&'static mimii_dg::Section, Failure> {
        Ok(mimii_dg::section(&self.id.machine, &self.id.section).ok_or("no such section")?)
    }

    /// Whether the shift may act in part: a number, or a way to the microphone.
    pub fn has_reach(&self) -> Result<bool, Failure> {
        let table = self.table()?;
        Ok(table.unit.is_some() || WAYS.contains(&table.attribute.as_str()))
    }

    /// The clips that `chosen` takes, with their sizes; and the mean of their powers before mixing.
    fn render(&self, chosen: impl Fn(&Clip) -> bool, sizes: &Calibration) -> Result<Dry, Failure> {
        let table = self.table()?;
        let chosen: Vec<&Recording> = self.recordings.iter().filter(|r| chosen(&r.clip)).collect();
        let clips: Vec<Clip> = chosen.iter().map(|r| r.clip.clone()).collect();
        let sounds: Vec<Vec<f32>> = chosen
            .par_iter()
            .map(|r| Ok(source::read(&r.clip.id, &tuned(r, sizes, table)?, None)?.samples))
            .collect::<Result<_, Failure>>()?;
        let power = sounds.iter().map(|x| mix::power(x)).sum::<f64>() / sounds.len().max(1) as f64;
        Ok((clips, sounds, power))
    }

    /// Clips, mixed as in the data set for a mean power of all clips.
    fn mixed(
        &self,
        (clips, sounds): (Vec<Clip>, Vec<Vec<f32>>),
        power: f64,
        detectors: &Detectors,
    ) -> Result<Vec<Heard>, Failure> {
        let draws = Draws {
            layers: self.layers,
            noises: &self.noises,
            response: None,
            responses: &Candidates::new(),
            microphones: None,
            seed: 0,
        };
        let recipe = mix::draw(&clips, Signal::Mean(power), &draws)?;
        let layers = self.layers.len();
        clips
            .into_par_iter()
            .zip(sounds)
            .enumerate()
            .map(|(i, (clip, mut sound))| {
                for part in &recipe.0[i * layers..][..layers] {
                    let noise = self.noise(&part.noise, &part.audio)?;
                    let noise = mix::cut(&noise, sound.len(), part.place, 0);
                    mix::scale_to(&mut sound, &noise, part.power).ok_or("silent noise")?;
                }
                let steps = mix::quantise(&sound, 1.0).samples;
                let sound: Vec<f32> = steps.iter().map(|x| f32::from(*x) / 32768.0).collect();
                let frames = self.extractor.extract(&sound)?;
                let vector = detectors.gwrp.member().pool(frames.view());
                let vector = Array2::from_shape_vec((1, vector.len()), vector)?;
                Ok(Heard { clip, frames, vector })
            })
            .collect()
    }

    fn noise(&self, id: &str, audio: &Audio) -> Result<Arc<[f32]>, Failure> {
        let known = || self.known.lock().map_err(|_| "another thread failed");
        if let Some(noise) = known()?.get(id) {
            return Ok(Arc::clone(noise));
        }
        let noise: Arc<[f32]> = source::read(id, audio, None)?.samples.into();
        known()?.insert(id.to_owned(), Arc::clone(&noise));
        Ok(noise)
    }

    /// All normal clips, with the noise of a section whose anomalies are as loud as they; and the
    /// mean of their powers before mixing.
    pub fn normals(
        &self,
        sizes: &Calibration,
        detectors: &Detectors,
    ) -> Result<(Vec<Heard>, f64), Failure> {
        let (clips, sounds, power) =
            self.render(|clip| clip.label == Some(Label::Normal), sizes)?;
        Ok((self.mixed((clips, sounds), power, detectors)?, power))
    }

    /// The normal clips of the target's test. `power` is that of all normal ones.
    pub fn targets(
        &self,
        sizes: &Calibration,
        power: f64,
        detectors: &Detectors,
    ) -> Result<Vec<Heard>, Failure> {
        let (clips, sounds, _) = self.render(
            |clip| {
                clip.label == Some(Label::Normal)
                    && clip.split == Split::Test
                    && clip.domain == Some(Domain::Target)
            },
            sizes,
        )?;
        self.mixed((clips, sounds), power, detectors)
    }

    /// All anomalous clips. `power` is that of the normal ones.
    pub fn anomalies(
        &self,
        sizes: &Calibration,
        power: f64,
        detectors: &Detectors,
    ) -> Result<Vec<Heard>, Failure> {
        let (clips, sounds, _) = self.render(|clip| clip.label == Some(Label::Anomaly), sizes)?;
        self.mixed((clips, sounds), power, detectors)
    }
}

/// The recipe of a sound with other sizes.
fn tuned(
    recording: &Recording,
    sizes: &Calibration,
    table: &mimii_dg::Section,
) -> Result<Audio, Failure> {
    let Audio::Synthetic(recipe) = &recording.audio else {
        return Err("not a generated sound".into());
    };
    let mut recipe: serde_json::Value = serde_json::from_str(recipe)?;
    if recording.clip.domain == Some(Domain::Target) {
        recipe["tuning"] = json!(sizes.target());
        recipe["attributes"] = json!(sizes.acting(table, &recording.clip.attributes));
        recipe["between"] = json!(sizes.between(table, &recording.clip.attributes));
    } else {
        recipe["tuning"] = json!(sizes.source());
    }
    Ok(Audio::Synthetic(recipe.to_string()))
}

/// Training clips as a detector takes them.
fn examples<'a>(heard: impl Iterator<Item = &'a Heard>, vectors: bool) -> Examples<'a> {
    let mut examples = Examples::default();
    for h in heard {
        let view: ArrayView2<f32> = if vectors { h.vector.view() } else { h.frames.view() };
        examples.clips.push(&h.clip);
        examples.features.push(view);
    }
    examples
}

/// All clips but the source clips for training after the first `most`.
pub fn first(heard: &[Heard], most: usize) -> impl Iterator<Item = &Heard> {
    let mut seen = 0;
    heard.iter().filter(move |h| {
        let counts = h.clip.split == Split::Train && h.clip.domain == Some(Domain::Source);
        seen += usize::from(counts);
        !counts || seen <= most
    })
}

pub fn fit<'a>(
    detector: &dyn Detector,
    heard: impl Iterator<Item = &'a Heard>,
    vectors: bool,
) -> Result<Tensors, Failure> {
    let train = examples(heard.filter(|h| h.clip.split == Split::Train), vectors);
    Ok(detector.fit(&train, None, &Context::plain(0))?)
}

pub fn score(
    detector: &dyn Detector,
    model: &Tensors,
    heard: &[Heard],
    vectors: bool,
) -> Result<Vec<f64>, Failure> {
    let parts: Vec<Vec<f64>> = heard
        .par_chunks(25)
        .map(|some| {
            Ok(detector.score(model, &examples(some.iter(), vectors), &Context::plain(0))?)
        })
        .collect::<Result<_, Failure>>()?;
    Ok(parts.concat())
}

/// The scores of normal test clips of both domains.
pub fn by_domain(normals: &[Heard], scores: &[f64]) -> [Vec<f64>; 2] {
    [Domain::Source, Domain::Target].map(|domain| {
        normals
            .iter()
            .zip(scores)
            .filter(|(h, _)| h.clip.split == Split::Test && h.clip.domain == Some(domain))
            .map(|(_, score)| *score)
            .collect()
    })
}

/// AUC of each domain: its normal test clips against all anomalies.
pub fn area([source, target]: &[Vec<f64>; 2], anomalies: &[f64]) -> Auc {
    let of = |normals: &[f64]| 100.0 * auc(normals, anomalies, Ties::Half).unwrap_or(f64::NAN);
    Auc { source: of(source), target: of(target) }
}
