//! A comparison as a document for users and as JSON.

use serde_json::{Value, json};

use super::{ALPHA, Comparison, MOST, Pair};
use crate::document::{Cell, Document, Table};
use crate::metric::least_p;
use crate::report::aggregate::By;
use crate::report::axis::label;
use crate::report::number::{percent, share};
use crate::report::systems::titles;

/// More pairs than this are shown only on request.
const PAIRS: usize = 60;

impl Comparison {
    /// Mean ranks, then the most significant pairs, or `all` pairs.
    pub fn document(&self, all: bool) -> Document {
        let (systems, sections) = (self.systems.len(), self.sections.len());
        Document::titled(&self.name, self.question.as_deref())
            .heading(2, format!("{systems} systems over {}", many(sections, "section")))
            .table(self.ranks_table())
            .text(self.overall())
            .heading(2, "Pairs")
            .then(self.pairs(if all { self.pairs.len() } else { PAIRS }, "--all"))
            .list(self.remarks())
            .text(self.meaning())
    }

    /// The comparison below a heading of a page, with at most `pairs` pairs.
    pub(in crate::report) fn details(&self, pairs: usize) -> Document {
        let ranks = Document::default().table(self.ranks_table()).text(self.overall());
        ranks
            .heading(3, "Pairs")
            .then(self.pairs(pairs, "report --compare --all"))
            .list(self.remarks())
            .text(self.meaning())
    }

    fn ranks_table(&self) -> Table {
        let mut ranks =
            Table::new(titles(&self.axes).chain(["mean rank".to_owned(), "mean".to_owned()]));
        for system in &self.systems {
            let rank = Cell::number(Some(system.rank), format!("{:.2}", system.rank));
            ranks.push(
                system.settings.iter().map(Cell::from).chain([rank, share(system.mean)]).collect(),
            );
        }
        ranks
    }

    /// The `most` significant pairs, and how to see the others.
    fn pairs(&self, most: usize, more: &str) -> Document {
        let header = [
            "better ranked",
            "worse ranked",
            "difference",
            "rank difference",
            "n",
            "W",
            "p",
            "p (Holm)",
        ];
        let mut pairs = Table::new(header);
        let shown = self.pairs.len().min(most);
        self.pairs[..shown].iter().for_each(|pair| pairs.push(self.row(pair)));
        let document = Document::default().table(pairs);
        match self.pairs.len() - shown {
            0 => document,
            rest => document
                .text(format!("{rest} pairs with a larger p are left out; `{more}` shows them.")),
        }
    }

    /// The result for all systems together.
    fn overall(&self) -> String {
        let friedman = match (self.friedman, self.systems.len()) {
            (Some(test), _) => format!("Friedman's test that all are equal: {}.", p_is(test.p)),
            (None, 2) => "Friedman's test takes three systems.".to_owned(),
            (None, _) => "All systems are equal in every section.".to_owned(),
        };
        let critical = self.critical_difference.map(|cd| {
            let most = (self.systems.len() - 1) as f64;
            let out_of_reach = if cd > most { ", more than ranks of so few systems can differ" } else { "" };
            format!(
                " Mean ranks that differ by {cd:.2} or more differ significantly (Nemenyi's critical difference at \
                 {ALPHA}){out_of_reach}."
            )
        });
        friedman + &critical.unwrap_or_default()
    }

    fn row(&self, pair: &Pair) -> Vec<Cell> {
        let (better, worse) = (&self.systems[pair.better], &self.systems[pair.worse]);
        let ranks = worse.rank - better.rank;
        let far = self.critical_difference.is_some_and(|cd| ranks >= cd);
        let p = |p: f64| Cell::number(Some(p), p_value(p));
        vec![
            (&better.label).into(),
            (&worse.label).into(),
            Cell::number(Some(pair.difference), percent(pair.difference).replace('-', "\u{2212}")),
            Cell::number(Some(ranks), format!("{ranks:.2}")).best(far),
            Cell::number(Some(pair.test.count as f64), pair.test.count.to_string()),
            Cell::number(Some(pair.test.statistic), label(pair.test.statistic)),
            p(pair.test.p),
            p(pair.corrected).best(pair.corrected <= ALPHA),
        ]
    }

