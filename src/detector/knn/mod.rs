//! k nearest neighbours: how far the nearest training vectors are.

mod bands;
mod density;
mod domains;
mod exit;

use std::collections::BTreeSet;

use ndarray::{Array1, ArrayView1, ArrayView2, Axis, CowArray, Ix2, s};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Detector, DetectorError, Examples, vectors};
use crate::artifact::{Domain, Tensors};
use crate::context::Context;
use crate::diagnose::Problem;
use crate::learn::neighbours::{self, MOST_NEIGHBOURS, Metric, Neighbour};

use bands::Bands;
use density::Density;
pub use density::{DensityForm, LocalDensity};
pub use domains::{Assignment, CalibrationForm, DomainCalibration};
use domains::{Calibration, DOMAINS};
pub use exit::ClusterExit;

/// k nearest neighbours: the score is the distance to the nearest training vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Knn {
    /// The number of nearest training vectors.
    #[schemars(range(min = 1, max = MOST_NEIGHBOURS))]
    pub k: usize,
    /// The distance between two vectors.
    pub metric: Metric,
    /// How the k distances become the score.
    pub reduce: Reduce,
    /// Bands of the vectors: a number of equal bands, or a list of places where a band begins. Each
    /// band has nearest neighbours of its own, and the score is the mean over the bands (BEAM:
    /// Saengthong and Shinozaki 2026). Default: the whole vector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bands: Option<Bands>,
    /// Set by `generalization.local_density`.
    #[serde(skip)]
    pub density: Option<LocalDensity>,
    /// Set by `generalization.domain_calibration`.
    #[serde(skip)]
    pub calibration: Option<DomainCalibration>,
}

/// How the k distances become the score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reduce {
    /// Their mean, as usual in the field.
    #[default]
    Mean,
    /// The distance to the k-th (Ramaswamy et al. 2000).
    Kth,
}

impl Default for Knn {
    fn default() -> Self {
        Self {
            k: 1,
            metric: Metric::default(),
            reduce: Reduce::default(),
            bands: None,
            density: None,
            calibration: None,
        }
    }
}

impl Detector for Knn {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        let k = match self.k {
            0 => Some(Problem::new("k", "0 neighbours give no distance").hint("write 1 or more")),
            k => Problem::outside("k", k, 1, MOST_NEIGHBOURS),
        };
        k.into_iter().chain(self.bands.as_ref().and_then(Bands::problem)).collect()
    }

    fn fit(
        &self,
        train: &Examples,
        _: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let mut bank = vectors::train(train)?;
        self.enough(bank.nrows())?;
        let mut rows: Vec<usize> = (0..bank.nrows()).collect();
        if self.density.is_some() || self.calibration.is_some() {
            // Copies of a clip say nothing about its neighbourhood.
            rows = distinct(bank.view());
            bank = bank.select(Axis(0), &rows);
            self.enough(bank.nrows())?;
        }
        let bands = self.bands(bank.view())?;
        let mut model = Tensors::default();
        let mut densities = Vec::new();
        if let Some(density) = self.density {
            let of = |band: &Band| Density::fit(density, band.view(), self.metric, cx);
            densities = bands.iter().map(of).collect::<Result<_, _>>()?;
            Density::encode(&densities, &mut model);
        }
        if let Some(calibration) = &self.calibration {
            self.enough(bank.nrows() - 1)?;
            let scores = self.scores(&bands, &densities, &bands, true, cx)?;
            let clip = |row: usize| train.clips.get(rows[row]);
            let domain = |row| clip(row).and_then(|clip| clip.domain).unwrap_or(Domain::Source);
            // Clips that were made from others lie nearer to them than a new clip.
            let made = |row| clip(row).is_some_and(|clip| clip.is_made());
            let real = (0..bank.nrows()).filter(|row| !made(*row));
            let scored: Vec<(Domain, f64)> = real.map(|row| (domain(row), scores[row])).collect();
            Calibration::fit(calibration, &scored).encode(&mut model);
            let of_target = (0..bank.nrows()).map(|row| match domain(row) {
                Domain::Source => 0.0,
                Domain::Target => 1.0,
            });
            model.put_f64("of_target", of_target.collect::<Array1<f64>>());
        }
        model.put_f32("bank", bank);
        Ok(model)
    }

    fn with_local_density(&self, density: LocalDensity) -> Option<Box<dyn Detector>> {
        Some(Box::new(Self { density: Some(density), ..self.clone() }))
    }

    fn with_domain_calibration(&self, by: &DomainCalibration) -> Option<Box<dyn Detector>> {
        Some(Box::new(Self { calibration: Some(by.clone()), ..self.clone() }))
    }

    fn score(
        &self,
        model: &Tensors,
        test: &Examples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let bank = model.f32_2("bank")?;
        if self.k > bank.nrows() {
            let rows = bank.nrows();
            return Err(DetectorError::Data(format!(
                "`k` is {}, but the model holds only {rows} vectors",
                self.k
            )));
        }
        let queries = vectors::test(test, bank.ncols())?;
        let (bands, of_queries) = (self.bands(bank)?, self.bands(queries.view())?);
        let densities = Density::decode(model, bands.len(), bank.nrows())?;
        let scores = self.scores(&bands, &densities, &of_queries, false, cx)?;
        let Some(calibration) = Calibration::decode(model)? else { return Ok(scores) };
        let of_target = model.f64_1("of_target")?;
        let mut distances = vec![[f64::NAN; 2]; queries.nrows()];
        for (place, domain) in DOMAINS.iter().enumerate() {
            let own = |row: &usize| (of_target[*row] != 0.0) == (*domain == Domain::Target);
            let rows: Vec<usize> = (0..bank.nrows()).filter(own).collect();
            if rows.is_empty() {
                continue;
            }
            let of_domain: Vec<Band> =
                bands.iter().map(|band| Band::from(band.select(Axis(0), &rows))).collect();
            let nearest = Self { k: 1, ..self.clone() };
            let found = nearest.scores(&of_domain, &[], &of_queries, false, cx)?;
            distances.iter_mut().zip(found).for_each(|(to, distance)| to[place] = distance);
        }
        Ok(calibration.apply(&scores, &distances))
    }
}

