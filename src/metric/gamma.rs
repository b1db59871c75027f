//! The gamma distribution of anomaly scores, from which the field's baselines take their
//! thresholds.
//!
//! They call `scipy.stats.gamma.fit(scores)`: maximum likelihood over shape, location and scale
//! together, by a simplex search from the moments of the data. Below shape 1 this likelihood has no
//! maximum: it grows without limit as the location nears the smallest score. The result is then the
//! point where the search stopped. So the fit here follows SciPy's path, and [`Gamma::degenerate`]
//! says when not to trust it.

mod incomplete;

use self::incomplete::{inverse, ln_gamma, probabilities};
use super::simplex::minimize;
use super::sum::sum;
use crate::math;

/// A gamma distribution with scale `scale` that begins at `loc`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gamma {
    pub shape: f64,
    pub loc: f64,
    pub scale: f64,
}

/// The reason why there is no fit.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GammaError {
    #[error("a gamma distribution cannot be fitted to no scores")]
    Empty,
    #[error("score {index} is {value}, no finite number")]
    NotFinite { index: usize, value: f64 },
    #[error("all {count} scores are {value}: no gamma distribution has no width")]
    AllEqual { count: usize, value: f64 },
    #[error(
        "the search for a gamma distribution of {count} scores ended at shape {shape} and scale {scale}"
    )]
    Lost { count: usize, shape: f64, scale: f64 },
}

/// A fit below this shape belongs to scores heaped at their minimum.
const SMALL_SHAPE: f64 = 0.4;

impl Gamma {
    /// `scipy.stats.gamma.fit(scores)`. Equal to about ten digits where the likelihood has a
    /// maximum. Where it has none, equal to five or six digits, as SciPy is with itself on data
    /// moved by one last bit.
    ///
    /// # Errors No scores, a score that is not finite, scores that are all equal, and a search that
    /// ends outside of the parameter range.
    pub fn fit(scores: &[f64]) -> Result<Self, GammaError> {
        let (count, Some(&value)) = (scores.len(), scores.first()) else {
            return Err(GammaError::Empty);
        };
        if let Some((index, &value)) = scores.iter().enumerate().find(|(_, s)| !s.is_finite()) {
            return Err(GammaError::NotFinite { index, value });
        }
        if scores.iter().all(|s| *s == value) {
            return Err(GammaError::AllEqual { count, value });
        }
        let [shape, loc, scale] = minimize(|at| penalised(at, scores), start(scores));
        if !(shape > 0.0 && scale > 0.0) {
            return Err(GammaError::Lost { count, shape, scale });
        }
        Ok(Self { shape, loc, scale })
    }

    /// The score at quantile `p`: `gamma.ppf(p, shape, loc, scale)`. NaN if `p` is not in [0, 1].
    pub fn quantile(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        inverse(self.shape, p, 1.0 - p) * self.scale + self.loc
    }

    /// The share of the distribution below `score`: `gamma.cdf(score, shape, loc, scale)`.
    pub fn cdf(&self, score: f64) -> f64 {
        probabilities(self.shape, (score - self.loc) / self.scale).0
    }

    /// The share of the distribution above `score`, precise even if tiny: `gamma.sf(score, shape,
    /// loc, scale)`.
    pub fn sf(&self, score: f64) -> f64 {
        probabilities(self.shape, (score - self.loc) / self.scale).1
    }

    /// The reason why the fit to `scores` is degenerate, in words that fit after "the gamma fit is
    /// degenerate: "; `None` for a sound fit.
    ///
    /// Below shape 1 the density has a pole at `loc`. A search that puts the pole on the smallest
    /// score raises the likelihood without limit, whatever the other scores are. Thresholds from
    /// such fits are often above all scores.
    pub fn degenerate(&self, scores: &[f64]) -> Option<String> {
        let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shape = self.shape;
        if shape < 1.0 && least - self.loc <= 1e-9 * (most - least) {
            return Some(format!(
                "its place is pinned at the smallest score, where at shape {shape:.4} the likelihood has no maximum"
            ));
        }
        (shape < SMALL_SHAPE)
            .then(|| format!("its shape is {shape:.4}, below {SMALL_SHAPE}: the scores are heaped at their minimum"))
    }
}

/// SciPy's first guess: the shape from the scores' skewness, then location and scale from their
/// mean and variance.
fn start(scores: &[f64]) -> [f64; 3] {
    let mean = mean(scores);
    let moment = |power: f64| {
        self::mean(&scores.iter().map(|s| math::powf(s - mean, power)).collect::<Vec<_>>())
    };
    let variance = moment(2.0);
    let skewness = moment(3.0) / math::powf(variance, 1.5);
    let shape = 4.0 / (1e-8 + skewness * skewness);
    let scale = (variance / shape).sqrt();
    let loc = mean - scale * shape;
    let loc = if loc.is_finite() { loc } else { 0.0 };
    let scale = if scale.is_finite() && scale > 0.0 { scale } else { 1.0 };
    let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
    if loc < least {
        return [shape, loc, scale];
    }
    // If the moments' distribution begins above the smallest score, this one begins below it.
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    [shape, least - (most - least) * 0.1, 1.0]
}

fn mean(values: &[f64]) -> f64 {
    sum(values) / values.len() as f64
}

/// The negative log-likelihood. Each score without a density (below `loc`, or on it) costs 100
/// ln(largest double).
fn penalised([shape, loc, scale]: &[f64; 3], scores: &[f64]) -> f64 {
    if !(*shape > 0.0 && *scale > 0.0) {
        return f64::INFINITY;
    }
    let constant = ln_gamma(*shape);
    let densities = scores.iter().map(|s| (s - loc) / scale).filter(|x| *x >= 0.0).map(|x| {
        // 0 ln 0 counts as 0.
        let power = if *shape == 1.0 { 0.0 } else { (shape - 1.0) * math::ln(x) };
        power - x - constant
    });
    let densities: Vec<f64> = densities.filter(|d| d.is_finite()).collect();
    let without = scores.len() - densities.len();
    -sum(&densities)
        + without as f64 * math::ln(f64::MAX) * 100.0
        + scores.len() as f64 * math::ln(*scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_distribution_is_refused_with_its_reason() {
        assert_eq!(Gamma::fit(&[]), Err(GammaError::Empty));
        assert_eq!(Gamma::fit(&[0.5; 7]), Err(GammaError::AllEqual { count: 7, value: 0.5 }));
        let error = Gamma::fit(&[0.5, f64::INFINITY]).unwrap_err();
        assert_eq!(error.to_string(), "score 1 is inf, no finite number");
    }

    #[test]
    fn quantiles_and_shares_belong_together() {
        let gamma = Gamma { shape: 2.5, loc: -3.0, scale: 0.2 };
        for p in [0.001, 0.1, 0.5, 0.9, 0.999] {
            assert!((gamma.cdf(gamma.quantile(p)) - p).abs() < 1e-14);
            assert!((gamma.sf(gamma.quantile(p)) - (1.0 - p)).abs() < 1e-14);
        }
        assert_eq!(gamma.quantile(0.0), -3.0);
        assert_eq!(gamma.cdf(-3.5), 0.0);
        assert!(gamma.quantile(1.5).is_nan() && gamma.quantile(f64::NAN).is_nan());
    }
}
