//! An unbiased choice of settings: leave one section out, or look at training clips alone.
//!
//! The best of hundreds of settings has a score that is too good, because it was chosen by the
//! numbers that are then reported. Here the settings of each section are chosen by the *other*
//! sections, or by numbers that come from normal training clips. The result on the held-out section
//! is reported. The best in hindsight is shown beside it under that name.

mod text;

use super::aggregate::{By, COLUMNS, DOMAIN_BALANCE, PSEUDO_ANOMALIES, Values};
use super::systems::{Incomparable, System, Systems};
use super::{Results, Stat};
use crate::metric::{arithmetic_mean, quantile};

/// How settings are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The best on all other sections.
    LeaveOneSectionOut,
    /// The smallest distance between the held-out scores of source and target training clips.
    DomainBalance,
    /// The largest AUC of training clips against anomalies made from training clips.
    PseudoAnomalies,
}

impl Protocol {
    /// The word of `--select`.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::LeaveOneSectionOut => "leave-one-section-out",
            Protocol::DomainBalance => "domain_balance",
            Protocol::PseudoAnomalies => "pseudo_anomalies",
        }
    }

    /// The metric of training clips that decides.
    fn metric(self) -> Option<&'static str> {
        match self {
            Protocol::LeaveOneSectionOut => None,
            Protocol::DomainBalance => Some(DOMAIN_BALANCE),
            Protocol::PseudoAnomalies => Some(PSEUDO_ANOMALIES),
        }
    }
}

/// The choice for each section, and its results.
#[derive(Clone, Debug)]
pub struct Selection {
    protocol: Protocol,
    name: String,
    question: Option<String>,
    by: By,
    axes: Vec<String>,
    /// The number of settings to choose from.
    of: usize,
    seeds: usize,
    /// The name of the repetitions, in words.
    repetitions: &'static str,
    sections: Vec<HeldOut>,
    honest: Totals,
    hindsight: Chosen,
    /// The totals of the best in hindsight over all sections.
    hindsight_totals: Totals,
    notes: Vec<String>,
}

/// A held-out section, which was not used to choose its settings.
#[derive(Clone, Debug)]
struct HeldOut {
    machine: String,
    section: String,
    chosen: Chosen,
    /// AUC source, AUC target, AUC and pAUC: the first four columns of the field's table.
    values: [Option<Stat>; AREAS],
}

/// Chosen settings, and the score that decided.
#[derive(Clone, Debug)]
struct Chosen {
    settings: Vec<String>,
    score: Option<Stat>,
}

/// The deciding number and the official score, over all sections.
#[derive(Clone, Copy, Debug)]
struct Totals {
    by: Option<Stat>,
    official: Option<Stat>,
}

const AREAS: usize = 4;

/// Differences as small as rounding errors do not decide.
const EQUAL: f64 = 1e-12;

/// Settings with a worse score on the other sections than this share of all settings are not
/// taken, whatever the training clips say.
const VETO: f64 = 0.1;

