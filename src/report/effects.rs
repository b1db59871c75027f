//! Which swept setting matters: marginal means, shares of the variance, and the certainty of the
//! best value.
//!
//! A sweep is treated as a design of experiments (Montgomery, Design and Analysis of Experiments,
//! chapter 5). The share of an axis is the sum of squares between its values over the total sum of
//! squares. The share of two axes together is the part that their cells explain beyond both. A
//! sweep may be incomplete, because points are excluded or an axis belongs to one detector. Its
//! shares then cover the settings that have the axis, and they may overlap.

use std::collections::BTreeMap;

use super::aggregate::{By, Stat};
use super::systems::Systems;
use super::{Group, Results};
use crate::math::square;
use crate::metric::{PairedMean, paired_mean};

/// Two axes are reported if their cells explain at least this share of the variance beyond both.
const INTERACTION: f64 = 0.05;

/// The confidence of intervals.
pub const LEVEL: f64 = 0.95;

/// Points that differ only in seed or draw, and their score.
#[derive(Clone, Debug)]
pub struct Scored<'a> {
    pub group: Group<'a>,
    pub score: Stat,
}

/// The effect of a swept setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// Path of the setting.
    pub axis: String,
    /// Share of the variance of the scores, 0 to 1, among the settings that have the axis; `None`
    /// if all are equal.
    pub share: Option<f64>,
    /// Label, mean score and number of settings of each value, the best first.
    pub values: Vec<(String, f64, usize)>,
    /// The lead of the best value over the next, over the sections, with all other settings equal.
    pub lead: Option<PairedMean>,
}

/// Two settings that must be chosen together.
#[derive(Clone, Debug, PartialEq)]
pub struct Interaction {
    pub axes: [String; 2],
    /// Share of the variance that the cells explain beyond both axes.
    pub share: f64,
}

/// The settings that have the number `by`, best first, and how many lack it.
pub fn scored(results: &Results, by: By) -> (Vec<Scored<'_>>, usize) {
    let groups = results.groups();
    let all = groups.len();
    let mut scored: Vec<Scored> = Vec::with_capacity(all);
    for group in groups {
        let points: Vec<Option<f64>> =
            group.points.iter().map(|p| by.of(p.sections().values())).collect();
        scored.extend(Stat::of(&points).map(|score| Scored { group, score }));
    }
    // The sort is stable: equal settings stay in the order of the sweep.
    scored.sort_by(|a, b| b.score.mean.total_cmp(&a.score.mean));
    let left_out = all - scored.len();
    (scored, left_out)
}

/// The effect of each axis that has two values or more, the largest share first.
pub fn effects(results: &Results, scored: &[Scored], by: By) -> Vec<Effect> {
    let effect = |axis: String| {
        let having: Vec<&Scored> =
            scored.iter().filter(|s| s.group.settings.contains_key(axis.as_str())).collect();
        let levels = levels(&having, |s| s.group.settings[axis.as_str()].to_owned());
        if levels.len() < 2 {
            return None;
        }
        let total = total(&having);
        let mut values: Vec<(String, f64, usize)> =
            levels.iter().map(|(label, sum)| (label.clone(), sum.mean(), sum.count)).collect();
        values.sort_by(|a, b| b.1.total_cmp(&a.1));
        let lead = lead(results, &axis, by, &values[0].0, &values[1].0);
        let share = (total > 0.0).then(|| between(&levels, &having) / total);
        Some(Effect { axis, share, values, lead })
    };
    let mut effects: Vec<Effect> = results.settings().into_iter().filter_map(effect).collect();
    effects.sort_by(|a, b| b.share.unwrap_or(0.0).total_cmp(&a.share.unwrap_or(0.0)));
    effects
}

/// The pairs of axes whose cells explain much beyond both, largest share first.
pub fn interactions(scored: &[Scored], effects: &[Effect]) -> Vec<Interaction> {
    let axes: Vec<&str> = effects.iter().map(|effect| effect.axis.as_str()).collect();
    let pairs =
        axes.iter().enumerate().flat_map(|(i, a)| axes[i + 1..].iter().map(move |b| [*a, *b]));
    let share = |[a, b]: [&str; 2]| {
        let has = |s: &&Scored| [a, b].iter().all(|axis| s.group.settings.contains_key(axis));
        let having: Vec<&Scored> = scored.iter().filter(has).collect();
        let value = |s: &Scored, axis: &str| s.group.settings[axis].to_owned();
        let explained =
            |label: &dyn Fn(&Scored) -> String| between(&levels(&having, label), &having);
        let cells = explained(&|s| format!("{}\n{}", value(s, a), value(s, b)));
        let beyond = cells - explained(&|s| value(s, a)) - explained(&|s| value(s, b));
        let share = beyond / total(&having);
        (share >= INTERACTION).then(|| Interaction { axes: [a, b].map(str::to_owned), share })
    };
    let mut found: Vec<Interaction> = pairs.filter_map(share).collect();
    found.sort_by(|a, b| b.share.total_cmp(&a.share));
    found
}

/// The lead of the first setting over another, over the sections; each section's number is a mean
/// over the seeds.
pub fn ahead(first: &Scored, other: &Scored, by: By) -> Option<PairedMean> {
    let sections = |scored: &Scored| -> Option<BTreeMap<(String, String), f64>> {
        let mut sums: BTreeMap<(String, String), f64> = BTreeMap::new();
        for point in &scored.group.points {
            for ((machine, section), values) in point.sections() {
                *sums.entry((machine.to_owned(), section.to_owned())).or_default() +=
                    by.of(std::iter::once(&values))?;
            }
        }
        Some(
            sums.into_iter()
                .map(|(section, sum)| (section, sum / scored.group.points.len() as f64))
                .collect(),
        )
    };
    let (first, other) = (sections(first)?, sections(other)?);
    let differences: Option<Vec<f64>> =
        first.iter().map(|(section, x)| Some(x - other.get(section)?)).collect();
    paired_mean(&differences?, LEVEL)
}

