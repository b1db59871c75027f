//! The differences of two runs for users and for programs.

use serde_json::{Value, json};

use super::super::listing::short;
use super::super::number::{DASH, percent};
use super::{Changed, Clips, Diff, Row, Same};
use crate::document::{Cell, Document, Table};

/// With more rows than this, only those with the largest differences are shown, unless all are
/// requested.
const ROWS: usize = 30;
/// Of more clips than this the first are shown, unless all are asked for.
const CLIPS: usize = 200;

impl Diff {
    /// Tables of settings, results and clips. Of equal results one sentence, unless all rows are
    /// asked for.
    pub fn document(&self, all: bool) -> Document {
        let [a, b] = &self.names;
        let document = Document::default().heading(1, format!("A: {a}, B: {b}"));
        if self.same == Same::Run && !all {
            return document.text(format!("Both are the same run, `{a}`: nothing differs."));
        }
        let document = document.heading(2, "Settings that differ");
        let document = match self.settings.is_empty() {
            true => document.text("The settings are the same."),
            false => document.table(self.settings_table()),
        };
        let document = document.heading(2, "Results");
        let document = match self.rows.is_empty() {
            true => document.text("The runs have no point with the same settings."),
            false if self.same == Same::Numbers && !all => document.text(self.equal()),
            false => self.results(document, all),
        };
        let document = self.only.iter().zip(["A", "B"]).fold(document, |document, (only, name)| {
            let sentence = match only.len() {
                1 => format!("1 point is only in {name}:"),
                n => format!("{n} points are only in {name}:"),
            };
            document.announced(&sentence, cut(only, all))
        });
        let document = document.announced("Notes:", self.notes.clone());
        match &self.clips {
            Some(clips) => {
                let title = "Clips that changed sides of their threshold";
                self.clips(document.heading(2, title), clips, all)
            }
            None => document,
        }
    }

    fn results(&self, document: Document, all: bool) -> Document {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        let document = match all || rows.len() <= ROWS {
            true => document,
            false => {
                let size = |row: &&Row| row.difference.map_or(-1.0, |d| d.mean.abs());
                rows.sort_by(|x, y| size(y).total_cmp(&size(x)));
                rows.truncate(ROWS);
                let (of, by) = (self.rows.len(), self.by.title());
                document.text(format!(
                    "The {ROWS} of {of} settings whose {by} differs most; `--all` shows the others."
                ))
            }
        };
        document.table(self.results_table(rows.into_iter())).text(self.summary())
    }

    fn equal(&self) -> String {
        let points = match self.pairs.len() {
            1 => "the one point".to_owned(),
            n => format!("all {n} points"),
        };
        format!("All numbers of {points} are the same in both runs.")
    }

    fn settings_table(&self) -> Table {
        let mut table = Table::new(["setting", "A", "B"]);
        for setting in &self.settings {
            let value =
                |text: &String| if text.is_empty() { Cell::from(DASH) } else { text.into() };
            table.push(vec![
                (&setting.path).into(),
                value(&setting.values[0]),
                value(&setting.values[1]),
            ]);
        }
        table
    }

