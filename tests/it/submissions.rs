//! Packages of the challenge: what several reports make of one, what their forms say, and what no
//! evaluator would take.

use std::collections::BTreeMap;
use std::fs;

use humshift::artifact::{Artifact, Blob, Tensor, Tensors};

use crate::cache;
use crate::project::{Project, tree};
use crate::sounds::{self, SPEC};

const THRESHOLD: &str = "threshold: { quantile: { percentile: 0.5 } }\n";

fn project(more: &str) -> Project {
    let project = Project::with(&format!("{SPEC}{more}"));
    project.write_all(&sounds::data_set());
    project.run("run spec.yaml --quiet").done();
    project
}

fn read(project: &Project, path: &str) -> String {
    fs::read_to_string(project.path(path)).expect("a file of the package")
}

fn names(project: &Project) -> Vec<String> {
    tree(&project.path("out")).into_keys().collect()
}

#[test]
fn a_form_that_a_person_completed_stays() {
    let project = project("");
    let (form, new) =
        ("out/teams/laws/laws_1/laws_1.meta.yaml", "out/teams/laws/laws_1/laws_1.meta.yaml.new");
    let report = |more: &str| {
        project.run(&format!("report spec.yaml --submission out {more}")).done().stderr
    };
    report("");
    let first = read(&project, form);
    project.edit(form, "department: \"FILL IN\"", "department: \"Acoustics\"");
    let mine = read(&project, form);
    // Nothing is new, and nobody is told of it.
    assert!(!report("").contains("stays as it is") && !project.path(new).exists());
    assert_eq!(read(&project, form), mine);
    let other = "--set detector.knn.k=2";
    project.run(&format!("run spec.yaml --quiet {other}")).done();
    let told = report(other);
    let words = "`teams/laws/laws_1/laws_1.meta.yaml` stays as it is, because somebody may have changed it; the new \
                 form is `teams/laws/laws_1/laws_1.meta.yaml.new`";
    assert!(told.contains(words), "{told}");
    assert_eq!(read(&project, form), mine);
    assert!(read(&project, new).contains("knn k=2"));
    assert!(!report(other).contains("stays as it is"));
    // A form that nobody changed follows the results.
    project.rename(new, form);
    report("");
    assert_eq!((read(&project, form), project.path(new).exists()), (first, false));
}

#[test]
fn two_specs_make_one_system() {
    let project = Project::new();
    project.write_all(&sounds::data_set());
    for (machine, k) in [("fan", 1), ("valve", 2)] {
        let text = SPEC.replace("laws", &format!("{machine}s")).replace("k: 1", &format!("k: {k}"));
        let text = text.replace("root: data", &format!("root: data, machines: [{machine}]"));
        project.write(&format!("{machine}.yaml"), text + THRESHOLD);
        project.run(&format!("run {machine}.yaml --quiet")).done();
    }
    let report = |spec: &str| {
        let told = project.run(&format!("report {spec} --submission out --team T --system T_1"));
        told.done().stderr
    };
    report("fan.yaml");
    let told = report("valve.yaml");
    assert!(!told.contains("removed") && !told.contains("not in the tables"), "{told}");
    let whole = names(&project);
    let sheets = |names: &[String]| names.iter().filter(|name| name.ends_with("_test.csv")).count();
    assert_eq!((sheets(&whole), whole.len()), (8, 11), "{whole:?}");
    // The table is of the whole package, as the evaluators make it.
    let table = || read(&project, "out/teams_result/T_1_result.csv");
    let evaluated =
        || project.run("evaluate out --protocol dcase2026 --format evaluator").done().stdout;
    assert_eq!(table(), format!("{}number of sections,,4\n", evaluated()));
    assert!(table().contains("F1 score (source)"));
    let form = read(&project, "out/teams/T/T_1/T_1.meta.yaml");
    let line = "\n# It describes \"valves\" alone; of other experiments are: \"fan 00, fan 01\"\n";
    assert!(form.contains(line) && form.contains("total_parameters: \"FILL IN\""), "{form}");
    assert!(form.contains("\n    \"fan\":\n") && form.contains("\n    \"valve\":\n"), "{form}");
    // A part of a report takes nothing away, whatever made the rest.
    report("fan.yaml --where section=00");
    assert_eq!(names(&project), whole);
    assert_eq!(table(), format!("{}number of sections,,4\n", evaluated()));
    // What the same experiment has no more goes, and is named.
    let less = "fan.yaml --set data.dcase.sections=[\"00\"]";
    project.run(&format!("run {less} --quiet")).done();
    let told = report(less);
    let place = "teams/T/T_1";
    let words = format!(
        "removed from earlier reports: {place}/anomaly_score_fan_section_01_test.csv, \
         {place}/decision_result_fan_section_01_test.csv\n"
    );
    assert!(told.contains(&words), "{told}");
    assert_eq!((sheets(&names(&project)), names(&project).len()), (6, 9));
    assert_eq!(table(), format!("{}number of sections,,3\n", evaluated()));
    // Whatever else lies there stays.
    let mine = ["out/anomaly_score_fan_section_00_test.csv", "out/decision_result_x.csv"];
    mine.iter().for_each(|path| project.write(path, "section_00_0000.wav,1\n"));
    let told = report(less);
    assert!(told.contains("warning: `out` has files of scores besides the package"), "{told}");
    assert!(told.contains("`evaluate out/teams` reads the package"), "{told}");
    assert!(mine.iter().all(|path| project.path(path).exists()));
}