fn lead(results: &Results, axis: &str, by: By, best: &str, next: &str) -> Option<PairedMean> {
    let Systems { systems, sections, .. } = results.systems(Some(axis), by).ok()?;
    let value = |label: &str| -> Option<Vec<f64>> {
        let system = systems.iter().find(|system| system.settings == [label])?;
        let mean = |section: usize| {
            let values: Option<Vec<f64>> = system
                .points
                .iter()
                .map(|(_, rows)| by.of(std::iter::once(&rows[section])))
                .collect();
            values.map(|values| values.iter().sum::<f64>() / values.len() as f64)
        };
        (0..sections.len()).map(mean).collect()
    };
    let (best, next) = (value(best)?, value(next)?);
    paired_mean(&best.iter().zip(&next).map(|(a, b)| a - b).collect::<Vec<_>>(), LEVEL)
}

/// Count and sum of the scores of a value.
#[derive(Clone, Copy, Default)]
struct Sum {
    count: usize,
    sum: f64,
}

impl Sum {
    fn mean(self) -> f64 {
        self.sum / self.count as f64
    }
}

fn levels<L: Ord>(scored: &[&Scored], label: impl Fn(&Scored) -> L) -> BTreeMap<L, Sum> {
    let mut levels: BTreeMap<L, Sum> = BTreeMap::new();
    for one in scored {
        let level = levels.entry(label(one)).or_default();
        level.count += 1;
        level.sum += one.score.mean;
    }
    levels
}

fn mean(scored: &[&Scored]) -> f64 {
    scored.iter().map(|s| s.score.mean).sum::<f64>() / scored.len() as f64
}

/// The sum of squares of all scores around their mean.
fn total(scored: &[&Scored]) -> f64 {
    let mean = mean(scored);
    scored.iter().map(|s| square(s.score.mean - mean)).sum()
}

/// The sum of squares between the values.
fn between<L>(levels: &BTreeMap<L, Sum>, scored: &[&Scored]) -> f64 {
    let mean = mean(scored);
    levels.values().map(|level| level.count as f64 * square(level.mean() - mean)).sum()
}

#[cfg(test)]
mod tests {
    use super::super::systems::testing::results;
    use super::*;

    /// Two detectors with two poolings in two sections. AUC source, AUC target and pAUC of a
    /// section are equal, so the AUC source of a point is the mean of the two numbers.
    fn made() -> Results {
        let numbers = [
            ("a", "max", [0.9, 0.7]),
            ("a", "mean", [0.6, 0.6]),
            ("b", "max", [0.5, 0.5]),
            ("b", "mean", [0.6, 0.8]),
        ];
        let mut made = results("detector", &[]);
        made.axes.insert(1, "pool".into());
        for (detector, pool, [x, y]) in numbers {
            let mut one =
                results("detector", &[(detector, "0", &[Some(x), Some(y)])]).points.remove(0);
            one.settings.insert("pool".into(), pool.into());
            made.points.push(one);
        }
        made
    }

    #[test]
    fn the_best_come_first_and_those_without_the_number_are_counted() {
        let mut made = made();
        made.points[1].rows.iter_mut().for_each(|row| row.value = None);
        let (scored, left_out) = scored(&made, By::AucSource);
        let order: Vec<&str> = scored.iter().map(|one| one.group.settings["pool"]).collect();
        assert_eq!((order, left_out), (vec!["max", "mean", "max"], 1));
    }

    #[test]
    fn shares_are_those_of_an_analysis_of_variance() {
        let made = made();
        let (scored, _) = scored(&made, By::AucSource);
        let found = effects(&made, &scored, By::AucSource);
        // Means of points: 0.8 0.6 / 0.5 0.7, overall 0.65. Sums of squares: detector 4 * 0.05^2,
        // pool 0, total 0.05. The rest, 0.04 of 0.05, belongs to both together.
        let [detector, pool] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((detector.axis.as_str(), pool.axis.as_str()), ("detector", "pool"));
        assert!((detector.share.unwrap() - 0.2).abs() < 1e-12 && pool.share.unwrap().abs() < 1e-12);
        assert_eq!(detector.values[0].0, "a");
        assert!((detector.values[0].1 - 0.7).abs() < 1e-12 && detector.values[0].2 == 2);
        let both = interactions(&scored, &found);
        assert!((both[0].share - 0.8).abs() < 1e-12, "{both:?}");
    }

    #[test]
    fn a_lead_is_over_the_sections_with_all_else_equal() {
        let made = made();
        let (scored, _) = scored(&made, By::AucSource);
        // Per section, over both poolings: a 0.75, 0.65; b 0.55, 0.65. The differences are 0.2 and
        // 0.
        let lead = effects(&made, &scored, By::AucSource)[0].lead.unwrap();
        assert!((lead.mean - 0.1).abs() < 1e-12 && lead.count == 2);
        let ahead = ahead(&scored[0], &scored[1], By::AucSource).unwrap();
        assert!((ahead.mean - 0.1).abs() < 1e-12, "{ahead:?}");
        let one = results("detector", &[("a", "0", &[Some(0.9)]), ("b", "0", &[Some(0.8)])]);
        let (scored, _) = super::scored(&one, By::AucSource);
        assert_eq!(effects(&one, &scored, By::AucSource)[0].lead.unwrap().interval, None);
    }
}
