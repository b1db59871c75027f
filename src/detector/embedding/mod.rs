//! Detectors in two parts: a network makes a vector of each clip, a detector of vectors scores
//! those.
//!
//! What the network learns is learnt once for a machine, over all its sections; the detector behind
//! it, the backend, keeps its own scope (a section, mostly). In a plan the two are stages of their
//! own, so that ten backends train one network and a change of backend trains none. [`Embedding`]
//! as a [`Detector`] does both in one: for ensembles, and for users of the library.
//!
//! To add a network: a file with a config struct (`Default`, `deny_unknown_fields`) and `impl
//! Embedder`, a `mod` line and a line in the list below; then accept its golden value.

mod autoencoder;
mod cnn;

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, Axis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Detector, DetectorError, DetectorSpec, Examples, Scope, Takes};
use crate::artifact::{Clip, Tensors};
use crate::context::Context;
use crate::diagnose::Problem;
use crate::family;

/// Clips as a network hears them.
#[derive(Clone, Default)]
pub struct Hearing<'a> {
    pub clips: Examples<'a>,
    /// The spectrum of each clip, (1, bins); none unless [`Embedder::hears_spectrum`].
    pub spectra: Vec<ArrayView2<'a, f32>>,
}

/// A network that makes a vector of a clip.
pub trait Embedder: Send + Sync {
    /// Raised whenever the same input gives other output; held by golden values.
    fn version(&self) -> u32;

    /// What it wants a clip to be.
    fn takes(&self) -> Takes {
        Takes::Frames
    }

    /// Whether it hears the spectra of whole clips besides.
    fn hears_spectrum(&self) -> bool {
        false
    }

    /// Settings out of range, all of them.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// Memory that fitting needs on top of its inputs, in bytes, for `rows` x `dims` of features.
    fn memory(&self, rows: usize, dims: usize) -> usize;

    /// Learns from the normal training clips of a machine.
    fn fit(&self, train: &Hearing, cx: &Context) -> Result<Tensors, DetectorError>;

    /// One vector a clip, (clips, dims). A clip's vector depends on that clip and the model alone.
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

/// A network makes a vector of each clip; a detector of vectors scores it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Embedding {
    /// The network that makes a vector of a clip.
    #[schemars(example = serde_json::json!({ "cnn": {} }))]
    pub network: EmbedderSpec,
    /// Whether the vector that `pool` makes of a clip is put before the network's vector.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(extend("default" = false))]
    pub with_pool: bool,
    /// The detector of the vectors, written as under `detector`.
    #[serde(default = "nearest_neighbour")]
    pub backend: Box<DetectorSpec>,
}

fn nearest_neighbour() -> Box<DetectorSpec> {
    Box::new(DetectorSpec::Knn(super::knn::Knn::default()))
}

impl EmbedderSpec {
    /// The vectors of clips by a model, (clips, dims); all are finite.
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
    /// The seed of the network, and of the backend of a section.
    fn own<'a>(cx: &Context<'a>, part: &[&str]) -> Context<'a> {
        Context { seed: cx.seed.derive(&["embedding"]).derive(part), ..*cx }
    }

    /// Clips without more than their features, where that is enough.
    fn heard<'a>(&self, clips: &Examples<'a>) -> Result<Hearing<'a>, DetectorError> {
        let beside = match (self.with_pool, self.network.member().hears_spectrum()) {
            (true, _) => "pooled vectors beside those of the network (`with_pool`)",
            (_, true) => "the spectra of whole clips",
            _ => return Ok(Hearing { clips: clips.clone(), spectra: Vec::new() }),
        };
        Err(DetectorError::Data(format!("a member of an ensemble cannot have {beside}")))
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
        // One number that changes when either's does.
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
                Some("has a network of its own, and its backend may not have another".into())
            }
            other if other.member().takes() == Takes::Frames => {
                Some(format!("`{backend}` takes frames, and a network gives one vector a clip"))
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
        // The vectors are few beside the frames.
        self.network.member().memory(rows, dims)
    }

    fn fit(
        &self,
        train: &Examples,
        _: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let heard = self.heard(train)?;
        let network = self.network.member().fit(&heard, &Self::own(cx, &["network"]))?;
        let vectors = self.network.vectors(&network, &heard, cx)?;
        let embedded = as_examples(train, &vectors);
        let mut model = Tensors::default();
        for (prefix, places) in self.groups(train) {
            let own = Self::own(cx, &[&prefix]);
            let fitted = self.backend.member().fit(&embedded.take(&places), None, &own)?;
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

/// The same clips with their vectors, (1, dims) each.
fn as_examples<'v, 'a: 'v>(clips: &Examples<'a>, vectors: &'v Array2<f32>) -> Examples<'v> {
    // Views of arrays do not shrink their lifetime by themselves, references do.
    let same = |clip: &&'a Clip| -> &'v Clip { clip };
    Examples {
        clips: clips.clips.iter().map(same).collect(),
        features: vectors.axis_chunks_iter(Axis(0), 1).collect(),
    }
}

/// The tensors under a prefix, without it.
fn part(model: &Tensors, prefix: &str) -> Tensors {
    let own =
        model.0.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)));
    Tensors(own.map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect())
}

#[cfg(test)]
mod tests;