/// Chooses among all groups of settings, with means over the seeds: by their number `by` on the
/// other sections, or by a number of training clips, mean over all sections.
///
/// # Errors
/// Those of [`Results::systems`]; there is only one section to be left out; nobody measured the
/// number of training clips.
pub fn select(results: &Results, by: By, protocol: Protocol) -> Result<Selection, Incomparable> {
    let Systems { axes, sections, mut systems, mut notes } = results.systems(None, by)?;
    if sections.len() < 2 && protocol == Protocol::LeaveOneSectionOut {
        return Err(Incomparable::OneSection);
    }
    let seeds = commonest_seeds(&systems);
    let before = systems.len();
    systems.retain(|system| seeds_of(system) == seeds);
    if systems.len() < before {
        let (count, what) = (before - systems.len(), results.repetitions());
        // Seed and draw of a point.
        let list: Vec<String> = seeds.iter().map(|seed| seed.join(" and ")).collect();
        notes.push(format!(
            "settings left out because their {what} are not {}: {count}",
            list.join(", ")
        ));
    }
    if systems.len() < 2 {
        return Err(Incomparable::OneSystem(notes));
    }
    let choose = |held_out: usize| match protocol.metric() {
        None => Ok(best(&systems, by, Some(held_out))),
        Some(metric) => by_training(&systems, by, metric, held_out)
            .ok_or(Incomparable::NotMeasured(protocol.name())),
    };
    let choices: Vec<&System> = (0..sections.len()).map(choose).collect::<Result<_, _>>()?;
    let honest =
        |seed: usize| choices.iter().enumerate().map(move |(s, system)| &system.points[seed].1[s]);
    let hindsight = best(&systems, by, None);
    let held_out =
        sections.iter().zip(&choices).enumerate().map(|(s, ((machine, section), system))| {
            HeldOut {
                machine: (*machine).to_owned(),
                section: (*section).to_owned(),
                chosen: Chosen {
                    settings: system.settings.clone(),
                    score: match protocol.metric() {
                        None => score(system, by, Some(s)),
                        Some(metric) => of_training(system, metric),
                    },
                },
                values: std::array::from_fn(|c| {
                    over_seeds(seeds.len(), |seed| system.points[seed].1[s][c].flatten())
                }),
            }
        });
    Ok(Selection {
        protocol,
        name: results.name.clone(),
        question: results.question.clone(),
        by,
        axes,
        of: systems.len(),
        seeds: seeds.len(),
        repetitions: results.repetitions(),
        sections: held_out.collect(),
        honest: Totals {
            by: over_seeds(seeds.len(), |seed| by.of(honest(seed))),
            official: over_seeds(seeds.len(), |seed| By::Official.of(honest(seed))),
        },
        hindsight: Chosen {
            settings: hindsight.settings.clone(),
            score: score(hindsight, by, None),
        },
        hindsight_totals: Totals {
            by: score(hindsight, by, None),
            official: score(hindsight, By::Official, None),
        },
        notes,
    })
}

/// The seeds and draws of a system's points.
fn seeds_of<'a>(system: &System<'a>) -> Vec<Vec<&'a str>> {
    system.points.iter().map(|(seed, _)| seed.clone()).collect()
}

/// The seeds that most systems have; the first ones in a tie.
fn commonest_seeds<'a>(systems: &[System<'a>]) -> Vec<Vec<&'a str>> {
    let mut lists: Vec<(Vec<Vec<&str>>, usize)> = Vec::new();
    for list in systems.iter().map(seeds_of) {
        match lists.iter_mut().find(|(known, _)| *known == list) {
            Some((_, count)) => *count += 1,
            None => lists.push((list, 1)),
        }
    }
    let most = lists.iter().map(|(_, count)| *count).max();
    lists.into_iter().find(|(_, count)| Some(*count) == most).map_or(Vec::new(), |(list, _)| list)
}

/// The first system with the highest mean score on all sections except `held_out`.
fn best<'s, 'a>(systems: &'s [System<'a>], by: By, held_out: Option<usize>) -> &'s System<'a> {
    let mut best = (&systems[0], f64::NEG_INFINITY);
    for system in systems {
        let score = score(system, by, held_out).map_or(f64::NEG_INFINITY, |s| s.mean);
        if score > best.1 + EQUAL {
            best = (system, score);
        }
    }
    best.0
}

/// The first system with the best number of training clips, of those that are not among the worst
/// on all sections except `held_out`. `None` if no system has the number.
fn by_training<'s, 'a>(
    systems: &'s [System<'a>],
    by: By,
    metric: &str,
    held_out: usize,
) -> Option<&'s System<'a>> {
    let others = |system: &System| score(system, by, Some(held_out)).map(|score| score.mean);
    let scores: Vec<f64> = systems.iter().filter_map(others).collect();
    // Without other sections there is nothing to object by.
    let least = quantile(&scores, VETO).unwrap_or(f64::NEG_INFINITY);
    let viable = |system: &&System| others(system).is_none_or(|score| score >= least);
    let sign = if metric == DOMAIN_BALANCE { -1.0 } else { 1.0 };
    let mut best: Option<(&System, f64)> = None;
    for system in systems.iter().filter(viable) {
        let Some(number) = of_training(system, metric) else { continue };
        if best.is_none_or(|(_, most)| sign * number.mean > most + EQUAL) {
            best = Some((system, sign * number.mean));
        }
    }
    best.map(|(system, _)| system)
}

