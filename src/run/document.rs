//! The document of a run: its lines, their digests, writing and reading.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::head::{Head, ResultRef};
use crate::digest::Digest;
use crate::kind::ObjectRef;
use crate::plan::{Node, Plan, Unsound};
use crate::spec::{Experiment, Point};

/// Raised when the format of a document changes.
pub const RUN_SCHEMA: u32 = 1;

/// Limits in bytes: more than a title needs, and more than the document of the largest sweep.
const TITLE: u64 = 1 << 10;
const LONGEST: u64 = 1 << 30;

/// Reasons why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("its first line is not the title of a run")]
    Another,
    #[error("it was written by another version of the program")]
    Foreign,
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error(transparent)]
    Unsound(#[from] Unsound),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A run: its head and its stages.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub head: Head,
    pub body: Body,
}

/// All stages and all settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Body {
    pub nodes: Vec<Frozen>,
    /// All settings of each point, with defaults.
    pub settings: Vec<Value>,
}

/// A stage, and its key once it is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    pub node: Node,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
}

#[derive(Serialize, Deserialize)]
struct Title {
    schema: u32,
    head: Line,
    body: Line,
}

/// Digest and length of a line. The length limits how much is read.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Line {
    digest: Digest,
    bytes: u64,
}

impl Run {
    /// The run of a plan before any stage is done.
    pub fn of(head: Head, experiment: &Experiment, plan: &Plan) -> Self {
        let nodes = plan.nodes().map(|id| Frozen { node: plan.node(id).clone(), key: None });
        let settings = experiment.points.iter().map(Point::described);
        Self { body: Body { nodes: nodes.collect(), settings: settings.collect() }, head }
    }

    /// The digest of the planned work. It is the same before and after the run.
    pub fn digest(&self) -> Digest {
        let nodes: Vec<&Node> = self.body.nodes.iter().map(|frozen| &frozen.node).collect();
        let Head { name, question, axes, points, expect, published, .. } = &self.head;
        let points: Vec<_> =
            points.iter().map(|point| (&point.values, point.results.len())).collect();
        let asked = (RUN_SCHEMA, name, question, axes, points, expect);
        let mut text =
            serde_json::to_vec(&(asked, nodes, &self.body.settings)).expect("runs are JSON");
        if let Some((table, _)) = published {
            text.extend(serde_json::to_vec(table).expect("runs are JSON"));
        }
        Digest::of(&text)
    }

    /// Fills in the key and the time of node `number`.
    pub fn done(&mut self, number: usize, key: Digest, seconds: f64) {
        self.body.nodes[number].key = Some(key);
        self.head.seconds += seconds;
    }

    /// Fills in the tables by node number, and whether all stages are done.
    pub fn finish(&mut self, tables: &BTreeMap<usize, ObjectRef>) {
        for ResultRef(_, node, table) in
            self.head.points.iter_mut().flat_map(|point| &mut point.results)
        {
            *table = tables.get(&node.index()).copied();
        }
        self.head.complete = self.body.nodes.iter().all(|frozen| frozen.key.is_some());
    }

    /// The plan stored in the document.
    ///
    /// Errors: the nodes do not form a plan.
    pub fn plan(&self) -> Result<Plan, RunError> {
        let results = self.head.points.iter().map(|point| {
            let of = |ResultRef(section, node, _): &ResultRef| {
                Some((self.head.sections.get(*section)?.clone(), *node))
            };
            point.results.iter().filter_map(of).collect()
        });
        Ok(Plan::of(
            self.body.nodes.iter().map(|frozen| frozen.node.clone()).collect(),
            results.collect(),
        )?)
    }

    /// The text of the document.
    pub fn write(&self) -> String {
        let head = serde_json::to_string(&self.head).expect("runs are JSON");
        let body = serde_json::to_string(&self.body).expect("runs are JSON");
        let of =
            |line: &str| Line { digest: Digest::of(line.as_bytes()), bytes: line.len() as u64 };
        let title = Title { schema: RUN_SCHEMA, head: of(&head), body: of(&body) };
        format!("{}\n{head}\n{body}\n", serde_json::to_string(&title).expect("runs are JSON"))
    }

    /// Reads a document.
    ///
    /// Errors: it is no document of a run, or one of another version, or a line does not match its
    /// digest.
    pub fn read(file: impl Read) -> Result<Self, RunError> {
        let mut lines = Lines::begin(file)?;
        let run = Self { head: lines.head()?, body: lines.body()? };
        match run.body.nodes.len() == run.head.stages {
            true => Ok(run),
            false => {
                Err(RunError::Damaged("head and body have different numbers of stages".to_owned()))
            }
        }
    }

