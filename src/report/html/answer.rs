//! The answer: which settings are best, and by how much.

use std::fmt::Write;

use super::super::aggregate::By;
use super::super::answer::lead_text;
use super::super::effects::{LEVEL, ahead};
use super::super::number::show;
use super::super::{Protocol, Results, axis, select};
use super::effects::Matter;
use super::sheet::Section;
use super::standings::{Standings, System};
use crate::document::Document;
use crate::metric::{Interval, PairedMean};
use crate::shown::html;

/// A difference that rounding may have made does not decide.
const EQUAL: f64 = 1e-12;

pub(super) fn section(results: &Results, standings: &Standings, matter: &Matter) -> Section {
    let mut body = format!("<p class=\"answer\">{}</p>\n", sentence(standings, matter));
    if let Some(best) = standings.systems.first().filter(|best| best.score.is_some()) {
        body.push_str(&cards(results, standings, best));
    }
    let mut document = Document::default();
    if standings.counted() > 1 {
        let mut text = format!(
            "It was chosen in hindsight among {} settings, by the numbers that are shown here. New recordings will give \
             less.",
            standings.counted()
        );
        let honest = select(results, standings.by, Protocol::LeaveOneSectionOut)
            .ok()
            .and_then(|choice| choice.value(standings.by));
        if let Some(honest) = honest {
            text.push_str(&format!(
                " Where the settings of each section are chosen on the other sections alone, the {} is {honest} %.",
                standings.word()
            ));
        }
        document = document.text(text);
    }
    if let Some((path, share)) = matter.strongest() {
        document = document.text(format!(
            "What matters most is `{path}`: its values alone account for {:.0} % of the variance between settings.",
            100.0 * share
        ));
    }
    body.push_str(&document.text(meaning(results, standings)).html());
    Section::new("answer", "Answer", "Answer", body)
}

/// One sentence, as HTML.
fn sentence(standings: &Standings, matter: &Matter) -> String {
    let word = standings.word();
    let mut scored = standings.systems.iter().filter_map(|system| Some((system, system.score?)));
    let Some((best, score)) = scored.next() else {
        return format!(
            "No setting has the {word} of all its sections. What is missing stands below the table."
        );
    };
    let (name, number) = (html(&best.label), html(&show(Some(score))));
    let others = standings.systems.len() - 1;
    if others == 0 {
        return format!("The {word} is <b>{number} %</b>.");
    }
    let equal = scored.clone().take_while(|(_, other)| score.mean - other.mean <= EQUAL).count();
    let next = scored.nth(equal);
    let ahead = match next {
        Some((next, _)) => {
            let lead = matter
                .scored
                .get(1 + equal)
                .and_then(|next| ahead(&matter.scored[0], next, standings.by));
            let next = html(&next.label);
            let sure = lead.map_or_else(String::new, |lead| format!(": {}", html(&sure(&lead))));
            format!(" The next of {others} others is <b>{next}</b>{sure}.")
        }
        None => String::new(),
    };
    let shared = match equal {
        0 => String::new(),
        1 => " One other setting has the same score.".to_owned(),
        n => format!(" {n} other settings have the same score."),
    };
    format!("<b>{name}</b> is best, with an {word} of <b>{number} %</b>.{shared}{ahead}")
}

/// How far the best is ahead, and whether that may be chance.
fn sure(lead: &PairedMean) -> String {
    let level = axis::label(100.0 * LEVEL);
    let points = lead_text(lead);
    match lead.interval {
        None => format!("{points} points behind in the one section"),
        Some(Interval { low, high }) if low <= 0.0 && high >= 0.0 => {
            format!(
                "{points} points behind over the sections ({level} % interval; 0 is inside, so it may be chance)"
            )
        }
        Some(_) => format!("{points} points behind over the sections ({level} % interval)"),
    }
}

/// The numbers of the best setting, large.
fn cards(results: &Results, standings: &Standings, best: &System) -> String {
    let columns = results.columns();
    let shown = [
        (By::Official, standings.by == By::Official),
        (By::Auc, !columns[0] && !columns[1] && columns[2]),
        (By::AucSource, columns[0]),
        (By::AucTarget, columns[1]),
        (By::Pauc, columns[3]),
    ];
    let mut text = "<dl class=\"cards\">\n".to_owned();
    for (by, _) in shown.into_iter().filter(|(_, shown)| *shown) {
        let title = if by == By::Official { "official score" } else { by.title() };
        let number = show(best.number(by));
        let (number, deviation) = number.split_once(" ± ").unwrap_or((&number, ""));
        let deviation = if deviation.is_empty() {
            String::new()
        } else {
            format!(" <small>± {deviation}</small>")
        };
        let _ = writeln!(text, "<div><dt>{title}</dt><dd>{number}{deviation}</dd></div>");
    }
    text + "</dl>\n"
}

/// What the numbers are.
fn meaning(results: &Results, standings: &Standings) -> String {
    let mut text = "All numbers are in %: 100 is perfect, and an AUC of 50 is chance.".to_owned();
    if standings.by == By::Official {
        text.push_str(" The official score is the harmonic mean of AUC source, AUC target and pAUC over all sections.");
    } else {
        text.push_str(
            " The data set has no two domains, so the settings are ranked by their mean AUC.",
        );
    }
    if let Some(count) =
        standings.systems.iter().map(|system| system.group.points.len()).max().filter(|n| *n > 1)
    {
        text.push_str(&format!(
            " ± is the standard deviation over {count} {}.",
            results.repetitions()
        ));
    }
    text
}