#[test]
fn a_report_without_the_truth_leaves_the_table_of_others() {
    let project = Project::new();
    project.write_all(&sounds::data_set());
    let tests = tree(&project.path("data/valve/test")).into_keys();
    for (i, name) in tests.enumerate() {
        let hidden = format!("data/valve/test/{}_{i:04}.wav", &name[..10]);
        project.rename(&format!("data/valve/test/{name}"), &hidden);
    }
    let report = |machine: &str| {
        let text = SPEC.replace("laws", &format!("{machine}s"));
        let text = text.replace("root: data", &format!("root: data, machines: [{machine}]"));
        project.write(&format!("{machine}.yaml"), text + THRESHOLD);
        project.run(&format!("run {machine}.yaml --quiet")).done();
        let report = format!("report {machine}.yaml --submission out --team T --system T_1");
        project.run(&report).done().stderr
    };
    report("fan");
    let table = read(&project, "out/teams_result/T_1_result.csv");
    let told = report("valve");
    assert!(!told.contains("removed"), "{told}");
    assert_eq!(read(&project, "out/teams_result/T_1_result.csv"), table);
}

#[test]
fn all_models_of_a_system_are_counted_and_named() {
    let project = Project::with(&SPEC.replace(
        "knn: { k: 1 }",
        "embedding: { network: { autoencoder: { window: 2, layers: [8, 4, 8], epochs: 1 } } }",
    ));
    project.write_all(&sounds::data_set());
    project.run("run spec.yaml --quiet").done();
    project.run("report spec.yaml --submission out").done();
    let numbers = |stage: &str| -> usize {
        let records = cache::records(&project.cache()).into_iter();
        let models = records.filter(|record| record.label.starts_with(stage));
        let count = |record: cache::Record| {
            let bytes = Blob::new(fs::read(&record.outputs["model"]).unwrap());
            let Tensors(arrays) = Tensors::decode(bytes).unwrap();
            let length = |array: &Tensor| match array {
                Tensor::F32(array) => array.len(),
                Tensor::F64(array) => array.len(),
            };
            let learnt = arrays.iter().filter(|(name, _)| !name.starts_with("history/"));
            learnt.map(|(_, array)| length(array)).sum::<usize>()
        };
        models.map(count).sum()
    };
    let (networks, backends) = (numbers("network/"), numbers("training/"));
    assert!(networks > 0 && backends > 0);
    let form = read(&project, "out/teams/laws/laws_1/laws_1.meta.yaml");
    let line = format!("total_parameters: {}  #", networks + backends);
    assert!(form.contains(&line), "{line}: {form}");
    let method = "machine_learning_method: \"embedding backend=(knn k=1 metric=euclidean reduce=mean) \
                  network=(autoencoder ";
    assert!(form.contains(method), "{form}");
    // The network, and no `pool`, makes one vector of the frames.
    assert!(form.contains("aggregation_method: \"embedding of the network\"\n"), "{form}");
}

#[test]
fn decisions_of_others_are_handed_in_as_they_are() {
    let project = project(THRESHOLD);
    project.run("report spec.yaml --submission others").done();
    let theirs = "others/teams/laws/laws_1";
    let peer =
        format!("name: peer\ndata: {{ scores: {{ root: {theirs}, protocol: dcase2022 }} }}\n");
    project.write("peer.yaml", peer);
    let report = || {
        project.run("run peer.yaml --quiet").done();
        project.run("report peer.yaml --submission out").done().stderr
    };
    let told = report();
    assert!(!told.contains("warning"), "{told}");
    let sheets = |folder: &str| -> BTreeMap<String, String> {
        let files = tree(&project.path(folder)).into_iter();
        let sheets = files.filter(|(name, _)| name.ends_with("_test.csv"));
        sheets.map(|(name, path)| (name, fs::read_to_string(path).unwrap())).collect()
    };
    assert_eq!(sheets("out/teams/peer/peer_1"), sheets(theirs));
    assert_eq!(sheets(theirs).len(), 8);
    assert_eq!(
        read(&project, "out/teams_result/peer_1_result.csv"),
        read(&project, "others/teams_result/laws_1_result.csv")
    );
    let form = read(&project, "out/teams/peer/peer_1/peer_1.meta.yaml");
    for line in [
        "machine_learning_method: \"FILL IN\"\n",
        "data_augmentation: \"FILL IN\"\n",
        "total_parameters: \"FILL IN\"",
        "# humshift: decisions of the program that made the scores\n",
    ] {
        assert!(form.contains(line), "{line}: {form}");
    }
    let decided = tree(&project.path(theirs)).into_iter();
    for (_, path) in decided.filter(|(name, _)| name.starts_with("decision_result_")) {
        fs::remove_file(path).unwrap();
    }
    let told = report();
    assert!(told.contains("removed from earlier reports: teams/peer/peer_1/decision_result_fan"));
    assert!(told.contains("write `threshold: { fixed: { value: 0.5 } }` in the spec"), "{told}");
}

