//! The best setting, looked at closely: what its scores say of the test clips of each section.

use std::collections::BTreeSet;

use super::super::{ClipMap, Results, TrainingCurve};
use super::sheet::Section;
use super::standings::Standings;
use super::worst::Heard;
use super::{attributes, heat, histogram, left_out, more, roc};
use crate::document::Document;

/// The most sections whose curves are drawn.
const SECTIONS: usize = 24;

/// The best setting: what is known of its first seed.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// Its place among the points of the results.
    pub point: usize,
    /// The scores of its sections; of those whose scores are gone nothing.
    pub sections: Vec<Judged>,
    pub heard: Vec<Heard>,
    pub trainings: Vec<TrainingCurve>,
    /// Where the clips of its machines lie.
    pub maps: Vec<ClipMap>,
    /// All its settings, as YAML.
    pub settings: String,
    /// Why scores, recordings and trainings are not there, each in a sentence.
    pub unscored: Vec<String>,
    pub unheard: Vec<String>,
    pub untold: Vec<String>,
    pub unplaced: Vec<String>,
}

/// The scores of a section.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    pub machine: String,
    pub section: String,
    pub clips: Vec<ScoredClip>,
    /// A clip with a higher score is called anomalous.
    pub threshold: Option<f64>,
}

/// A test clip with a label, and its score.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredClip {
    pub name: String,
    /// `source`, `target`, or nothing.
    pub domain: String,
    pub anomalous: bool,
    pub score: f64,
}

impl Judged {
    /// As it is titled.
    pub fn title(&self) -> String {
        format!("{} {}", self.machine, self.section)
    }

    /// The domains of its clips; one without a name where there are none.
    pub fn domains(&self) -> Vec<&str> {
        let domains: BTreeSet<&str> = self.clips.iter().map(|clip| clip.domain.as_str()).collect();
        domains.into_iter().collect()
    }

    /// The scores of its normal or anomalous clips of a domain, or of all.
    pub fn scores(&self, anomalous: bool, domain: Option<&str>) -> Vec<f64> {
        let wanted = |clip: &&ScoredClip| {
            clip.anomalous == anomalous && domain.is_none_or(|domain| clip.domain == domain)
        };
        self.clips.iter().filter(wanted).map(|clip| clip.score).collect()
    }
}

/// The class of the colour of a domain.
pub(super) fn colour(domain: &str) -> &'static str {
    if domain == "target" { "c1" } else { "c0" }
}

pub(super) fn section(results: &Results, standings: &Standings, chosen: &Chosen) -> Section {
    let point = &results.points[chosen.point];
    let mut body = Document::default().text(which(results, standings)).html();
    body.push_str(&heading("AUC by machine, section and domain"));
    body.push_str(&heat::heat(point));
    let sections = &chosen.sections[..chosen.sections.len().min(SECTIONS)];
    body.push_str(&heading("ROC curves"));
    if sections.is_empty() {
        body.push_str(&left_out(&chosen.unscored));
    } else {
        body.push_str(&plots(sections.iter().map(roc::roc)));
        body.push_str(&more(chosen.sections.len(), SECTIONS, "sections"));
        body.push_str(&heading("Scores"));
        body.push_str(&plots(sections.iter().map(histogram::histogram)));
        let threshold = sections.iter().any(|section| section.threshold.is_some());
        let mut document = Document::default();
        if !threshold {
            document = document
                .text("The spec has no `threshold`, so no clip was called normal or anomalous.");
        }
        body.push_str(&document.html());
        body.push_str(&left_out(&chosen.unscored));
    }
    let by_attribute = attributes::plots(point);
    if !by_attribute.is_empty() {
        body.push_str(&heading("AUC by attribute"));
        let text = "Each dot is the AUC of the normal clips with that value against all anomalies of the section.";
        body.push_str(&Document::default().text(text).html());
        body.push_str(&plots(by_attribute.iter().take(SECTIONS).cloned()));
        body.push_str(&more(by_attribute.len(), SECTIONS, "attributes of sections"));
    }
    Section::new("best", "Best setting", "The best setting, closely", body)
}

/// Which setting it is, and which of its points.
fn which(results: &Results, standings: &Standings) -> String {
    let Some(system) = standings.systems.first() else { return String::new() };
    let of = system.group.points.len();
    let repetition = match of {
        1 => String::new(),
        n => {
            let told = super::super::REPETITIONS.iter().filter_map(|path| {
                let value = system.group.points.first()?.settings.get(*path)?;
                Some(format!("{} {value}", path.rsplit('.').next().unwrap_or(path)))
            });
            let told = told.collect::<Vec<_>>().join(", ");
            format!(" Of its {n} {} this is the first: {told}.", results.repetitions())
        }
    };
    format!("This is {}.{repetition}", system.label)
}

fn heading(words: &str) -> String {
    Document::default().heading(3, words).html()
}

fn plots(plots: impl Iterator<Item = String>) -> String {
    format!("<div class=\"plots\">\n{}</div>\n", plots.collect::<String>())
}
