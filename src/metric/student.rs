//! Student's t: the confidence interval of the mean of a few paired differences.
//!
//! The distribution has an exact finite form for whole degrees of freedom (Abramowitz and Stegun
//! 1964, 26.7.3 and 26.7.4). It is a sum over powers of the cosine of an angle whose tangent is t
//! over the root of the degrees.

use super::Interval;
use super::mean::arithmetic_mean;
use super::sum::sum;
use crate::math;

/// The mean of paired differences and its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedMean {
    pub mean: f64,
    /// `None` for a single difference: it says nothing about the spread.
    pub interval: Option<Interval>,
    /// Number of differences.
    pub count: usize,
}

/// The mean of the differences, with the interval that holds the true mean with the probability
/// `level`, such as 0.95. Assumes independent and nearly normal differences. `None` without
/// differences, with NaN, and for a level outside of (0, 1).
pub fn paired_mean(differences: &[f64], level: f64) -> Option<PairedMean> {
    let (count, mean) = (differences.len(), arithmetic_mean(differences)?);
    if mean.is_nan() || !(level > 0.0 && level < 1.0) {
        return None;
    }
    let squares: Vec<f64> = differences.iter().map(|x| math::square(x - mean)).collect();
    let half = (count > 1).then(|| {
        let error = (sum(&squares) / (count - 1) as f64 / count as f64).sqrt();
        // Equal differences give an interval without width, even if the quantile is infinite.
        if error == 0.0 { 0.0 } else { error * student_quantile((1.0 + level) / 2.0, count - 1) }
    });
    let interval = half.map(|half| Interval { low: mean - half, high: mean + half });
    Some(PairedMean { mean, interval, count })
}

/// `scipy.stats.t.ppf(p, degrees)`: a variable of Student's t lies below this value with the
/// probability `p`.
///
/// Infinite at 0 and 1. NaN outside of them and for 0 degrees of freedom. Right to about 12 digits
/// for `p` from 0.001 to 0.999.
pub fn student_quantile(p: f64, degrees: usize) -> f64 {
    if degrees == 0 || !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p < 0.5 {
        return -student_quantile(1.0 - p, degrees);
    }
    if p == 1.0 {
        return f64::INFINITY;
    }
    // Bisects for the angle with this probability, until the interval ends at neighbouring numbers.
    let wanted = 2.0 * p - 1.0;
    let (mut low, mut high) = (0.0_f64, std::f64::consts::FRAC_PI_2);
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if within(middle, degrees) < wanted { low = middle } else { high = middle }
    }
    let (sine, cosine) = math::sin_cos(low);
    (degrees as f64).sqrt() * sine / cosine
}

