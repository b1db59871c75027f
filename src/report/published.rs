//! Results of others on the same sections, beside ours.

use std::collections::BTreeMap;

use super::aggregate::{By, Stat};
use super::number::stat;
use super::{Group, Results};
use crate::document::{Cell, Document, Table};
use crate::metric::{arithmetic_mean, rank_correlation};

/// AUC in 0..1 of the source and target domain, by machine and section.
pub type Areas = BTreeMap<(String, String), [f64; 2]>;

/// A table of published results, and the system of it that each point corresponds to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Published {
    /// What the table is called, such as `Table 3 of Dohi et al. 2022`.
    pub title: String,
    /// By system.
    pub systems: BTreeMap<String, Areas>,
    /// The system of each point, by its number.
    pub of_points: Vec<String>,
}

/// One table for each setting whose system is published: our AUC, the published one and the difference
/// for each section and domain, and the correlation of their ranks.
pub fn published(document: Document, results: &Results) -> Document {
    let Some(published) = &results.published else { return document };
    each(document.heading(2, format!("Beside {}", published.title)), published, results)
}

/// The same without a heading; `None` if the experiment names nothing published.
pub fn published_alone(document: Document, results: &Results) -> Option<Document> {
    Some(each(document, results.published.as_ref()?, results))
}

fn each(document: Document, published: &Published, results: &Results) -> Document {
    let groups = results.groups();
    let known = groups.iter().filter_map(|group| Some((group, published.system(group)?)));
    let mut compared = false;
    let document = known.fold(document, |document, (group, (name, table))| {
        compared = true;
        beside(document.text(format!("{}:", titled(group, name))), group, table)
    });
    match compared {
        true => document.text(
            "Our AUC, the published AUC and the difference in points, for each domain. Correlation: of Spearman, \
             between the ranks of the sections in our column and in the published one.",
        ),
        false => document.text("None of its systems is among the detectors of this experiment."),
    }
}

impl Published {
    fn system(&self, group: &Group) -> Option<(&str, &Areas)> {
        let name = self.of_points.get(group.points.first()?.number)?;
        Some((name, self.systems.get(name)?))
    }
}

fn titled(group: &Group, system: &str) -> String {
    let settings: Vec<&str> = group.settings.values().copied().collect();
    if settings.is_empty() { system.to_owned() } else { settings.join(", ") }
}

fn beside(document: Document, group: &Group, published: &Areas) -> Document {
    let mut table = Table::new([
        "machine",
        "section",
        "source",
        "published",
        "difference",
        "target",
        "published",
        "difference",
    ]);
    let domains = [By::AucSource, By::AucTarget];
    let mut columns: [(Vec<f64>, Vec<f64>); 2] = Default::default();
    let points: Vec<_> = group.points.iter().map(|point| point.sections()).collect();
    for ((machine, section), theirs) in published {
        let ours = domains.map(|by| {
            let place = (machine.as_str(), section.as_str());
            let of_each = points.iter().map(|sections| by.of(sections.get(&place).into_iter()));
            Stat::of(&of_each.collect::<Vec<_>>())
        });
        if ours == [None; 2] {
            continue;
        }
        for ((ours, theirs), (left, right)) in ours.iter().zip(theirs).zip(&mut columns) {
            if let Some(ours) = ours {
                left.push(ours.mean);
                right.push(*theirs);
            }
        }
        push(&mut table, machine, section, ours, *theirs);
    }
    let means =
        columns.each_ref().map(|(ours, theirs)| (arithmetic_mean(ours), arithmetic_mean(theirs)));
    if let [(Some(source), Some(their_source)), (Some(target), Some(their_target))] = means {
        let ours = [source, target].map(|mean| Some(Stat { mean, deviation: None }));
        push(&mut table, "mean", "", ours, [their_source, their_target]);
    }
    let correlation = |(ours, theirs): &(Vec<f64>, Vec<f64>)| {
        rank_correlation(ours, theirs).map_or("none".into(), |rho| format!("{rho:.2}"))
    };
    let [source, target] = columns.each_ref().map(correlation);
    let sections = columns[0].0.len();
    document.table(table).text(format!(
        "Correlation of the ranks over {sections} sections: {source} in the source domain, {target} in the target domain."
    ))
}

fn push(
    table: &mut Table,
    machine: &str,
    section: &str,
    ours: [Option<Stat>; 2],
    theirs: [f64; 2],
) {
    let mut row: Vec<Cell> = vec![machine.into(), section.into()];
    for (ours, theirs) in ours.into_iter().zip(theirs) {
        let difference = ours.map(|ours| 100.0 * (ours.mean - theirs));
        let shown =
            difference.map_or("–".into(), |d| format!("{d:+.2}").replace('-', "\u{2212}"));
        row.push(stat(ours));
        row.push(stat(Some(Stat { mean: theirs, deviation: None })));
        row.push(Cell::number(difference, shown));
    }
    table.push(row);
}

#[cfg(test)]
mod tests {
    use super::super::systems::testing::results;
    use super::*;

    #[test]
    fn our_numbers_stand_beside_the_published_ones() {
        let mut ours = results("detector", &[("a", "0", &[Some(0.9), Some(0.7), Some(0.8)])]);
        let places: Vec<(String, String)> = ours.points[0]
            .sections()
            .keys()
            .map(|(machine, section)| (machine.to_string(), section.to_string()))
            .collect();
        let table = places.iter().cloned().zip([[0.8, 0.5], [0.7, 0.6], [0.75, 0.5]]).collect();
        ours.published = Some(Published {
            title: "a table".into(),
            systems: [("net".to_owned(), table)].into(),
            of_points: vec!["net".into()],
        });
        let text = published(Document::default(), &ours).markdown();
        assert!(text.contains("## Beside a table"), "{text}");
        let alone = published_alone(Document::default(), &ours).unwrap().markdown();
        assert_eq!(text.trim_start_matches("## Beside a table\n\n"), alone);
        assert!(text.contains("Correlation of the ranks over 3 sections: 1.00"), "{text}");
        ours.published.as_mut().unwrap().of_points = vec!["other".into()];
        let text = published(Document::default(), &ours).markdown();
        assert!(text.contains("None of its systems"), "{text}");
        ours.published = None;
        assert_eq!(published_alone(Document::default(), &ours), None);
    }
}
