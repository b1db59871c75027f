//! Drives a schedule through a simulated world like the loop of a run, and checks the laws at each
//! step.

use std::collections::{BTreeMap, BTreeSet};

use super::state::{Action, Inputs, State, Word};
use super::world::{Work, World, digest, random_plan};
use super::{Options, Schedule, TRIES};
use crate::digest::Digest;
use crate::exec::executor::Grant;
use crate::exec::{Failure, NodeOutcome};
use crate::plan::{NodeId, Plan};
use crate::seed::Seed;
use crate::stage::Wants;

/// Counts of situations in the trials, so that a test can check that none was left out.
#[derive(Clone, Debug, Default)]
pub struct Seen(pub BTreeMap<&'static str, usize>);

impl Seen {
    fn see(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }
}

/// Prints the number of a failed trial.
struct Name(u64);

impl Drop for Name {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was trial {}", self.0);
        }
    }
}

struct Trial<'a> {
    world: World<'a>,
    schedule: Schedule<'a>,
    chosen: &'a BTreeSet<NodeId>,
    options: Options,
    /// Whether the run was told to stop, by itself or by the user.
    stopped: bool,
    /// How often each event of a node was reported.
    told: BTreeMap<(NodeId, &'static str), usize>,
    damaged: BTreeMap<NodeId, usize>,
    /// How many objects were lost when the inputs of a node were last found complete.
    seen_whole: BTreeMap<NodeId, usize>,
    seen: &'a mut Seen,
}

/// Simulates one run; `number` is the seed.
pub fn simulate(number: u64, seen: &mut Seen) {
    let _name = Name(number);
    let mut rng = Seed(number).rng();
    let plan = random_plan(&mut rng);
    let chosen = if rng.below(4) > 0 {
        plan.nodes().collect()
    } else {
        let some: Vec<NodeId> = plan.nodes().filter(|_| rng.below(5) == 0).collect();
        let above = ancestors(&plan);
        some.iter().flat_map(|id| above[id.index()].iter().chain([id])).copied().collect()
    };
    let (frozen, fail_fast) = (rng.below(10) == 0, rng.below(10) == 0);
    let cancel_at = if rng.below(5) == 0 { rng.below(2 * plan.len() + 1) } else { usize::MAX };
    let world = World::new(&plan, rng);
    let options = Options { jobs: world.jobs, memory: world.memory, fail_fast, frozen };
    let schedule = Schedule::new(&plan, &chosen, options);
    let (told, damaged, seen_whole, stopped) = Default::default();
    let mut trial = Trial {
        world,
        schedule,
        chosen: &chosen,
        options,
        stopped,
        told,
        damaged,
        seen_whole,
        seen,
    };
    trial.run(cancel_at, number.is_multiple_of(8));
    trial.judge();
}

/// All direct and indirect needs of each node.
fn ancestors(plan: &Plan) -> Vec<BTreeSet<NodeId>> {
    let mut above: Vec<BTreeSet<NodeId>> = Vec::new();
    for id in plan.nodes() {
        let own = plan
            .needs(id)
            .iter()
            .flat_map(|need| above[need.node.index()].iter().copied().chain([need.node]));
        above.push(own.collect());
    }
    above
}

