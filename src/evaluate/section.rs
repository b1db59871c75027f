//! The numbers of one section.

use std::collections::BTreeMap;

use crate::artifact::Domain;
use crate::diagnose::Diagnostic;
use crate::metric::{Ties, auc, f1, pauc, precision, recall};

use super::pair::{Clip, Section};
use super::protocol::Metric;
use super::{Options, SectionResult};

/// All metrics that can be computed from the clips of a section.
pub fn numbers(section: &Section, options: &Options) -> SectionResult {
    let (normal, anomalous) = (scores(section, None, false), scores(section, None, true));
    let mut values = BTreeMap::new();
    let mut put = |metric: Metric, value: Option<f64>| {
        if let Some(value) = value {
            values.insert(metric, value);
        }
    };
    put(Metric::Auc, auc(&normal, &anomalous, Ties::Half));
    put(Metric::Pauc, pauc(&normal, &anomalous, options.max_fpr));
    decided(section, None, |metric, value| put(metric, Some(value)));
    for domain in [Domain::Source, Domain::Target] {
        let (normal, own) =
            (scores(section, Some(domain), false), scores(section, Some(domain), true));
        let against = if options.protocol.own_anomalies() { &own } else { &anomalous };
        put(Metric::Auc.of(domain), auc(&normal, against, Ties::Half));
        put(Metric::Pauc.of(domain), pauc(&normal, &own, options.max_fpr));
        decided(section, Some(domain), |metric, value| put(metric.of(domain), Some(value)));
    }
    values.retain(|metric, _| options.protocol.metrics().contains(metric));
    SectionResult {
        machine: section.id.machine.clone(),
        section: section.id.section.clone(),
        normal_clips: normal.len(),
        anomalous_clips: anomalous.len(),
        values,
    }
}

/// The reason why the official score cannot be computed for this section, if it cannot.
pub fn lacks(section: &Section, result: &SectionResult, options: &Options) -> Option<Diagnostic> {
    let metric = options.protocol.official().iter().find(|m| !result.values.contains_key(m))?;
    let of = |domain: Option<Domain>| {
        let (normal, anomalous) =
            (scores(section, domain, false).len(), scores(section, domain, true).len());
        let whose = domain.map_or("in all".to_owned(), |d| format!("of the {d} domain"));
        format!("{normal} normal and {anomalous} anomalous clips {whose}")
    };
    let counts = match options.protocol.has_domains() {
        true => format!("{}, {}", of(Some(Domain::Source)), of(Some(Domain::Target))),
        false => of(None),
    };
    let message =
        format!("{} for {} cannot be computed: it has {counts}", metric.title(), section.id);
    Some(Diagnostic::new("E0807", message))
}

fn of_domain(section: &Section, domain: Option<Domain>) -> impl Iterator<Item = &Clip> {
    section.clips.iter().filter(move |c| domain.is_none() || c.fact.domain == domain)
}

fn scores(section: &Section, domain: Option<Domain>, anomalous: bool) -> Vec<f64> {
    of_domain(section, domain).filter(|c| c.fact.anomalous == anomalous).map(|c| c.score).collect()
}

/// Precision, recall and F1 over the clips of a domain, if all of them have decisions.
fn decided(section: &Section, domain: Option<Domain>, mut put: impl FnMut(Metric, f64)) {
    let clips: Option<Vec<(bool, bool)>> =
        of_domain(section, domain).map(|c| Some((c.decision?, c.fact.anomalous))).collect();
    let Some(clips) = clips.filter(|clips| !clips.is_empty()) else { return };
    let count = |decision: bool, truth: bool| {
        clips.iter().filter(|c| **c == (decision, truth)).count() as u64
    };
    let (hits, alarms, misses) = (count(true, true), count(true, false), count(false, true));
    put(Metric::Precision, precision(hits, alarms));
    put(Metric::Recall, recall(hits, misses));
    put(Metric::F1, f1(hits, alarms, misses));
}
