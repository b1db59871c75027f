//! A choice of settings as text and as JSON.

use serde_json::{Map, Value, json};

use super::{AREAS, Selection, Totals};
use crate::report::aggregate::{By, COLUMNS};
use crate::report::systems::titles;
use crate::report::table::{heading, render, show};
use crate::report::{Part, Stat};
use crate::shown::shown;

impl Selection {
    /// The choice for each section, then the totals.
    pub fn text(&self) -> String {
        let mut text = heading(&self.name, self.question.as_deref());
        text.push_str("\n## Settings chosen on the other sections\n\n");
        text.push_str(&self.sections_table());
        text.push_str("\n## All sections\n\n");
        text.push_str(&self.totals_table());
        text + &self.explanation()
    }

    /// These tables without headings, and how the settings were chosen.
    pub fn tables(&self, parts: &[Part]) -> String {
        let table = |part: &Part| match part {
            Part::Sections => self.sections_table(),
            Part::Means => self.totals_table(),
        };
        let tables: Vec<String> = parts.iter().map(table).collect();
        tables.join("\n") + &self.explanation()
    }

    /// The official score, or another number that was chosen by, under the settings chosen on the other sections.
    pub fn value(&self, by: By) -> Option<String> {
        let stat = if by == self.by { self.honest.by } else { self.honest.official.filter(|_| by == By::Official) };
        stat.map(|stat| show(Some(stat)))
    }

    fn official_beside(&self) -> bool {
        self.by != By::Official && self.honest.official.is_some()
    }

    fn sections_table(&self) -> String {
        let shown: Vec<usize> =
            (0..AREAS).filter(|c| self.sections.iter().any(|section| section.values[*c].is_some())).collect();
        let score = format!("{} on the others", self.by.title());
        let mut header = vec!["machine".to_owned(), "held-out section".to_owned()];
        header.extend(titles(&self.axes));
        header.extend(shown.iter().map(|c| COLUMNS[*c].2.to_owned()));
        header.push(score);
        let mut rows = vec![header];
        for section in &self.sections {
            let mut cells = vec![section.machine.clone(), section.section.clone()];
            cells.extend(section.chosen.settings.iter().cloned());
            cells.extend(shown.iter().map(|c| show(section.values[*c])));
            cells.push(show(section.chosen.score));
            rows.push(cells);
        }
        render(&rows)
    }

    fn totals_table(&self) -> String {
        let official = self.official_beside();
        let mut header = vec!["settings chosen".to_owned(), self.by.title().to_owned()];
        header.extend(official.then(|| By::Official.title().to_owned()));
        let row = |name: &str, totals: &Totals| {
            let mut cells = vec![name.to_owned(), show(totals.by)];
            cells.extend(official.then(|| show(totals.official)));
            cells
        };
        let rows = [
            header,
            row("on the other sections", &self.honest),
            row("in hindsight, one for all sections", &self.hindsight_totals),
        ];
        render(&rows)
    }

    fn explanation(&self) -> String {
        let mut text = String::new();
        let settings: Vec<&str> =
            self.hindsight.settings.iter().map(String::as_str).filter(|s| !s.is_empty()).collect();
        text.push_str(&format!(
            "\nEach section is reported under the one of {} settings that is best on all other sections; its own numbers \
             had no say. Best in hindsight, chosen by the numbers it is reported for and so too good: {}.\n",
            self.of,
            settings.join(", ")
        ));
        self.notes.iter().for_each(|note| text.push_str(&format!("\n* {}", shown(note))));
        if !self.notes.is_empty() {
            text.push('\n');
        }
        text.push('\n');
        if self.seeds > 1 {
            text.push_str(&format!(
                "Settings chosen by the mean over {} {}; mean ± standard deviation over them. ",
                self.seeds, self.repetitions
            ));
        }
        text.push_str("All numbers in %.");
        if self.by == By::Official || self.official_beside() {
            text.push_str(" Official: harmonic mean of AUC source, AUC target and pAUC over all sections named.");
        }
        text.push('\n');
        text
    }

    /// The same as one document.
    pub fn json(&self) -> Value {
        let settings = |cells: &[String]| -> Map<String, Value> {
            let pairs = self.axes.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
            pairs.map(|(axis, cell)| (axis.clone(), json!(cell))).collect()
        };
        let totals = |totals: &Totals| json!({ self.by.name(): stat(totals.by), "official": stat(totals.official) });
        let sections: Vec<Value> = (self.sections.iter())
            .map(|s| {
                let names = ["auc_source", "auc_target", "auc", "pauc"];
                let values =
                    names.iter().zip(s.values).filter_map(|(name, v)| v.map(|v| ((*name).to_owned(), stat(Some(v)))));
                json!({
                    "machine": s.machine, "section": s.section, "settings": settings(&s.chosen.settings),
                    "values": values.collect::<Map<_, _>>(), "score_on_the_others": stat(s.chosen.score),
                })
            })
            .collect();
        json!({
            "name": self.name, "question": self.question, "protocol": "leave-one-section-out", "by": self.by.name(),
            "axes": self.axes, "settings_tried": self.of, "seeds": self.seeds, "sections": sections,
            "chosen_on_the_others": totals(&self.honest),
            "hindsight": { "settings": settings(&self.hindsight.settings), "totals": totals(&self.hindsight_totals) },
            "notes": self.notes,
        })
    }
}

fn stat(stat: Option<Stat>) -> Value {
    stat.map_or(Value::Null, |s| json!({ "mean": s.mean, "deviation": s.deviation }))
}
