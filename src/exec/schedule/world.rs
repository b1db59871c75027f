//! A simulated world for runs: a random plan, a lossy cache, failing stages, other processes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::state::Inputs;
use crate::digest::Digest;
use crate::exec::Outputs;
use crate::exec::executor::Room;
use crate::kind::{Kind, ObjectRef};
use crate::plan::{Need, Node, NodeId, Plan};
use crate::seed::Rng;
use crate::stage::{Item, StageSpec, Wants};
use crate::store::{Made, RECORD_SCHEMA, Record};

/// The most nodes of a plan.
pub const MOST: usize = 200;

static STAGE: LazyLock<StageSpec> = LazyLock::new(|| {
    serde_json::from_value(serde_json::json!({ "pooling": { "pools": [] } })).unwrap()
});
static IDS: LazyLock<Vec<NodeId>> = LazyLock::new(|| {
    Plan::of((0..MOST).map(|_| node(0, &[])).collect(), Vec::new()).unwrap().nodes().collect()
});
static RECORD: LazyLock<Made> = LazyLock::new(|| {
    let (label, version, material) = (String::new(), String::new(), serde_json::Value::Null);
    let (key, outputs) = (None, BTreeMap::new());
    Made::from(Record {
        schema: RECORD_SCHEMA,
        key,
        material,
        outputs,
        seconds: 1.0,
        label,
        version,
    })
});

fn node(number: usize, needs: &[usize]) -> Node {
    let need = |of: &usize| Need {
        role: Item::Features.into(),
        node: IDS[*of],
        output: Item::Features.into(),
    };
    let needs = needs.iter().map(need).collect();
    Node {
        label: number.to_string(),
        stage: STAGE.clone(),
        needs,
        given: BTreeMap::new(),
        longest: 0,
    }
}

/// A plan of up to [`MOST`] nodes; most plans have far fewer.
pub fn random_plan(rng: &mut Rng) -> Plan {
    let most = 1 + rng.below(MOST);
    let (count, near) = (1 + rng.below(most), 1 + rng.below(MOST));
    let mut nodes = Vec::new();
    for number in 0..count {
        let from = number.saturating_sub(near);
        let needs = if number == 0 || rng.below(6) == 0 { 0 } else { rng.below(4) };
        let mut needs: Vec<usize> = (0..needs).map(|_| from + rng.below(number - from)).collect();
        needs.sort_unstable();
        nodes.push(node(number, &needs));
    }
    Plan::of(nodes, Vec::new()).unwrap()
}

/// The simulated code of a stage.
#[derive(Clone, Copy)]
pub struct Code {
    /// Nodes with equal classes and equal inputs have equal keys.
    class: u64,
    /// Gives the same output for all inputs.
    constant: bool,
    /// Gives different bytes each time.
    moody: bool,
    pub fails: bool,
    /// Has an input from outside that is gone.
    pub orphan: bool,
    pub wants: Wants,
}

/// The probabilities of failures.
pub struct Luck {
    pub damage: f64,
    pub foreign: f64,
    pub eviction: f64,
    pub moody: bool,
}

/// A running job.
pub struct Work {
    pub key: Digest,
    pub node: NodeId,
    /// An input that was gone at its start.
    pub missed: Option<Digest>,
}

pub struct World<'a> {
    pub plan: &'a Plan,
    pub rng: Rng,
    pub luck: Luck,
    pub codes: Vec<Code>,
    pub records: BTreeMap<Digest, Made>,
    pub objects: BTreeSet<Digest>,
    /// Keys that other processes hold, with the outputs they will make.
    pub foreign: BTreeMap<Digest, Digest>,
    /// Keys already offered to other processes. Each key is offered at most once.
    pub visited: BTreeSet<Digest>,
    pub work: Vec<Work>,
    pub room: Room,
    pub jobs: usize,
    pub memory: u64,
    /// How often each key was made here, and how often its record or object was lost.
    pub made: BTreeMap<Digest, usize>,
    pub lost: BTreeMap<Digest, usize>,
    /// The output of each node with an empty cache.
    pub right: Vec<Digest>,
    pub evictions: usize,
    /// The number of lost objects.
    pub losses: usize,
    moods: u64,
}

