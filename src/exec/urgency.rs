//! Which node starts first when not all fit at once.

use crate::plan::Plan;
use crate::stage::StageSpec;

/// For each node, the work on the longest path from it to the end of the plan, in rough units.
/// Nodes with longer paths start first.
pub(super) fn urgency(plan: &Plan) -> Vec<u64> {
    let mut urgency = vec![0; plan.len()];
    for id in plan.nodes().rev() {
        let below = plan.dependents(id).iter().map(|d| urgency[d.index()]).max().unwrap_or(0);
        let own = match &plan.node(id).stage {
            StageSpec::Network(_) => 1000,
            StageSpec::Training(t) if t.detector.member().seeded() => 1000,
            StageSpec::Features(_) | StageSpec::Training(_) => 100,
            _ => 1,
        };
        urgency[id.index()] = below + own;
    }
    urgency
}