/// The probability that a variable of Student's t lies within plus and minus the root of `degrees`
/// times the tangent of `angle`.
fn within(angle: f64, degrees: usize) -> f64 {
    let (sine, cosine) = math::sin_cos(angle);
    let squared = cosine * cosine;
    // Even degrees: 1 + 1/2 cos^2 + (1 3)/(2 4) cos^4 + .., odd ones: cos + 2/3 cos^3 + (2 4)/(3 5)
    // cos^5 + ..
    let is_odd = degrees % 2 == 1;
    let (mut term, mut series) = if is_odd { (cosine, cosine) } else { (1.0, 1.0) };
    let mut k = if is_odd { 3 } else { 2 };
    while k + 1 < degrees {
        term *= squared * (k - 1) as f64 / k as f64;
        series += term;
        k += 2;
    }
    match (is_odd, degrees) {
        (true, 1) => angle / std::f64::consts::FRAC_PI_2,
        (true, _) => (angle + sine * series) / std::f64::consts::FRAC_PI_2,
        (false, _) => sine * series,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.t.ppf(p, degrees)` of SciPy 1.17.1, printed by
    /// `for p, n in ..: print(f"({p}, {n}, {scipy.stats.t.ppf(p, n)!r}),")`.
    const OF_SCIPY: &[(f64, usize, f64)] = &[
        (0.75, 1, 1.0000000000000002),
        (0.9, 1, 3.0776835371752544),
        (0.95, 1, 6.313751514675037),
        (0.975, 1, 12.706204736174694),
        (0.995, 1, 63.656741162871526),
        (0.999, 1, 318.30883898555015),
        (0.75, 2, 0.8164965809277261),
        (0.9, 2, 1.8856180831641272),
        (0.95, 2, 2.9199855803537242),
        (0.975, 2, 4.302652729749462),
        (0.995, 2, 9.924843200918287),
        (0.999, 2, 22.327124770119866),
        (0.75, 3, 0.7648923284043444),
        (0.9, 3, 1.637744353696209),
        (0.95, 3, 2.3533634348018233),
        (0.975, 3, 3.1824463052837078),
        (0.995, 3, 5.840909309733355),
        (0.999, 3, 10.214531852407383),
        (0.75, 4, 0.7406970841126829),
        (0.9, 4, 1.533206274058944),
        (0.95, 4, 2.1318467863266495),
        (0.975, 4, 2.7764451051977934),
        (0.995, 4, 4.604094871349992),
        (0.999, 4, 7.173182219782307),
        (0.75, 5, 0.7266868438004226),
        (0.9, 5, 1.4758840488244815),
        (0.95, 5, 2.0150483733330233),
        (0.975, 5, 2.5705818356363146),
        (0.995, 5, 4.032142983555228),
        (0.999, 5, 5.893429531356009),
        (0.75, 6, 0.7175581964914126),
        (0.9, 6, 1.4397557472651483),
        (0.95, 6, 1.9431802805153042),
        (0.975, 6, 2.4469118511449786),
        (0.995, 6, 3.7074280213248065),
        (0.999, 6, 5.207626238725373),
        (0.95, 7, 1.8945786050900062),
        (0.975, 7, 2.364624251592784),
        (0.995, 7, 3.4994832973504924),
        (0.999, 7, 4.785289628638333),
        (0.95, 10, 1.8124611228116756),
        (0.975, 10, 2.228138851986274),
        (0.995, 10, 3.16927267261695),
        (0.999, 10, 4.143700494046589),
        (0.75, 14, 0.6924170695700052),
        (0.9, 14, 1.345030374454651),
        (0.95, 14, 1.761310135774891),
        (0.975, 14, 2.144786687917804),
        (0.995, 14, 2.9768427343708344),
        (0.999, 14, 3.7873902375233457),
        (0.75, 15, 0.6911969489584897),
        (0.9, 15, 1.3406056078504558),
        (0.95, 15, 1.753050355692572),
        (0.975, 15, 2.131449545559776),
        (0.995, 15, 2.946712883475238),
        (0.999, 15, 3.7328344253109),
        (0.75, 29, 0.6830438608216131),
        (0.9, 29, 1.311433647301551),
        (0.95, 29, 1.6991270265334972),
        (0.975, 29, 2.045229642132703),
        (0.995, 29, 2.756385903670605),
        (0.999, 29, 3.3962402883568026),
        (0.75, 30, 0.6827556933212927),
        (0.9, 30, 1.3104150253913955),
        (0.95, 30, 1.697260886593957),
        (0.975, 30, 2.0422724563012378),
        (0.995, 30, 2.7499956535672254),
        (0.999, 30, 3.3851848668293045),
        (0.95, 99, 1.6603911560169906),
        (0.975, 99, 1.9842169515864174),
        (0.995, 99, 2.626405457280827),
        (0.999, 99, 3.1746038497557523),
        (0.75, 100, 0.6769510430114717),
        (0.9, 100, 1.290074761346516),
        (0.95, 100, 1.6602343260853392),
        (0.975, 100, 1.9839715185235518),
        (0.995, 100, 2.6258905214380173),
        (0.999, 100, 3.173739493738783),
        (0.95, 1000, 1.6463788172854643),
        (0.975, 1000, 1.9623390808264083),
        (0.995, 1000, 2.580754698065951),
        (0.999, 1000, 3.0984021639129233),
        (0.75, 4999, 0.6745388301775066),
        (0.9, 4999, 1.2817209392150215),
        (0.95, 4999, 1.6451584985826644),
        (0.975, 4999, 1.9604386466615247),
        (0.995, 4999, 2.5768131633989824),
        (0.999, 4999, 3.0918634463467054),
    ];

    #[test]
    fn quantiles_are_those_of_scipy() {
        for (p, degrees, theirs) in OF_SCIPY {
            let ours = student_quantile(*p, *degrees);
            assert!(
                (ours - theirs).abs() <= 1e-12 * theirs.abs(),
                "{p} {degrees}: {ours} for {theirs}"
            );
            let below = student_quantile(1.0 - p, *degrees);
            assert!((below + theirs).abs() <= 1e-12 * theirs.abs(), "{p} {degrees}: {below}");
        }
        assert_eq!((student_quantile(0.5, 3), student_quantile(1.0, 3)), (0.0, f64::INFINITY));
        assert!(student_quantile(0.9, 0).is_nan() && student_quantile(f64::NAN, 3).is_nan());
        assert!(student_quantile(-0.1, 3).is_nan() && student_quantile(1.1, 3).is_nan());
    }

    /// `scipy.stats.ttest_1samp([0.1, -0.02, 0.07, 0.03], 0).confidence_interval(0.95)`.
    #[test]
    fn the_interval_of_a_paired_mean_is_that_of_scipy() {
        let found = paired_mean(&[0.1, -0.02, 0.07, 0.03], 0.95).unwrap();
        let Interval { low, high } = found.interval.unwrap();
        assert!((found.mean - 0.045).abs() < 1e-15 && found.count == 4);
        assert!(
            (low + 0.037682380396668526).abs() < 1e-13
                && (high - 0.12768238039666854).abs() < 1e-13,
            "{low} {high}"
        );
    }

    #[test]
    fn one_difference_has_no_interval_and_equal_ones_no_width() {
        assert_eq!(
            paired_mean(&[0.25], 0.95),
            Some(PairedMean { mean: 0.25, interval: None, count: 1 })
        );
        let equal = paired_mean(&[0.25; 5], 0.95).unwrap().interval;
        assert_eq!(equal, Some(Interval { low: 0.25, high: 0.25 }));
        assert_eq!((paired_mean(&[], 0.95), paired_mean(&[f64::NAN], 0.95)), (None, None));
        assert_eq!(paired_mean(&[1.0, 2.0], 1.0), None);
    }
}
