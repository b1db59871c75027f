//! The folders of the IEEE PHM 2012 challenge, from spec to files.

use serde_json::Value;

use crate::project::{Project, tree};
use humshift::seed::Seed;

const SPEC: &str = "\
name: bearings
data: { phm2012: { root: phm, sections: [01] } }
features: { log_mel: { frame: 1024, hop: 512, mels: 16 } }
pool: { mean: {} }
detector: { knn: { k: 1 } }
";

/// Snapshots of a bearing's life; those that are in no clip of the section are empty.
const LIFE: usize = 100;

fn project() -> Project {
    let project = Project::with(SPEC);
    write(&project, "phm");
    project
}

/// Writes the bearings of a section. Those with odd numbers have semicolons in their files.
pub fn write(project: &Project, folder: &str) {
    for bearing in 1..=7 {
        let set = if bearing < 3 { "Learning_set" } else { "Full_Test_Set" };
        for number in 1..=LIFE {
            let used = [4..=23, 27..=41, 96..=100].iter().any(|part| part.contains(&number));
            let mut rng = Seed(number as u64).derive(&["snapshot", &bearing.to_string()]).rng();
            // A bearing gets louder before it fails.
            let level = if number > 95 { 3.0 } else { 1.0 };
            let mut row = || {
                let [h, v] = [0, 0].map(|_| level * (rng.uniform() - 0.5));
                format!("9,39,39,6.5664e+004,{h:.3},{v:.3}\n")
            };
            let text: String = (0..if used { 2560 } else { 0 }).map(|_| row()).collect();
            let text = if bearing % 2 == 1 { text.replace(',', ";") } else { text };
            project.write(&format!("{folder}/{set}/Bearing1_{bearing}/acc_{number:05}.csv"), text);
        }
        let temperature = format!("{folder}/{set}/Bearing1_{bearing}/temp_00001.csv");
        project.write(&temperature, "8,0,0,1,60\n");
    }
}

fn features(project: &Project) -> Value {
    let plan = project.run("plan spec.yaml --json").done().json();
    let stages = plan["stages"].as_array().expect("a list");
    let of = |stage: &&Value| stage["label"].as_str().unwrap().starts_with("features/");
    let outputs = stages.iter().find(of).expect("a stage")["outputs"].clone();
    assert!(outputs["train/features"].is_string(), "{outputs}");
    outputs
}

#[test]
fn folders_as_published_are_a_data_set_and_written_it_reads_back_the_same() {
    let project = project();
    let check = project.run("check spec.yaml").done();
    assert!(check.stdout.contains("bearing: 1 section, "), "{}", check.stdout);
    let run = project.run("run spec.yaml --quiet").done().stdout;
    // The anomalies are three times as loud.
    assert!(run.contains("bearing") && run.contains("100.0"), "{run}");
    let of_folders = features(&project);
    project.run("dataset write spec.yaml -o out").done();
    let written = tree(&project.path("out/bearing"));
    let clips = written.keys().filter(|name| name.ends_with(".wav")).count();
    // Four clips of each source bearing and ten others; two normal ones of each; one anomaly of each.
    assert_eq!(clips, 4 * 4 + 10 + 2 * 7 + 7);
    let first = "train/section_01_source_train_normal_0000_rpm_1800_load_4000_id_1-1_axis_h.wav";
    assert!(written.contains_key(first), "{:?}", written.keys());
    project.edit("spec.yaml", "phm2012: { root: phm, sections: [01] }", "dcase: { root: out }");
    project.run("run spec.yaml --quiet").done();
    assert_eq!(features(&project), of_folders);
}

#[test]
fn what_is_missing_is_told_at_check() {
    let project = project();
    let told = |set: &str| project.run(&format!("check spec.yaml {set}")).exits(2).stderr;
    let all = told("--set data.phm2012.sections=[]");
    assert!(all.contains("has no Bearing2_1, Bearing2_2"), "{all}");
    assert!(all.contains("`Test_set` stop before they fail"), "{all}");
    assert!(told("--set data.phm2012.sections=[02,07]").contains("there is no section `07`"));
    project.remove("phm/Full_Test_Set/Bearing1_5/acc_00050.csv");
    assert!(told("").contains("lacks `acc_00050.csv`"));
}

#[test]
fn bearings_without_a_readable_snapshot_are_told_at_check() {
    let project = Project::with(SPEC);
    for bearing in 1..=7 {
        for number in 1..=LIFE {
            project.write(&format!("phm/Bearing1_{bearing}/acc_{number:05}.csv"), "hour,minute\n");
        }
    }
    let told = project.run("check spec.yaml").exits(2).stderr;
    assert!(told.contains("error[E0722]: none of the "), "{told}");
    assert!(
        told.contains(" snapshots of section 01 of `bearing` can be read; Bearing1_1/"),
        "{told}"
    );
}
