//! Records and objects that were forged with right check sums.
//!
//! One kind of forgery nobody can tell: a record of the right key, with the roles and kinds that
//! the stage makes, which names another object that is sound in itself. It is held to the rest of
//! the law; its report may say anything.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use humshift::digest::Digest;
use serde_json::{Value, json};

use super::engine::{Case, Fate, Verdict, hold, wrong};
use super::mutate::{self, pick};
use super::small::Small;
use crate::cache::{self, Record};

/// Writes a record with its check sum.
fn write(path: &Path, record: &Value) {
    let line = record.to_string();
    fs::write(path, format!("{line}\n\"{}\"\n", Digest::of(line.as_bytes()).hex()))
        .expect("the cache can be written");
}

/// Roles with the kinds of their objects.
fn roles(record: &Value) -> BTreeMap<String, Value> {
    let outputs = record["outputs"].as_object().into_iter().flatten();
    outputs.map(|(role, object)| (role.clone(), object["kind"].clone())).collect()
}

/// Whether a forged record is whole in itself, so that nobody can tell it from the one that the
/// stage made.
fn credible(forged: &Value, sound: &Value) -> bool {
    let objects = |record: &Value| record["outputs"].clone();
    forged["material"] == sound["material"]
        && roles(forged) == roles(sound)
        && objects(forged) != objects(sound)
}

/// A record that names an object of changed bytes, and that object.
fn with_forged_object(case: &mut Case, record: &Record, cache: &Path) -> Value {
    let mut forged = record.json.clone();
    let roles: Vec<&String> = record.outputs.keys().collect();
    let role = pick(&mut case.rng, &roles);
    let sound = fs::read(&record.outputs[*role]).expect("a sound cache has its objects");
    let text = String::from_utf8(sound.clone());
    let bytes = match text {
        Ok(text) if case.rng.below(2) == 0 => {
            mutate::text(&mut case.rng, &text, "{}[],;\"").into_bytes()
        }
        _ => mutate::bytes(&mut case.rng, &sound, &sound),
    };
    case.keep("object", &bytes);
    let hex = Digest::of(&bytes).hex();
    let output = &mut forged["outputs"][role.as_str()];
    let kind = output["kind"].as_str().expect("a kind").to_owned();
    *output = json!({ "digest": hex, "kind": kind, "bytes": bytes.len() });
    let folder = cache.join("objects").join(&hex[..2]);
    fs::create_dir_all(&folder).expect("the cache can be written");
    fs::write(folder.join(format!("{}.{kind}", &hex[2..])), bytes)
        .expect("the cache can be written");
    forged
}

/// Forges a record, and says whether it is credible.
fn forge(number: usize, case: &mut Case, records: &[Record], cache: &Path) -> bool {
    let at = case.rng.below(records.len());
    let (record, other) = (&records[at], pick(&mut case.rng, records));
    let mut forged = record.json.clone();
    match case.rng.below(7) {
        0 => forged = other.json.clone(),
        1 => {
            forged = other.json.clone();
            write(&other.path, &record.json);
        }
        2 => forged["outputs"] = other.json["outputs"].clone(),
        3 => {
            for _ in 0..=case.rng.below(3) {
                mutate::value(&mut case.rng, &mut forged);
            }
        }
        4 => mutate::value(&mut case.rng, &mut forged["outputs"]),
        5 => {
            let kinds = [
                "json",
                "npy",
                "csv",
                "safetensors",
                "",
                "x/../../../../victim.txt",
                "../x",
                "json\0",
                "/etc/passwd",
            ];
            let (role, object) = record.outputs.iter().next().expect("every stage makes something");
            // The way out of the cache leads through a folder.
            fs::create_dir_all(object.with_extension("x")).expect("the cache can be written");
            forged["outputs"][role.as_str()]["kind"] = json!(pick(&mut case.rng, &kinds));
        }
        _ => forged = with_forged_object(case, record, cache),
    }
    write(&record.path, &forged);
    case.keep(&format!("{number}-record.json"), forged.to_string());
    case.keep(&format!("{number}-record-before.json"), record.json.to_string());
    credible(&forged, &record.json)
}

fn one(case: &mut Case, small: &Small) -> Verdict {
    small.restore(false);
    let cache = small.cache();
    let records = cache::records(&cache);
    let mut credible = false;
    for number in 0..=case.rng.below(2) {
        credible |= forge(number, case, &records, &cache);
    }
    let victim = cache.parent().expect("a folder").join("victim.txt");
    fs::write(&victim, "no object").expect("a file");
    small.command("plan spec.yaml")?;
    let fate =
        if credible { small.command("run spec.yaml")? } else { small.run("run spec.yaml")? };
    // A report of what did not run has dashes.
    let right = !credible && fate == Fate::Accepted;
    if right {
        small.report()?
    } else {
        small.command("report spec.yaml --format csv")?
    };
    small.command("cache verify")?;
    small.command("cache ls")?;
    if fs::read_to_string(&victim).ok().as_deref() != Some("no object") {
        return Err(wrong("a file outside of the cache is gone"));
    }
    Ok(fate)
}

#[test]
fn forged_records_and_objects() {
    let small = Small::new();
    hold("records", 40, 30, |case| one(case, &small));
}
