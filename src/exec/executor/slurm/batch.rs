//! Batches: the stages of one job array, divided into tasks.
//!
//! A batch is a file in the cache that head and workers read. It names nodes of a run by number;
//! what they are stands in the document of the run.

use serde::{Deserialize, Serialize};

use super::profile::Request;
use crate::context::Progress;
use crate::digest::Digest;
use crate::exec::Failure;
use crate::plan::NodeId;

/// The stages of a job array.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The name of the array in Slurm; unique, so that a head that starts again finds it.
    pub name: String,
    /// The run: the name of its experiment, and its digest.
    pub experiment: String,
    pub run: Digest,
    /// Threads of each stage.
    pub threads: usize,
    /// The nodes of each task, in the order in which it runs them.
    pub tasks: Vec<Vec<NodeId>>,
}

/// What a worker says of its task, one line of JSON each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Report {
    Progress(NodeId, Progress),
    /// The node ran, and its record is in the cache.
    Made(NodeId),
    /// The record of the node was in the cache.
    Found(NodeId),
    Failed(NodeId, Failure),
    /// The task is over.
    Ended,
}

/// What tasks of one array have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Class {
    pub request: Request,
    pub threads: usize,
    /// Megabytes of a task, in steps of a quarter of a gigabyte.
    pub megabytes: u64,
    /// Stages of a task that was lost before run alone.
    pub alone: bool,
}

/// The most chains in a task while nobody knows how long they take.
const UNKNOWN: usize = 8;

/// Slurm starts tasks in rounds that are about a second apart. What takes less than some of them is
/// not worth a second round.
const SHORT: f64 = 5.0;

/// Chains of nodes as tasks. Each should last `seconds`, as far as it is known how long a chain
/// takes; but no chain waits behind another one while the cluster, which runs `at_once` tasks, has
/// free processors. There are two tasks for each place, so that a slow one holds nobody up, unless
/// all would be short.
pub fn tasks(
    chains: Vec<Vec<NodeId>>,
    each: Option<f64>,
    seconds: f64,
    at_once: usize,
) -> Vec<Vec<NodeId>> {
    let at_once = at_once.max(1);
    let all = chains.len().div_ceil(at_once);
    let short = each.is_some_and(|each| each * (all as f64) < SHORT);
    let spread = if short { all } else { chains.len().div_ceil(at_once.saturating_mul(2)) };
    let lasting = each.map_or(UNKNOWN, |each| (seconds / each.max(1e-3)).round() as usize);
    let together = spread.min(lasting).max(1);
    chains.chunks(together).map(<[Vec<NodeId>]>::concat).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_last_as_long_as_asked_unless_processors_are_free() {
        let chains = |n: u64| -> Vec<Vec<NodeId>> {
            (0..n).map(|i| serde_json::from_str(&format!("[{i},{}]", i + n)).unwrap()).collect()
        };
        let lengths = |n, each, free| -> Vec<usize> {
            tasks(chains(n), each, 300.0, free).iter().map(|task| task.len() / 2).collect()
        };
        assert_eq!(lengths(10, None, 8), [1; 10]);
        assert_eq!(lengths(10, None, 2), [3, 3, 3, 1]);
        assert_eq!(lengths(10, Some(3.0), 2), [3, 3, 3, 1], "there is a processor for each");
        assert_eq!(lengths(10, Some(0.1), 2), [5, 5], "a second round would take longer");
        assert_eq!(lengths(20, None, 1), [8, 8, 4]);
        assert_eq!(lengths(10, Some(150.0), 1), [2; 5]);
        assert_eq!(lengths(2, Some(1e9), 1), [1; 2]);
        assert_eq!(tasks(chains(2), Some(0.1), 300.0, 1), [chains(2).concat()]);
    }
}
