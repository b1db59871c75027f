//! The decisions of a threshold for the clips of a section.

use super::{Scored, Section};
use crate::artifact::{Domain, MetricRow, Scores};
use crate::metric;
use crate::threshold::Limit;

impl Section<'_> {
    /// The rows of the threshold and of its decisions.
    pub(super) fn decisions(&self, limit: &Result<Limit, String>) -> Vec<MetricRow> {
        let value = limit.as_ref().map(|limit| limit.value).map_err(Clone::clone);
        let mut first = self.row("threshold", value.clone());
        first.note =
            limit.as_ref().ok().and_then(|limit| limit.warning.clone()).unwrap_or_default();
        let mut rows = vec![first];
        rows.extend(match value {
            Ok(limit) => self.rates(Ok(&|(_, score): &Scored| *score > limit)),
            Err(why) => self.rates(Err(why)),
        });
        rows
    }

    /// The rows of decisions that another program made.
    pub(super) fn decided(&self, decisions: &Scores) -> Vec<MetricRow> {
        self.rates(Ok(&|(clip, _): &Scored| decisions.0.get(&clip.id) == Some(&1.0)))
    }

    /// Precision, recall and F1 of each domain, if it is known which clips are called anomalous.
    fn rates(&self, called: Result<&dyn Fn(&Scored) -> bool, String>) -> Vec<MetricRow> {
        let domains: &[Option<Domain>] =
            if self.has_domains { &[Some(Domain::Source), Some(Domain::Target)] } else { &[None] };
        let mut rows = Vec::new();
        for domain in domains {
            let own = |(clip, _): &&Scored| domain.is_none() || clip.domain == *domain;
            let normals: Vec<&Scored> = self.normals.iter().filter(own).collect();
            let anomalies: Vec<&Scored> = self.anomalies.iter().filter(own).collect();
            let name = domain.map(|d| format!("{d} ")).unwrap_or_default();
            let counts = called.clone().and_then(|called| {
                match (self.missing, normals.len(), anomalies.len()) {
                    ("", 0, _) => Err(format!("no {name}normals")),
                    ("", _, 0) => Err(format!("no {name}anomalies")),
                    ("", ..) => {
                        let count = |clips: &[&Scored]| {
                            clips.iter().filter(|clip| called(clip)).count() as u64
                        };
                        let (found, false_alarms) = (count(&anomalies), count(&normals));
                        Ok((found, false_alarms, anomalies.len() as u64 - found))
                    }
                    (missing, ..) => Err(missing.to_owned()),
                }
            });
            let numbers = [
                ("precision", counts.clone().map(|(tp, fp, _)| metric::precision(tp, fp))),
                ("recall", counts.clone().map(|(tp, _, fneg)| metric::recall(tp, fneg))),
                ("f1", counts.map(|(tp, fp, fneg)| metric::f1(tp, fp, fneg))),
            ];
            let domain = domain.map(|d| d.to_string()).unwrap_or_default();
            rows.extend(
                numbers
                    .map(|(m, value)| MetricRow { domain: domain.clone(), ..self.row(m, value) }),
            );
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Known, MetricsSpec, table};
    use crate::artifact::{CalibrationScores, Clip, ClipSet, Domain, Label, Scores, Split};

    #[test]
    fn one_threshold_decides_over_the_clips_of_each_domain() {
        let clips = [
            (clip("a", Domain::Source, Label::Normal), 1.0),
            (clip("b", Domain::Source, Label::Normal), 3.0),
            (clip("c", Domain::Target, Label::Normal), 5.0),
            (clip("d", Domain::Source, Label::Anomaly), 4.0),
            (clip("e", Domain::Target, Label::Anomaly), 6.0),
            (clip("f", Domain::Target, Label::Anomaly), 2.0),
        ];
        let scores = Scores(clips.iter().map(|(c, s)| (c.id.clone(), *s)).collect());
        let set = ClipSet::new(clips.iter().map(|(c, _)| c.clone()).collect());
        let rows = |threshold: serde_json::Value, training: &[f64]| {
            let threshold = serde_json::from_value(threshold).unwrap();
            let spec = MetricsSpec { auc: false, pauc: None, threshold, ..MetricsSpec::default() };
            let scores_of = training.iter().enumerate().map(|(i, s)| (i.to_string(), *s)).collect();
            let training = CalibrationScores { scores: scores_of, missing: String::new() };
            let known = Known { training, ..Known::default() };
            table(&set, &scores, &known, &spec).unwrap().rows
        };
        let fixed = rows(serde_json::json!({"fixed": {"value": 2.5}}), &[]);
        let values: Vec<Option<f64>> = fixed.iter().map(|r| r.value).collect();
        // Source: one anomaly found, one false alarm, none missed. Target: one found, one false
        // alarm, one missed.
        let third = 2.0 / 3.0;
        assert_eq!(values, [2.5, 0.5, 1.0, third, 0.5, 0.5, 0.5].map(Some));
        assert_eq!(fixed[4].domain, "target");
        let none = rows(serde_json::json!({"gamma": {"scores": "training"}}), &[0.0, 0.0]);
        assert!(
            none.iter().all(|r| r.value.is_none() && r.missing.contains("held_out")),
            "{none:?}"
        );
        let noted = rows(serde_json::json!({"quantile": {}}), &[1.0, 1.0]);
        assert_eq!(
            (noted[0].value, noted[0].note.as_str()),
            (Some(1.0), "all training scores are 1")
        );
        // The same decisions, made elsewhere: they have no threshold.
        let spec = MetricsSpec { auc: false, pauc: None, ..MetricsSpec::default() };
        let called = |score: &f64| f64::from(u8::from(*score > 2.5));
        let decisions = scores.0.iter().map(|(clip, score)| (clip.clone(), called(score)));
        let known = Known { decisions: Scores(decisions.collect()), ..Known::default() };
        assert_eq!(table(&set, &scores, &known, &spec).unwrap().rows, fixed[1..]);
    }

    fn clip(id: &str, domain: Domain, label: Label) -> Clip {
        Clip {
            id: id.into(),
            machine: "fan".into(),
            section: "00".into(),
            domain: Some(domain),
            split: Split::Test,
            label: Some(label),
            attributes: Default::default(),
        }
    }
}