/// A number of training clips, mean over all sections, over the seeds.
fn of_training(system: &System, metric: &str) -> Option<Stat> {
    let column = COLUMNS.iter().position(|(_, name, _)| *name == metric)?;
    over_seeds(system.points.len(), |seed| {
        let values = system.points[seed].1.iter().map(|row| row[column].flatten());
        arithmetic_mean(&values.collect::<Option<Vec<f64>>>()?)
    })
}

/// The number over all sections except `held_out`, over the seeds.
fn score(system: &System, by: By, held_out: Option<usize>) -> Option<Stat> {
    let others = |rows: &'_ [Values]| {
        let kept = rows.iter().enumerate().filter(|(s, _)| Some(*s) != held_out);
        by.of(kept.map(|(_, row)| row))
    };
    over_seeds(system.points.len(), |seed| others(&system.points[seed].1))
}

fn over_seeds(seeds: usize, number: impl Fn(usize) -> Option<f64>) -> Option<Stat> {
    Stat::of(&(0..seeds).map(number).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::super::systems::testing::results;
    use super::*;

    fn by_name(points: &[(&str, &str, &[Option<f64>])]) -> Selection {
        select(&results("detector", points), By::Official, Protocol::LeaveOneSectionOut).unwrap()
    }

    fn chosen(selection: &Selection) -> Vec<&str> {
        selection.sections.iter().map(|s| s.chosen.settings[0].as_str()).collect()
    }

    fn harmonic(values: &[f64]) -> f64 {
        values.len() as f64 / values.iter().map(|x| 1.0 / x).sum::<f64>()
    }

    /// A setting that is lucky on the other sections is chosen and fails on the held-out one.
    #[test]
    fn the_best_in_hindsight_is_better_than_an_honest_choice() {
        let found = by_name(&[
            ("lucky 0", "0", &[Some(0.99), Some(0.60), Some(0.80)]),
            ("lucky 1", "0", &[Some(0.60), Some(0.95), Some(0.90)]),
            ("plain", "0", &[Some(0.70), Some(0.70), Some(0.70)]),
        ]);
        // On sections 1 and 2, `lucky 1` is best by far, and it fails on 0. On 0 and 2, `lucky 0`
        // is best, and it fails on 1.
        assert_eq!(chosen(&found), ["lucky 1", "lucky 0", "lucky 0"]);
        let (honest, hindsight) =
            (found.honest.official.unwrap().mean, found.hindsight_totals.official.unwrap().mean);
        assert!((honest - harmonic(&[0.60, 0.60, 0.80])).abs() < 1e-12, "{honest}");
        assert!((hindsight - harmonic(&[0.60, 0.95, 0.90])).abs() < 1e-12, "{hindsight}");
        assert_eq!(found.hindsight.settings, ["lucky 1"]);
        let others = found.sections[0].chosen.score.unwrap().mean;
        assert!((others - harmonic(&[0.95, 0.90])).abs() < 1e-12);
    }

    #[test]
    fn the_held_out_section_has_no_say() {
        let with = |held_out: f64| {
            by_name(&[
                ("a", "0", &[Some(held_out), Some(0.7), Some(0.7)]),
                ("b", "0", &[Some(0.5), Some(0.8), Some(0.8)]),
            ])
        };
        for held_out in [0.01, 0.5, 0.9999] {
            assert_eq!(chosen(&with(held_out))[0], "b");
        }
        assert_eq!(chosen(&with(0.9999))[1], "a");
    }

    #[test]
    fn seeds_choose_together() {
        // `a` has the best single seed, `b` the better mean.
        let found = by_name(&[
            ("a", "0", &[Some(0.95), Some(0.95)]),
            ("a", "1", &[Some(0.55), Some(0.55)]),
            ("b", "0", &[Some(0.8), Some(0.9)]),
            ("b", "1", &[Some(0.8), Some(0.7)]),
        ]);
        assert_eq!(chosen(&found), ["b", "b"]);
        assert_eq!(found.seeds, 2);
        let honest = found.honest.official.unwrap();
        let (first, second) = (harmonic(&[0.8, 0.9]), harmonic(&[0.8, 0.7]));
        assert!((honest.mean - (first + second) / 2.0).abs() < 1e-12);
        assert!((honest.deviation.unwrap() - (first - second) / 2.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(found.sections[0].values[0].unwrap().deviation, Some(0.0));
    }

    #[test]
    fn equal_settings_go_to_the_first_and_other_seeds_are_left_out() {
        let found = by_name(&[
            ("a", "0", &[Some(0.8), Some(0.8)]),
            ("b", "0", &[Some(0.8), Some(0.8)]),
            ("c", "7", &[Some(0.9), Some(0.9)]),
        ]);
        assert_eq!((chosen(&found), found.of), (vec!["a", "a"], 2));
        assert_eq!(found.notes, ["settings left out because their seeds are not 0: 1"]);
    }

    #[test]
    fn the_seeds_of_most_systems_decide() {
        let value = [Some(0.8), Some(0.8)];
        let found = by_name(&[("a", "7", &value), ("b", "0", &value), ("c", "0", &value)]);
        assert_eq!((chosen(&found), found.of), (vec!["b", "b"], 2));
        let made = results("detector", &[("a", "0", &value), ("b", "1", &value)]);
        let error = select(&made, By::Official, Protocol::LeaveOneSectionOut).unwrap_err();
        assert_eq!(error.hint(), "settings left out because their seeds are not 0: 1");
        assert!(matches!(error, Incomparable::OneSystem(_)));
    }

    #[test]
    fn one_section_leaves_nothing_to_choose_on() {
        let made = results("detector", &[("a", "0", &[Some(0.8)]), ("b", "0", &[Some(0.8)])]);
        assert_eq!(
            select(&made, By::Official, Protocol::LeaveOneSectionOut).unwrap_err(),
            Incomparable::OneSection
        );
    }

    /// Three settings with a score and a number of training clips each, in each of two sections.
    fn measured(metric: &str, systems: &[(&str, f64, [f64; 2])]) -> Results {
        let points: Vec<(&str, &str, [Option<f64>; 2])> =
            systems.iter().map(|(name, score, _)| (*name, "0", [Some(*score); 2])).collect();
        let points: Vec<(&str, &str, &[Option<f64>])> =
            points.iter().map(|(name, seed, values)| (*name, *seed, &values[..])).collect();
        let mut made = results("detector", &points);
        for (point, (.., numbers)) in made.points.iter_mut().zip(systems) {
            for (section, number) in numbers.iter().enumerate() {
                let row = &point.rows[3 * section + 2];
                let metric = metric.to_owned();
                let row =
                    crate::artifact::MetricRow { metric, value: Some(*number), ..row.clone() };
                point.rows.push(row);
            }
        }
        made
    }

    #[test]
    fn training_clips_choose_without_the_scores_of_test_clips() {
        let systems =
            [("near", 0.7, [0.1, 0.3]), ("far", 0.8, [0.5, 0.1]), ("best", 0.9, [0.6, 0.6])];
        let chosen_by = |protocol, metric| {
            let found = select(&measured(metric, &systems), By::Official, protocol).unwrap();
            let score = found.sections[0].chosen.score.unwrap().mean;
            (chosen(&found).join(" "), score, found.honest.official.unwrap().mean)
        };
        // Means over both sections: 0.2, 0.3, 0.6.
        let (names, score, official) = chosen_by(Protocol::DomainBalance, DOMAIN_BALANCE);
        assert_eq!((names.as_str(), score), ("far far", 0.3), "`near` is the worst by its scores");
        assert!((official - 0.8).abs() < 1e-12);
        let (names, ..) = chosen_by(Protocol::PseudoAnomalies, PSEUDO_ANOMALIES);
        assert_eq!(names, "best best");
        // What nobody measured chooses nothing.
        let made = measured(PSEUDO_ANOMALIES, &systems);
        let error = select(&made, By::Official, Protocol::DomainBalance).unwrap_err();
        assert_eq!(error, Incomparable::NotMeasured("domain_balance"));
        assert!(error.hint().contains("metrics: [auc, pauc, domain_balance]"));
    }
}
