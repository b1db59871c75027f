//! An unbiased choice of settings: leave one section out.
//!
//! The best of hundreds of settings has a score that is too good, because it was chosen by the
//! numbers that are then reported. Here the settings of each section are chosen by the *other*
//! sections, and the result on the held-out section is reported. The best in hindsight is shown
//! beside it under that name.

mod text;

use super::aggregate::{By, Values};
use super::systems::{Incomparable, System, Systems};
use super::{Results, Stat};

/// The choice for each section, and its results.
#[derive(Clone, Debug)]
pub struct Selection {
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

/// Chooses among all groups of settings by their number `by`, mean over the seeds.
///
/// # Errors
/// Those of [`Results::systems`]; there is only one section.
pub fn leave_one_section_out(results: &Results, by: By) -> Result<Selection, Incomparable> {
    let Systems { axes, sections, mut systems, mut notes } = results.systems(None, by)?;
    if sections.len() < 2 {
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
    let choices: Vec<&System> =
        (0..sections.len()).map(|held_out| best(&systems, by, Some(held_out))).collect();
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
                    score: score(system, by, Some(s)),
                },
                values: std::array::from_fn(|c| {
                    over_seeds(seeds.len(), |seed| system.points[seed].1[s][c].flatten())
                }),
            }
        });
    Ok(Selection {
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
        leave_one_section_out(&results("detector", points), By::Official).unwrap()
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
        let error = leave_one_section_out(&made, By::Official).unwrap_err();
        assert_eq!(error.hint(), "settings left out because their seeds are not 0: 1");
        assert!(matches!(error, Incomparable::OneSystem(_)));
    }

    #[test]
    fn one_section_leaves_nothing_to_choose_on() {
        let made = results("detector", &[("a", "0", &[Some(0.8)]), ("b", "0", &[Some(0.8)])]);
        assert_eq!(
            leave_one_section_out(&made, By::Official).unwrap_err(),
            Incomparable::OneSection
        );
    }
}
