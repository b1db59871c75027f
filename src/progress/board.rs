//! The state of a run by kinds of stages, and an estimate of the remaining time. It reads no clock:
//! callers pass the time.
//!
//! The estimate for a stage that has not run is the mean of similar stages: stages of the same kind
//! with the same detector or network. Times of this run come first, then times of the records
//! found, then times of the last run.

use std::collections::{BTreeMap, BTreeSet};

use super::duration;
use crate::exec::Event;
use crate::plan::{NodeId, Plan};

/// How many stages of a group without times are looked up in the last run.
const LOOKS: usize = 4;

/// Stages of one kind, such as `training`.
#[derive(Clone, Debug, Default, PartialEq)]
struct Kind {
    name: &'static str,
    total: usize,
    done: usize,
    running: usize,
    cached: usize,
    failed: usize,
    skipped: usize,
}

/// A count of stages and the sum of their seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    count: usize,
    seconds: f64,
}

impl Times {
    fn add(&mut self, seconds: f64) {
        self.count += 1;
        self.seconds += seconds;
    }

    fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.seconds / self.count as f64)
    }
}

/// A group of similar stages, which take about the same time.
#[derive(Clone, Debug, Default)]
struct Likes {
    kind: usize,
    open: BTreeSet<NodeId>,
    ran: Times,
    recorded: Times,
    last_run: Times,
}

impl Likes {
    fn mean(&self) -> Option<f64> {
        self.ran.mean().or(self.recorded.mean()).or(self.last_run.mean())
    }
}

/// The state of a run.
#[derive(Clone, Debug, Default)]
pub struct Board {
    kinds: Vec<Kind>,
    likes: Vec<Likes>,
    /// The group of each chosen stage.
    of: BTreeMap<NodeId, usize>,
    /// The start time of each running stage.
    running: BTreeMap<NodeId, f64>,
    /// The remaining seconds that a stage reported last, behind the time of the report.
    told: BTreeMap<NodeId, (f64, f64)>,
    /// When the first stage started.
    first: Option<f64>,
    /// Seconds of finished work.
    worked: f64,
}

impl Board {
    fn begin(plan: &Plan, chosen: &BTreeSet<NodeId>) -> Self {
        let mut board = Self::default();
        let mut groups = BTreeMap::new();
        for id in plan.nodes().filter(|id| chosen.contains(id)) {
            let stage = &plan.node(id).stage;
            let name = stage.name();
            let kind = board.kinds.iter().position(|kind| kind.name == name);
            let kind = kind.unwrap_or_else(|| {
                board.kinds.push(Kind { name, ..Kind::default() });
                board.kinds.len() - 1
            });
            board.kinds[kind].total += 1;
            let group = *groups.entry((kind, stage.member())).or_insert_with(|| {
                board.likes.push(Likes { kind, ..Likes::default() });
                board.likes.len() - 1
            });
            board.likes[group].open.insert(id);
            board.of.insert(id, group);
        }
        board
    }

    /// Updates the board. `now` counts seconds from any fixed moment.
    pub fn hear(&mut self, event: &Event, now: f64) {
        match *event {
            Event::Begun { plan, chosen } => *self = Self::begin(plan, chosen),
            Event::Cached { node, seconds, .. } => {
                self.likes[self.of[&node]].recorded.add(seconds);
                if let Some(kind) = self.close(node) {
                    kind.cached += 1;
                }
            }
            Event::Started { node, recorded, .. } => {
                if self.first.is_none() {
                    self.first = Some(now);
                    self.look_back(recorded);
                }
                if self.running.insert(node, now).is_none() {
                    self.kind(node).running += 1;
                }
            }
            Event::Finished { node, seconds, .. } => {
                self.stop(node, now);
                self.likes[self.of[&node]].ran.add(seconds);
                self.close(node);
            }
            Event::Failed { node, .. } => {
                self.stop(node, now);
                if let Some(kind) = self.close(node) {
                    kind.failed += 1;
                }
            }
            Event::Skipped { node, .. } => {
                if let Some(kind) = self.close(node) {
                    kind.skipped += 1;
                }
            }
            Event::Progress { node, left_seconds, .. } => {
                self.told.extend(left_seconds.map(|left| (node, (now, left))));
            }
            Event::Shared { .. } | Event::Warning { .. } | Event::Ended { .. } => {}
        }
    }

