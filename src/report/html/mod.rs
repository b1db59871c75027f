//! A run as one page of HTML that needs nothing else: no network, no other file, no script.
//!
//! The answer comes first, then its tables and figures, then what it was made of. Pure, like all of
//! `report`: values in, text out, the same text for the same values. Names are escaped where they
//! are written, by `crate::shown::html`, and the page forbids itself every script but its own.

mod about;
mod answer;
mod attributes;
mod effects;
mod figures;
mod heat;
mod heat_figure;
mod histogram;
mod judged;
mod parallel;
mod plot;
mod ranks;
mod roc;
mod sheet;
mod stages;
mod standings;
mod tables;
mod worst;

pub use about::{About, Seen};
pub use figures::Figure;
pub use judged::{Chosen, Judged, ScoredClip};
pub use sheet::sheet;
pub use stages::Kind;
pub use worst::{Heard, Pick, worst};

use std::fmt::Write;

use self::effects::Matter;
use self::sheet::Section;
use self::standings::Standings;
use super::Results;
use crate::document::Document;

/// A swept setting with its values in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Swept {
    pub path: String,
    pub labels: Vec<String>,
    /// The values that are numbers.
    pub numbers: Vec<Option<f64>>,
}

/// All that a page shows.
#[derive(Debug)]
pub struct Page<'a> {
    pub results: &'a Results,
    pub swept: &'a [Swept],
    /// What is known of the best point, if there is one.
    pub chosen: Option<&'a Chosen>,
    pub stages: &'a [Kind],
    pub about: &'a About,
}

/// The place among the points of the one that is looked at closely: the first of the best settings.
pub fn best(results: &Results) -> Option<usize> {
    let standings = Standings::of(results);
    let point =
        *standings.systems.first().filter(|system| system.score.is_some())?.group.points.first()?;
    results.points.iter().position(|other| std::ptr::eq(other, point))
}

/// The page.
pub fn page(page: &Page) -> String {
    let head = Document::titled(&page.results.name, page.results.question.as_deref());
    sheet::render(&page.results.name, &head, &sections(page))
}

/// The figures of the page as files. The page has the areas as a table; a file has a figure of it.
pub fn figures(page: &Page) -> Vec<Figure> {
    let mut all = sections(page);
    let chosen = page.chosen.and_then(|chosen| page.results.points.get(chosen.point));
    let heat = chosen.and_then(heat_figure::heat_figure);
    all.extend(heat.map(|figure| Section::new("best", "", "", figure)));
    figures::figures(&all)
}

fn sections(page: &Page) -> Vec<Section> {
    let standings = Standings::of(page.results);
    let matter = Matter::of(page.results, &standings);
    let mut sections = vec![
        answer::section(page.results, &standings, &matter),
        tables::section(page.results, &standings),
    ];
    sections.extend(effects::section(page.swept, &standings, &matter));
    sections.extend(parallel::section(page.swept, &standings));
    sections.extend(page.chosen.map(|chosen| judged::section(page.results, &standings, chosen)));
    sections.extend(page.chosen.and_then(worst::section));
    sections.extend(page.chosen.and_then(maps));
    sections.extend(page.chosen.and_then(trainings));
    sections.extend(ranks::section(page.results, standings.by));
    sections.extend(stages::section(page.stages));
    sections.push(about::section(page.about, page.chosen));
    sections
}

/// The most curves of trainings that are drawn.
const CURVES: usize = 24;

fn trainings(chosen: &Chosen) -> Option<Section> {
    let title = "Trainings of the best setting";
    if chosen.trainings.is_empty() {
        return (!chosen.untold.is_empty())
            .then(|| Section::new("trainings", "Trainings", title, left_out(&chosen.untold)));
    }
    let mut body = String::from("<div class=\"plots\">\n");
    for training in chosen.trainings.iter().take(CURVES) {
        let _ = writeln!(
            body,
            "<figure>{}</figure>",
            super::curves::training_curve_on(super::svg::Paper::Page, training)
        );
    }
    body.push_str("</div>\n");
    body.push_str(&more(chosen.trainings.len(), CURVES, "trainings"));
    body.push_str(&left_out(&chosen.untold));
    Some(Section::new("trainings", "Trainings", title, body))
}

fn maps(chosen: &Chosen) -> Option<Section> {
    let title = "Maps of the clips";
    if chosen.maps.is_empty() {
        return (!chosen.unplaced.is_empty())
            .then(|| Section::new("maps", "Maps", title, left_out(&chosen.unplaced)));
    }
    let mut body = Document::default()
        .text("Where the best setting sees the clips: similar vectors lie near each other.")
        .html();
    body.push_str("<div class=\"plots\">\n");
    for map in &chosen.maps {
        let figure = super::map::clip_map_on(super::svg::Paper::Page, map);
        let _ = writeln!(body, "<figure>{figure}</figure>");
    }
    body.push_str("</div>\n");
    body.push_str(&left_out(&chosen.unplaced));
    Some(Section::new("maps", "Maps", title, body))
}

/// What says how many of many things are not shown.
fn more(of: usize, shown: usize, what: &str) -> String {
    match of.checked_sub(shown) {
        None | Some(0) => String::new(),
        Some(rest) => Document::default().text(format!("{rest} more {what} are not drawn.")).html(),
    }
}

/// Why something is not there.
fn left_out(why: &[String]) -> String {
    why.iter().fold(Document::default(), |document, why| document.text(why.clone())).html()
}
