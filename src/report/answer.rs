//! The answer of a sweep on one screen: the best settings, their lead, and which setting matters.

use std::collections::BTreeSet;

use super::aggregate::{By, Stat};
use super::effects::{Effect, LEVEL, Scored, ahead, effects, interactions, scored};
use super::idle::idle;
use super::number::{share, stat};
use super::systems::titles;
use super::{Results, axis};
use crate::document::{Cell, Document, Table};
use crate::metric::{Interval, PairedMean};

/// From this many settings on, a report begins with the answer and leaves out the tables of all
/// settings.
pub const MANY: usize = 30;

/// The default number of best settings to show.
pub const BEST: usize = 10;

/// The width of a table, in characters.
const WIDTH: usize = 100;

/// The number of other values of a setting that are named beside the best.
const OTHERS: usize = 3;

/// The most pairs of settings that are reported.
const PAIRS: usize = 3;

/// Whether there are so many results that their answer comes first.
pub fn is_long(results: &Results) -> bool {
    results.groups().len() > MANY
}

/// The `best` settings by the number `by`, and the effect of each swept setting on it.
pub fn answer(results: &Results, by: By, best: usize) -> Document {
    let document = Document::titled(&results.name, results.question.as_deref());
    let (scored, left_out) = scored(results, by);
    if scored.is_empty() {
        return document.text(format!("No setting has the number `{}`.", by.name()));
    }
    let best = best.clamp(1, scored.len());
    let document = document
        .heading(2, format!("The best {best} of {} settings by {}", scored.len(), name(by)))
        .table(best_table(results, &scored, by, best))
        .text(shared(results, &scored[..best]));
    let effects = effects(results, &scored, by);
    let document = match effects.is_empty() {
        true => document,
        false => document
            .heading(2, "Which setting matters")
            .table(effect_table(&effects))
            .list(together(&scored, &effects)),
    };
    idle(document.text(meaning(results, &scored, left_out, by)), results)
}

/// One row per setting, without the axes in which the shown settings agree.
fn best_table(results: &Results, scored: &[Scored], by: By, best: usize) -> Table {
    let shown = &scored[..best];
    let axes: Vec<String> =
        results.settings().into_iter().filter(|axis| labels(shown, axis).len() > 1).collect();
    // The parts of the score, if there is room for them.
    let all = [By::AucSource, By::AucTarget, By::Pauc];
    let mut parts: Vec<By> =
        all.into_iter().filter(|part| *part != by && number(&scored[0], *part).is_some()).collect();
    loop {
        let header = titles(&axes).chain([by.title().to_owned(), "behind the best".to_owned()]);
        let mut table = Table::new(header.chain(parts.iter().map(|part| part.title().to_owned())));
        for one in shown {
            let settings = axes
                .iter()
                .map(|axis| one.group.settings.get(axis.as_str()).copied().unwrap_or_default());
            let behind = match std::ptr::eq(one, &shown[0]) {
                true => Cell::default(),
                false => {
                    ahead(&shown[0], one, by).map_or_else(Cell::default, |lead| lead_cell(&lead))
                }
            };
            let cells = settings.map(Cell::from).chain([stat(Some(one.score)), behind]);
            table.push(cells.chain(parts.iter().map(|part| stat(number(one, *part)))).collect());
        }
        if table.width() <= WIDTH || parts.pop().is_none() {
            return table;
        }
    }
}

/// The values of an axis among settings; empty where the axis does not apply.
fn labels<'a>(shown: &[Scored<'a>], axis: &str) -> BTreeSet<&'a str> {
    shown.iter().map(|one| one.group.settings.get(axis).copied().unwrap_or_default()).collect()
}

fn number(one: &Scored, by: By) -> Option<Stat> {
    Stat::of(
        &one.group.points.iter().map(|point| by.of(point.sections().values())).collect::<Vec<_>>(),
    )
}