    /// Reads only the head of a document.
    ///
    /// Errors: as [`Run::read`].
    pub fn read_head(file: impl Read) -> Result<Head, RunError> {
        Lines::begin(file)?.head()
    }
}

struct Lines<R> {
    file: std::io::BufReader<R>,
    title: Title,
}

impl<R: Read> Lines<R> {
    fn begin(file: R) -> Result<Self, RunError> {
        let mut file = std::io::BufReader::with_capacity(1 << 16, file);
        let mut line = Vec::new();
        file.by_ref().take(TITLE).read_until(b'\n', &mut line)?;
        #[derive(Deserialize)]
        struct Schema {
            schema: u32,
        }
        match serde_json::from_slice::<Schema>(&line) {
            Ok(Schema { schema: RUN_SCHEMA }) => {}
            Ok(_) => return Err(RunError::Foreign),
            Err(_) => return Err(RunError::Another),
        }
        let title =
            serde_json::from_slice(&line).map_err(|error| RunError::Damaged(error.to_string()))?;
        Ok(Self { file, title })
    }

    fn next<T: for<'de> Deserialize<'de>>(
        &mut self,
        Line { digest, bytes }: Line,
    ) -> Result<T, RunError> {
        let mut line = Vec::new();
        if bytes <= LONGEST {
            self.file.by_ref().take(bytes + 1).read_to_end(&mut line)?;
        }
        line.pop_if(|last| *last == b'\n');
        if line.len() as u64 != bytes || Digest::of(&line) != digest {
            return Err(RunError::Damaged("a line does not match its digest".to_owned()));
        }
        serde_json::from_slice(&line).map_err(|error| RunError::Damaged(error.to_string()))
    }

    fn head(&mut self) -> Result<Head, RunError> {
        let head: Head = self.next(self.title.head)?;
        let damaged =
            || RunError::Damaged("a point names something that does not exist".to_owned());
        head.is_sound().then_some(head).ok_or_else(damaged)
    }

    fn body(&mut self) -> Result<Body, RunError> {
        self.next(self.title.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        let head = Head {
            name: "a".into(),
            question: None,
            axes: Vec::new(),
            sections: Vec::new(),
            points: Vec::new(),
            idle: Vec::new(),
            intervals: None,
            expect: Vec::new(),
            published: None,
            notes: vec!["of\nlines".into()],
            stages: 0,
            seconds: 1.5,
            complete: true,
        };
        Run {
            head,
            body: Body { nodes: Vec::new(), settings: vec![serde_json::json!({"seed": 3})] },
        }
    }

    #[test]
    fn a_document_is_read_as_it_was_written_and_damage_is_told() {
        let run = run();
        let text = run.write();
        assert_eq!(Run::read(text.as_bytes()).unwrap(), run);
        assert_eq!(Run::read_head(text.as_bytes()).unwrap(), run.head);
        for (old, new) in [("seed", "feed"), ("\n{\"nodes", "{\"nodes")] {
            let damaged = text.replacen(old, new, 1);
            assert!(matches!(Run::read(damaged.as_bytes()), Err(RunError::Damaged(_))), "{old}");
        }
        for old in ["}\n", "\"schema\""] {
            assert!(
                matches!(Run::read(text.replacen(old, "", 1).as_bytes()), Err(RunError::Another)),
                "{old}"
            );
        }
        let other = text.replacen("\"schema\":1", "\"schema\":2", 1);
        assert!(matches!(Run::read(other.as_bytes()), Err(RunError::Foreign)));
        // The head can be read although the body is damaged.
        assert_eq!(Run::read_head(text.replacen("seed", "feed", 1).as_bytes()).unwrap(), run.head);
    }

    #[test]
    fn of_a_file_without_end_no_more_is_read_than_it_should_have() {
        assert!(matches!(Run::read(std::io::repeat(0)), Err(RunError::Another)));
        let text = run().write();
        let title = text.lines().next().unwrap();
        let endless = format!("{title}\n").into_bytes();
        assert!(matches!(
            Run::read((&endless[..]).chain(std::io::repeat(b' '))),
            Err(RunError::Damaged(_))
        ));
        let boastful = title.replace("\"bytes\":", "\"bytes\":999999999999") + "\n";
        assert!(matches!(
            Run::read(boastful.as_bytes().chain(std::io::repeat(b' '))),
            Err(RunError::Damaged(_))
        ));
    }
}
