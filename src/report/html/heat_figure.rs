//! The AUC of every machine, section and domain as a figure: cells coloured by their number.

use std::collections::BTreeSet;

use super::super::PointResults;
use super::super::number::{DASH, percent};
use super::super::svg::Svg;
use super::heat::{STEPS, kinds, step, word};

const LEFT: f64 = 120.0;
const CELL: (f64, f64) = (64.0, 24.0);
/// Rows of names above the cells.
const ABOVE: f64 = 42.0;
const LEGEND: f64 = 74.0;

/// `None` without areas.
pub(super) fn heat_figure(point: &PointResults) -> Option<String> {
    let (areas, kinds) = kinds(point);
    let machines: BTreeSet<&str> = areas.iter().map(|row| row.machine.as_str()).collect();
    let sections: BTreeSet<&str> = areas.iter().map(|row| row.section.as_str()).collect();
    if areas.is_empty() {
        return None;
    }
    let columns = (sections.len() * kinds.len()) as f64;
    let steps = STEPS.len() + 1;
    let bottom = ABOVE + CELL.1 * machines.len() as f64;
    let width = (LEFT + CELL.0 * columns).max(LEGEND * steps as f64 + 8.0) + 12.0;
    let mut svg = Svg::page(width, bottom + 40.0, "AUC in % by machine, section and domain");
    for (s, section) in sections.iter().enumerate() {
        let left = LEFT + CELL.0 * (s * kinds.len()) as f64;
        let middle = left + CELL.0 * kinds.len() as f64 / 2.0;
        svg.name((middle, 14.0), "middle", "head", 10 * kinds.len(), section);
        for (k, (metric, domain)) in kinds.iter().enumerate() {
            let x = left + CELL.0 * (k as f64 + 1.0) - 8.0;
            svg.name((x, 34.0), "end", "mark", 10, word(metric, domain));
        }
    }
    for (m, machine) in machines.iter().enumerate() {
        let top = ABOVE + CELL.1 * m as f64;
        svg.name((LEFT - 8.0, top + 16.0), "end", "label", 16, machine);
        for (s, section) in sections.iter().enumerate() {
            for (k, (metric, domain)) in kinds.iter().enumerate() {
                let row = areas.iter().find(|row| {
                    (&*row.machine, &*row.section, &*row.metric, &*row.domain)
                        == (machine, section, metric, domain)
                });
                let Some(row) = row else { continue };
                let left = LEFT + CELL.0 * (s * kinds.len() + k) as f64;
                let (class, text) = match row.value {
                    None => (String::new(), DASH.to_owned()),
                    Some(value) => {
                        let step = step(value);
                        svg.bar(
                            &format!("h{step}"),
                            (left + 1.0, top + 1.0),
                            (CELL.0 - 2.0, CELL.1 - 2.0),
                            "",
                        );
                        (format!("class=\"t{step}\""), percent(value))
                    }
                };
                svg.text(left + CELL.0 - 8.0, top + 16.0, "end", &class, &text);
            }
        }
    }
    for number in 0..steps {
        let left = 8.0 + LEGEND * number as f64;
        svg.bar(&format!("h{number}"), (left, bottom + 14.0), (LEGEND - 4.0, 18.0), "");
        let words = match number {
            0 => format!("below {:.0}", 100.0 * STEPS[0]),
            n => format!("from {:.0}", 100.0 * STEPS[n - 1]),
        };
        svg.text(left + 6.0, bottom + 27.0, "start", &format!("class=\"t{number}\""), &words);
    }
    Some(svg.finish())
}
