//! Settings without effect, listed under the tables.

use std::collections::{BTreeMap, BTreeSet};

use super::Results;
use crate::document::Document;

/// At most this many sections are named; the others are counted.
const NAMED: usize = 4;

/// A setting without effect, and where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Idle {
    pub text: String,
    /// `fan 00`, in order.
    pub sections: BTreeSet<String>,
    /// Numbers of the points.
    pub points: BTreeSet<usize>,
}

/// Each text once, with all its sections and points.
pub fn idle_settings(results: &Results) -> Vec<Idle> {
    let mut found: BTreeMap<&str, Idle> = BTreeMap::new();
    for (number, point) in results.points.iter().enumerate() {
        for (machine, section, text) in &point.idle {
            let idle =
                found.entry(text).or_insert_with(|| Idle { text: text.clone(), ..Idle::default() });
            idle.sections.insert(format!("{machine} {section}"));
            idle.points.insert(number);
        }
    }
    found.into_values().collect()
}

impl Idle {
    /// The text with its sections and points; `points` is the number of all points.
    pub fn line(&self, points: usize) -> String {
        let named: Vec<&str> = self.sections.iter().take(NAMED).map(String::as_str).collect();
        let mut place = named.join(", ");
        if self.sections.len() > NAMED {
            place += &format!(" and {} more", self.sections.len() - NAMED);
        }
        if self.points.len() < points {
            place += &format!("; {} of {points} points", self.points.len());
        }
        format!("{} ({place})", self.text)
    }
}

/// Adds a list of the settings without effect to a report; nothing if there are none.
pub(super) fn idle(document: Document, results: &Results) -> Document {
    let lines = idle_settings(results).iter().map(|idle| idle.line(results.points.len())).collect();
    document.announced("Settings without effect:", lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::PointResults;

    #[test]
    fn a_note_is_told_once_with_its_sections_and_points() {
        let of = |section: usize| {
            ("fan".to_owned(), format!("{section:02}"), "`smote` makes no clips".to_owned())
        };
        let point = |sections: usize| PointResults {
            idle: (0..sections).map(of).collect(),
            ..Default::default()
        };
        let results = Results { points: vec![point(6), point(0), point(1)], ..Default::default() };
        let expected = "Settings without effect:\n\n* `smote` makes no clips (fan 00, fan 01, fan 02, fan 03 and 2 \
                        more; 2 of 3 points)\n";
        let empty = Document::default;
        assert_eq!(idle(empty(), &results).markdown(), expected);
        assert_eq!(
            idle(empty(), &Results { points: vec![point(0)], ..Default::default() }),
            empty()
        );
        let one = Results { points: vec![point(1)], ..Default::default() };
        assert_eq!(idle_settings(&one)[0].line(1), "`smote` makes no clips (fan 00)");
    }
}