/// The values of one band, (vectors, values of the band), in C order.
type Band<'a> = CowArray<'a, f32, Ix2>;

impl Knn {
    fn enough(&self, clips: usize) -> Result<(), DetectorError> {
        if self.k <= clips {
            return Ok(());
        }
        Err(DetectorError::TooFew(format!(
            "`k` is {}, but there are only {clips} training clips",
            self.k
        )))
    }

    /// The bands of vectors, (vectors, dims).
    fn bands<'a>(&self, vectors: ArrayView2<'a, f32>) -> Result<Vec<Band<'a>>, DetectorError> {
        let bands = self.bands.as_ref().unwrap_or(&Bands::Count(1));
        let band = |place| {
            let band = vectors.slice_move(s![.., place]);
            match band.is_standard_layout() {
                true => Band::from(band),
                false => Band::from(band.as_standard_layout().into_owned()),
            }
        };
        Ok(bands.of(vectors.ncols())?.into_iter().map(band).collect())
    }

    /// The score of each query, the mean over the bands. With `apart`, the queries are the training
    /// vectors, and each is scored without itself.
    fn scores(
        &self,
        bands: &[Band],
        densities: &[Density],
        queries: &[Band],
        apart: bool,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let mut sums: Vec<f64> = Vec::new();
        for (place, (band, queries)) in bands.iter().zip(queries).enumerate() {
            let (bank, queries) = (band.view(), queries.view());
            let scores = match densities.get(place) {
                None => self.by_distance(bank, queries, apart, cx)?,
                Some(density) => self.by_density(bank, queries, density, apart, cx)?,
            };
            match place {
                0 => sums = scores,
                _ => sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum += score),
            }
        }
        sums.iter_mut().for_each(|sum| *sum /= bands.len() as f64);
        Ok(sums)
    }

    fn by_distance(
        &self,
        bank: ArrayView2<f32>,
        queries: ArrayView2<f32>,
        apart: bool,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let found =
            neighbours::nearest(bank, queries, self.k + usize::from(apart), self.metric, cx)?;
        let one = |(query, nearest): (usize, &Vec<Neighbour>)| {
            let others = nearest.iter().filter(|n| !apart || n.row != query);
            self.reduced(&others.take(self.k).map(|n| n.distance).collect::<Vec<_>>())
        };
        Ok(found.iter().enumerate().map(one).collect())
    }

    /// With the density, no bound on the products says which row is nearest. So all are measured.
    fn by_density(
        &self,
        bank: ArrayView2<f32>,
        queries: ArrayView2<f32>,
        density: &Density,
        apart: bool,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let measured =
            neighbours::measure(bank, queries, self.metric, cx, |query, mut distances| {
                density.adjust(&mut distances);
                if apart {
                    distances.remove(query);
                }
                distances.sort_by(f64::total_cmp);
                self.reduced(&distances[..self.k])
            });
        Ok(measured?)
    }

    /// The score from the `k` smallest distances.
    fn reduced(&self, distances: &[f64]) -> f64 {
        match self.reduce {
            Reduce::Mean => distances.iter().sum::<f64>() / self.k as f64,
            Reduce::Kth => distances[self.k - 1],
        }
    }
}

