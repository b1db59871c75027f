//! A run is a document: it is read without its spec and its data, and a question that was asked
//! before is answered from it.

use std::fs;
use std::path::PathBuf;

use humshift::digest::Digest;
use serde_json::{Value, json};

use crate::cache;
use crate::project::{Project, tree};
use crate::sounds::{self, SPEC};

/// Two points, a threshold, an expectation, noise that is mixed in.
const WIDE: &str = "\
name: wide
question: Which k?
data: { dcase: { root: data } }
mix: { snr_db: 0, noise: { factory: { clips: 3, seconds: 1, rate: 8000 } } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: {} }
sweep: { detector.knn.k: [1, 2] }
generalization: { target_clips: 2 }
threshold: { gamma: { percentile: 0.9 } }
expect: [ { metric: auc, at_least: 0.0, where: { k: 1 } } ]
";

fn project(spec: &str) -> Project {
    let project = Project::with(spec);
    project.write_all(&sounds::data_set());
    project
}

/// The documents of all runs, by name.
fn documents(project: &Project) -> Vec<(String, PathBuf)> {
    tree(&project.cache().join("runs")).into_iter().collect()
}

/// Whether `run` answered without planning: no stage is looked at, so a lost record goes unseen.
fn answers_at_once(project: &Project) -> bool {
    let records = cache::records(&project.cache());
    let path =
        &records.iter().find(|record| record.label.starts_with("dataset/")).expect("one ran").path;
    let bytes = fs::read(path).unwrap();
    fs::remove_file(path).unwrap();
    let run = project.run("run spec.yaml --frozen");
    fs::write(path, bytes).unwrap();
    run.code == 0
}

#[test]
fn a_report_needs_neither_spec_nor_data() {
    let project = project(WIDE);
    project.run("run spec.yaml").done();
    let of = |subject: &str| {
        let formats = ["md", "csv", "json"]
            .map(|form| project.run(&format!("report {subject} --format {form}")).done());
        let others = ["--compare", "--attributes", "--all", "--where k=1"];
        let others = others.map(|option| project.run(&format!("report {subject} {option}")).done());
        project.run(&format!("report {subject} --figures figures --submission scores")).done();
        let files = ["figures", "scores"].map(|folder| {
            let files = tree(&project.path(folder))
                .into_iter()
                .map(|(name, path)| (name, fs::read(path).unwrap()));
            let files: Vec<_> = files.filter(|(name, _)| name.ends_with(".csv")).collect();
            fs::remove_dir_all(project.path(folder)).unwrap();
            files
        });
        let texts: Vec<String> =
            formats.into_iter().chain(others).map(|output| output.stdout).collect();
        (texts, files)
    };
    let explained = project.run("explain spec.yaml metrics/fan/00/k=1").done().stdout;
    let model = "training/fan/00/k=2";
    let export = |subject: &str| {
        project.run(&format!("export {subject} {model} -o model.safetensors")).done();
        let bytes = fs::read(project.path("model.safetensors")).unwrap();
        project.remove("model.safetensors");
        bytes
    };
    let (reference, exported) = (of("spec.yaml"), export("spec.yaml"));
    project.rename("data", "elsewhere");
    project.remove("spec.yaml");
    let [(name, path)] = &documents(&project)[..] else { panic!("one run") };
    let digest = name.rsplit('/').next().unwrap().strip_suffix(".json").unwrap();
    // A document is known by what is in it, whatever its name is.
    fs::copy(path, project.path("answer")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(path, project.path("link.txt")).unwrap();
    let links: &[&str] = if cfg!(unix) { &["link.txt"] } else { &[] };
    let named = [
        "wide".to_owned(),
        format!("wide@{}", &digest[..8]),
        path.display().to_string(),
        "answer".to_owned(),
    ];
    for subject in named.into_iter().chain(links.iter().map(|name| (*name).to_owned())) {
        assert_eq!(of(&subject), reference, "{subject}");
        assert_eq!(export(&subject), exported);
        assert_eq!(
            project.run(&format!("explain {subject} metrics/fan/00/k=1")).done().stdout,
            explained
        );
        assert!(
            project
                .run(&format!("plan {subject}"))
                .done()
                .stdout
                .contains("cached    training/fan/00/k=2")
        );
    }
    let wrong = project.run("report wide@0123456789").exits(2);
    assert!(wrong.stderr.contains("the newest are wide@"), "{}", wrong.stderr);
    let set = project.run(&format!("report {} --set seed=3", path.display())).exits(2);
    assert!(set.stderr.contains("`--set` changes specs"), "{}", set.stderr);
}

#[test]
fn a_question_is_answered_at_once_while_nothing_changed() {
    let project = project(&SPEC.replace("name:", "extends: base.yaml\nname:"));
    project.write("base.yaml", "seed: 3\n");
    let first = project.run("run spec.yaml").done();
    assert!(answers_at_once(&project));
    let again = project.run("run spec.yaml").done();
    assert_eq!(again.stdout, first.stdout);
    assert!(again.stderr.contains("0 stages ran"), "{}", again.stderr);
    let clip = format!("data/{}", sounds::path("fan", "test", "00", "target", "normal", 1));
    let bytes = fs::read(project.path(&clip)).unwrap();
    let spec = fs::read_to_string(project.path("spec.yaml")).unwrap();
    // Each changes something, and is undone: then the answer is good again.
    type Change<'a> = (&'static str, &'a dyn Fn(), &'a dyn Fn());
    let changes: [Change; 5] = [
        ("the spec", &|| project.write("spec.yaml", format!("# why\n{spec}")), &|| {
            project.write("spec.yaml", &spec)
        }),
        ("its base", &|| project.write("base.yaml", "seed: 4\n"), &|| {
            project.write("base.yaml", "seed: 3\n")
        }),
        ("a recording", &|| project.write(&clip, sounds::clip("other")), &|| {
            project.write(&clip, &bytes)
        }),
        ("a recording less", &|| project.remove(&clip), &|| project.write(&clip, &bytes)),
        ("a stray", &|| project.write("data/fan/test/odd.wav", b"RIFF"), &|| {
            project.remove("data/fan/test/odd.wav")
        }),
    ];
    for (what, change, undo) in changes {
        change();
        assert!(!answers_at_once(&project), "{what} changed");
        undo();
        assert!(answers_at_once(&project), "{what} is as it was");
    }
    assert!(project.run("run spec.yaml --set seed=5 --frozen").code == 0, "knn draws nothing");
}

