//! The stages of scores that another program made: submission -> metrics.

use std::collections::BTreeMap;

use super::Builder;
use crate::plan::inputs::{BOTH, Inputs, same};
use crate::plan::{Catalog, NodeId, PlanError};
use crate::spec::Point;
use crate::stage::metrics::MetricsSpec;
use crate::stage::{Item, Role, SectionId, StageSpec, Submission};

impl Builder<'_> {
    pub(super) fn submitted(
        &mut self,
        number: usize,
        point: &Point,
    ) -> Result<BTreeMap<SectionId, NodeId>, PlanError> {
        let catalog = self.catalog;
        let key = Catalog::source_key(&point.data);
        let sections = catalog.submissions.get(&key).ok_or(PlanError::Unlisted(key))?;
        if sections.is_empty() {
            return Err(PlanError::Empty);
        }
        let mut results = BTreeMap::new();
        for (section, given) in sections {
            let about = format!("{}/{}", section.machine, section.section);
            let stage = StageSpec::Submission(Submission {});
            let scored = self.node(number, &about, stage, Inputs::new(), given.clone());
            let mut needs = same(scored, BOTH, &[Item::Clips]);
            let mut need = |item: Item| needs.push((Role::from(item), scored, item.into()));
            need(Item::Scores);
            // A threshold decides anew.
            if point.threshold.is_none() {
                need(Item::Decisions);
            }
            let threshold = point.threshold.clone();
            let metrics = MetricsSpec { threshold, ..point.metrics.clone() };
            let node = self.node(number, &about, StageSpec::Metrics(metrics), needs, [].into());
            results.insert(section.clone(), node);
        }
        Ok(results)
    }
}
