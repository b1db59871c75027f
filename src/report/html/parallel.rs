//! Parallel coordinates of a sweep: a line a setting through its values, coloured by its score.

use super::super::number::{percent, show};
use super::super::svg::Svg;
use super::Swept;
use super::plot::{Frame, percent_mark, shares};
use super::sheet::Section;
use super::standings::{Standings, System};
use crate::document::Document;
use crate::report::is_repetition;

/// Distance of two axes, and height of a value; a plot is not lower than so many values.
const APART: f64 = 210.0;
const VALUE: f64 = 30.0;
const LOWEST: usize = 8;
/// The lines of one value lie side by side within so much of its room.
const BUNDLE: f64 = 0.6;
/// Characters of the name of a value.
const NAME: usize = 23;
/// How many colours there are from low to high scores.
const COLOURS: usize = 7;
/// More lines than this nobody can tell apart, and they make a page slow.
const MOST: usize = 2000;

pub(super) fn section(swept: &[Swept], standings: &Standings) -> Option<Section> {
    let axes: Vec<&Swept> =
        swept.iter().filter(|axis| !is_repetition(&axis.path) && axis.labels.len() > 1).collect();
    let scored: Vec<&System> =
        standings.systems.iter().filter(|system| system.score.is_some()).take(MOST).collect();
    if axes.is_empty() || scored.len() < 3 {
        return None;
    }
    let longest = axes.iter().map(|axis| axis.labels.len()).max().unwrap_or(0).max(LOWEST);
    let frame = Frame {
        left: 190.0,
        top: 44.0,
        width: APART * axes.len() as f64,
        height: VALUE * (longest as f64 - 1.0),
    };
    let word = standings.word();
    let about =
        format!("Parallel coordinates of {} settings, coloured by their {word}", scored.len());
    let mut svg = Svg::page(frame.right() + 70.0, frame.bottom() + 20.0, &about);
    let score = |system: &System| system.score.map_or(0.0, |score| score.mean);
    let scale = shares(scored.iter().map(|system| score(system)));
    let x = |number: usize| frame.left + APART * number as f64;
    // A value has the middle of an equal part of its axis; values that do not apply stand below
    // all.
    let place = |axis: &Swept, value: &str| {
        let number =
            axis.labels.iter().position(|label| label == value).unwrap_or(axis.labels.len());
        frame.top + frame.height * (number as f64 + 0.5) / axis.labels.len() as f64
    };
    let (worst, best) =
        (scored.last().map_or(0.0, |s| score(s)), scored.first().map_or(1.0, |s| score(s)));
    // The best come last, so that they lie above all others.
    for (rank, system) in scored.iter().enumerate().rev() {
        // Colours go by rank: of scores that lie close together all would have one colour.
        let part = (rank as f64 + 0.5) / scored.len() as f64;
        let colour = COLOURS - 1 - ((part * COLOURS as f64) as usize).min(COLOURS - 1);
        let mut points: Vec<(f64, f64)> = Vec::new();
        for (number, axis) in axes.iter().enumerate() {
            let room = BUNDLE * (frame.height / axis.labels.len() as f64).min(VALUE);
            let y =
                (place(axis, system.value(&axis.path)) + room * (part - 0.5)).min(frame.bottom());
            // A short level piece on each axis lets the eye follow a line through it.
            points.extend([(x(number) - 6.0, y), (x(number) + 6.0, y)]);
        }
        points.push((frame.right(), frame.y(&scale, score(system))));
        let told = format!("{}. {}: {} %", rank + 1, system.label, show(system.score));
        svg.path(&format!("thread q{colour}"), &points, &told);
    }
    for (number, axis) in axes.iter().enumerate() {
        svg.rule("axis", (x(number), frame.top), (x(number), frame.bottom()));
        svg.name((x(number), frame.top - 20.0), "middle", "head", 26, &axis.path);
        for label in &axis.labels {
            let words = if label.is_empty() { "–" } else { label };
            svg.name(
                (x(number) - 10.0, place(axis, label) + 4.0),
                "end",
                "label halo",
                NAME,
                words,
            );
        }
    }
    svg.rule("axis", (frame.right(), frame.top), (frame.right(), frame.bottom()));
    svg.text(frame.right(), frame.top - 20.0, "middle", "class=\"head\"", &format!("{word} (%)"));
    for value in scale.marks() {
        let y = frame.y(&scale, value);
        svg.rule("axis", (frame.right(), y), (frame.right() + 4.0, y));
        svg.text(frame.right() + 8.0, y + 4.0, "start", "class=\"mark\"", &percent_mark(value));
    }
    let text = format!(
        "Each line is one setting: it goes through its values to its {word}, from {} to {} %. The strongest colour has the \
         best seventh of all settings, the faintest the worst.",
        percent(worst),
        percent(best)
    );
    let body = Document::default().text(text).html();
    let body = format!("{body}<div class=\"wide\" tabindex=\"0\">{}</div>\n", svg.finish());
    Some(Section::new("parallel", "Lines", "Every setting as a line", body))
}