#[test]
fn an_answer_whose_bytes_are_gone_is_none() {
    let project = project(SPEC);
    project.run("run spec.yaml").done();
    let reference = project.report();
    let table = || {
        cache::records(&project.cache())
            .into_iter()
            .find(|r| r.label.starts_with("metrics/fan/00"))
            .unwrap()
    };
    let path = table().outputs["metrics"].clone();
    for (what, spoil) in cache::DAMAGES {
        spoil(&path);
        assert!(!answers_at_once(&project), "{what}");
        project.run("run spec.yaml").done();
        assert_eq!(project.report(), reference, "{what}");
        assert!(answers_at_once(&project), "{what}");
    }
    for (what, spoil) in cache::DAMAGES {
        let [(_, document)] = &documents(&project)[..] else { panic!("one run") };
        spoil(document);
        project.run("run spec.yaml").done();
        assert_eq!(project.report(), reference, "{what}");
        assert!(answers_at_once(&project), "{what}");
    }
}

#[test]
fn a_damaged_document_is_told_and_never_trusted() {
    let project = project(SPEC);
    project.run("run spec.yaml").done();
    let [(_, document)] = &documents(&project)[..] else { panic!("one run") };
    let text = fs::read_to_string(document).unwrap();
    for (old, new, why) in
        [("\"schema\":1", "\"schema\":9", "by another version"), ("fan", "fam", "it is damaged")]
    {
        project.write("answer", text.replacen(old, new, 1));
        let told = project.run("report answer").exits(2);
        assert!(
            told.stderr.contains("the run in `answer`") && told.stderr.contains(why),
            "{}",
            told.stderr
        );
    }
    for (old, new) in [("\"schema\":1", "\"schema\":9"), ("fan", "fam"), ("{", "["), ("\n", "")] {
        fs::write(document, text.replacen(old, new, 1)).unwrap();
        let told = project.run(&format!("report {}", document.display())).exits(2);
        assert!(told.stderr.contains("error[E"), "{old}: {}", told.stderr);
    }
}

/// A document with other nodes, and digests that fit.
fn sealed(text: &str, change: impl Fn(&mut Value)) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut body: Value = serde_json::from_str(lines[2]).unwrap();
    body["nodes"].as_array_mut().unwrap().iter_mut().for_each(|node| change(&mut node["node"]));
    let line =
        |text: &str| json!({ "digest": Digest::of(text.as_bytes()).hex(), "bytes": text.len() });
    let body = body.to_string();
    let title = json!({ "schema": 1, "head": line(lines[1]), "body": line(&body) });
    format!("{title}\n{}\n{body}\n", lines[1])
}