#[test]
fn what_the_evaluators_would_skip_is_told() {
    let project = project("");
    let told = project.run("report spec.yaml --submission out").done().stderr;
    let warning = "warning: the official evaluators skip a system without decision_result files, which are \
                   missing for fan 00; fan 01; valve 00; and 1 more; write `threshold: { gamma: {} }` in the spec\n";
    assert!(told.contains(warning), "{told}");
    project.edit("spec.yaml", "root: data", "root: data, cut: { seconds: 0.125 }");
    project.run("run spec.yaml --quiet").done();
    let told = project.run("report spec.yaml --submission cut").exits(2).stderr;
    for words in ["error[E0708]: no submission: `cut` makes several clips", "leave `cut` out"] {
        assert!(told.contains(words), "{told}");
    }
    assert!(!project.path("cut").exists() && !project.path("cut.part").exists());
}

#[test]
fn a_section_without_numbers_costs_no_other_its_table() {
    let project = Project::with(&format!("{SPEC}{THRESHOLD}"));
    project.write_all(&sounds::data_set());
    for number in 0..3 {
        let path = sounds::path("valve", "test", "00", "target", "normal", number);
        project.remove(&format!("data/{path}"));
    }
    project.run("run spec.yaml --quiet").done();
    let told = project.run("report spec.yaml --submission out").done().stderr;
    let why = "warning: not in a table of results: AUC target for valve 00 cannot be computed: it has 3 normal and 3 \
               anomalous clips of the source domain, 0 normal and 3 anomalous clips of the target domain\n";
    assert!(told.contains(why) && told.contains(", 1 table of results;"), "{told}");
    assert!(!told.contains("is not known"), "{told}");
    let table = read(&project, "out/teams_result/laws_1_result.csv");
    assert!(table.ends_with("\nnumber of sections,,3\n"), "{table}");
    let form = read(&project, "out/teams/laws/laws_1/laws_1.meta.yaml");
    assert!(form.contains("  # over 3 of 4 sections\n"), "{form}");
}

#[test]
fn an_evaluation_set_is_no_development_set() {
    let project = Project::with(SPEC);
    for (path, bytes) in sounds::data_set() {
        let path = path.replace("data/fan", "data/dev_data/fan");
        if path.ends_with(".wav") {
            project.write(&path.replace("data/valve", "data/eval_data/valve"), bytes);
        }
    }
    project.run("run spec.yaml --quiet").done();
    let results = || {
        let form = read(&project, "out/teams/laws/laws_1/laws_1.meta.yaml");
        form[form.find("\nresults:").expect("results")..].to_owned()
    };
    project.run("report spec.yaml --submission out --where machine=fan").done();
    let of_fan = results();
    project.run("report spec.yaml --submission out").done();
    assert_eq!(results(), of_fan);
    assert!(of_fan.contains("\"fan\"") && !of_fan.contains("valve"), "{of_fan}");
    let table = read(&project, "out/teams_result/laws_1_result.csv");
    assert!(table.ends_with("\nnumber of sections,,4\n"), "{table}");
    // Whoever reports the rest of the package knows it from the record.
    project.run("report spec.yaml --submission out --where machine=fan").done();
    assert_eq!(results(), of_fan);
    assert_eq!(read(&project, "out/teams_result/laws_1_result.csv"), table);
}

#[test]
fn a_file_in_the_way_leaves_no_remains() {
    let project = project("");
    project.write("out", "mine");
    for _ in 0..2 {
        let told = project.run("report spec.yaml --submission out").exits(2).stderr;
        assert!(told.contains("out` cannot be written: not a directory"), "{told}");
        assert!(!project.path("out.part").exists());
    }
    assert_eq!(read(&project, "out"), "mine");
    project.remove("out");
    project.run("report spec.yaml --submission out").done();
}
