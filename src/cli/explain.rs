//! `humshift explain`.

use clap::Args;
use serde_json::json;

use super::subject::{Subject, SubjectArgs};
use super::{CacheDir, CliError, Exit, number, output, proof};
use crate::desk::LastKeys;
use crate::diagnose::{Diagnostic, suggest};
use crate::digest::Digest;
use crate::exec::{Change, Standing, changes};
use crate::plan::NodeId;
use crate::shown::shown;
use crate::stage::Role;
use crate::store::Store;

#[derive(Args)]
pub struct ExplainArgs {
    #[command(flatten)]
    spec: SubjectArgs,
    /// Label of the stage, as `plan` shows it
    label: String,
    #[command(flatten)]
    cache: CacheDir,
    /// Show the clips that the key of the stage stands for, and whether one of them is a test clip
    #[arg(long)]
    proof: bool,
    /// Walk from a number of a metrics stage to its clips: `auc@target`, `auc@vel=12`, `pauc`
    #[arg(long, value_name = "NUMBER", conflicts_with = "proof")]
    number: Option<String>,
    /// One JSON document instead of lines
    #[arg(long)]
    json: bool,
}

/// The account of one stage.
struct Account {
    label: String,
    verdict: String,
    changes: Vec<Change>,
}

pub fn run(args: &ExplainArgs) -> Result<Exit, CliError> {
    let cache = args.cache.look()?;
    let subject = Subject::open(&args.spec.spec, &args.spec.sets, &cache)?;
    let plan = &subject.plan;
    let Some(id) = plan.find(&args.label) else {
        let labels: Vec<&str> = plan.nodes().map(|id| plan.node(id).label.as_str()).collect();
        let message = format!("no stage is called `{}`", args.label);
        let hint = if labels.len() > 30 {
            "`plan` shows all labels".into()
        } else {
            suggest(&args.label, labels)
        };
        return Err(vec![Diagnostic::new("E0703", message).hint(hint)].into());
    };
    if args.proof {
        return proof::tell(&subject, id, &cache.store, args.json);
    }
    if let Some(wanted) = &args.number {
        return number::tell(&subject, id, wanted, &cache.store, args.json);
    }
    let last = cache.desk.last_keys(&subject.head.name);
    let accounts = account(&subject, id, &last, &cache.store);
    if args.json {
        let stages: Vec<_> = (accounts.iter())
            .map(|a| json!({ "label": a.label, "verdict": a.verdict, "changes": a.changes }))
            .collect();
        output::json(&stages);
    } else {
        for account in &accounts {
            output::line(&shown(&format!("{}: {}", account.label, account.verdict)));
            account.changes.iter().for_each(|change| output::line(&shown(&format!("  {change}"))));
        }
    }
    Ok(Exit::Done)
}

/// The stage, then the stages whose changes caused its change, back to the first cause.
fn account(subject: &Subject, id: NodeId, last: &LastKeys, store: &Store) -> Vec<Account> {
    let Subject { plan, standings, .. } = subject;
    let label = plan.node(id).label.clone();
    let pointer = last.get(&label);
    let material = |key: &Digest| store.record(key).sound().map(|record| record.material);
    let (verdict, changed, follow) = match (&standings[id.index()], pointer) {
        (Standing::Unknown, _) if subject.is_run() => {
            ("it did not run, or its record is gone".to_owned(), Vec::new(), true)
        }
        (Standing::Unknown, _) => {
            ("will be looked at when what it needs has run".to_owned(), Vec::new(), true)
        }
        (Standing::Cached { .. }, None) => {
            ("cached, made by another experiment".to_owned(), Vec::new(), false)
        }
        (Standing::Cached { key, .. }, Some(pointer)) => {
            let before = if pointer.key == *key { pointer.before } else { Some(pointer.key) };
            match before.and_then(|old| material(&old)).zip(material(key)) {
                Some((old, new)) => (
                    "cached; it differs from the time before in".to_owned(),
                    changes(&old, &new),
                    true,
                ),
                None => ("cached; it ran for the first time".to_owned(), Vec::new(), false),
            }
        }
        (Standing::WillRun(_), None) => {
            ("will run for the first time".to_owned(), Vec::new(), false)
        }
        (Standing::WillRun(keyed), Some(pointer)) if pointer.key == keyed.key => (
            "will run, as its output or record is gone from the cache".to_owned(),
            Vec::new(),
            false,
        ),
        (Standing::WillRun(keyed), Some(pointer)) => match material(&pointer.key) {
            Some(old) => ("will run, because of".to_owned(), changes(&old, &keyed.material), true),
            None => ("will run; the record of its last time is gone".to_owned(), Vec::new(), false),
        },
    };
    let touched = |role: &Role| changed.iter().any(|c| c.path == format!("inputs.{role}"));
    let unknown = matches!(standings[id.index()], Standing::Unknown);
    let mut causes: Vec<NodeId> = (plan.needs(id).iter())
        .filter(|need| {
            follow
                && if unknown {
                    !is_cached(&standings[need.node.index()])
                } else {
                    touched(&need.role)
                }
        })
        .map(|need| need.node)
        .collect();
    causes.sort();
    causes.dedup();
    let mut accounts = vec![Account { label, verdict, changes: changed }];
    for cause in causes {
        for more in account(subject, cause, last, store) {
            if accounts.iter().all(|a| a.label != more.label) {
                accounts.push(more);
            }
        }
    }
    accounts
}

fn is_cached(standing: &Standing) -> bool {
    matches!(standing, Standing::Cached { .. })
}