    fn kind(&mut self, node: NodeId) -> &mut Kind {
        &mut self.kinds[self.likes[self.of[&node]].kind]
    }

    /// Marks a stage as done. Returns its kind, or `None` if it was done before.
    fn close(&mut self, node: NodeId) -> Option<&mut Kind> {
        let group = self.of[&node];
        let kind = &mut self.kinds[self.likes[group].kind];
        self.likes[group].open.remove(&node).then(|| {
            kind.done += 1;
            kind
        })
    }

    fn stop(&mut self, node: NodeId, now: f64) {
        self.told.remove(&node);
        if let Some(since) = self.running.remove(&node) {
            self.worked += now - since;
            self.kind(node).running -= 1;
        }
    }

    /// Looks up times of the last run for groups without times.
    fn look_back(&mut self, recorded: &dyn Fn(NodeId) -> Option<f64>) {
        for likes in self.likes.iter_mut().filter(|likes| likes.mean().is_none()) {
            let step = likes.open.len().div_ceil(LOOKS).max(1);
            let times = likes.open.iter().step_by(step).filter_map(|id| recorded(*id));
            let mut last_run = Times::default();
            times.for_each(|seconds| last_run.add(seconds));
            likes.last_run = last_run;
        }
    }

    pub fn total(&self) -> usize {
        self.of.len()
    }

    pub fn done(&self) -> usize {
        self.kinds.iter().map(|kind| kind.done).sum()
    }

    /// Estimated seconds until all chosen stages, or those of one kind, are done. `None` if no time
    /// is known for one of them, or if nothing is left.
    fn left(&self, now: f64, kind: Option<usize>) -> Option<f64> {
        let first = self.first?;
        let asked = |likes: &Likes| kind.is_none_or(|kind| likes.kind == kind);
        let mut work = 0.0;
        // For each group, the number of running stages already counted.
        let mut counted = vec![0; self.likes.len()];
        for (id, since) in &self.running {
            let group = self.of[id];
            let likes = &self.likes[group];
            if !asked(likes) || !likes.open.contains(id) {
                continue;
            }
            counted[group] += 1;
            work += match self.told.get(id) {
                Some((at, left)) => (left - (now - at)).max(0.0),
                None => (likes.mean()? - (now - since)).max(0.0),
            };
        }
        let mut open = false;
        for (likes, counted) in self.likes.iter().zip(counted) {
            if asked(likes) && !likes.open.is_empty() {
                open = true;
                match likes.open.len() - counted {
                    0 => {}
                    rest => work += likes.mean()? * rest as f64,
                }
            }
        }
        let running: f64 = self.running.values().map(|since| now - since).sum();
        let at_once = ((self.worked + running) / (now - first).max(1e-3)).max(1.0);
        open.then_some(work / at_once)
    }

    /// One line per kind, in plan order: `training  45/390  2 running  120 cached  40 s left`.
    pub fn lines(&self, now: f64) -> Vec<String> {
        let width = |text: &dyn Fn(&Kind) -> usize| self.kinds.iter().map(text).max().unwrap_or(0);
        let name = width(&|kind| kind.name.len());
        let digits = width(&|kind| kind.total.to_string().len());
        let line = |(number, kind): (usize, &Kind)| {
            let Kind { done, total, .. } = kind;
            let mut line = format!("{:<name$}  {done:>digits$}/{total:<digits$}", kind.name);
            for (count, word) in [
                (kind.running, "running"),
                (kind.cached, "cached"),
                (kind.failed, "failed"),
                (kind.skipped, "not run"),
            ] {
                if count > 0 {
                    line.push_str(&format!("  {count} {word}"));
                }
            }
            let left = self.left(now, Some(number)).map(about);
            left.iter().for_each(|left| line.push_str(&format!("  {left} left")));
            line
        };
        self.kinds.iter().enumerate().map(line).collect()
    }