/// The first of each group of equal rows.
fn distinct(rows: ArrayView2<f32>) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let bits = |row: ArrayView1<f32>| row.iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
    (0..rows.nrows()).filter(|&i| seen.insert(bits(rows.row(i)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn examples<'a>(vectors: &'a ndarray::Array2<f32>) -> Examples<'a> {
        let rows = vectors.axis_chunks_iter(ndarray::Axis(0), 1).collect();
        Examples { clips: Vec::new(), features: rows }
    }

    #[test]
    fn distances_are_reduced_as_asked() {
        let (bank, query) = (array![[0.0, 0.0], [3.0, 4.0], [0.0, 10.0]], array![[0.0, 0.0]]);
        let score = |knn: Knn| {
            let model = knn.fit(&examples(&bank), None, &Context::plain(0)).unwrap();
            knn.score(&model, &examples(&query), &Context::plain(0)).unwrap()[0]
        };
        assert_eq!(score(Knn::default()), 0.0);
        assert_eq!(score(Knn { k: 3, ..Knn::default() }), 5.0);
        assert_eq!(score(Knn { k: 3, reduce: Reduce::Kth, ..Knn::default() }), 10.0);
        assert_eq!(score(Knn { metric: Metric::Cosine, ..Knn::default() }), 1.0);
    }

    #[test]
    fn distances_are_divided_by_those_among_the_neighbours() {
        // Means of the distances to the two nearest others.
        let bank = array![[0.0], [1.0], [2.0], [100.0], [110.0], [130.0]];
        let densities = [1.5, 1.0, 1.5, 20.0, 15.0, 25.0];
        let score = |knn: Knn, at: f32| {
            let ratio =
                LocalDensity { neighbours: 2, form: DensityForm::Ratio, cluster_exit: None };
            let detector = knn.with_local_density(ratio).unwrap();
            let model = detector.fit(&examples(&bank), None, &Context::plain(0)).unwrap();
            assert_eq!(model.f64_1("density").unwrap().to_vec(), densities);
            detector.score(&model, &examples(&array![[at]]), &Context::plain(0)).unwrap()[0]
        };
        // From 40: 38/1.5 to the third, 60/20 to the fourth, 70/15 to the fifth, 90/25 to the
        // sixth.
        assert_eq!(score(Knn::default(), 40.0), 3.0);
        assert_eq!(score(Knn { k: 2, ..Knn::default() }, 40.0), (3.0 + 3.6) / 2.0);
        assert_eq!(score(Knn { k: 3, reduce: Reduce::Kth, ..Knn::default() }, 40.0), 70.0 / 15.0);
    }

    #[test]
    fn more_neighbours_than_clips_are_refused() {
        let bank = array![[0.0, 0.0], [3.0, 4.0]];
        let error = Knn { k: 5, ..Knn::default() }
            .fit(&examples(&bank), None, &Context::plain(0))
            .unwrap_err();
        assert_eq!(error.to_string(), "`k` is 5, but there are only 2 training clips");
        assert_eq!(Knn { k: 0, ..Knn::default() }.problems()[0].field, "k");
    }
}