    /// The limits of the comparison.
    fn remarks(&self) -> Vec<String> {
        let (n, m) = (self.sections.len(), self.pairs.len());
        let mut remarks = Vec::new();
        let least = least_p(n);
        if least > ALPHA {
            remarks.push(format!(
                "{} too few: the smallest p that the signed-rank test can give is {}, so by it no \
                 pair can differ significantly (at {ALPHA}), however large the difference",
                if n == 1 { "1 section is".to_owned() } else { format!("{n} sections are") },
                label(least)
            ));
        } else if least * m as f64 > ALPHA {
            remarks.push(format!(
                "with {n} sections and {m} pairs the smallest corrected p of the signed-rank test is {}: by it no \
                 pair can differ significantly (at {ALPHA})",
                p_value((least * m as f64).min(1.0))
            ));
        }
        if self.friedman.is_some() && n < 10 {
            remarks.push("Friedman's p is from the chi-squared distribution, which is rough below ten sections".into());
        }
        remarks.extend(self.notes.iter().cloned());
        remarks
    }

    /// Explains the numbers.
    fn meaning(&self) -> String {
        let value = match self.by {
            By::Official => "harmonic mean of its AUC source, AUC target and pAUC",
            By::Auc => "mean of its AUCs",
            By::AucSource => "its AUC source",
            By::AucTarget => "its AUC target",
            By::Pauc => "its pAUC",
        };
        let points: Vec<usize> = self.systems.iter().map(|s| s.points).collect();
        let mean = match (points.iter().min(), points.iter().max()) {
            (_, Some(1)) => String::new(),
            (Some(a), Some(b)) if a == b => format!(", mean over the {a} points of the system"),
            (Some(a), Some(b)) => format!(", mean over the {a} to {b} points of the system"),
            _ => String::new(),
        };
        format!(
            "Value of a section: {value}{mean}, in %. Mean and difference: over the sections. W and p: Wilcoxon's signed-rank \
             test, two-sided, over the n sections that differ; p (Holm): corrected for {}.",
            many(self.pairs.len(), "pair")
        )
    }

    /// The comparison for programs.
    pub fn json(&self) -> Value {
        let settings = |cells: &[String]| -> Value {
            let pairs = self.axes.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
            pairs
                .map(|(axis, cell)| (axis.clone(), json!(cell)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let systems: Vec<Value> = (self.systems.iter())
            .map(|s| {
                json!({
                    "settings": settings(&s.settings), "points": s.points, "values": s.values, "mean": s.mean,
                    "mean_rank": s.rank,
                })
            })
            .collect();
        let pairs: Vec<Value> = (self.pairs.iter())
            .map(|p| {
                json!({
                    "better": p.better, "worse": p.worse, "mean_difference": p.difference, "n": p.test.count,
                    "statistic": p.test.statistic, "p": p.test.p, "exact": p.test.exact, "p_holm": p.corrected,
                })
            })
            .collect();
        let sections: Vec<Value> = (self.sections.iter())
            .map(|(machine, section)| json!({ "machine": machine, "section": section }))
            .collect();
        json!({
            "name": self.name, "question": self.question, "by": self.by.name(), "axes": self.axes,
            "sections": sections, "systems": systems, "systems_in_all": self.of, "most_systems": MOST,
            "friedman": self.friedman.map(|f| json!({ "statistic": f.statistic, "p": f.p })),
            "alpha": ALPHA, "critical_difference": self.critical_difference, "least_p": least_p(self.sections.len()),
            "pairs": pairs, "notes": self.notes,
        })
    }
}

fn many(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

fn p_value(p: f64) -> String {
    if p < 0.0001 { "<0.0001".into() } else { format!("{p:.4}") }
}

fn p_is(p: f64) -> String {
    if p < 0.0001 { "p < 0.0001".into() } else { format!("p = {p:.4}") }
}
