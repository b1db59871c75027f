//! The pages for people: nothing is left out of them, and no link leads nowhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use humshift::detector::DetectorSpec;
use serde_json::Value;

use crate::project::Project;

fn page(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn every_detector_and_every_technique_has_its_place() {
    let detectors = page("docs/detectors.md");
    let headings: Vec<&str> = detectors.lines().filter_map(|l| l.strip_prefix("## ")).collect();
    assert_eq!(
        headings.iter().copied().collect::<BTreeSet<_>>(),
        DetectorSpec::NAMES.iter().copied().collect()
    );
    let schema: Value = Project::new().run("schema").done().json();
    let words = find(&schema, "temporal_mean_subtraction").expect("words of `generalization`");
    let techniques = page("docs/generalization.md");
    for word in words.as_object().expect("a map").keys() {
        assert!(
            techniques.contains(&format!("`{word}`")),
            "docs/generalization.md has no `{word}`"
        );
    }
}

/// The map of settings that has this word.
fn find<'a>(value: &'a Value, word: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) if map.contains_key(word) => Some(value),
        Value::Object(map) => map.values().find_map(|inner| find(inner, word)),
        Value::Array(list) => list.iter().find_map(|inner| find(inner, word)),
        _ => None,
    }
}

#[test]
fn every_command_is_in_the_table_of_commands() {
    let commands = page("docs/commands.md");
    let help = Project::new().run("--help").done().stdout;
    let names = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names: Vec<&str> = names
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|w| !w.is_empty()))
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        let is_there =
            commands.contains(&format!("`{name}`")) || commands.contains(&format!("`{name} "));
        assert!(is_there, "docs/commands.md has no `{name}`");
    }
}

#[test]
fn links_lead_to_files_and_headings() {
    let mut pages: Vec<String> =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "experiments/README.md"]
            .map(String::from)
            .into();
    let docs = fs::read_dir("docs").expect("docs are there");
    pages
        .extend(docs.map(|entry| format!("docs/{}", entry.expect("a file").file_name().display())));
    for name in pages {
        let text = page(&name);
        let folder = Path::new(&name).parent().expect("a path");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = if path.is_empty() { name.clone().into() } else { folder.join(path) };
            assert!(path.exists(), "{name} links to {link}");
            if !heading.is_empty() {
                let target = page(path.to_str().expect("a path"));
                let found = target.lines().filter(|line| line.starts_with('#')).any(|line| {
                    let title = line.trim_start_matches('#').trim().to_lowercase();
                    let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
                    kept.collect::<String>().replace(' ', "-") == heading
                });
                assert!(found, "{name} links to {link}");
            }
        }
    }
}
