//! Inputs of nodes: outputs of the nodes before, under the roles that they fill.

use super::NodeId;
use crate::stage::{Item, Role, Split};

/// Inputs by role: the node, and which output of it.
pub type Inputs = Vec<(Role, NodeId, Role)>;

pub const BOTH: &[Split] = &[Split::Train, Split::Test];
pub const TRAIN: &[Split] = &[Split::Train];
pub const FEATURES: &[Item] = &[Item::Features, Item::Index];

/// These items of a node, of the training or the test clips, as inputs of the same roles.
pub fn same(node: NodeId, splits: &[Split], items: &[Item]) -> Inputs {
    named(node, splits, items, items)
}

/// The same as inputs of other roles.
pub fn named(node: NodeId, splits: &[Split], items: &[Item], roles: &[Item]) -> Inputs {
    let of = |split: Split| {
        items
            .iter()
            .zip(roles)
            .map(move |(item, role)| ((split, *role).into(), node, (split, *item).into()))
    };
    splits.iter().flat_map(|split| of(*split)).collect()
}

/// Features of a section that a stage has several of.
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