impl<'a> World<'a> {
    pub fn new(plan: &'a Plan, mut rng: Rng) -> Self {
        let mut sometimes = |most: f64| if rng.below(2) == 0 { 0.0 } else { most * rng.uniform() };
        let luck = Luck {
            damage: sometimes(0.4),
            foreign: sometimes(0.5),
            eviction: sometimes(0.5),
            moody: false,
        };
        let luck = Luck { moody: rng.below(10) == 0, ..luck };
        let failing = if rng.below(2) == 0 { 0.0 } else { 0.1 * rng.uniform() };
        let twins = 1 + rng.below(2 * plan.len());
        let codes: Vec<Code> = plan
            .nodes()
            .map(|_| {
                let classes = if rng.below(3) == 0 { twins } else { 1 << 40 };
                let class = rng.below(classes) as u64;
                // All nodes of a class have the same code.
                let mut own = crate::seed::Seed(class).rng();
                let threads = [1, 2, 4, usize::MAX][own.below(4)];
                let (memory, each) = (own.below(60) as u64, own.below(10) as u64);
                let wants = Wants { threads, memory, each, brief: threads == 1 };
                let (constant, moody) = (own.below(4) == 0, luck.moody && own.below(4) == 0);
                let (fails, orphan) = (own.uniform() < failing, own.uniform() < 0.2 * failing);
                Code { class, constant, moody, fails, orphan, wants }
            })
            .collect();
        let (jobs, memory) = (1 + rng.below(6), rng.below(200) as u64);
        let slots = if rng.below(4) == 0 { 1 } else { usize::MAX };
        let mut world = Self {
            plan,
            luck,
            codes,
            records: BTreeMap::new(),
            objects: BTreeSet::new(),
            foreign: BTreeMap::new(),
            visited: BTreeSet::new(),
            work: Vec::new(),
            room: Room::new(jobs, memory, slots),
            jobs,
            memory,
            made: BTreeMap::new(),
            lost: BTreeMap::new(),
            right: Vec::new(),
            evictions: rng.below(plan.len() + 1),
            losses: 0,
            moods: 0,
            rng,
        };
        world.remember();
        world
    }

    /// Puts records and objects of an earlier run into the cache.
    fn remember(&mut self) {
        let (records, objects) = (self.rng.uniform() * 1.2, self.rng.uniform() * 1.2);
        for id in self.plan.nodes() {
            let right = std::mem::take(&mut self.right);
            let key = self.key(id, |need| right[need.index()]);
            self.right = right;
            let output = self.output(id, &key, 0);
            self.right.push(output);
            if self.rng.uniform() < records {
                self.records.insert(key, record(output));
                if self.rng.uniform() < objects {
                    self.objects.insert(output);
                }
            }
        }
    }

    /// The key of a node, from the outputs of its needs.
    pub fn key(&self, id: NodeId, output: impl Fn(NodeId) -> Digest) -> Digest {
        let mut text = self.codes[id.index()].class.to_le_bytes().to_vec();
        for need in self.plan.needs(id) {
            text.extend(output(need.node).as_u64().to_le_bytes());
        }
        Digest::of(&text)
    }

    /// The output of a node; with an empty cache, `mood` is 0.
    fn output(&self, id: NodeId, key: &Digest, mood: u64) -> Digest {
        let code = self.codes[id.index()];
        let mut text = if code.constant { code.class } else { key.as_u64() }.to_le_bytes().to_vec();
        if code.moody {
            text.extend(mood.to_le_bytes());
        }
        Digest::of(&text)
    }

    /// The record of a key, if its object exists.
    pub fn whole(&self, key: &Digest) -> Option<Made> {
        self.records
            .get(key)
            .filter(|record| self.objects.contains(&digest(&record.outputs)))
            .cloned()
    }

    /// The state of the inputs of a node.
    pub fn inputs(&self, id: NodeId, output: impl Fn(NodeId) -> Digest) -> Inputs {
        if self.codes[id.index()].orphan {
            return Inputs::Lost("listing".into());
        }
        let gone = |need: &&Need| !self.objects.contains(&output(need.node));
        let gone: BTreeSet<NodeId> =
            self.plan.needs(id).iter().filter(gone).map(|need| need.node).collect();
        if gone.is_empty() {
            Inputs::There(self.codes[id.index()].wants)
        } else {
            Inputs::Gone(gone)
        }
    }

    /// Simulates a stage and returns its record.
    pub fn make(&mut self, id: NodeId, key: Digest) -> Made {
        self.moods += 1;
        let output = self.output(id, &key, self.moods);
        *self.made.entry(key).or_default() += 1;
        self.publish(key, output)
    }

    /// The output that another process will make of a node.
    pub fn will_make(&mut self, id: NodeId, key: &Digest) -> Digest {
        self.moods += 1;
        self.output(id, key, self.moods)
    }

    pub fn publish(&mut self, key: Digest, output: Digest) -> Made {
        self.objects.insert(output);
        self.records.insert(key, record(output));
        record(output)
    }

    /// Removes an object.
    pub fn lose(&mut self, object: &Digest) {
        if self.objects.remove(object) {
            self.losses += 1;
            for (key, record) in &self.records {
                if digest(&record.outputs) == *object {
                    *self.lost.entry(*key).or_default() += 1;
                }
            }
        }
    }

    /// Simulates a cleanup of the cache.
    pub fn evict(&mut self) {
        self.evictions -= 1;
        if self.rng.below(3) == 0 && !self.records.is_empty() {
            let at = self.rng.below(self.records.len());
            let key = *self.records.keys().nth(at).unwrap();
            self.records.remove(&key);
            *self.lost.entry(key).or_default() += 1;
        } else if !self.objects.is_empty() {
            let at = self.rng.below(self.objects.len());
            let object = *self.objects.iter().nth(at).unwrap();
            self.lose(&object);
        }
    }
}

/// The single output of a node.
pub fn digest(outputs: &Outputs) -> Digest {
    outputs["features"].digest
}

fn record(output: Digest) -> Made {
    let object = ObjectRef { digest: output, kind: Kind::Json, bytes: 1 };
    let mut record = RECORD.clone();
    record.outputs.insert("features".to_owned(), object);
    record
}
