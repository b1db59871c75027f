//! Points whose data are scores of another program: words about recordings and training have no
//! place beside them.

use std::collections::BTreeMap;

use super::super::OF_SOUNDS;
use super::{Node, Point, Sections, Swept};
use crate::detector::DetectorSpec;
use crate::diagnose::Diagnostic;
use crate::feature::FeatureSpec;
use crate::source::SourceSpec;
use crate::source::scores::Protocol;

const HINT: &str = "leave it out, or sweep over `data` with a source of recordings, too";

/// Whether the data of every point are scores.
pub fn every_point(root: &Node, axes: &[Swept]) -> bool {
    let is_scored = |node: &Node| match node.as_map() {
        Some([(name, _)]) => name == "scores",
        _ => false,
    };
    match axes.iter().find(|axis| axis.column.keys == ["data"]) {
        Some(axis) => axis.nodes.iter().all(is_scored),
        None => root.get("data").is_some_and(is_scored),
    }
}

/// Whether an axis is a setting of recordings or of training.
pub fn is_of_sounds(axis: &Swept) -> bool {
    OF_SOUNDS.contains(&axis.column.keys[0].as_str())
}

fn misplaced(what: &str, node: Option<&Node>) -> Diagnostic {
    let message = format!("{what}, and scores of another program come without recordings");
    Diagnostic::new("E0609", message).at(node.and_then(Node::key_place)).hint(HINT)
}

impl Sections<'_> {
    /// Reports words that no point can have, and checks the others.
    pub(super) fn check_scored(
        &mut self,
        root: &Node,
        axes: &[Swept],
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        for word in OF_SOUNDS {
            if let Some(node) = root.get(word).filter(|node| !node.is_null()) {
                diagnostics.push(misplaced(&format!("`{word}` is about sounds"), Some(node)));
            }
        }
        for axis in axes.iter().filter(|axis| is_of_sounds(axis)) {
            let what = format!("`{}` is swept and is about sounds", axis.column.path);
            diagnostics.push(misplaced(&what, Some(&axis.column.node)));
        }
    }

    /// The point with these data at the coordinates.
    pub(super) fn scored(
        &mut self,
        axes: &mut [Swept],
        at: &[u32],
        applied: &mut [bool],
        data: SourceSpec,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Point> {
        let of_sounds = axes.iter().zip(applied.iter_mut()).filter(|(axis, _)| is_of_sounds(axis));
        of_sounds.for_each(|(_, applies)| *applies = false);
        let decoded = self.metrics.at(axes, at, diagnostics);
        let (metrics, flags) = (decoded.value.clone(), decoded.applied.clone());
        self.metrics.mark(&flags, applied);
        let decoded = self.threshold.at(axes, at, diagnostics);
        let (threshold, flags) = (decoded.value.clone(), decoded.applied.clone());
        self.threshold.mark(&flags, applied);
        let (mut metrics, mut threshold) = (metrics?, threshold?);
        if let Some(own) = threshold.take_if(|threshold| threshold.member().scores().is_some()) {
            let node = self.threshold.node(axes, at).0;
            let name = own.name();
            let message = format!("the threshold `{name}` needs the scores of training clips");
            self.untrained(&message, node.as_ref().and_then(|node| node.get(name)));
        }
        if std::mem::take(&mut metrics.domain_balance) {
            let node = self.metrics.node(axes, at).0;
            self.untrained("`domain_balance` needs the scores of training clips", node.as_ref());
        }
        if std::mem::take(&mut metrics.pseudo_anomalies) {
            let node = self.metrics.node(axes, at).0;
            self.untrained("`pseudo_anomalies` needs a model to train", node.as_ref());
        }
        if let SourceSpec::Scores(scores) = &data
            && scores.protocol == Protocol::Dcase2021
        {
            self.notes.insert(
                "an AUC is against the anomalies of both domains, as since 2022; `humshift evaluate --protocol \
                 dcase2021` has the rule of 2021"
                    .to_owned(),
            );
        }
        let settings: BTreeMap<String, String> = axes
            .iter()
            .zip(applied.iter().zip(at))
            .filter(|(_, (applied, _))| **applied)
            .map(|(axis, (_, at))| (axis.column.path.clone(), axis.labels[*at as usize].clone()))
            .collect();
        let none = serde_json::json!({});
        Some(Point {
            settings,
            data,
            mix: None,
            mix_at: Default::default(),
            features: FeatureSpec::parse("log_mel", &none).expect("it has defaults"),
            pool: Vec::new(),
            detector: DetectorSpec::parse("knn", &none).expect("it has defaults"),
            generalization: Default::default(),
            metrics,
            threshold,
            seed: 0,
        })
    }

    /// Without recordings at any point it is a mistake; else it is for the other points.
    fn untrained(&mut self, what: &str, node: Option<&Node>) {
        if self.silent {
            let message = format!("{what}, and scores of another program come without them");
            let place = node.and_then(Node::key_place);
            let hint =
                "files of decisions give precision, recall and F1; `fixed` needs no training clips";
            self.misfits.push(Diagnostic::new("E0609", message).at(place).hint(hint));
        } else {
            self.notes.insert(format!("{what}: it is left out for scores of another program"));
        }
    }
}