/// The settings that all shown points share.
fn shared(results: &Results, shown: &[Scored]) -> String {
    let same = |axis: String| match labels(shown, &axis).into_iter().collect::<Vec<_>>().as_slice()
    {
        [label] if !label.is_empty() => {
            Some(format!("{} {label}", titles(&[axis]).collect::<String>()))
        }
        _ => None,
    };
    let same: Vec<String> = results.settings().into_iter().filter_map(same).collect();
    match (same.is_empty(), shown.len()) {
        (true, _) => {
            "`report --all` shows the tables of all settings, `--top N` more of the best.".into()
        }
        (_, 1) => format!("Its settings: {}.", same.join(", ")),
        _ => format!(
            "All of them have {}. `report --all` shows the tables of all settings.",
            same.join(", ")
        ),
    }
}

/// One row per axis, with as many of its other values as fit.
pub(super) fn effect_table(effects: &[Effect]) -> Table {
    let named = |count: usize| effect_rows(effects, count);
    (1..=OTHERS).rev().map(named).find(|table| table.width() <= WIDTH).unwrap_or_else(|| named(0))
}

fn effect_rows(effects: &[Effect], named: usize) -> Table {
    let mut table =
        Table::new(["setting", "share", "best value", "mean", "ahead of the next", "other values"]);
    for effect in effects {
        let (label, mean, _) = &effect.values[0];
        let name = titles(std::slice::from_ref(&effect.axis)).collect::<String>();
        let share_of = effect
            .share
            .map_or_else(Cell::default, |x| Cell::number(Some(x), format!("{:.0} %", 100.0 * x)));
        let lead = effect.lead.map_or_else(Cell::default, |lead| lead_cell(&lead));
        table.push(vec![
            name.into(),
            share_of,
            label.into(),
            share(*mean),
            lead,
            others(&effect.values[1..], named).into(),
        ]);
    }
    table
}

/// The next `named` values with their means, always including the worst.
fn others(values: &[(String, f64, usize)], named: usize) -> String {
    let one = |(label, mean, _): &(String, f64, usize)| format!("{label} {:.1}", 100.0 * mean);
    match values {
        _ if named == 0 => format!("{} more", values.len()),
        [first @ .., last] if values.len() > named => {
            let first: Vec<String> =
                first.iter().take(named - 1).map(|value| one(value) + ", ").collect();
            format!("{}.. {}", first.concat(), one(last))
        }
        few => few.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}

/// Settings that must be chosen together: which value of one is best, and for how many values of
/// the other.
pub(super) fn together(scored: &[Scored], effects: &[Effect]) -> Vec<String> {
    let told = interactions(scored, effects).into_iter().take(PAIRS);
    told.map(|found| {
        let [a, b] = &found.axes;
        let names: Vec<String> = titles(&found.axes).collect();
        format!(
            "{} and {} must be chosen together: their combinations explain {:.0} % more than both alone. {}",
            names[0],
            names[1],
            100.0 * found.share,
            best_of(scored, a, b, &names)
        )
    })
    .collect()
}

/// For each value of `b`, the number of values of the axis `a` for which it is best.
fn best_of(scored: &[Scored], a: &str, b: &str, names: &[String]) -> String {
    let mut seen = BTreeSet::new();
    let mut wins: Vec<(&str, usize)> = Vec::new();
    // The best come first, so the first point with a value of `a` has its best value of `b`.
    for one in scored {
        let (Some(of_a), Some(of_b)) = (one.group.settings.get(a), one.group.settings.get(b))
        else {
            continue;
        };
        if !seen.insert(*of_a) {
            continue;
        }
        match wins.iter_mut().find(|(label, _)| label == of_b) {
            Some((_, count)) => *count += 1,
            None => wins.push((of_b, 1)),
        }
    }
    wins.sort_by_key(|win| std::cmp::Reverse(win.1));
    let told: Vec<String> =
        wins.iter().take(OTHERS).map(|(label, count)| format!("{label} for {count}")).collect();
    format!(
        "Of the {} values of {} the best {} is {}.",
        seen.len(),
        names[0],
        names[1],
        told.join(", ")
    )
}

fn lead_cell(lead: &PairedMean) -> Cell {
    Cell::number(Some(lead.mean), lead_text(lead))
}

/// A lead in percentage points, with its interval.
pub(super) fn lead_text(lead: &PairedMean) -> String {
    let points = |x: f64| format!("{:.1}", 100.0 * x).replace('-', "\u{2212}");
    let interval =
        lead.interval.map(|Interval { low, high }| format!(" [{}, {}]", points(low), points(high)));
    points(lead.mean) + &interval.unwrap_or_default()
}

/// The name of a number in a sentence.
fn name(by: By) -> &'static str {
    if by == By::Official { "official score" } else { by.title() }
}

