//! Which systems of a sweep are better by more than chance: mean ranks over the sections, and
//! paired tests.
//!
//! A section is one observation. Its clips share a machine, and its tests share their training
//! clips. Counting clips, seeds or domains as separate observations would make everything
//! significant.

mod text;

use super::Results;
use super::aggregate::By;
use super::systems::{Incomparable, System, Systems, named};
use crate::metric::{
    Friedman, Wilcoxon, arithmetic_mean, critical_difference, friedman, holm, mean_ranks, wilcoxon,
};

/// Pairs of more systems than this are not tested, because critical differences are known only up
/// to here.
const MOST: usize = 20;

/// The level of the tests.
const ALPHA: f64 = 0.05;

/// Systems by mean rank, and all pairs of them.
#[derive(Clone, Debug)]
pub struct Comparison {
    name: String,
    question: Option<String>,
    by: By,
    axes: Vec<String>,
    sections: Vec<(String, String)>,
    /// The best first.
    systems: Vec<Ranked>,
    /// The number of systems before the best were chosen.
    of: usize,
    friedman: Option<Friedman>,
    critical_difference: Option<f64>,
    /// The most significant first.
    pairs: Vec<Pair>,
    notes: Vec<String>,
}

#[derive(Clone, Debug)]
struct Ranked {
    settings: Vec<String>,
    label: String,
    points: usize,
    /// One value per section, the mean over the points.
    values: Vec<f64>,
    mean: f64,
    rank: f64,
}

/// Two systems by their places in the ranking.
#[derive(Clone, Debug)]
struct Pair {
    better: usize,
    worse: usize,
    /// The mean over the sections.
    difference: f64,
    test: Wilcoxon,
    corrected: f64,
}

/// Compares the systems that differ in `axis`, or in anything except seed and draw, by their number
/// `by` in each section.
///
/// # Errors
/// Those of [`Results::systems`].
pub fn compare(results: &Results, axis: Option<&str>, by: By) -> Result<Comparison, Incomparable> {
    let Systems { axes, sections, systems, mut notes } = results.systems(axis, by)?;
    let of = systems.len();
    let mut ranked: Vec<Ranked> =
        systems.iter().map(|system| Ranked::of(system, sections.len(), by)).collect();
    rank(&mut ranked);
    if of > MOST {
        ranked.truncate(MOST);
        rank(&mut ranked);
        notes.push(format!(
            "the {MOST} best of {of} systems by mean rank, which were chosen by the numbers that are tested here: a \
             difference to those left out is not tested, and one among the best may be luck"
        ));
    }
    let rows = by_section(&ranked);
    let mut pairs: Vec<Pair> = Vec::new();
    for better in 0..ranked.len() {
        for worse in better + 1..ranked.len() {
            let differences: Vec<f64> =
                rows.iter().map(|row| rounded(row[better] - row[worse])).collect();
            let (Some(test), Some(difference)) =
                (wilcoxon(&differences), arithmetic_mean(&differences))
            else {
                continue;
            };
            pairs.push(Pair { better, worse, difference, test, corrected: 1.0 });
        }
    }
    let corrected = holm(&pairs.iter().map(|pair| pair.test.p).collect::<Vec<_>>());
    pairs.iter_mut().zip(corrected).for_each(|(pair, p)| pair.corrected = p);
    pairs.sort_by(|a, b| a.test.p.total_cmp(&b.test.p).then(b.difference.total_cmp(&a.difference)));
    Ok(Comparison {
        name: results.name.clone(),
        question: results.question.clone(),
        by,
        axes,
        sections: sections
            .iter()
            .map(|(machine, section)| ((*machine).to_owned(), (*section).to_owned()))
            .collect(),
        of,
        friedman: friedman(&rows),
        critical_difference: critical_difference(ranked.len(), rows.len()),
        systems: ranked,
        pairs,
        notes,
    })
}

impl Comparison {
    /// The names of the systems with their mean ranks, the best first.
    pub(super) fn ranks(&self) -> Vec<(String, f64)> {
        let name = |system: &Ranked| {
            let values =
                self.axes.iter().zip(&system.settings).map(|(axis, value)| named(axis, value));
            values.filter(|value| !value.is_empty()).collect::<Vec<_>>().join(", ")
        };
        self.systems.iter().map(|system| (name(system), system.rank)).collect()
    }

    /// The smallest significant difference of mean ranks, if known.
    pub(super) fn critical_difference(&self) -> Option<f64> {
        self.critical_difference
    }
}

/// Rounds away small errors, so that equal numbers stay tied.
fn rounded(x: f64) -> f64 {
    (x * 1e12).round() / 1e12
}