#[test]
fn a_document_that_somebody_changed_and_sealed_again_is_told_and_no_bug() {
    let project = project(SPEC);
    project.run("run spec.yaml").done();
    let [(_, document)] = &documents(&project)[..] else { panic!("one run") };
    let text = fs::read_to_string(document).unwrap();
    let drop_scores = |node: &mut Value| {
        node["needs"].as_array_mut().unwrap().retain(|need| need["role"] != "scores")
    };
    fs::write(document, sealed(&text, drop_scores)).unwrap();
    let told = project.run(&format!("report {} --submission scores", document.display())).exits(2);
    assert!(told.stderr.contains("error[E0708]"), "{}", told.stderr);
    // Figures that cannot be made are left out.
    project.run(&format!("report {} --figures figures", document.display())).done();
}

#[test]
fn the_key_of_a_model_leads_to_no_test_clip() {
    let project = project(WIDE);
    project.run("run spec.yaml").done();
    let proof = project.run("explain spec.yaml training/fan/00/k=1 --proof").done().stdout;
    let key = proof.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
    insta::assert_snapshot!("proof_of_a_model", proof.replace(&key, "KEY"));
    let proof = project.run("explain spec.yaml scoring/fan/00/k=1 --proof --json").done().json();
    assert_eq!(proof["test_clips"], 12, "scores are of test clips: {proof}");
    let told =
        project.run("explain spec.yaml training/fan/00/k=1 --proof --cache nowhere").exits(2);
    assert!(told.stderr.contains("has not been run with this cache"), "{}", told.stderr);
}

/// The proof of the model of fan 00, which must be none.
fn refuted(project: &Project) -> (String, Value) {
    let proof = "explain spec.yaml training/fan/00 --proof";
    (project.run(proof).exits(1).stdout, project.run(&format!("{proof} --json")).exits(1).json())
}

#[test]
fn a_test_recording_among_the_training_clips_is_found_by_its_bytes() {
    let project = project(SPEC);
    let test = sounds::path("fan", "test", "00", "target", "normal", 1);
    let copy = sounds::path("fan", "train", "00", "source", "normal", 90);
    fs::copy(project.path(&format!("data/{test}")), project.path(&format!("data/{copy}"))).unwrap();
    project.run("run spec.yaml").done();
    let (text, proof) = refuted(&project);
    assert!(text.contains("a test recording was seen"), "{text}");
    assert!(
        text.contains(&format!("`{test}` has the bytes of the training clip `{copy}`")),
        "{text}"
    );
    assert_eq!(proof["seen"], json!([{ "test_clip": test, "clip": copy, "as": "training" }]));
    project.run("explain spec.yaml training/fan/01 --proof").done();
}

#[test]
fn a_test_recording_that_is_noise_in_training_clips_is_found() {
    let noise = "{ dcase: { root: data, machines: [valve] } }";
    let project = project(
        &SPEC.replace("features:", &format!("mix: {{ snr_db: 0, noise: {noise} }}\nfeatures:")),
    );
    project.run("run spec.yaml").done();
    let (text, proof) = refuted(&project);
    assert!(
        text.contains("test recordings were seen")
            && text.contains("is noise in the training clip"),
        "{text}"
    );
    let seen = proof["seen"].as_array().unwrap();
    let is_mixed = |seen: &Value| {
        let begins = |name: &str, with: &str| seen[name].as_str().unwrap().starts_with(with);
        seen["as"] == "noise" && begins("test_clip", "valve/test/") && begins("clip", "fan/train/")
    };
    assert!(!seen.is_empty() && seen.iter().all(is_mixed), "{proof}");
    // Where the valves are no part of the data, none of their recordings is a test recording.
    project.edit("spec.yaml", "root: data }", "root: data, machines: [fan] }");
    project.run("run spec.yaml").done();
    project.run("explain spec.yaml training/fan/00 --proof").done();
}

