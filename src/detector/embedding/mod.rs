//! Detectors in two parts: a network makes an embedding of each clip, and a detector of vectors
//! scores the embeddings.
//!
//! The network is trained once for a machine, over all its sections, or once for all machines. The
//! detector behind it, the
//! backend, keeps its own scope (mostly a section). In a plan the two are separate stages, so ten
//! backends share one trained network and a change of backend trains none. [`Embedding`] as a
//! [`Detector`] does both in one: for ensembles, and for users of the library.
//!
//! To add a network: write a file with a config struct (`Default`, `deny_unknown_fields`) and `impl
//! Embedder`, a `mod` line and a line in the list below; then accept its golden value.

mod autoencoder;
mod cnn;

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, Axis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Detector, DetectorError, DetectorSpec, Examples, Scope, Takes};
use crate::artifact::{Clip, Tensors};
use crate::command::{Program, part};
use crate::context::Context;
use crate::diagnose::Problem;
use crate::family;

/// The inputs of a network.
#[derive(Clone, Default)]
pub struct Hearing<'a> {
    pub clips: Examples<'a>,
    /// The spectrum of each clip, (1, bins); empty unless [`Embedder::hears_spectrum`].
    pub spectra: Vec<ArrayView2<'a, f32>>,
}

/// A network that makes an embedding of a clip.
pub trait Embedder: Send + Sync {
    /// Raised whenever the same input gives other output. Golden values in tests guard it.
    fn version(&self) -> u32;

    /// The form of a clip that it takes.
    fn takes(&self) -> Takes {
        Takes::Frames
    }

    /// Whether it also takes the spectra of whole clips.
    fn hears_spectrum(&self) -> bool {
        false
    }

    /// The samples per frame of the spectrograms that follow the spectrum in its row
    /// ([`Layout`](crate::dsp::Layout)).
    fn stfts(&self) -> &[usize] {
        &[]
    }

    /// All settings that are out of range.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// Memory for fitting beside its inputs, in bytes, for `rows` x `dims` of features.
    fn memory(&self, rows: usize, dims: usize) -> usize;

    /// Learns from the normal training clips of a machine.
    fn fit(&self, train: &Hearing, cx: &Context) -> Result<Tensors, DetectorError>;

    /// One embedding per clip, (clips, dims). It depends on that clip and the model alone.
    fn embed(
        &self,
        model: &Tensors,
        clips: &Hearing,
        cx: &Context,
    ) -> Result<Array2<f32>, DetectorError>;
}

family! {
    /// Every network a spec can name.
    pub enum EmbedderSpec: Embedder {
        "autoencoder" => Autoencoder(autoencoder::Bottleneck),
        "cnn" => Cnn(cnn::Cnn),
    }
}

/// A network makes an embedding of each clip; a detector of vectors scores it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Embedding {
    /// The network that makes the embedding of a clip.
    #[schemars(example = serde_json::json!({ "cnn": {} }))]
    pub network: EmbedderSpec,
    /// Whether the pooled vector of a clip is put before its embedding.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(extend("default" = false))]
    pub with_pool: bool,
    /// Whether one network is trained on the clips of all machines, or one for each machine. A
    /// network that tells classes apart then tells machines apart, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(extend("default" = false))]
    pub all_machines: bool,
    /// The detector that scores the embeddings, written as under `detector`.
    #[serde(default = "nearest_neighbour")]
    pub backend: Box<DetectorSpec>,
}

fn nearest_neighbour() -> Box<DetectorSpec> {
    Box::new(DetectorSpec::Knn(super::knn::Knn::default()))
}

impl EmbedderSpec {
    /// The embeddings of clips, (clips, dims). All are finite.
    pub fn vectors(
        &self,
        model: &Tensors,
        heard: &Hearing,
        cx: &Context,
    ) -> Result<Array2<f32>, DetectorError> {
        let clips = &heard.clips;
        let vectors = self.member().embed(model, heard, cx)?;
        assert_eq!(vectors.nrows(), clips.features.len(), "one vector a clip");
        let odd = vectors.outer_iter().position(|vector| vector.iter().any(|x| !x.is_finite()));
        if let Some(place) = odd {
            let name = clips.clips.get(place).map_or(place.to_string(), |clip| clip.id.clone());
            return Err(DetectorError::Data(format!(
                "the embedding of clip `{name}` is not finite"
            )));
        }
        Ok(vectors)
    }
}

