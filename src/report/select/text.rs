//! A choice of settings as a document for users and as JSON.

use serde_json::{Map, Value, json};

use super::{AREAS, Protocol, Selection, Totals};
use crate::document::{Cell, Document, Table};
use crate::report::aggregate::{By, COLUMNS};
use crate::report::number::{show, stat as cell};
use crate::report::systems::titles;
use crate::report::{NoTable, Part, Stat};

impl Selection {
    /// The choice for each section, then the totals.
    pub fn document(&self) -> Document {
        let document = Document::titled(&self.name, self.question.as_deref())
            .heading(2, self.heading())
            .table(self.sections_table())
            .heading(2, "All sections")
            .table(self.totals_table());
        self.explained(document)
    }

    /// These tables without headings, and an explanation of the choice. Errors: a choice has no such
    /// table.
    pub fn tables(&self, parts: &[Part]) -> Result<Document, NoTable> {
        let table = |part: &Part| match part {
            Part::Sections => Ok(self.sections_table()),
            Part::Means => Ok(self.totals_table()),
            Part::Published => Err(NoTable::Chosen),
        };
        let tables: Vec<Table> = parts.iter().map(table).collect::<Result<_, _>>()?;
        Ok(self.explained(tables.into_iter().fold(Document::default(), Document::table)))
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

    /// How much better the best in hindsight is than the choice.
    fn regret(&self) -> Option<f64> {
        Some(self.hindsight_totals.by?.mean - self.honest.by?.mean)
    }

    /// The title of the number of training clips that decided.
    fn criterion(&self) -> Option<&'static str> {
        let metric = self.protocol.metric()?;
        COLUMNS.iter().find(|(_, name, _)| *name == metric).map(|(.., title)| *title)
    }

    fn heading(&self) -> &'static str {
        match self.protocol {
            Protocol::LeaveOneSectionOut => "Settings chosen on the other sections",
            Protocol::DomainBalance | Protocol::PseudoAnomalies => {
                "Settings chosen by training clips alone"
            }
        }
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
        let decided = match self.criterion() {
            None => format!("{} on the others", self.by.title()),
            Some(title) => title.to_owned(),
        };
        let mut table = Table::new(header.chain(areas).chain([decided]));
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
        let honest = match self.criterion() {
            None => "on the other sections",
            Some(_) => "by training clips",
        };
        table.push(row(honest, &self.honest));
        table.push(row("in hindsight, one for all sections", &self.hindsight_totals));
        table
    }

    fn explained(&self, document: Document) -> Document {
        let settings: Vec<&str> =
            self.hindsight.settings.iter().map(String::as_str).filter(|s| !s.is_empty()).collect();
        let how = match self.protocol {
            Protocol::LeaveOneSectionOut => {
                "that is best on all other sections; its own numbers had no say"
            }
            Protocol::DomainBalance => {
                "under which held-out training clips of source and target score most alike (the smallest \
                 Kolmogorov-Smirnov distance, mean over all sections), the worst tenth on the other sections left \
                 out; its own test clips had no say"
            }
            Protocol::PseudoAnomalies => {
                "that tells training clips best from anomalies made from training clips (mean over all sections), the \
                 worst tenth on the other sections left out; its own test clips had no say"
            }
        };
        let mut choice = format!(
            "Each section is reported under the one of {} settings {how}. Best in hindsight, chosen by the numbers it \
             is reported for and so too good: {}.",
            self.of,
            settings.join(", ")
        );
        if let Some(regret) = self.regret() {
            choice.push_str(&format!(" Regret against it: {:.2} points.", 100.0 * regret));
        }
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
        let decided = self.protocol.metric().unwrap_or("score_on_the_others");
        let chosen = match self.protocol {
            Protocol::LeaveOneSectionOut => "chosen_on_the_others",
            Protocol::DomainBalance | Protocol::PseudoAnomalies => "chosen_by_training_clips",
        };
        let totals = |totals: &Totals| json!({ self.by.name(): stat(totals.by), "official": stat(totals.official) });
        let sections: Vec<Value> = (self.sections.iter())
            .map(|s| {
                let names = ["auc_source", "auc_target", "auc", "pauc"];
                let values =
                    names.iter().zip(s.values).filter_map(|(name, v)| v.map(|v| ((*name).to_owned(), stat(Some(v)))));
                json!({
                    "machine": s.machine, "section": s.section, "settings": settings(&s.chosen.settings),
                    "values": values.collect::<Map<_, _>>(), (decided): stat(s.chosen.score),
                })
            })
            .collect();
        json!({
            "name": self.name, "question": self.question, "protocol": self.protocol.name(), "by": self.by.name(),
            "axes": self.axes, "settings_tried": self.of, "seeds": self.seeds, "sections": sections,
            (chosen): totals(&self.honest), "regret": self.regret(),
            "hindsight": { "settings": settings(&self.hindsight.settings), "totals": totals(&self.hindsight_totals) },
            "notes": self.notes,
        })
    }
}

fn stat(stat: Option<Stat>) -> Value {
    stat.map_or(Value::Null, |s| json!({ "mean": s.mean, "deviation": s.deviation }))
}
