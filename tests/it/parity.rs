//! The same bytes, whoever does the work and however many at once.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cache;
use crate::project::{Project, tree};
use crate::sounds;

/// A detector of each kind, of which one draws, and seeds.
const SPEC: &str = "\
name: parity
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: [ { mean: {} }, { std: {} } ]
sweep:
  detector: [ { knn: { k: 2 } }, { mahalanobis: {} }, { kmeans: { clusters: 4 } } ]
  seed: [0, 1]
";

/// What of a cache may not depend on who made it: the names of all objects, whose bytes are checked
/// against them, and of each key the document and the outputs.
fn content(project: &Project, cache: &str) -> (Vec<String>, BTreeMap<String, (Value, Value)>) {
    let cache = project.path(cache);
    let audit =
        project.run(&format!("cache verify --json --cache {}", cache.display())).done().json();
    assert_eq!(audit["damaged_objects"].as_array().map(Vec::len), Some(0));
    let objects = tree(&cache.join("objects")).into_keys().collect();
    let records = cache::records(&cache).into_iter();
    (
        objects,
        records.map(|r| (r.key, (r.json["material"].clone(), r.json["outputs"].clone()))).collect(),
    )
}

#[test]
fn every_executor_and_number_of_jobs_gives_the_same_bytes() {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    let mut reference = None;
    for executor in ["serial", "threads", "process"] {
        for jobs in [1, 4] {
            let name = format!("{executor}-{jobs}");
            let run = project
                .run(&format!("run spec.yaml --executor {executor} --jobs {jobs} --cache {name}"))
                .done();
            let found = (content(&project, &name), run.stdout.clone());
            // Two seeds may end in one model, whose scores are then made once.
            assert_eq!(run.ran().len(), found.0.1.len(), "{name}: a record a stage");
            match &reference {
                None => reference = Some(found),
                Some(reference) => assert!(*reference == found, "{name} differs from serial-1"),
            }
        }
    }
}

#[test]
fn an_executor_goes_on_with_what_another_left() {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    let half = project
        .run("run spec.yaml --only training/*/detector=kmeans* --executor process")
        .done()
        .ran();
    let rest = project.run("run spec.yaml --executor serial --jobs 1").done().ran();
    assert!(
        half.is_disjoint(&rest) && rest.iter().all(|label| !label.starts_with("features")),
        "{half:?} {rest:?}"
    );
    assert_eq!(project.report(), project.report_of_an_empty_cache());
}
