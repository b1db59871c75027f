//! `humshift plan`.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde_json::json;

use super::subject::{Subject, SubjectArgs};
use super::{CacheDir, CliError, Exit, output};
use crate::exec::Standing;
use crate::plan::{NodeId, Plan};
use crate::shown::{quoted, shown};

#[derive(Args)]
pub struct PlanArgs {
    #[command(flatten)]
    spec: SubjectArgs,
    #[command(flatten)]
    cache: CacheDir,
    /// One JSON document instead of lines
    #[arg(long)]
    json: bool,
    /// A graph for Graphviz
    #[arg(long, conflicts_with = "json")]
    dot: bool,
}

pub fn run(args: &PlanArgs) -> Result<Exit, CliError> {
    let Subject { plan, standings, .. } =
        Subject::open(&args.spec.spec, &args.spec.sets, &args.cache.look()?)?;
    if args.json {
        output::json(&as_json(&plan, &standings));
    } else if args.dot {
        output::text(&as_dot(&plan, &standings));
    } else {
        output::text(&as_text(&plan, &standings));
    }
    Ok(Exit::Done)
}

fn word(standing: &Standing) -> &'static str {
    match standing {
        Standing::Cached { .. } => "cached",
        Standing::WillRun(_) => "will run",
        Standing::Unknown => "unknown",
    }
}

fn as_text(plan: &Plan, standings: &[Standing]) -> String {
    let mut text = String::new();
    for id in plan.nodes() {
        text.push_str(&format!(
            "{:8}  {}\n",
            word(&standings[id.index()]),
            shown(&plan.node(id).label)
        ));
    }
    let count = |name: &str| standings.iter().filter(|s| word(s) == name).count();
    text.push_str(&format!(
        "{} stages: {} cached, {} will run, {} unknown until their input ran\n",
        plan.len(),
        count("cached"),
        count("will run"),
        count("unknown")
    ));
    text
}

fn as_json(plan: &Plan, standings: &[Standing]) -> serde_json::Value {
    let stages: Vec<_> = plan
        .nodes()
        .map(|id| {
            let standing = &standings[id.index()];
            let (key, seconds) = match standing {
                Standing::Cached { key, record } => (Some(key.hex()), Some(record.seconds)),
                Standing::WillRun(keyed) => (Some(keyed.key.hex()), None),
                Standing::Unknown => (None, None),
            };
            let outputs: BTreeMap<&str, String> = match standing {
                Standing::Cached { record, .. } => {
                    record.outputs.iter().map(|(role, object)| (role.as_str(), object.digest.hex())).collect()
                }
                _ => BTreeMap::new(),
            };
            let needs: BTreeSet<NodeId> = plan.needs(id).iter().map(|need| need.node).collect();
            let needs: Vec<&str> = needs.into_iter().map(|need| plan.node(need).label.as_str()).collect();
            json!({
                "label": plan.node(id).label, "stage": plan.node(id).stage.name(), "standing": word(standing),
                "key": key, "seconds": seconds, "needs": needs, "outputs": outputs,
            })
        })
        .collect();
    json!({ "stages": stages })
}

fn as_dot(plan: &Plan, standings: &[Standing]) -> String {
    plan.dot(|id| {
        let colour = match standings[id.index()] {
            Standing::Cached { .. } => "palegreen",
            Standing::WillRun(_) => "lightsalmon",
            Standing::Unknown => "lightgrey",
        };
        let label = quoted(&plan.node(id).label);
        format!("label=\"{label}\" shape=box style=filled fillcolor={colour}")
    })
}
