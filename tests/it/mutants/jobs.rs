//! Job files for `internal run-job`: whatever a worker finds, no later run reports other numbers.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::engine::{Case, Fate, Verdict, hold};
use super::mutate::{self, bytes, pick};
use super::small::Small;
use crate::cache;

/// The jobs of a run, by key, as they lie in the cache while their workers are at them.
fn jobs(small: &Small) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let (folder, all) = (small.cache().join("jobs"), cache::records(&small.sound()).len());
    for _ in 0..20 {
        small.restore(false);
        fs::remove_dir_all(small.cache().join("records")).expect("a folder");
        let mut child = small
            .project
            .command("run spec.yaml --executor process")
            .spawn()
            .expect("the program starts");
        while child.try_wait().expect("ours").is_none() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let job = fs::read(entry.path())
                    .ok()
                    .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
                if let Some(job) = job {
                    found.insert(job["key"].as_str().expect("a key").to_owned(), job);
                }
            }
        }
        if found.len() == all {
            break;
        }
    }
    assert!(found.len() > all / 2, "{} jobs of {all} were seen", found.len());
    found
}

fn one(case: &mut Case, small: &Small, jobs: &BTreeMap<String, Value>) -> Verdict {
    small.restore(false);
    let keys: Vec<&String> = jobs.keys().collect();
    let (key, other) = (*pick(&mut case.rng, &keys), *pick(&mut case.rng, &keys));
    let mut job = jobs[key].clone();
    match case.rng.below(8) {
        0 => job = jobs[other].clone(),
        1 => job["stage"] = jobs[other]["stage"].clone(),
        2 => job["inputs"] = jobs[other]["inputs"].clone(),
        3 => mutate::value(&mut case.rng, &mut job["inputs"]),
        4 | 5 => mutate::value(&mut case.rng, &mut job["stage"]),
        _ => (0..=case.rng.below(3)).for_each(|_| mutate::value(&mut case.rng, &mut job)),
    }
    let mut text = job.to_string().into_bytes();
    if case.rng.below(8) == 0 {
        text = bytes(&mut case.rng, &text, jobs[other].to_string().as_bytes());
    }
    case.keep("job.json", &text);
    case.keep("job-before.json", jobs[key].to_string());
    // The records of the job and of the one whose parts it took are not there yet.
    for key in [key, other] {
        let _ = fs::remove_file(
            small.cache().join("records").join(&key[..2]).join(format!("{}.json", &key[2..])),
        );
    }
    fs::write(small.cache().join("jobs").join(format!("{key}.json")), text)
        .expect("the cache can be written");
    let fate =
        small.command(&format!("internal run-job {key} --cache {}", small.cache().display()))?;
    if fate == Fate::Accepted {
        small.run("run spec.yaml")?;
    }
    Ok(fate)
}

#[test]
fn hostile_job_files() {
    let small = Small::new();
    let jobs = jobs(&small);
    hold("jobs", 40, 30, |case| one(case, &small, &jobs));
}
