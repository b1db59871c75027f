//! The AUC of every machine, section and domain as a map: a table whose cells are coloured by their
//! number.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::super::PointResults;
use super::super::number::{DASH, percent};
use crate::artifact::MetricRow;
use crate::shown::html;

/// Where the colours change: from each of these on the next one.
pub(super) const STEPS: [f64; 6] = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95];

/// The areas of a point, and which there are: metric and domain.
pub(super) fn kinds(point: &PointResults) -> (Vec<&MetricRow>, Vec<(&str, &str)>) {
    let is_area =
        |row: &&MetricRow| row.attribute.is_empty() && ["auc", "pauc"].contains(&&*row.metric);
    let areas: Vec<&MetricRow> = point.rows.iter().filter(is_area).collect();
    let mut kinds: Vec<(&str, &str)> =
        areas.iter().map(|row| (row.metric.as_str(), row.domain.as_str())).collect();
    kinds.sort_unstable();
    kinds.dedup();
    (areas, kinds)
}

/// What a column is called.
pub(super) fn word<'w>(metric: &str, domain: &'w str) -> &'w str {
    match (metric, domain) {
        ("pauc", _) => "pAUC",
        (_, "") => "AUC",
        (_, domain) => domain,
    }
}

/// The number of the colour of a value.
pub(super) fn step(value: f64) -> usize {
    STEPS.iter().filter(|step| value >= **step).count()
}

pub(super) fn heat(point: &PointResults) -> String {
    let (areas, kinds) = kinds(point);
    let machines: BTreeSet<&str> = areas.iter().map(|row| row.machine.as_str()).collect();
    let sections: BTreeSet<&str> = areas.iter().map(|row| row.section.as_str()).collect();
    let mut text =
        "<div class=\"table\" tabindex=\"0\">\n<table class=\"heat\">\n<thead>\n<tr class=\"groups\"><th></th>"
            .to_owned();
    for section in &sections {
        let _ = write!(
            text,
            "<th colspan=\"{}\" scope=\"colgroup\">{}</th>",
            kinds.len(),
            html(section)
        );
    }
    text.push_str("</tr>\n<tr><th scope=\"col\">machine</th>");
    for (metric, domain) in sections.iter().flat_map(|_| &kinds) {
        let _ = write!(text, "<th class=\"n\" scope=\"col\">{}</th>", html(word(metric, domain)));
    }
    text.push_str("</tr>\n</thead>\n<tbody>\n");
    for machine in machines {
        let _ = write!(text, "<tr><td>{}</td>", html(machine));
        for section in &sections {
            for (metric, domain) in &kinds {
                let row = areas.iter().find(|row| {
                    (&*row.machine, &*row.section, &*row.metric, &*row.domain)
                        == (machine, section, metric, domain)
                });
                let _ = match row.map(|row| row.value) {
                    None => write!(text, "<td></td>"),
                    Some(None) => write!(text, "<td class=\"n\">{DASH}</td>"),
                    Some(Some(value)) => {
                        let step = step(value);
                        write!(text, "<td class=\"n h{step}\">{}</td>", percent(value))
                    }
                };
            }
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody>\n</table>\n</div>\n<p class=\"legend\">");
    let _ = write!(text, "<span class=\"h0\">below {:.0}</span>", 100.0 * STEPS[0]);
    for (number, step) in STEPS.iter().enumerate() {
        let _ = write!(text, " <span class=\"h{}\">from {:.0}</span>", number + 1, 100.0 * step);
    }
    text + "</p>\n"
}
