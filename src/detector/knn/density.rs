//! Local density: what a distance to a training clip says depends on how near that clip's own
//! neighbours are.

use std::fmt;

use ndarray::{Array1, ArrayView2};
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};

use super::exit::ClusterExit;
use crate::artifact::{TensorError, Tensors};
use crate::context::Context;
use crate::detector::DetectorError;
use crate::learn::neighbours::{self, Metric, Neighbour};
use crate::math;

/// How distances to training clips are compared with the local density there: the mean distance of
/// a training clip to its nearest others. A number alone is the number of neighbours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalDensity {
    /// The number of neighbours.
    pub neighbours: usize,
    pub form: DensityForm,
    /// Whether the neighbourhood ends earlier, at a jump of the distances.
    pub cluster_exit: Option<ClusterExit>,
}

/// How a distance D and the density b of the training clip become one number. The smallest over
/// the training clips counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DensityForm {
    /// D / b (Wilkinghoff et al. 2025).
    #[default]
    Ratio,
    /// D - b (Wilkinghoff et al. 2025).
    Difference,
    /// D - a·b, with the factor a for which the scores of the training clips vary least (Matsumoto
    /// et al. 2025).
    VarMin,
    /// ln D - a·ln b, with the factor a for which the logarithms of the scores of the training
    /// clips vary least (Wilkinghoff et al. 2026).
    LogVarMin,
}

/// The neighbours of all training clips are held in memory at once.
const MOST_DENSITY: usize = 1000;

/// The settings as written in a map.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// The number of neighbours. 1 is recommended for vectors of pre-trained networks.
    #[schemars(range(min = 1, max = MOST_DENSITY))]
    neighbours: usize,
    /// How a distance and the density become one number.
    form: DensityForm,
    /// Ends the neighbourhood of a training clip at a jump of the distances (cluster exit
    /// detection: Wilkinghoff et al. 2026). `neighbours` is the most then; 16 to 64 are usual.
    cluster_exit: Option<ClusterExit>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { neighbours: 1, form: DensityForm::default(), cluster_exit: None }
    }
}

#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "it describes what may be written")]
enum Written {
    /// The number of neighbours; distances are divided by the density.
    Neighbours(#[schemars(range(min = 1, max = MOST_DENSITY))] usize),
    Settings(Settings),
}

impl JsonSchema for LocalDensity {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LocalDensity".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Written::json_schema(generator)
    }
}

