//! DBSCAN (Ester et al. 1996): the distance of a clip from the dense parts of the training clips.
//!
//! Clusters are the normal sounds of a section. Training clips outside of all clusters are noise,
//! for example a door that fell shut. Nearest neighbours would count each of those as normal;
//! DBSCAN leaves them out. That has a price under domain shift: ten target clips among a thousand
//! may all be noise by this measure. The log of the training says how many clips were left out, by
//! domain.
//!
//! linfa-clustering has DBSCAN, too; see [`dbscan`] for why only the tests use it.

use ndarray::{Array1, Axis, array};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Detector, DetectorError, Examples, vectors};
use crate::artifact::{Domain, Tensors};
use crate::context::Context;
use crate::diagnose::{Problem, number};
use crate::learn::dbscan;
use crate::learn::neighbours::{self, MOST_NEIGHBOURS, Metric, Neighbour};
use crate::metric;

/// DBSCAN (Ester et al. 1996): the score is the distance to the nearest core point. A core point is
/// a training clip with `min_points` training clips within `eps`. Isolated training clips are noise
/// and are left out, so a few bad recordings do no harm. A few target clips may be noise, too: the
/// log says how many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dbscan {
    /// The number of training clips within `eps` of a core point, including itself (MinPts in the
    /// paper, `min_samples` in scikit-learn).
    #[schemars(range(min = 1, max = MOST_NEIGHBOURS))]
    pub min_points: usize,
    /// The radius, instead of `quantile`, in the unit of the features (dB for log-mel).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1e9), extend("exclusiveMinimum" = 0))]
    pub eps: Option<f64>,
    /// The share of training clips that are core points. `eps` is this quantile of their distances
    /// to the `min_points`-th clip.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub quantile: f64,
    /// The distance between two vectors.
    pub metric: Metric,
}

impl Default for Dbscan {
    fn default() -> Self {
        Self { min_points: 5, eps: None, quantile: 0.9, metric: Metric::default() }
    }
}

impl Detector for Dbscan {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        let points = match self.min_points {
            0 => Some(
                Problem::new("min_points", "every clip has 0 others around it").hint("5 is usual"),
            ),
            points => Problem::outside("min_points", points, 1, MOST_NEIGHBOURS),
        };
        let eps = self.eps.and_then(|eps| match eps > 0.0 && eps.is_finite() {
            true => Problem::beyond("eps", eps, 1e9),
            false => {
                let hint = "without `eps` it is taken from `quantile`";
                Some(
                    Problem::new("eps", format!("`eps` is {}, not above 0", number(eps)))
                        .hint(hint),
                )
            }
        });
        let quantile = (!(self.quantile > 0.0 && self.quantile <= 1.0)).then(|| {
            let message =
                format!("`quantile` is {}, not above 0 and at most 1", number(self.quantile));
            Problem::new("quantile", message)
                .hint("a share of the training clips: 0.9 leaves out a tenth of them")
        });
        points.into_iter().chain(eps).chain(quantile).collect()
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        let neighbours =
            (self.min_points + 1) * size_of::<Neighbour>() + size_of::<Vec<Neighbour>>();
        // The vectors, and the core points among them, split while their clusters grow.
        5 * 4 * rows * dims + rows * neighbours
    }

    fn fit(
        &self,
        train: &Examples,
        _: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let bank = vectors::train(train)?;
        let clips = bank.nrows();
        if self.min_points > clips {
            let message = format!(
                "`min_points` is {}, but there are only {clips} training clips",
                self.min_points
            );
            return Err(DetectorError::TooFew(message));
        }
        let reach = dbscan::reach(bank.view(), self.min_points, self.metric, cx)?;
        let eps = self.eps.unwrap_or_else(|| {
            metric::quantile(&reach, self.quantile).expect("distances of clips")
        });
        let (core, noise): (Vec<usize>, Vec<usize>) =
            (0..clips).partition(|&clip| reach[clip] <= eps);
        if core.is_empty() {
            let least = reach.iter().copied().fold(f64::INFINITY, f64::min);
            return Err(DetectorError::TooFew(format!(
                "none of {clips} training clips has {} within `eps` {}; the densest needs {}: write a larger `eps`, or \
                 leave it out",
                self.min_points,
                number(eps),
                number(least)
            )));
        }
        let core = bank.select(Axis(0), &core);
        let clusters = dbscan::clusters(core.view(), eps, self.metric, cx)?;
        let count = clusters.iter().max().map_or(0, |last| last + 1);
        (cx.log)(&format!(
            "{} of {clips} training clips are core points; clusters: {count}, `eps`: {eps:.4}{}",
            core.nrows(),
            left_out(train, &noise)
        ));
        let mut model = Tensors::default();
        model.put_f32("core", core);
        model.put_f64(
            "cluster",
            clusters.iter().map(|cluster| *cluster as f64).collect::<Array1<f64>>(),
        );
        model.put_f64("eps", array![eps]);
        Ok(model)
    }

    fn score(
        &self,
        model: &Tensors,
        test: &Examples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let core = model.f32_2("core")?;
        if core.nrows() == 0 {
            return Err(DetectorError::Data("the model has no core points".to_owned()));
        }
        let queries = vectors::test(test, core.ncols())?;
        let found = neighbours::nearest(core, queries.view(), 1, self.metric, cx)?;
        Ok(found.iter().map(|nearest| nearest[0].distance).collect())
    }
}

