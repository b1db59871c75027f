//! Tasks in Slurm's hands: submitted, followed by their reports, and given up when Slurm does not
//! know them any more.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::queue::{self, Queued};
use super::{ASKS, Batch, Class, LOOKS, PATIENCE, Report, Slurm, now};
use crate::exec::Failure;
use crate::exec::executor::News;
use crate::plan::NodeId;

/// A task: the number of its batch, and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub batch: u32,
    pub task: u32,
}

/// A task that is not over.
pub struct Task {
    /// The array of Slurm.
    pub array: u64,
    nodes: Vec<NodeId>,
    /// Bytes of its reports that were read.
    read: u64,
    /// When Slurm last had it in its queue.
    seen: Instant,
    /// Nodes that were reported and whose records are not visible yet.
    late: Vec<NodeId>,
    ended: bool,
}

impl Slurm {
    /// Takes up the arrays of an earlier head.
    pub(super) fn take_up(&mut self) {
        let run = self.cluster.run;
        let numbers = self.desk.batch_numbers(&run);
        let queue = if numbers.is_empty() { Ok(BTreeMap::new()) } else { queue::queue() };
        let Ok(queue) = queue else { return };
        for number in numbers {
            // Files of a head that ended go with those of this one, unless their tasks are
            // another's.
            self.batches.insert(number);
            let text = self.desk.batch(&run, number).unwrap_or_default();
            let Ok(batch) = serde_json::from_slice::<Batch>(&text) else { continue };
            // If the head ended before it wrote the number down, the name tells.
            let named = || queue.iter().find(|(_, queued)| queued.name == batch.name);
            let array = self.desk.array(&run, number).or_else(|| Some(named()?.0.0));
            let Some(array) = array else { continue };
            for (task, nodes) in (0..).zip(batch.tasks) {
                if queue.contains_key(&(array, task)) {
                    self.follow(Place { batch: number, task }, array, nodes);
                }
            }
        }
    }

    fn follow(&mut self, place: Place, array: u64, nodes: Vec<NodeId>) {
        self.places.extend(nodes.iter().map(|node| (*node, place)));
        let task = Task { array, nodes, read: 0, seen: now(), late: Vec::new(), ended: false };
        self.tasks.insert(place, task);
    }

    /// Submits tasks as an array.
    pub(super) fn submit_array(&mut self, class: &Class, tasks: &[Vec<NodeId>]) {
        let run = self.cluster.run;
        let make = |number: u32| Batch {
            name: format!("humshift-{}-{number}", &run.hex()[..8]),
            experiment: self.cluster.experiment.clone(),
            run,
            threads: class.threads,
            tasks: tasks.to_vec(),
        };
        let text = |number| serde_json::to_vec(&make(number)).expect("batches are JSON");
        let submitted =
            self.desk.leave_batch(&run, text).map_err(|e| Failure::Store(e.to_string()));
        let submitted = submitted.and_then(|number| {
            let options = self.options(class, &make(number).name, number, tasks.len());
            let script = self.script(number).map_err(Failure::Stage)?;
            let refused = |why| {
                let (threads, megabytes) = (class.threads, class.megabytes);
                Failure::Stage(format!(
                    "Slurm refuses its task of {threads} processors and {megabytes} MB: {why}"
                ))
            };
            // A controller that is slow to answer may have taken it all the same.
            let name = &make(number).name;
            let taken =
                || queue::queue().ok()?.iter().find(|(_, q)| q.name == *name).map(|q| q.0.0);
            let submitted = queue::submit(&options, &script);
            Ok((number, submitted.or_else(|why| taken().ok_or(why)).map_err(refused)?))
        });
        match submitted {
            Ok((number, array)) => {
                // Without this file a head that starts again finds the array by its name.
                let _ = self.desk.leave_array(&run, number, array);
                self.batches.insert(number);
                for (task, nodes) in (0..).zip(tasks) {
                    self.follow(Place { batch: number, task }, array, nodes.clone());
                }
            }
            Err(failure) => {
                for node in tasks.iter().flatten() {
                    self.done(*node, Err(failure.clone()));
                }
            }
        }
    }

