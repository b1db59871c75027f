//! A choice of settings as a document for users and as JSON.

use serde_json::{Map, Value, json};

use super::{AREAS, Selection, Totals};
use crate::document::{Cell, Document, Table};
use crate::report::aggregate::{By, COLUMNS};
use crate::report::number::{show, stat as cell};
use crate::report::systems::titles;
use crate::report::{Part, Stat};

impl Selection {
    /// The choice for each section, then the totals.
    pub fn document(&self) -> Document {
        let document = Document::titled(&self.name, self.question.as_deref())
            .heading(2, "Settings chosen on the other sections")
            .table(self.sections_table())
            .heading(2, "All sections")
            .table(self.totals_table());
        self.explained(document)
    }

    /// These tables without headings, and an explanation of the choice.
    pub fn tables(&self, parts: &[Part]) -> Document {
        let table = |part: &Part| match part {
            Part::Sections => self.sections_table(),
            Part::Means => self.totals_table(),
        };
        self.explained(parts.iter().map(table).fold(Document::default(), Document::table))
    }

    /// The official score, or another deciding number, with the settings chosen on the other
    /// sections.
    pub fn value(&self, by: By) -> Option<String> {
        let stat = if by == self.by {
            self.honest.by
        } else {
            self.honest.official.filter(|_| by == By::Official)
        };
        stat.map(|stat| show(Some(stat)))
    }

    fn official_beside(&self) -> bool {
        self.by != By::Official && self.honest.official.is_some()
    }

    fn sections_table(&self) -> Table {
        let shown: Vec<usize> = (0..AREAS)
            .filter(|c| self.sections.iter().any(|section| section.values[*c].is_some()))
            .collect();
        let header = ["machine".to_owned(), "held-out section".to_owned()]
            .into_iter()
            .chain(titles(&self.axes));
        let areas = shown.iter().map(|c| COLUMNS[*c].2.to_owned());
        let mut table =
            Table::new(header.chain(areas).chain([format!("{} on the others", self.by.title())]));
        for section in &self.sections {
            let mut cells: Vec<Cell> = vec![(&section.machine).into(), (&section.section).into()];
            cells.extend(section.chosen.settings.iter().map(Cell::from));
            cells.extend(shown.iter().map(|c| cell(section.values[*c])));
            cells.push(cell(section.chosen.score));
            table.push(cells);
        }
        table
    }

    fn totals_table(&self) -> Table {
        let official = self.official_beside();
        let header = ["settings chosen", self.by.title()].into_iter();
        let mut table = Table::new(header.chain(official.then(|| By::Official.title())));
        let row = |name: &str, totals: &Totals| -> Vec<Cell> {
            let cells = [name.into(), cell(totals.by)].into_iter();
            cells.chain(official.then(|| cell(totals.official))).collect()
        };
        table.push(row("on the other sections", &self.honest));
        table.push(row("in hindsight, one for all sections", &self.hindsight_totals));
        table
    }

    fn explained(&self, document: Document) -> Document {
        let settings: Vec<&str> =
            self.hindsight.settings.iter().map(String::as_str).filter(|s| !s.is_empty()).collect();
        let choice = format!(
            "Each section is reported under the one of {} settings that is best on all other sections; its own numbers \
             had no say. Best in hindsight, chosen by the numbers it is reported for and so too good: {}.",
            self.of,
            settings.join(", ")
        );
        let mut text = String::new();
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
        document.text(choice).list(self.notes.clone()).text(text)
    }

    /// The choice for programs.
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