/// The number of clips of each domain that are no core points, if the clips have domains.
fn left_out(train: &Examples, noise: &[usize]) -> String {
    let part = |domain: Domain| {
        let is_of =
            |clip: usize| train.clips.get(clip).is_some_and(|clip| clip.domain == Some(domain));
        let all = (0..train.clips.len()).filter(|&clip| is_of(clip)).count();
        let out = noise.iter().filter(|&&clip| is_of(clip)).count();
        (all > 0).then(|| format!("{out} of {all} {domain} clips"))
    };
    let parts: Vec<String> =
        [Domain::Source, Domain::Target].into_iter().filter_map(part).collect();
    if parts.is_empty() { String::new() } else { format!("; left out are {}", parts.join(" and ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Clip, Split};
    use ndarray::Array2;

    fn examples(vectors: &Array2<f32>) -> Examples<'_> {
        Examples { clips: Vec::new(), features: vectors.axis_chunks_iter(Axis(0), 1).collect() }
    }

    /// Two clusters and a vector far from both.
    fn train() -> Array2<f32> {
        array![[0.0], [1.0], [2.0], [10.0], [11.0], [12.0], [50.0]]
    }

    fn fit(dbscan: &Dbscan) -> Result<Tensors, DetectorError> {
        dbscan.fit(&examples(&train()), None, &Context::plain(0))
    }

    #[test]
    fn noise_among_the_training_clips_is_not_normal() {
        let dbscan = Dbscan { min_points: 2, eps: Some(1.5), ..Dbscan::default() };
        let model = fit(&dbscan).unwrap();
        assert_eq!(model.f32_2("core").unwrap(), train().select(Axis(0), &[0, 1, 2, 3, 4, 5]));
        assert_eq!(model.f64_1("cluster").unwrap(), array![0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        let test = array![[1.5], [6.0], [50.0]];
        let scores = dbscan.score(&model, &examples(&test), &Context::plain(0)).unwrap();
        assert_eq!(scores, [0.5, 4.0, 38.0]);
    }

    #[test]
    fn the_radius_is_a_quantile_of_the_distances() {
        // Distances to the third clip; the first is the clip itself: 2, 1, 2, 2, 1, 2 and 39.
        for (quantile, eps, core) in [(1.0, 39.0, 7), (0.8, 2.0, 6), (0.01, 1.0, 2)] {
            let model = fit(&Dbscan { min_points: 3, quantile, ..Dbscan::default() }).unwrap();
            assert_eq!(
                (model.f64_1("eps").unwrap()[0], model.f32_2("core").unwrap().nrows()),
                (eps, core)
            );
        }
    }

    #[test]
    fn what_has_no_core_points_says_what_would_help() {
        let told = fit(&Dbscan { min_points: 3, eps: Some(0.5), ..Dbscan::default() })
            .unwrap_err()
            .to_string();
        assert_eq!(
            told,
            "none of 7 training clips has 3 within `eps` 0.5; the densest needs 1: write a larger `eps`, or leave it out"
        );
        let told = fit(&Dbscan { min_points: 8, ..Dbscan::default() }).unwrap_err().to_string();
        assert_eq!(told, "`min_points` is 8, but there are only 7 training clips");
        let wrong = Dbscan { min_points: 0, eps: Some(-1.0), quantile: 0.0, ..Dbscan::default() };
        let fields: Vec<String> = wrong.problems().into_iter().map(|p| p.field).collect();
        assert_eq!(fields, ["min_points", "eps", "quantile"]);
        assert_eq!(Dbscan::default().problems(), []);
    }

    #[test]
    fn the_log_says_which_domain_was_left_out() {
        let clips: Vec<Clip> = (0..7)
            .map(|i| Clip {
                id: i.to_string(),
                machine: "fan".into(),
                section: "00".into(),
                domain: Some(if i < 5 { Domain::Source } else { Domain::Target }),
                split: Split::Train,
                label: None,
                attributes: Default::default(),
            })
            .collect();
        let vectors = train();
        let all = Examples { clips: clips.iter().collect(), ..examples(&vectors) };
        let told = std::sync::Mutex::new(String::new());
        let log = |line: &str| told.lock().unwrap().push_str(line);
        let dbscan = Dbscan { min_points: 2, eps: Some(1.5), ..Dbscan::default() };
        dbscan.fit(&all, None, &Context { log: &log, ..Context::plain(0) }).unwrap();
        let expected = "6 of 7 training clips are core points; clusters: 2, `eps`: 1.5000; left out are 0 of 5 source \
                        clips and 1 of 2 target clips";
        assert_eq!(*told.lock().unwrap(), expected);
    }
}
