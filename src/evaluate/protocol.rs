//! The rules of each year: the metrics of a section, and the ones in the official score.

use serde::{Serialize, Serializer};

use crate::artifact::{Domain, Protocol};
use crate::metric::{arithmetic_mean, harmonic_mean};

use super::SectionResult;

/// One metric of a section. AUC and pAUC of a domain use its own normal clips; the year's rule
/// decides which anomalies they use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    Auc,
    AucSource,
    AucTarget,
    Pauc,
    PaucSource,
    PaucTarget,
    Precision,
    PrecisionSource,
    PrecisionTarget,
    Recall,
    RecallSource,
    RecallTarget,
    F1,
    F1Source,
    F1Target,
}

use Metric::*;

impl Protocol {
    /// 2020 has no domains.
    pub fn has_domains(self) -> bool {
        self != Self::Dcase2020
    }

    /// In 2021 each domain was compared with its own anomalies; since then with those of both
    /// domains.
    pub fn own_anomalies(self) -> bool {
        self == Self::Dcase2021
    }

    /// The metrics of a section, in the order of tables. Precision, recall and F1 need decisions.
    pub fn metrics(self) -> &'static [Metric] {
        match self {
            Self::Dcase2020 => &[Auc, Pauc, Precision, Recall, F1],
            Self::Dcase2021 => &[
                AucSource,
                AucTarget,
                PaucSource,
                PaucTarget,
                PrecisionSource,
                PrecisionTarget,
                RecallSource,
                RecallTarget,
                F1Source,
                F1Target,
            ],
            _ => &[
                Auc,
                AucSource,
                AucTarget,
                Pauc,
                PaucSource,
                PaucTarget,
                PrecisionSource,
                PrecisionTarget,
                RecallSource,
                RecallTarget,
                F1Source,
                F1Target,
            ],
        }
    }

    /// The metrics that tables omit, because no official score uses them and width is scarce.
    pub fn is_aside(self, metric: Metric) -> bool {
        self > Self::Dcase2021 && [Auc, PaucSource, PaucTarget].contains(&metric)
    }

    /// The metrics of a section in the official score.
    pub fn official(self) -> &'static [Metric] {
        match self {
            Self::Dcase2020 => &[Auc, Pauc],
            Self::Dcase2021 => &[AucSource, AucTarget, PaucSource, PaucTarget],
            _ => &[AucSource, AucTarget, Pauc],
        }
    }

    /// The official score in one sentence.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Dcase2020 => {
                "Official: arithmetic mean of AUC and pAUC, of the ids of each machine first (teams were ranked by their \
                 mean rank over the machines)."
            }
            Self::Dcase2021 => {
                "Official: harmonic mean of AUC and pAUC of each domain, against its own anomalies, over all sections."
            }
            _ => {
                "Official: harmonic mean of AUC source, AUC target (each against the anomalies of both domains) and pAUC \
                 over all sections."
            }
        }
    }

    /// The official score of sections that have all metrics it needs, machine by machine.
    pub fn official_score(self, sections: &[SectionResult]) -> Option<f64> {
        let numbers = |sections: &[SectionResult]| -> Option<Vec<f64>> {
            let all = sections
                .iter()
                .flat_map(|s| self.official().iter().map(|m| s.values.get(m).copied()));
            all.collect()
        };
        if self != Self::Dcase2020 {
            return harmonic_mean(&numbers(sections)?);
        }
        let machines = sections.chunk_by(|a, b| a.machine == b.machine);
        let means: Option<Vec<f64>> =
            machines.map(|sections| arithmetic_mean(&numbers(sections)?)).collect();
        arithmetic_mean(&means?)
    }
}

impl Metric {
    /// The name in JSON and CSV.
    pub fn name(self) -> &'static str {
        match self {
            Auc => "auc",
            AucSource => "auc_source",
            AucTarget => "auc_target",
            Pauc => "pauc",
            PaucSource => "pauc_source",
            PaucTarget => "pauc_target",
            Precision => "precision",
            PrecisionSource => "precision_source",
            PrecisionTarget => "precision_target",
            Recall => "recall",
            RecallSource => "recall_source",
            RecallTarget => "recall_target",
            F1 => "f1",
            F1Source => "f1_source",
            F1Target => "f1_target",
        }
    }

    /// The title in tables.
    pub fn title(self) -> String {
        self.name().replace('_', " ").replace("auc", "AUC").replace("f1", "F1")
    }

    /// The same metric for one domain.
    pub fn of(self, domain: Domain) -> Metric {
        let [source, target] = match self {
            Auc => [AucSource, AucTarget],
            Pauc => [PaucSource, PaucTarget],
            Precision => [PrecisionSource, PrecisionTarget],
            Recall => [RecallSource, RecallTarget],
            F1 => [F1Source, F1Target],
            other => [other, other],
        };
        if domain == Domain::Source { source } else { target }
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}