impl Embedding {
    /// The context with the seed of the network, or of a section's backend.
    fn own<'a>(cx: &Context<'a>, part: &[&str]) -> Context<'a> {
        Context { seed: cx.seed.derive(&["embedding"]).derive(part), ..*cx }
    }

    /// What it needs besides the features of a clip, which a member of an ensemble does not get.
    pub(super) fn beside(&self) -> Option<&'static str> {
        match (self.with_pool, self.network.member().hears_spectrum()) {
            (true, _) => Some("pooled vectors beside the embedding (`with_pool`)"),
            (_, true) => Some("the spectra of whole clips"),
            _ => None,
        }
    }

    /// Clips with only their features, if that is enough.
    fn heard<'a>(&self, clips: &Examples<'a>) -> Result<Hearing<'a>, DetectorError> {
        match self.beside() {
            Some(beside) => Err(DetectorError::Data(format!("{beside} are missing"))),
            None => Ok(Hearing { clips: clips.clone(), spectra: Vec::new() }),
        }
    }

    /// The places of the clips that share a backend, by the prefix of its tensors.
    fn groups(&self, clips: &Examples) -> BTreeMap<String, Vec<usize>> {
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for place in 0..clips.features.len() {
            let prefix = match (self.backend.member().scope(), clips.clips.get(place)) {
                (Scope::Section, Some(clip)) => format!("backend.{}/", clip.section),
                _ => "backend/".to_owned(),
            };
            groups.entry(prefix).or_default().push(place);
        }
        groups
    }
}

impl Detector for Embedding {
    fn version(&self) -> u32 {
        // A number that changes with either version.
        self.network
            .member()
            .version()
            .wrapping_mul(31)
            .wrapping_add(self.backend.member().version())
    }

    fn takes(&self) -> Takes {
        self.network.member().takes()
    }

    fn scope(&self) -> Scope {
        Scope::Machine
    }

    fn seeded(&self) -> bool {
        true
    }

    fn programs(&self) -> Vec<(String, Program<'_>)> {
        self.backend.member().programs()
    }

    fn problems(&self) -> Vec<Problem> {
        let (network, backend) = (self.network.name(), self.backend.name());
        let at = |part: &str, name: &str, p: Problem| Problem {
            field: format!("{part}.{name}.{}", p.field),
            ..p
        };
        let mut problems: Vec<Problem> = self
            .network
            .member()
            .problems()
            .into_iter()
            .map(|p| at("network", network, p))
            .collect();
        problems.extend(
            self.backend.member().problems().into_iter().map(|p| at("backend", backend, p)),
        );
        let refused = match &*self.backend {
            DetectorSpec::Embedding(_) => {
                Some("an embedding may not be the backend of another one".into())
            }
            other if other.member().takes() == Takes::Frames => {
                Some(format!("`{backend}` takes frames, but a network gives one vector per clip"))
            }
            _ => None,
        };
        problems.extend(refused.map(|message| {
            Problem::new("backend", message)
                .hint("write a detector of vectors, such as `backend: { knn: {} }`")
        }));
        problems
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        // The embeddings are few beside the frames.
        self.network.member().memory(rows, dims)
    }

    fn fit(
        &self,
        train: &Examples,
        given: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let heard = self.heard(train)?;
        let network = self.network.member().fit(&heard, &Self::own(cx, &["network"]))?;
        let vectors = self.network.vectors(&network, &heard, cx)?;
        let embedded = as_examples(train, &vectors);
        let mut model = Tensors::default();
        for (prefix, places) in self.groups(train) {
            let own = Self::own(cx, &[&prefix]);
            let fitted = self.backend.member().fit(&embedded.take(&places), given, &own)?;
            model.0.extend(
                fitted.0.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)),
            );
        }
        model.0.extend(
            network.0.into_iter().map(|(name, tensor)| (format!("network/{name}"), tensor)),
        );
        Ok(model)
    }

    fn score(
        &self,
        model: &Tensors,
        test: &Examples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        if test.features.is_empty() {
            return Ok(Vec::new());
        }
        let vectors = self.network.vectors(&part(model, "network/"), &self.heard(test)?, cx)?;
        let embedded = as_examples(test, &vectors);
        let mut scores = vec![0.0; test.features.len()];
        for (prefix, places) in self.groups(test) {
            let own = part(model, &prefix);
            if let (true, Some(clip)) = (own.0.is_empty(), test.clips.get(places[0])) {
                let message = format!(
                    "clip `{}` is of section {}, which has no training clips",
                    clip.id, clip.section
                );
                return Err(DetectorError::Data(message));
            }
            let found = self.backend.member().score(&own, &embedded.take(&places), cx)?;
            places.into_iter().zip(found).for_each(|(place, score)| scores[place] = score);
        }
        Ok(scores)
    }
}

/// The same clips with their embeddings, (1, dims) each.
fn as_examples<'v, 'a: 'v>(clips: &Examples<'a>, vectors: &'v Array2<f32>) -> Examples<'v> {
    // Unlike references, views of arrays do not shrink their lifetime by themselves.
    let same = |clip: &&'a Clip| -> &'v Clip { clip };
    Examples {
        clips: clips.clips.iter().map(same).collect(),
        features: vectors.axis_chunks_iter(Axis(0), 1).collect(),
    }
}

#[cfg(test)]
mod tests;
