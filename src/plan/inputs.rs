//! Inputs of nodes: outputs of earlier nodes with the roles they fill.

use super::NodeId;
use crate::stage::{Item, Role, Split};

/// Inputs: role, node, and output of that node.
pub type Inputs = Vec<(Role, NodeId, Role)>;

pub const BOTH: &[Split] = &[Split::Train, Split::Test];
pub const TRAIN: &[Split] = &[Split::Train];
pub const FEATURES: &[Item] = &[Item::Features, Item::Index];

/// Outputs of a node for the given splits, as inputs of the same roles.
pub fn same(node: NodeId, splits: &[Split], items: &[Item]) -> Inputs {
    named(node, splits, items, items)
}

/// Outputs of a node for the given splits, as inputs of other roles.
pub fn named(node: NodeId, splits: &[Split], items: &[Item], roles: &[Item]) -> Inputs {
    let of = |split: Split| {
        items
            .iter()
            .zip(roles)
            .map(move |(item, role)| ((split, *role).into(), node, (split, *item).into()))
    };
    splits.iter().flat_map(|split| of(*split)).collect()
}

/// Outputs of one section, for a stage that reads several sections.
pub fn of_section(
    node: NodeId,
    split: Split,
    items: &[Item],
    roles: &[Item],
    section: &str,
) -> Inputs {
    items
        .iter()
        .zip(roles)
        .map(|(item, role)| (role.of(section), node, (split, *item).into()))
        .collect()
}