impl Trial<'_> {
    fn run(&mut self, cancel_at: usize, thorough: bool) {
        for step in 0.. {
            assert!(step < 60 * self.world.plan.len() + 100, "the run does not end");
            self.answer();
            self.start();
            if thorough {
                self.indices_are_right();
            }
            if self.schedule.has_next() {
                continue;
            }
            if self.schedule.is_over() {
                return;
            }
            assert!(
                self.schedule.queue.is_empty() || !self.world.work.is_empty(),
                "something waits for nothing"
            );
            assert!(
                !self.world.work.is_empty() || !self.schedule.elsewhere.is_empty(),
                "nobody has news"
            );
            if step >= cancel_at {
                self.schedule.cancel();
            }
            self.happen();
            self.look_elsewhere();
        }
    }

    fn answer(&mut self) {
        while let Some(action) = self.schedule.next() {
            match action {
                Action::Lookup { node, bytes } => {
                    assert!(self.chosen.contains(&node));
                    let key = self.key(node);
                    let record = self.world.records.get(&key).cloned();
                    let record = if bytes { self.world.whole(&key) } else { record };
                    self.schedule.recorded(node, key, record);
                }
                Action::Check(node) => {
                    assert!(!self.options.frozen && self.chosen.contains(&node));
                    let inputs = self
                        .world
                        .inputs(node, |need| digest(self.schedule.outputs(need).unwrap()));
                    if let Inputs::There(_) = inputs {
                        self.seen_whole.insert(node, self.world.losses);
                    }
                    self.schedule.checked(node, inputs);
                }
                Action::Tell(node, word) => self.hear(node, &word),
                Action::Stop => self.stopped = true,
            }
        }
    }

    fn hear(&mut self, node: NodeId, word: &Word) {
        let what = match word {
            Word::Cached { .. } => "cached",
            Word::Finished { again: false, .. } => "finished",
            Word::Finished { again: true, .. } => "finished again",
            Word::Failed(_) => "failed",
            Word::Skipped { .. } => "skipped",
            Word::Shared(_) => "shared",
            Word::Warning(message) if message.contains("(--memory)") => "memory",
            Word::Warning(message) if message.contains("other bytes") => "moody",
            Word::Warning(_) => "damaged",
        };
        assert!(self.chosen.contains(&node), "{what}: a node that nobody chose");
        self.seen.see(what);
        let times = self.told.entry((node, what)).or_default();
        *times += 1;
        if matches!(word, Word::Cached { .. })
            && !self.world.plan.dependents(node).iter().any(|next| self.chosen.contains(next))
        {
            let object = digest(self.schedule.outputs(node).unwrap());
            assert!(self.world.objects.contains(&object), "a result without its bytes is none");
        }
        assert!(
            *times == 1 || ["finished again", "shared", "damaged", "moody"].contains(&what),
            "{what} again"
        );
    }

    fn start(&mut self) {
        while let Some((id, grant)) =
            self.schedule.offer(|wants, waiting| self.world.room.admit(wants, waiting))
        {
            assert!(!self.stopped && !self.options.frozen && self.chosen.contains(&id));
            let admitted = |wants: &Wants| self.world.room.admit(wants, 1).is_some();
            let wants = |id: NodeId| &self.world.codes[id.index()].wants;
            let is_passed =
                |(.., other): &(_, _, NodeId)| wants(*other).brief && admitted(wants(*other));
            assert!(
                wants(id).brief || !self.schedule.queue.iter().any(is_passed),
                "a brief one waits"
            );
            let key = self.key(id);
            if !self.schedule.claim(id, &key) {
                self.seen.see("twin");
                continue;
            }
            if self.world.visited.insert(key) && self.world.rng.uniform() < self.world.luck.foreign
            {
                let output = self.world.will_make(id, &key);
                self.world.foreign.insert(key, output);
            }
            if self.world.foreign.contains_key(&key) {
                self.schedule.held(id, key, None);
            } else if let Some(record) = self.world.whole(&key) {
                self.seen.see("made meanwhile");
                self.schedule.recorded(id, key, Some(record));
            } else {
                self.begin(id, key, grant);
            }
        }
    }

    fn begin(&mut self, id: NodeId, key: Digest, grant: Grant) {
        assert!(self.world.work.iter().all(|work| work.key != key), "a key twice at work");
        let inputs = self
            .world
            .plan
            .needs(id)
            .iter()
            .map(|need| digest(self.schedule.outputs(need.node).unwrap()));
        let missed = inputs.into_iter().find(|object| !self.world.objects.contains(object));
        let seen = self.seen_whole.get(&id).expect("its inputs were looked at");
        assert!(missed.is_none() || self.world.losses > *seen, "it starts without its inputs");
        self.world.work.push(Work { key, node: id, missed });
        self.schedule.started(id, key);
        self.world.room.take(key, grant);
        let (threads, memory) = self.world.room.used();
        assert!(threads <= self.world.jobs, "{threads} threads");
        assert!(memory <= self.world.memory || self.world.work.len() == 1, "{memory} bytes");
    }

    /// Makes something happen: a job ends, another process makes or gives up a key, or the cache is
    /// cleaned.
    fn happen(&mut self) {
        let world = &mut self.world;
        if world.evictions > 0 && world.rng.uniform() < world.luck.eviction {
            world.evict();
        }
        if !world.foreign.is_empty() && (world.work.is_empty() || world.rng.below(3) == 0) {
            let at = world.rng.below(world.foreign.len());
            let key = *world.foreign.keys().nth(at).unwrap();
            let output = world.foreign.remove(&key).unwrap();
            if world.rng.below(3) > 0 {
                world.publish(key, output);
            }
            return;
        }
        if world.work.is_empty() {
            return;
        }
        let at = world.rng.below(world.work.len());
        let Work { key, node, missed } = world.work.swap_remove(at);
        world.room.give_back(&key);
        let damaged =
            world.plan.needs(node).first().filter(|_| world.rng.uniform() < world.luck.damage);
        let result = if self.stopped && world.rng.below(2) == 0 {
            Err(Failure::Cancelled)
        } else if let Some(object) = missed {
            Err(Failure::Input(object))
        } else if let Some(need) = damaged {
            let object = digest(self.schedule.outputs(need.node).unwrap());
            world.lose(&object);
            Err(Failure::Input(object))
        } else if world.codes[node.index()].fails {
            Err(Failure::Stage("it fails".into()))
        } else {
            Ok(world.make(node, key))
        };
        if let Err(Failure::Input(_)) = result {
            *self.damaged.entry(node).or_default() += 1;
        }
        self.schedule.ended(&key, result);
    }

    fn look_elsewhere(&mut self) {
        for (id, key) in self.schedule.elsewhere() {
            if let Some(record) = self.world.whole(&key) {
                self.schedule.recorded(id, key, Some(record));
            } else if !self.world.foreign.contains_key(&key) {
                self.schedule.freed(id);
            }
        }
    }

    fn key(&self, id: NodeId) -> Digest {
        self.world.key(id, |need| {
            digest(self.schedule.outputs(need).expect("what is looked at has its inputs"))
        })
    }

    /// Checks the indexes against a search of all nodes.
    fn indices_are_right(&self) {
        let of = |is: fn(&State) -> bool| {
            self.world.plan.nodes().filter(move |id| is(self.schedule.state(*id)))
        };
        let sorted = |mut ids: Vec<NodeId>| {
            ids.sort_unstable();
            ids
        };
        let queue = sorted(self.schedule.queue.iter().map(|(.., id)| *id).collect());
        assert!(of(|state| matches!(state, State::Queued { .. })).eq(queue));
        let running = sorted(self.schedule.running.values().copied().collect());
        assert!(of(|state| matches!(state, State::Running { .. })).eq(running));
        assert!(
            of(|state| matches!(state, State::Elsewhere { .. })).eq(self
                .schedule
                .elsewhere
                .keys()
                .copied())
        );
        assert!(
            of(|state| matches!(state, State::Ready | State::Check)).eq(self
                .schedule
                .unasked
                .iter()
                .copied())
        );
    }

    /// Checks the laws of a run that has ended.
    fn judge(self) {
        let Self { world, schedule, chosen, options, stopped, damaged, .. } = self;
        assert!(world.work.is_empty(), "a job is still at work");
        assert_eq!(schedule.gave_up(), stopped && schedule.giving_up);
        for (key, made) in &world.made {
            let lost = world.lost.get(key).copied().unwrap_or(0);
            assert!(*made <= 1 + lost, "made {made} times and lost {lost} times");
        }
        let above = ancestors(world.plan);
        let (outcomes, _) = schedule.end();
        for (id, outcome) in world.plan.nodes().zip(&outcomes) {
            let number = id.index();
            let above = |is: fn(&NodeOutcome) -> bool| {
                above[number].iter().any(|id| is(&outcomes[id.index()]))
            };
            let failed = |outcome: &NodeOutcome| matches!(outcome, NodeOutcome::Failed { .. });
            let worn = damaged.get(&id).is_some_and(|times| *times >= TRIES);
            assert!(
                !worn || matches!(outcome, NodeOutcome::Failed { .. }),
                "{number} is tried for ever"
            );
            let reason = worn || world.codes[number].fails || world.codes[number].orphan;
            match outcome {
                _ if !chosen.contains(&id) => {
                    assert!(outcome.record().is_none(), "it was not chosen")
                }
                NodeOutcome::NotRun => assert!(stopped, "{number} was left out"),
                NodeOutcome::Stale => assert!(options.frozen),
                NodeOutcome::Ran { .. } => assert!(!options.frozen),
                NodeOutcome::Failed { message } => assert!(reason && !options.frozen, "{message}"),
                NodeOutcome::Skipped { .. } => {
                    assert!(above(failed), "{number} was skipped without a reason")
                }
                NodeOutcome::Cached { .. } => {}
            }
            if let Some(record) = outcome.record().filter(|_| !world.luck.moody) {
                assert_eq!(
                    digest(&record.outputs),
                    world.right[number],
                    "another result than in an empty cache"
                );
            }
        }
    }
}
