//! What each swept setting does to the score: a plot a setting.
//!
//! A setting with values of its own kind has a row a value: a dot for each combination with the
//! other settings, a bar over the middle half of them, a line at their mean. A setting that is a
//! number has it along the axis: the means as lines, the middle half as a band.

use super::super::aggregate::{By, Stat};
use super::super::answer::{effect_table, together};
use super::super::axis::label;
use super::super::effects::{self as analysis, LEVEL, Scored};
use super::super::number::percent;
use super::super::svg::Svg;
use super::Swept;
use super::plot::{Frame, figure, percent_mark, quantile, shares};
use super::sheet::Section;
use super::standings::{Standings, System};
use crate::document::Document;
use crate::report::Results;
use crate::report::scale::Scale;

const WIDTH: f64 = 430.0;
/// Height of the row of a value.
const ROW: f64 = 24.0;
/// Characters of the name of a value, and of the name of a line.
const NAME: usize = 23;
/// Settings with more values than this cannot be told apart by colour.
const LINES: usize = 4;

/// What one value of a setting gives: the scores of all combinations with the other settings,
/// sorted.
struct Effect {
    label: String,
    number: Option<f64>,
    scores: Vec<f64>,
    /// Of a single combination: its mean less and more the deviation over seeds, or the mean of the
    /// intervals of its sections.
    ends: Option<(f64, f64)>,
}

impl Effect {
    fn mean(&self) -> f64 {
        self.scores.iter().sum::<f64>() / self.scores.len() as f64
    }

    fn middle(&self) -> (f64, f64) {
        self.ends.unwrap_or_else(|| (quantile(&self.scores, 0.25), quantile(&self.scores, 0.75)))
    }

    /// In words, for where the pointer rests.
    fn told(&self, what: &str) -> String {
        let (low, high) = self.middle();
        let n = self.scores.len();
        let of = format!("{}: mean {what} {} %", self.label, percent(self.mean()));
        match (n, self.ends) {
            (1, None) => of,
            (1, Some(_)) => format!("{of}, {} to {}", percent(low), percent(high)),
            _ => format!("{of}, middle half {} to {} of {n}", percent(low), percent(high)),
        }
    }
}

/// Which settings matter, as the answer of a sweep has it.
pub(super) struct Matter<'a> {
    /// The best first.
    pub scored: Vec<Scored<'a>>,
    effects: Vec<analysis::Effect>,
}

impl<'a> Matter<'a> {
    pub fn of(results: &'a Results, standings: &Standings<'a>) -> Self {
        let scored = standings.scored();
        Self { effects: analysis::effects(results, &scored, standings.by), scored }
    }

    /// The setting that matters most, with its share of the variance; none where only one is swept.
    pub fn strongest(&self) -> Option<(&str, f64)> {
        let first = self.effects.first().filter(|_| self.effects.len() > 1)?;
        Some((&first.axis, first.share?))
    }
}

/// The settings that are swept, with what they do and their shares of the variance, the strongest
/// first.
fn shown<'a>(
    swept: &'a [Swept],
    standings: &Standings,
    matter: &Matter,
) -> Vec<(&'a Swept, Vec<Effect>, Option<f64>)> {
    let systems: Vec<&System> = standings.systems.iter().collect();
    let one = |effect: &analysis::Effect| {
        let axis = swept.iter().find(|axis| axis.path == effect.axis)?;
        Some((axis, effects(axis, standings.by, &systems), effect.share))
    };
    matter.effects.iter().filter_map(one).filter(|(_, effects, _)| effects.len() > 1).collect()
}

pub(super) fn section(swept: &[Swept], standings: &Standings, matter: &Matter) -> Option<Section> {
    let shown = shown(swept, standings, matter);
    if shown.is_empty() {
        return None;
    }
    let mut body = Document::default()
        .table(effect_table(&matter.effects))
        .list(together(&matter.scored, &matter.effects))
        .text(sure())
        .text(text(standings))
        .html();
    body.push_str("<div class=\"plots\">\n");
    for (axis, effects, share) in &shown {
        let caption = match share {
            Some(share) => {
                format!(
                    "{}: its values alone account for {:.0} % of the variance.",
                    axis.path,
                    100.0 * share
                )
            }
            None => format!("{}: all its values give the same.", axis.path),
        };
        if is_ordered(effects) {
            body.push_str(&figure(&lines_of_numbers(axis, standings), &caption));
            if let Some((other, svg)) = lines_by_another(axis, &shown, standings) {
                body.push_str(&figure(&svg, &format!("{} for each {}.", axis.path, other)));
            }
        } else {
            body.push_str(&figure(&rows(axis, effects, standings.word()), &caption));
        }
    }
    body.push_str("</div>\n");
    Some(Section::new("effects", "Effects", "What each setting does", body))
}