    fn results_table<'a>(&self, rows: impl Iterator<Item = &'a Row>) -> Table {
        let titles = short(&self.axes)
            .into_iter()
            .chain(["A", "B", "difference", "low", "high"].map(str::to_owned));
        let mut table = Table::new(titles);
        for row in rows {
            let (mean, interval) =
                (row.difference.map(|d| d.mean), row.difference.and_then(|d| d.interval));
            let numbers =
                row.values.map(|value| Cell::number(value, value.map_or(DASH.into(), percent)));
            let is_sure = interval.is_some_and(|i| i.low > 0.0 || i.high < 0.0);
            let ends = [mean, interval.map(|i| i.low), interval.map(|i| i.high)];
            let ends = ends.map(|value| Cell::number(value, value.map_or(DASH.into(), signed)));
            let [mean, low, high] = ends;
            let cells = row.settings.iter().map(Cell::from).chain(numbers);
            table.push(cells.chain([mean.best(is_sure), low, high]).collect());
        }
        table
    }

    /// Explains the numbers, and how many of them are significant.
    fn summary(&self) -> String {
        let sections = self.sections.len();
        let many =
            if sections == 1 { "1 section".to_owned() } else { format!("{sections} sections") };
        let mut text = format!(
            "{}, in %. The difference is B less A, section by section, as a mean over {many}",
            self.by.title()
        );
        match sections {
            0 | 1 => text.push_str("; one section gives no interval."),
            _ => text.push_str(
                ", with the ends of its 95 % interval (Student's t; a section is one observation).",
            ),
        }
        if let Some(pairs) = self.rows.iter().map(|row| row.pairs).max().filter(|pairs| *pairs > 1)
        {
            text.push_str(&format!(
                " Numbers are means over {pairs} points that differ in their seed or draw alone."
            ));
        }
        let known = || self.rows.iter().filter_map(|row| row.difference);
        let sure = |up: bool| {
            let sure = known()
                .filter_map(|d| d.interval)
                .filter(|i| if up { i.low > 0.0 } else { i.high < 0.0 });
            sure.count()
        };
        let (better, worse) =
            (known().filter(|d| d.mean > 0.0).count(), known().filter(|d| d.mean < 0.0).count());
        text.push_str(&format!(
            " Of {} settings {better} became better, {worse} worse",
            known().count()
        ));
        if sections > 1 {
            text.push_str(&format!(
                "; the interval leaves out zero in {} and {} of them",
                sure(true),
                sure(false)
            ));
        }
        text + "."
    }

    fn clips(&self, document: Document, clips: &Clips, all: bool) -> Document {
        let most = if all { usize::MAX } else { CLIPS };
        let shown = &clips.changed[..clips.changed.len().min(most)];
        let document = match clips.changed.len() {
            0 => document,
            n if n > shown.len() => document
                .text(format!("The first {CLIPS} of {n}; `--all` shows the others."))
                .table(self.clips_table(shown)),
            _ => document.table(self.clips_table(shown)),
        };
        let (changed, of) = (clips.changed.len(), clips.compared);
        let document = document.text(format!(
            "{changed} of {of} decisions changed. A score above its threshold is an anomaly."
        ));
        document.announced("Not compared:", clips.notes.iter().cloned().collect())
    }

    fn clips_table(&self, changed: &[Changed]) -> Table {
        let several = self.pairs.len() > 1;
        let point = several.then(|| "point".to_owned());
        let names = ["machine", "section", "clip", "label", "decision"].map(str::to_owned);
        let numbers =
            ["score", "threshold"].map(|what| [format!("{what} A"), format!("{what} B")]).concat();
        let mut table = Table::new(point.into_iter().chain(names).chain(numbers));
        for clip in changed {
            let point = several.then(|| Cell::from(&self.pairs[clip.pair].label));
            let decision = if clip.scores[1] > clip.thresholds[1] {
                "normal → anomaly"
            } else {
                "anomaly → normal"
            };
            let names = [&clip.machine, &clip.section, &clip.clip, &clip.label].map(Cell::from);
            let numbers = [clip.scores, clip.thresholds].concat().into_iter();
            let numbers = numbers.map(|x| Cell::number(Some(x), significant(x)));
            table.push(
                point.into_iter().chain(names).chain([decision.into()]).chain(numbers).collect(),
            );
        }
        table
    }

    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let settings: serde_json::Map<String, Value> = self
                .axes
                .iter()
                .zip(&row.settings)
                .map(|(path, label)| (path.clone(), json!(label)))
                .collect();
            let interval = row.difference.and_then(|d| d.interval);
            json!({
                "settings": settings, "pairs": row.pairs, "a": row.values[0], "b": row.values[1],
                "difference": row.difference.map(|d| d.mean), "low": interval.map(|i| i.low),
                "high": interval.map(|i| i.high), "sections": row.difference.map_or(0, |d| d.count),
            })
        });
        let settings = self
            .settings
            .iter()
            .map(|s| json!({ "path": s.path, "a": s.values[0], "b": s.values[1] }));
        let clips = self.clips.as_ref().map(|clips| {
            let changed = clips.changed.iter().map(|clip| {
                json!({
                    "point": self.pairs[clip.pair].label, "machine": clip.machine, "section": clip.section,
                    "clip": clip.clip, "label": clip.label, "scores": clip.scores, "thresholds": clip.thresholds,
                })
            });
            json!({ "changed": changed.collect::<Vec<_>>(), "compared": clips.compared, "notes": clips.notes })
        });
        json!({
            "a": self.names[0], "b": self.names[1], "by": self.by.name(), "level": super::LEVEL,
            "equal": self.same != Same::Less,
            "settings": settings.collect::<Vec<_>>(), "results": rows.collect::<Vec<_>>(),
            "only_in_a": self.only[0], "only_in_b": self.only[1], "notes": self.notes, "clips": clips,
        })
    }
}

/// The first of many labels, and how many more there are.
fn cut(labels: &[String], all: bool) -> Vec<String> {
    let most = if all { labels.len() } else { ROWS };
    let mut shown: Vec<String> = labels.iter().take(most).cloned().collect();
    if labels.len() > most {
        shown.push(format!("and {} more; `--all` shows them", labels.len() - most));
    }
    shown
}

/// A difference in per cent, with sign.
pub(super) fn signed(x: f64) -> String {
    let text = percent(x.abs());
    match text.trim_matches(['0', '.']) {
        "" => text,
        _ if x < 0.0 => format!("−{text}"),
        _ => format!("+{text}"),
    }
}

/// A score with about four digits.
fn significant(x: f64) -> String {
    match x.abs() {
        0.0 => "0".into(),
        0.001..1e6 => format!("{x:.4}"),
        _ => format!("{x:.3e}"),
    }
    .replace('-', "−")
}