impl Ranked {
    fn of(system: &System, sections: usize, by: By) -> Self {
        let values: Vec<f64> = (0..sections)
            .map(|section| {
                let of_points =
                    system.points.iter().map(|(_, rows)| by.of(std::iter::once(&rows[section])));
                let values: Vec<f64> =
                    of_points.map(|v| v.expect("systems have all numbers")).collect();
                rounded(arithmetic_mean(&values).expect("a system has points"))
            })
            .collect();
        let mean = arithmetic_mean(&values).expect("there are sections");
        let (settings, label) = (system.settings.clone(), system.label());
        Self { settings, label, points: system.points.len(), values, mean, rank: 0.0 }
    }
}

fn by_section(systems: &[Ranked]) -> Vec<Vec<f64>> {
    let sections = systems.first().map_or(0, |s| s.values.len());
    (0..sections).map(|section| systems.iter().map(|s| s.values[section]).collect()).collect()
}

/// Ranks the systems and sorts them by mean rank, then by mean, then in their old order.
fn rank(systems: &mut [Ranked]) {
    let ranks = mean_ranks(&by_section(systems)).expect("numbers of all systems in all sections");
    systems.iter_mut().zip(ranks).for_each(|(system, rank)| system.rank = rank);
    systems.sort_by(|a, b| a.rank.total_cmp(&b.rank).then(b.mean.total_cmp(&a.mean)));
}

#[cfg(test)]
mod tests {
    use super::super::systems::testing::results;
    use super::*;

    #[test]
    fn a_system_that_is_better_everywhere_is_first() {
        let numbers = |shift: f64| {
            (0..8).map(|s| Some(0.5 + 0.03 * f64::from(s) + shift)).collect::<Vec<_>>()
        };
        let (low, high, noisy) = (numbers(0.0), numbers(0.1), numbers(0.05));
        let made = results(
            "detector",
            &[("low", "0", &low), ("high", "0", &high), ("noisy", "0", &noisy)],
        );
        let found = compare(&made, None, By::Official).unwrap();
        let order: Vec<(&str, f64)> =
            found.systems.iter().map(|s| (s.label.as_str(), s.rank)).collect();
        assert_eq!(order, [("high", 1.0), ("noisy", 2.0), ("low", 3.0)]);
        let pair = &found.pairs[0];
        assert_eq!((pair.better, pair.worse), (0, 2));
        assert!((pair.difference - 0.1).abs() < 1e-12);
        // All eight differences have the same sign: 2 / 2^8, and three pairs.
        assert_eq!((pair.test.p, pair.corrected), (0.0078125, 0.0234375));
        assert!((found.friedman.unwrap().statistic - 16.0).abs() < 1e-12);
    }

    #[test]
    fn seeds_are_no_sections() {
        let made = results(
            "detector",
            &[
                ("a", "0", &[Some(0.5), Some(0.9)]),
                ("a", "1", &[Some(0.7), Some(0.9)]),
                ("b", "0", &[Some(0.6), Some(0.8)]),
                ("b", "1", &[Some(0.6), Some(0.8)]),
            ],
        );
        let found = compare(&made, Some("detector"), By::AucSource).unwrap();
        let a = &found.systems[0];
        assert_eq!(
            (a.label.as_str(), a.points, a.values.as_slice()),
            ("a", 2, [0.6, 0.9].as_slice())
        );
        // 0.6 and 0.6 are equal, although their sums were rounded differently.
        assert_eq!((a.rank, found.systems[1].rank), (1.25, 1.75));
        assert_eq!((found.pairs[0].test.count, found.friedman), (1, None));
        assert!(found.document(false).markdown().contains("2 sections are too few"));
    }

    #[test]
    fn of_many_systems_the_best_are_compared() {
        let names: Vec<String> = (0..25).map(|i| format!("s{i:02}")).collect();
        let numbers: Vec<Vec<Option<f64>>> = (0..25)
            .map(|i| {
                (0..4).map(|s| Some(0.4 + 0.02 * f64::from(i) + 0.001 * f64::from(s))).collect()
            })
            .collect();
        let points: Vec<(&str, &str, &[Option<f64>])> =
            names.iter().zip(&numbers).map(|(n, v)| (n.as_str(), "0", v.as_slice())).collect();
        let found = compare(&results("detector", &points), None, By::Official).unwrap();
        assert_eq!((found.systems.len(), found.of, found.pairs.len()), (20, 25, 190));
        assert_eq!((found.systems[0].label.as_str(), found.systems[0].rank), ("s24", 1.0));
        assert_eq!(found.systems[19].label, "s05");
        assert!(found.notes[0].starts_with("the 20 best of 25 systems"));
    }
}