/// Explains the numbers.
fn meaning(results: &Results, scored: &[Scored], left_out: usize, by: By) -> String {
    let mut text = "All numbers in %.".to_owned();
    if let Some(count) = scored.iter().map(|one| one.group.points.len()).max().filter(|n| *n > 1) {
        text += &format!(" Mean ± standard deviation over {count} {}.", results.repetitions());
    }
    if by == By::Official {
        text += " Official: harmonic mean of AUC source, AUC target and pAUC over all sections.";
    }
    text += &format!(
        " Behind and ahead: mean over the sections of the difference in {}, with its {} % interval (Student's t; \
         where 0 is inside, the order may be chance).",
        if by == By::Official { "the harmonic mean of a section" } else { by.title() },
        axis::label(100.0 * LEVEL)
    );
    text +=
        " Share: of the variance between all settings; mean: over all settings with that value.";
    if left_out > 0 {
        text += &format!(" {left_out} settings without the number `{}` are left out.", by.name());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::systems::testing::results;
    use super::*;

    fn sweep(count: u32) -> Results {
        let names: Vec<String> =
            (0..count).map(|i| format!("a detector with a long name {i:02}")).collect();
        let numbers: Vec<[Option<f64>; 3]> =
            (0..count).map(|i| [0.5, 0.51, 0.52].map(|x| Some(x + 0.01 * f64::from(i)))).collect();
        let points: Vec<(&str, &str, &[Option<f64>])> = names
            .iter()
            .zip(&numbers)
            .map(|(name, numbers)| (name.as_str(), "0", numbers.as_slice()))
            .collect();
        results("detector", &points)
    }

    #[test]
    fn the_answer_of_a_sweep_fits_a_screen() {
        let text = answer(&sweep(40), By::Official, BEST).markdown();
        assert!(is_long(&sweep(40)) && !is_long(&sweep(30)));
        assert!(text.lines().count() <= 50, "{text}");
        assert!(
            text.lines()
                .filter(|line| line.starts_with('|'))
                .all(|line| line.chars().count() <= WIDTH),
            "{text}"
        );
        assert!(text.contains("## The best 10 of 40 settings by official score"), "{text}");
        let first = text.lines().find(|line| line.contains("name 39")).unwrap();
        assert!(first.contains("| a detector with a long name 39 |    89.99 |"), "{text}");
    }

    #[test]
    fn what_the_best_have_in_common_is_said_once() {
        let mut made = sweep(3);
        made.axes.push("pool".into());
        made.points
            .iter_mut()
            .for_each(|point| drop(point.settings.insert("pool".into(), "mean".into())));
        let text = answer(&made, By::Official, 2).markdown();
        assert!(text.contains("All of them have pool mean."), "{text}");
        assert!(!text.contains("| pool"), "{text}");
    }

    #[test]
    fn without_the_number_there_is_no_answer() {
        let text =
            answer(&results("detector", &[("a", "0", &[None])]), By::Official, BEST).markdown();
        assert!(text.contains("No setting has the number `official`."), "{text}");
    }
}