impl Serialize for LocalDensity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.form == DensityForm::Ratio && self.cluster_exit.is_none() {
            return serializer.serialize_u64(self.neighbours as u64);
        }
        let mut map = serializer.serialize_struct("LocalDensity", 3)?;
        map.serialize_field("neighbours", &self.neighbours)?;
        map.serialize_field("form", &self.form)?;
        match &self.cluster_exit {
            Some(exit) => map.serialize_field("cluster_exit", exit)?,
            None => map.skip_field("cluster_exit")?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for LocalDensity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = LocalDensity;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a number of neighbours, or a map with `neighbours` and `form`")
            }

            fn visit_u64<E: de::Error>(self, neighbours: u64) -> Result<LocalDensity, E> {
                let neighbours = usize::try_from(neighbours).map_err(E::custom)?;
                Ok(LocalDensity { neighbours, form: DensityForm::Ratio, cluster_exit: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LocalDensity, A::Error> {
                let Settings { neighbours, form, cluster_exit } =
                    Settings::deserialize(MapAccessDeserializer::new(map))?;
                if !(1..=MOST_DENSITY).contains(&neighbours) {
                    return Err(de::Error::custom(format_args!(
                        "`neighbours` is {neighbours}, not 1 to {MOST_DENSITY}"
                    )));
                }
                if let Some(problem) = cluster_exit.and_then(|exit| exit.problems().pop()) {
                    return Err(de::Error::custom(problem.message));
                }
                Ok(LocalDensity { neighbours, form, cluster_exit })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// The smallest distance with a logarithm.
const LEAST: f64 = 1e-12;

fn log(distance: f64) -> f64 {
    math::ln(distance.max(LEAST))
}

/// The densities of training clips, and what is done with them.
pub(super) struct Density {
    form: DensityForm,
    /// The density of each training clip.
    of_rows: Array1<f64>,
    /// The factor of the density; 1 for a difference.
    factor: f64,
}

impl Density {
    /// The densities of the rows of `bank`, (rows, dims), which must be distinct.
    ///
    /// Errors: fewer than two rows.
    pub(super) fn fit(
        settings: LocalDensity,
        bank: ArrayView2<f32>,
        metric: Metric,
        cx: &Context,
    ) -> Result<Self, DetectorError> {
        let LocalDensity { neighbours, form, cluster_exit } = settings;
        if bank.nrows() < 2 {
            let message = "one training clip has no neighbours, so no local density".to_owned();
            return Err(DetectorError::TooFew(message));
        }
        let count = (neighbours + 1).min(bank.nrows());
        let found = neighbours::nearest(bank, bank, count, metric, cx)?;
        let mean = |(row, found): (usize, &Vec<Neighbour>)| {
            let others = found.iter().filter(|n| n.row != row).take(count - 1);
            let mut distances: Vec<f64> = others.map(|n| n.distance).collect();
            distances.truncate(cluster_exit.map_or(count - 1, |exit| exit.size(&distances)));
            distances.iter().sum::<f64>() / distances.len() as f64
        };
        let mut of_rows: Array1<f64> = found.iter().enumerate().map(mean).collect();
        // Rows that coincide with all of their neighbours, by rounding, get the smallest density of
        // the others.
        let least = of_rows.iter().copied().filter(|d| *d > 0.0).fold(f64::INFINITY, f64::min);
        let least = if least.is_finite() { least } else { 1.0 };
        of_rows.mapv_inplace(|d| if d > 0.0 { d } else { least });
        let nearest = |(row, found): (usize, &Vec<Neighbour>)| {
            let other = found.iter().find(|n| n.row != row).expect("there are two rows");
            match form {
                DensityForm::LogVarMin => (log(other.distance), log(of_rows[other.row])),
                _ => (other.distance, of_rows[other.row]),
            }
        };
        let factor = match form {
            DensityForm::Ratio | DensityForm::Difference => 1.0,
            DensityForm::VarMin | DensityForm::LogVarMin => {
                least_variance(&found.iter().enumerate().map(nearest).collect::<Vec<_>>())
            }
        };
        Ok(Self { form, of_rows, factor })
    }

    /// The distance to each training clip with the density there.
    pub(super) fn adjust(&self, distances: &mut [f64]) {
        let pairs = distances.iter_mut().zip(&self.of_rows);
        match self.form {
            DensityForm::Ratio => pairs.for_each(|(distance, density)| *distance /= density),
            DensityForm::Difference | DensityForm::VarMin => {
                pairs.for_each(|(distance, density)| *distance -= self.factor * density);
            }
            DensityForm::LogVarMin => pairs.for_each(|(distance, density)| {
                *distance = log(*distance) - self.factor * log(*density);
            }),
        }
    }

    /// The arrays of all bands in a model: `density` (bands x rows), and for other forms than the
    /// ratio a factor a band under the name of the form.
    pub(super) fn encode(bands: &[Self], model: &mut Tensors) {
        let rows = bands.iter().flat_map(|band| band.of_rows.iter().copied());
        model.put_f64("density", rows.collect::<Array1<f64>>());
        let factors: Array1<f64> = bands.iter().map(|band| band.factor).collect();
        match bands.first().map(|band| band.form) {
            None | Some(DensityForm::Ratio) => {}
            Some(DensityForm::Difference | DensityForm::VarMin) => {
                model.put_f64("density_factor", factors);
            }
            Some(DensityForm::LogVarMin) => model.put_f64("log_density_factor", factors),
        }
    }

    /// The densities of a model with so many bands and rows; empty if it has none.
    pub(super) fn decode(
        model: &Tensors,
        bands: usize,
        rows: usize,
    ) -> Result<Vec<Self>, DetectorError> {
        if !model.0.contains_key("density") {
            return Ok(Vec::new());
        }
        let density = model.f64_1("density")?;
        let factors = |name: &str| -> Result<Option<Vec<f64>>, TensorError> {
            model.0.contains_key(name).then(|| Ok(model.f64_1(name)?.to_vec())).transpose()
        };
        let (form, factors) = match (factors("density_factor")?, factors("log_density_factor")?) {
            (Some(factors), _) => (DensityForm::VarMin, factors),
            (None, Some(factors)) => (DensityForm::LogVarMin, factors),
            (None, None) => (DensityForm::Ratio, vec![1.0; bands]),
        };
        if density.len() != bands * rows || factors.len() != bands {
            let message = format!(
                "the model has {} densities and {} factors for {bands} bands of {rows} vectors",
                density.len(),
                factors.len()
            );
            return Err(DetectorError::Data(message));
        }
        let band = |(band, factor): (usize, f64)| Self {
            form,
            of_rows: density.slice(ndarray::s![band * rows..(band + 1) * rows]).to_owned(),
            factor,
        };
        Ok(factors.into_iter().enumerate().map(band).collect())
    }
}

/// The factor a for which D - a·b varies least over the pairs (D, b): Cov(D, b) / Var(b). It is 0
/// if all b are the same.
fn least_variance(pairs: &[(f64, f64)]) -> f64 {
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / pairs.len() as f64;
    let (of_d, of_b) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let covariance: f64 = pairs.iter().map(|(d, b)| (d - of_d) * (b - of_b)).sum();
    let variance: f64 = pairs.iter().map(|(_, b)| math::square(b - of_b)).sum();
    if variance > 0.0 { covariance / variance } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_number_alone_is_a_ratio() {
        let of = |value| serde_json::from_value::<LocalDensity>(value).map_err(|e| e.to_string());
        let ratio = LocalDensity { neighbours: 4, form: DensityForm::Ratio, cluster_exit: None };
        assert_eq!(of(json!(4)), Ok(ratio));
        assert_eq!(of(json!({"neighbours": 4})), Ok(ratio));
        assert_eq!(serde_json::to_value(ratio).unwrap(), json!(4));
        let other =
            LocalDensity { neighbours: 1, form: DensityForm::LogVarMin, cluster_exit: None };
        assert_eq!(of(json!({"form": "log_var_min"})), Ok(other));
        assert_eq!(
            serde_json::to_value(other).unwrap(),
            json!({"neighbours": 1, "form": "log_var_min"})
        );
        let exit = json!({"neighbours": 64, "form": "ratio", "cluster_exit": {}});
        assert_eq!(
            serde_json::to_value(of(exit).unwrap()).unwrap(),
            json!({"neighbours": 64, "form": "ratio",
                "cluster_exit": {"quantile": 0.04, "least_ratio": 0.0}})
        );
        let wrong = json!({"cluster_exit": {"quantile": 4}});
        assert!(of(wrong).unwrap_err().contains("`quantile` is 4, outside 0..1"));
        assert!(of(json!({"neighbors": 4})).unwrap_err().contains("unknown field"));
        assert!(of(json!({"neighbours": 0})).unwrap_err().contains("not 1 to 1000"));
        assert!(of(json!("four")).unwrap_err().contains("a number of neighbours, or a map"));
    }

    #[test]
    fn the_factor_leaves_the_least_variance() {
        // D = 3 + 2b leaves nothing.
        let factor = least_variance(&[(5.0, 1.0), (7.0, 2.0), (13.0, 5.0)]);
        assert!((factor - 2.0).abs() < 1e-12, "{factor}");
        assert_eq!(least_variance(&[(5.0, 1.0), (7.0, 1.0)]), 0.0);
    }
}