    fn options(&self, class: &Class, name: &str, number: u32, tasks: usize) -> Vec<String> {
        let request = &class.request;
        let at_once = self.cluster.profile.at_once.map_or_else(String::new, |n| format!("%{n}"));
        let folder = self.desk.batches(&self.cluster.run);
        let mut options = vec![
            "--parsable".to_owned(),
            format!("--job-name={name}"),
            format!("--array=0-{}{at_once}", tasks - 1),
            format!("--cpus-per-task={}", class.threads),
            format!("--mem={}M", class.megabytes),
            format!("--output={}", absolute(&folder.join(format!("{number}.%a.log")))),
            "--open-mode=append".to_owned(),
            // A stage may run twice: the first record wins.
            "--requeue".to_owned(),
        ];
        let mut add = |option: &str, value: Option<String>| {
            options.extend(value.map(|value| format!("--{option}={value}")));
        };
        add("partition", request.partition.clone());
        add("account", request.account.clone());
        add("qos", request.qos.clone());
        add("time", request.time.clone());
        add("gres", request.gpus.filter(|n| *n > 0).map(|n| format!("gpu:{n}")));
        options.extend(request.options.iter().cloned());
        options
    }

    /// The script of a task.
    fn script(&self, number: u32) -> Result<String, String> {
        let here = std::env::current_exe().map_err(|e| format!("the program was not found: {e}"));
        let program = self.cluster.profile.program.clone().map_or_else(|| here, Ok)?;
        let quoted = |path: &Path| format!("'{}'", absolute(path).replace('\'', r"'\''"));
        Ok(format!(
            "#!/bin/sh\n{}exec {} internal run-batch {} {number} \"$SLURM_ARRAY_TASK_ID\" --cache {}\n",
            self.cluster.profile.setup.iter().map(|line| format!("{line}\n")).collect::<String>(),
            quoted(&program),
            self.cluster.run.hex(),
            quoted(self.store.root()),
        ))
    }

    /// Reads reports and asks Slurm, each from time to time.
    pub(super) fn look(&mut self) {
        if self.looked.is_some_and(|last| last.elapsed() < self.pause) {
            return;
        }
        self.looked = Some(now());
        let heard = self.hear();
        self.pause = if heard { LOOKS.0 } else { (self.pause * 3 / 2).min(LOOKS.1) };
        if !self.tasks.is_empty() && self.questioned.is_none_or(|last| last.elapsed() > ASKS) {
            self.questioned = Some(now());
            // A head that cannot ask for a while waits on.
            if let Ok(queue) = queue::queue() {
                self.give_up(&queue);
            }
        }
    }

    /// Reads new reports. Returns whether there were any.
    fn hear(&mut self) -> bool {
        let mut heard = false;
        for place in self.tasks.keys().copied().collect::<Vec<_>>() {
            let run = self.cluster.run;
            let task = self.tasks.get_mut(&place).expect("it is among the tasks");
            let late = std::mem::take(&mut task.late);
            let lines = self.desk.reports(&run, place.batch, place.task, &mut task.read);
            heard |= !lines.is_empty();
            let mut reports: Vec<Report> = late.into_iter().map(Report::Made).collect();
            reports.extend(lines.iter().filter_map(|line| serde_json::from_str(line).ok()));
            for report in reports {
                self.reported(place, report);
            }
            let task = &self.tasks[&place];
            if task.ended && task.late.is_empty() {
                self.end(place);
            }
        }
        heard
    }

    fn reported(&mut self, place: Place, report: Report) {
        match report {
            Report::Progress(node, progress) => {
                if let Some(asked) = self.asked.get(&node) {
                    self.news.push_back(News::Progress(asked.job.key, progress));
                }
            }
            Report::Made(node) => {
                self.made.insert(node);
                if self.look_up(node) {
                    self.places.remove(&node);
                } else if let Some(task) = self.tasks.get_mut(&place) {
                    task.late.push(node);
                }
            }
            // A head that was started again may hear what an earlier one had asked for.
            Report::Failed(node, failure) => {
                self.places.remove(&node);
                if self.asked.contains_key(&node) {
                    self.done(node, Err(failure));
                } else {
                    self.failures.insert(node, failure);
                }
            }
            Report::Ended => {
                if let Some(task) = self.tasks.get_mut(&place) {
                    task.ended = true;
                }
            }
        }
    }

    /// A task is over: nodes without a report do not come any more.
    fn end(&mut self, place: Place) {
        let Some(task) = self.tasks.remove(&place) else { return };
        for node in task.nodes {
            // A node that was left out, because one before it failed, is not asked for.
            if self.places.get(&node) == Some(&place) {
                self.lose(node, place, task.array);
            }
        }
    }

    /// Gives up the tasks that are not in Slurm's queue any more.
    fn give_up(&mut self, queue: &BTreeMap<queue::Element, Queued>) {
        let mut gone = Vec::new();
        for (place, task) in &mut self.tasks {
            if queue.contains_key(&(task.array, place.task)) {
                task.seen = now();
            } else if task.seen.elapsed() > PATIENCE {
                gone.push(*place);
            }
        }
        for place in gone {
            if !self.cancel.load(Ordering::Relaxed) {
                self.end(place);
            }
        }
    }
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}