/// What the numbers of the table are.
fn sure() -> String {
    format!(
        "Share: of the variance between the settings. Mean: over all settings with that value. Ahead: over the sections, \
         where all other settings are equal, with the {} % interval (Student's t); where 0 is inside, the order may be \
         chance. All in %.",
        label(100.0 * LEVEL)
    )
}

fn text(standings: &Standings) -> String {
    format!(
        "Each plot shows the {} over all combinations with the other settings. A dot is one combination. A line is their \
         mean, a bar or a band their middle half. Of a single combination the band is the standard deviation over seeds, or \
         the mean of the intervals of its sections, where there are any.",
        standings.word()
    )
}

/// The values of a setting in order: of numbers from the least, of others from the best.
fn effects(axis: &Swept, by: By, systems: &[&System]) -> Vec<Effect> {
    let of = |(label, number): (&String, Option<f64>)| {
        let chosen = systems.iter().filter(|system| system.value(&axis.path) == label);
        let chosen: Vec<(&System, Stat)> =
            chosen.filter_map(|system| Some((*system, system.number(by)?))).collect();
        let mut scores: Vec<f64> = chosen.iter().map(|(_, stat)| stat.mean).collect();
        scores.sort_by(f64::total_cmp);
        let ends = match chosen.as_slice() {
            [(system, stat)] => stat
                .deviation
                .map(|d| (stat.mean - d, stat.mean + d))
                .or_else(|| system.interval(by)),
            _ => None,
        };
        (!scores.is_empty()).then(|| Effect { label: label.clone(), number, scores, ends })
    };
    let numbers = axis.numbers.iter().copied().chain(std::iter::repeat(None));
    let mut effects: Vec<Effect> = axis.labels.iter().zip(numbers).filter_map(of).collect();
    match is_ordered(&effects) {
        true => effects.sort_by(|a, b| a.number.unwrap_or(0.0).total_cmp(&b.number.unwrap_or(0.0))),
        false => effects.sort_by(|a, b| b.mean().total_cmp(&a.mean())),
    }
    effects
}

/// Whether values are numbers, and enough of them for a line.
fn is_ordered(effects: &[Effect]) -> bool {
    effects.len() > 2 && effects.iter().all(|effect| effect.number.is_some())
}

