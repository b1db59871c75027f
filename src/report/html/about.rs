//! Where the numbers are from: settings, versions, seeds, digests, and which clips the models have
//! seen.

use super::judged::Chosen;
use super::left_out;
use super::sheet::Section;
use crate::document::{Cell, Document, Table};
use crate::shown::{html, shown_lines};

/// So many test recordings that were seen are named.
const HELD: usize = 20;

/// Where a run is from.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Of the program.
    pub version: String,
    /// Digests of the run's document and of its results as `report --format csv` prints them.
    pub run: String,
    pub results: String,
    pub points: usize,
    /// The swept seeds and draws, or that of all points.
    pub seeds: String,
    /// What a reader should know, though it is no mistake.
    pub notes: Vec<String>,
    /// What the models of the best setting have seen.
    pub seen: Vec<Seen>,
    /// Which training clip holds which test recording, in sentences.
    pub held: Vec<String>,
    /// Why that is not known, and what else is to be said of it.
    pub unproved: Vec<String>,
}

/// The clips that the key of a model leads to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    pub label: String,
    pub key: String,
    /// `990 source clips, 10 target clips`.
    pub training: String,
    pub test: usize,
}

pub(super) fn section(about: &About, chosen: Option<&Chosen>) -> Section {
    let mut facts = Table::new(["fact", "value"]);
    let mut fact = |name: &str, value: &str| facts.push(vec![name.into(), value.into()]);
    fact("program", &format!("humshift {}", about.version));
    fact("points", &about.points.to_string());
    fact("seeds", &about.seeds);
    fact("run (SHA-256 of what is to be done)", &about.run);
    fact("results (SHA-256 of `report --format csv`)", &about.results);
    let mut document =
        Document::default().table(facts).announced("Notes of the run:", about.notes.clone());
    document = document.heading(3, "Which clips the models have seen");
    let mut body = document.html();
    body.push_str(&proof(about));
    if let Some(chosen) = chosen.filter(|chosen| !chosen.settings.is_empty()) {
        let heading =
            Document::default().heading(3, "All settings of the best point, defaults filled in");
        body.push_str(&heading.html());
        let lines: Vec<String> = shown_lines(&chosen.settings).lines().map(html).collect();
        body.push_str(&format!("<pre tabindex=\"0\"><code>{}</code></pre>\n", lines.join("\n")));
    }
    Section::new("about", "Origin", "Where this is from", body)
}

/// The clips of each model of the best setting.
fn proof(about: &About) -> String {
    if about.seen.is_empty() {
        return left_out(&about.unproved);
    }
    let tested: usize = about.seen.iter().map(|seen| seen.test).sum();
    let text = match (tested, about.held.len()) {
        (0, 0) => {
            "The key of a model is made of the digests of all that went into it. The keys below lead to training clips \
              alone: no test clip, label or attribute of a test clip was seen."
                .to_owned()
        }
        (0, _) => {
            "The keys below lead to training clips alone, but these hold test recordings: the models have seen what they \
             are tested with."
                .to_owned()
        }
        (n, _) => format!("The keys below lead to {n} test clips: these models have seen what they are tested with."),
    };
    let mut table = Table::new(["model", "training clips", "test clips", "key"]);
    for seen in &about.seen {
        let test = Cell::number(Some(seen.test as f64), seen.test.to_string());
        table.push(vec![(&seen.label).into(), (&seen.training).into(), test, (&seen.key).into()]);
    }
    let document = Document::default().text(text).table(table);
    let held =
        about.held.iter().take(HELD).cloned().chain(about.held.get(HELD).map(|_| {
            format!("And {} more, which `explain --proof` names.", about.held.len() - HELD)
        }));
    document.announced("Test recordings among the training clips:", held.collect()).html()
        + &left_out(&about.unproved)
}