    /// One line about the whole run: `57 of 1002 stages, 2 running, 3 min 04 s left`.
    pub fn summary(&self, now: f64) -> String {
        let mut text = format!("{} of {} stages", self.done(), self.total());
        if !self.running.is_empty() {
            text.push_str(&format!(", {} running", self.running.len()));
        }
        self.left(now, None)
            .map(about)
            .iter()
            .for_each(|left| text.push_str(&format!(", {left} left")));
        text
    }
}

/// An estimated time, in whole seconds.
pub fn about(seconds: f64) -> String {
    let seconds = seconds.round().max(1.0);
    if seconds < 60.0 { format!("{seconds:.0} s") } else { duration(seconds) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Node;
    use serde_json::json;

    /// Two trainings with knn, one with pca, and one pooling.
    fn plan() -> Plan {
        let training = |detector: &str| json!({ "training": { "detector": { detector: {} } } });
        let stages = [
            training("knn"),
            training("knn"),
            training("pca"),
            json!({ "pooling": { "pools": [] } }),
        ];
        let node = |(number, stage): (usize, &serde_json::Value)| -> Node {
            serde_json::from_value(
                json!({ "label": format!("{number}"), "stage": stage, "needs": [] }),
            )
            .unwrap()
        };
        Plan::of(stages.iter().enumerate().map(node).collect(), Vec::new()).unwrap()
    }

    #[test]
    fn the_rest_takes_as_long_as_its_likes_took() {
        let plan = plan();
        let ids: Vec<NodeId> = plan.nodes().collect();
        let chosen = ids.iter().copied().collect();
        let mut board = Board::default();
        let last = |id: NodeId| (id == ids[2]).then_some(30.0);
        let start = |node| Event::Started { node, label: "", why: "", recorded: &last };
        board.hear(&Event::Begun { plan: &plan, chosen: &chosen }, 0.0);
        assert_eq!(board.summary(0.0), "0 of 4 stages");
        board.hear(&Event::Cached { node: ids[3], label: "", seconds: 1.0 }, 0.0);
        board.hear(&start(ids[0]), 0.0);
        // The time of knn is unknown.
        assert_eq!(board.summary(1.0), "1 of 4 stages, 1 running");
        board.hear(&Event::Finished { node: ids[0], label: "", seconds: 10.0, again: false }, 10.0);
        board.hear(&start(ids[1]), 10.0);
        // 10 s of knn and 30 s of pca, one at a time.
        assert_eq!(board.summary(10.0), "2 of 4 stages, 1 running, 40 s left");
        board.hear(&start(ids[2]), 10.0);
        // 6 s and 26 s are left. On average, two stages run at once for four of the fourteen
        // seconds.
        let lines = board.lines(14.0);
        assert_eq!(lines, ["training  1/3  2 running  25 s left", "pooling   1/1  1 cached"]);
        // A stage's own estimate wins.
        let said = Some(46.0);
        let (done, total, text) = (1, 2, "");
        board.hear(
            &Event::Progress { node: ids[2], label: "", done, total, text, left_seconds: said },
            14.0,
        );
        assert_eq!(board.lines(14.0)[0], "training  1/3  2 running  40 s left");
        let failed = Event::Failed { node: ids[2], label: "", message: "", log: None, said: &[] };
        board.hear(&failed, 14.0);
        board.hear(&Event::Finished { node: ids[1], label: "", seconds: 4.0, again: false }, 14.0);
        assert_eq!(board.lines(14.0)[0], "training  3/3  1 failed");
        assert_eq!(board.summary(14.0), "4 of 4 stages");
        // A repeated stage does not count twice.
        board.hear(&start(ids[3]), 15.0);
        board.hear(&Event::Finished { node: ids[3], label: "", seconds: 1.0, again: true }, 16.0);
        assert_eq!(board.summary(16.0), "4 of 4 stages");
    }
}