fn last_word(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// A row a value.
fn rows(axis: &Swept, effects: &[Effect], what: &str) -> String {
    let frame =
        Frame { left: 168.0, top: 10.0, width: WIDTH - 184.0, height: ROW * effects.len() as f64 };
    let about = format!("{what} by {}", axis.path);
    let mut svg = Svg::page(WIDTH, frame.bottom() + 40.0, &about);
    let scale = shares(effects.iter().flat_map(|effect| effect.scores.iter().copied()));
    frame.below(&mut svg, &scale, &format!("{what} (%)"), percent_mark);
    svg.rule("axis", (frame.left, frame.top), (frame.left, frame.bottom()));
    for (number, effect) in effects.iter().enumerate() {
        let middle = frame.top + ROW * (number as f64 + 0.5);
        svg.name((frame.left - 8.0, middle + 4.0), "end", "label", NAME, &effect.label);
        let ((low, high), told) = (effect.middle(), effect.told(what));
        let (from, to) = (frame.x(&scale, low), frame.x(&scale, high));
        svg.bar("middle", (from, middle - 6.0), ((to - from).max(1.0), 12.0), &told);
        // Dots of one row are moved apart a little, always in the same way.
        for (place, score) in effect.scores.iter().enumerate() {
            let shift = [0.0, 3.2, -3.2, 1.6, -1.6][place % 5];
            svg.dot("dot", (frame.x(&scale, *score), middle + shift), 2.0, "");
        }
        let mean = frame.x(&scale, effect.mean());
        svg.path("mean", &[(mean, middle - 8.0), (mean, middle + 8.0)], &told);
    }
    svg.finish()
}

/// A line over numbers, and the band of the middle half.
struct Over {
    name: String,
    effects: Vec<Effect>,
}

/// The numbers of a data set with domains, or its one, over the values of a setting.
fn lines_of_numbers(axis: &Swept, standings: &Standings) -> String {
    let all: Vec<&System> = standings.systems.iter().collect();
    let kinds: &[By] = match standings.by {
        By::Official => &[By::AucSource, By::AucTarget, By::Official],
        _ => &[By::Auc],
    };
    let over =
        kinds.iter().map(|by| Over { name: by.title().into(), effects: effects(axis, *by, &all) });
    let what = if standings.by == By::Official { "AUC, official score" } else { "AUC" };
    over_numbers(axis, &over.collect::<Vec<_>>(), what)
}

/// The score over the values of a setting, a line a value of the other setting that matters most.
fn lines_by_another(
    axis: &Swept,
    shown: &[(&Swept, Vec<Effect>, Option<f64>)],
    standings: &Standings,
) -> Option<(String, String)> {
    let others = shown.iter().filter(|(other, ..)| other.path != axis.path);
    let (other, values, _) = others.clone().find(|(_, values, _)| values.len() <= LINES)?;
    let line = |value: &Effect| {
        let chosen =
            standings.systems.iter().filter(|system| system.value(&other.path) == value.label);
        Over {
            name: value.label.clone(),
            effects: effects(axis, standings.by, &chosen.collect::<Vec<_>>()),
        }
    };
    let lines: Vec<Over> = values.iter().map(line).collect();
    Some((other.path.clone(), over_numbers(axis, &lines, standings.word())))
}

fn over_numbers(axis: &Swept, lines: &[Over], what: &str) -> String {
    let legend = 18.0 * lines.len() as f64;
    let frame = Frame { left: 56.0, top: 14.0 + legend, width: WIDTH - 72.0, height: 200.0 };
    let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    let about = format!("{what} over {}: {}", axis.path, names.join(", "));
    let mut svg = Svg::page(WIDTH, frame.bottom() + 40.0, &about);
    let effects = || lines.iter().flat_map(|line| &line.effects);
    let x = Scale::of(effects().filter_map(|effect| effect.number));
    let ends = effects().flat_map(|effect| [effect.middle().0, effect.middle().1, effect.mean()]);
    let y = shares(ends);
    frame.below(&mut svg, &x, &unit(&axis.path), label);
    frame.beside(&mut svg, &y, &format!("{what} (%)"), percent_mark);
    for (number, line) in lines.iter().enumerate() {
        let place =
            |effect: &Effect, value: f64| Some((frame.x(&x, effect.number?), frame.y(&y, value)));
        let upper = line.effects.iter().filter_map(|effect| place(effect, effect.middle().1));
        let lower = line.effects.iter().rev().filter_map(|effect| place(effect, effect.middle().0));
        svg.area(&format!("band c{number}"), &upper.chain(lower).collect::<Vec<_>>(), "");
        let means: Vec<(f64, f64)> =
            line.effects.iter().filter_map(|effect| place(effect, effect.mean())).collect();
        svg.path(&format!("line c{number}"), &means, "");
        for (effect, at) in line.effects.iter().zip(&means) {
            svg.dot(
                &format!("point c{number}"),
                *at,
                3.0,
                &format!("{}, {}", line.name, effect.told(what)),
            );
        }
        let at = 10.0 + 18.0 * number as f64;
        svg.path(&format!("line c{number}"), &[(frame.left, at), (frame.left + 18.0, at)], "");
        svg.name((frame.left + 25.0, at + 4.0), "start", "label", 56, &line.name);
    }
    svg.finish()
}

/// A setting as the title of an axis, with its unit where its name tells it.
fn unit(path: &str) -> String {
    let name = last_word(path);
    let units = [("_db", "dB"), ("_hz", "Hz"), ("_ms", "ms"), ("seconds", "s")];
    match units.iter().find(|(end, _)| name.ends_with(end)) {
        Some((_, unit)) => format!("{path} ({unit})"),
        None => path.to_owned(),
    }
}