#[test]
fn a_proof_believes_the_keys_and_not_the_document() {
    let project = project(WIDE);
    project.run("run spec.yaml").done();
    let [(_, document)] = &documents(&project)[..] else { panic!("one run") };
    let text = fs::read_to_string(document).unwrap();
    let without = |label: &'static str, role: &'static str| {
        move |node: &mut Value| {
            if node["label"] == label {
                node["needs"].as_array_mut().unwrap().retain(|need| need["role"] != role);
            }
        }
    };
    for (label, role) in
        [("training/fan/00/k=1", "features/00"), ("mixing/fan/00", "noise/test/A/00")]
    {
        project.write("answer", sealed(&text, without(label, role)));
        let told = project.run("explain answer training/fan/00/k=1 --proof").exits(2);
        let why =
            format!("the key of `{label}` names an input `{role}`, of which the plan says nothing");
        assert!(told.stderr.contains(&why), "{}", told.stderr);
    }
    let listed = |node: &mut Value| {
        if node["label"] == "dataset/fan/00" {
            node["given"]["listing"]["digest"] = json!(Digest::of(b"another").hex());
        }
    };
    project.write("answer", sealed(&text, listed));
    let told = project.run("explain answer training/fan/00/k=1 --proof").exits(2);
    assert!(told.stderr.contains("names another `listing` than was made"), "{}", told.stderr);
}

#[test]
fn the_name_of_an_experiment_is_not_taken_for_that_of_a_run() {
    let project = project(SPEC);
    project.write("load@2022.yaml", SPEC.replace("name: laws\n", ""));
    let told = project.run("run load@2022.yaml").exits(2).stderr;
    assert!(
        told.contains("error[E0303]") && told.contains("load@2022") && told.contains("`name:`"),
        "{told}"
    );
    project.write("load@2022.yaml", SPEC);
    project.run("run load@2022.yaml").done();
    project.run("report laws").done();
}

#[test]
fn the_newest_run_that_came_to_its_end_stays() {
    let project = project(SPEC);
    for mels in [8, 16] {
        project.run(&format!("run spec.yaml --set features.log_mel.mels={mels}")).done();
    }
    let reference = project.run("report laws --format csv").done().stdout;
    project.run("run spec.yaml --set features.log_mel.mels=4 --only dataset/*").done();
    let complete = |(_, path): &(String, PathBuf)| {
        fs::read_to_string(path).unwrap().contains("\"complete\":true")
    };
    let count = || {
        (documents(&project).len(), documents(&project).iter().filter(|run| complete(run)).count())
    };
    assert_eq!(count(), (3, 2));
    assert!(project.run("cache gc --runs").done().stdout.contains("removed 1 documents"));
    assert_eq!(count(), (2, 1));
    let kept = documents(&project).into_iter().find(complete).unwrap().1;
    assert_eq!(
        project.run(&format!("report {} --format csv", kept.display())).done().stdout,
        reference
    );
}

#[test]
fn earlier_runs_stay_until_they_are_removed() {
    let project = project(SPEC);
    project.run("run spec.yaml").done();
    project.run("run spec.yaml --set features.log_mel.mels=8").done();
    assert_eq!(documents(&project).len(), 2);
    assert!(
        project.run("cache gc --runs --dry-run").done().stdout.contains("would remove 1 documents")
    );
    assert!(
        project
            .run("cache gc --runs")
            .done()
            .stdout
            .contains("removed 1 documents of earlier runs")
    );
    assert_eq!(documents(&project).len(), 1);
    project.run("run spec.yaml --frozen").done();
}

#[cfg(unix)]
#[test]
fn a_spec_that_comes_through_a_pipe_is_read_each_time() {
    use std::io::Write;
    use std::process::Stdio;
    let project = project(SPEC);
    let run = |spec: &str| {
        let mut child =
            project.command("run /dev/stdin").stdin(Stdio::piped()).spawn().expect("it starts");
        child.stdin.take().unwrap().write_all(spec.as_bytes()).unwrap();
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let spec = SPEC.replace("root: data", &format!("root: {}", project.path("data").display()));
    let other = format!("{spec}question: Another?\n");
    assert!(!run(&spec).contains("Another?"));
    assert!(run(&other).contains("Another?"));
}

#[test]
fn the_last_question_is_the_newest_run_and_part_of_a_run_takes_nothing_away() {
    let project = project(SPEC);
    for mels in [16, 8, 16] {
        project.run(&format!("run spec.yaml --set features.log_mel.mels={mels}")).done();
        let named = project.run("report laws --format csv").done().stdout;
        let asked = project
            .run(&format!("report spec.yaml --format csv --set features.log_mel.mels={mels}"))
            .done()
            .stdout;
        assert_eq!(named, asked, "{mels}");
    }
    let named = project.run("report laws").done().stdout;
    project.run("run spec.yaml --set features.log_mel.mels=16 --only dataset/*").done();
    assert_eq!(project.run("report laws").done().stdout, named);
}
