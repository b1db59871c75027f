//! Tasks in Slurm's hands: submitted, followed by their reports, and given up when Slurm does not
//! know them any more.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use super::queue::{self, End, Queued, Refusal};
use super::silence::Unsure;
use super::{ASKS, Batch, Class, LAG, LOOKS, PATIENCE, Report, Slurm, now};
use crate::digest::Digest;
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
    /// When Slurm last had it in its queue, and whether it ever had.
    seen: Instant,
    known: bool,
    /// Nodes that were reported and whose records are not visible yet.
    late: Vec<NodeId>,
    ended: bool,
    /// Whether the user knows that somebody holds it back.
    held: bool,
    /// How Slurm ended it, once that was asked.
    state: Option<String>,
}

impl Slurm {
    /// Takes up the arrays of an earlier head.
    ///
    /// Errors: Slurm does not answer.
    pub(super) fn take_up(&mut self) -> Result<(), String> {
        let run = self.cluster.run;
        let numbers = self.desk.batch_numbers(&run);
        let none = numbers.iter().all(|number| self.batches.contains(number));
        let queue = if none { BTreeMap::new() } else { queue::queue()? };
        for number in numbers {
            // Files of an earlier head go with those of this one.
            if !self.batches.insert(number) {
                continue;
            }
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
        Ok(())
    }

    fn follow(&mut self, place: Place, array: u64, nodes: Vec<NodeId>) {
        for node in &nodes {
            self.places.entry(*node).or_insert(place);
        }
        let (late, state) = (Vec::new(), None);
        let (known, ended, held) = (false, false, false);
        let task = Task { array, nodes, read: 0, seen: now(), known, late, ended, held, state };
        self.tasks.insert(place, task);
    }

    /// Submits tasks as an array.
    pub(super) fn submit_array(&mut self, class: &Class, tasks: &[Vec<NodeId>]) {
        let run = self.cluster.run;
        // Other caches may have the same run, with batches of the same numbers.
        let name = format!("humshift-{}-{}", &run.hex()[..8], unique());
        let batch = Batch {
            name: name.clone(),
            experiment: self.cluster.experiment.clone(),
            run,
            threads: class.threads,
            tasks: tasks.to_vec(),
        };
        let text = serde_json::to_vec(&batch).expect("batches are JSON");
        let number = match self.desk.leave_batch(&run, &text) {
            Ok(number) => number,
            Err(error) => return self.refused(tasks, &Failure::Store(error.to_string())),
        };
        self.batches.insert(number);
        let options = self.options(class, &name, number, tasks.len());
        let begun = now();
        let submitted = match self.script(number) {
            Ok(script) => queue::submit(&options, &script),
            Err(why) => Err(Refusal::Refused(why)),
        };
        match submitted {
            Ok(array) => self.taken(number, array, tasks.to_vec()),
            Err(Refusal::Silent(said)) => {
                self.unsure.insert(number, Unsure { name, tasks: tasks.to_vec(), missed: None });
                self.unanswered(begun, &said);
            }
            Err(Refusal::Refused(why)) => {
                let (threads, megabytes) = (class.threads, class.megabytes);
                let message = format!(
                    "Slurm refuses its task of {threads} processors and {megabytes} MB: {why}"
                );
                self.refused(tasks, &Failure::Stage(message));
            }
        }
    }

    /// An array runs the tasks of a batch.
    pub(super) fn taken(&mut self, number: u32, array: u64, tasks: Vec<Vec<NodeId>>) {
        self.stirred = now();
        // Without this file a head that starts again finds the array by its name.
        let _ = self.desk.leave_array(&self.cluster.run, number, array);
        for (task, nodes) in (0..).zip(tasks) {
            self.follow(Place { batch: number, task }, array, nodes);
        }
    }

    fn refused(&mut self, tasks: &[Vec<NodeId>], failure: &Failure) {
        for node in tasks.iter().flatten() {
            self.done(*node, Err(failure.clone()));
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

    /// The script of a task. Only lines of the user need a login shell: it takes half a second on
    /// some machines.
    fn script(&self, number: u32) -> Result<String, String> {
        let setup = &self.cluster.profile.setup;
        let here = std::env::current_exe().map_err(|e| format!("the program was not found: {e}"));
        let program = self.cluster.profile.program.clone().map_or_else(|| here, Ok)?;
        let quoted = |path: &Path| format!("'{}'", absolute(path).replace('\'', r"'\''"));
        Ok(format!(
            "#!{}\nset -e\n{}exec {} internal run-batch {} {number} \"$SLURM_ARRAY_TASK_ID\" --cache {}\n",
            if setup.is_empty() { "/bin/sh" } else { "/bin/bash -l" },
            setup.iter().map(|line| format!("{line}\n")).collect::<String>(),
            quoted(&program),
            self.cluster.run.hex(),
            quoted(self.store.root()),
        ))
    }

    /// Reads reports and asks Slurm, each from time to time. Reading takes at most a twentieth of
    /// the time, and asking a fiftieth, however slow the file system and the controller are.
    pub(super) fn look(&mut self) {
        let begun = now();
        if self.looked.is_some_and(|last| last.elapsed() < self.pause) {
            return;
        }
        if self.hear() {
            self.stirred = now();
        }
        self.looked = Some(now());
        let pause = (20 * begun.elapsed()).max(self.stirred.elapsed() / 10);
        self.pause = pause.clamp(LOOKS.0, LOOKS.1);
        let waits = !self.tasks.is_empty() || !self.unsure.is_empty() || self.silence.is_some();
        if !waits || self.questioned.is_some_and(|last| last.elapsed() < self.patience) {
            return;
        }
        let begun = now();
        let queue = queue::queue();
        self.questioned = Some(now());
        self.patience = ASKS.0;
        match queue {
            Ok(queue) => {
                self.patience = (50 * begun.elapsed()).clamp(ASKS.0, ASKS.1);
                self.answered();
                self.find_unsure(&queue);
                self.give_up(&queue);
            }
            // A head that cannot ask for a while waits on.
            Err(said) => self.unanswered(begun, &said),
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
            Report::Made(node) | Report::Found(node) => {
                if matches!(report, Report::Made(_)) {
                    self.made.insert(node);
                }
                if self.look_up(node) {
                    self.places.remove(&node);
                } else if let Some(task) = self.tasks.get_mut(&place) {
                    task.late.push(node);
                }
            }
            Report::Failed(node, failure) => {
                self.places.remove(&node);
                if self.asked.contains_key(&node) {
                    self.done(node, Err(failure));
                } else if matches!(failure, Failure::Stage(_)) {
                    // Other reasons may be gone by the time that somebody asks for the node.
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

    /// A task is over: nodes without a report do not come any more. It runs them in order, so the
    /// first of them is to blame; the others run again.
    fn end(&mut self, place: Place) {
        let Some(mut task) = self.tasks.remove(&place) else { return };
        let mut state = task.state.take();
        let mut blamed = false;
        for node in task.nodes {
            if self.places.get(&node) != Some(&place) {
                continue;
            }
            self.places.remove(&node);
            // A node that was left out, because one before it failed, is not asked for.
            if self.look_up(node) {
                continue;
            }
            let element = (task.array, place.task);
            let state = state
                .get_or_insert_with(|| state_of(element).unwrap_or_else(|_| UNKNOWN.to_owned()));
            let words = self.desk.last_words(&self.cluster.run, place.batch, place.task);
            let end = End::of(state, &words);
            if !blamed || end == End::Cancelled {
                blamed = true;
                let job = format!("{}_{}", task.array, place.task);
                self.lose(node, end, &format!("Slurm ended its task {job} with {state}"), &words);
            } else {
                self.submit_later(node);
            }
        }
    }

    /// Gives up the tasks that are not in Slurm's queue any more, and those that never start.
    fn give_up(&mut self, queue: &BTreeMap<queue::Element, Queued>) {
        if self.cancel.load(Ordering::Relaxed) {
            return;
        }
        let (mut gone, mut stuck, mut held) = (Vec::new(), Vec::new(), Vec::new());
        for (place, task) in &mut self.tasks {
            let element = (task.array, place.task);
            match queue.get(&element) {
                Some(queued) => {
                    (task.seen, task.known) = (now(), true);
                    stuck.extend(queued.stuck().map(|why| (*place, why.to_owned())));
                    if queued.held() && !std::mem::replace(&mut task.held, true) {
                        held.push((task.nodes[0], element, queued.reason.clone()));
                    }
                }
                None if !task.known && task.seen.elapsed() < PATIENCE => {}
                None => {
                    if task.state.is_none() {
                        // If Slurm does not tell, or starts it again just now, it is asked again.
                        task.state = state_of(element).ok().filter(|state| !queue::lives(state));
                    }
                    let Some(state) = &task.state else { continue };
                    if !state.starts_with("COMPLETED") || task.seen.elapsed() > LAG {
                        gone.push(*place);
                    }
                }
            }
        }
        gone.into_iter().for_each(|place| self.end(place));
        for (node, (array, task), reason) in held {
            let Some(asked) = self.asked.get(&node) else { continue };
            self.warn(format!(
                "somebody holds {} back ({reason}); it goes on after `scontrol release {array}_{task}`",
                asked.job.label
            ));
        }
        for (place, why) in stuck {
            let Some(task) = self.tasks.remove(&place) else { continue };
            let _ = queue::cancel([format!("{}_{}", task.array, place.task)]);
            for node in task.nodes {
                let message = format!("Slurm will not start its task: {why}");
                if self.places.remove(&node).is_some() {
                    self.done(node, Err(Failure::Stage(message)));
                }
            }
        }
    }
}

const UNKNOWN: &str = "an unknown end";

/// How Slurm ended an element, in its words.
///
/// Errors: the controller does not answer.
fn state_of(element: queue::Element) -> Result<String, String> {
    Ok(queue::ended(element)?.unwrap_or_else(|| UNKNOWN.to_owned()))
}

/// Eight hex digits that no other head has chosen.
fn unique() -> String {
    #[expect(clippy::disallowed_methods, reason = "names an array, never a result")]
    let now = SystemTime::now();
    let text = format!("{} {now:?}", std::process::id());
    Digest::of(text.as_bytes()).hex()[..8].to_owned()
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}
