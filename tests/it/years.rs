//! Data sets as the challenges of 2025 and 2026 publish them, from spec to tables.

use crate::project::Project;
use crate::sounds::{SPEC, clip};

/// A machine with training clips and evaluation clips whose names say nothing, and its tables.
fn project(machine: &str, attributes: impl Fn(usize) -> String) -> Project {
    let project = Project::with(SPEC);
    let mut hidden = "source_file_name,target_file_name\n".to_owned();
    for n in 0..12 {
        let domain = if n < 9 { "source" } else { "target" };
        let name = format!("section_00_{domain}_train_normal_{n:04}{}.wav", attributes(n));
        project.write(&format!("data/eval_data/raw/{machine}/train/{name}"), clip(&name));
        let label = if n % 2 == 0 { "normal" } else { "anomaly" };
        let test = format!("section_00_{n:04}.wav");
        let full =
            format!("section_00_{domain}_test_{label}_{n:04}_mic_{}_mic_{}.wav", 1 + n % 2, n / 6);
        project.write(&format!("data/eval_data/raw/{machine}/test/{test}"), clip(&full));
        hidden.push_str(&format!("{full},{test}\n"));
    }
    let table = format!("data/eval_data/{machine}/attributes_00_test_correspondence.csv");
    project.write(&table, hidden);
    project
}

#[test]
fn supplemental_clips_are_told_of_and_used_where_a_spec_says_so() {
    let project = project("AutoTrash", |_| "_noAttribute".to_owned());
    for n in 0..3 {
        let noise = format!("section_00_noise_supplemental_normal_{n:04}.wav");
        project.write(&format!("data/eval_data/raw/AutoTrash/supplemental/{noise}"), clip(&noise));
    }
    let clean = project.run("run spec.yaml").done();
    let check = project.run("check spec.yaml").done();
    assert!(check.stdout.contains("AutoTrash: 1 section, 24 recordings"), "{}", check.stdout);
    assert_eq!(check.stderr.matches("3 clips of `supplemental` folders are not used").count(), 1);
    let note = "noise alone of AutoTrash: `mix: { noise: { dcase: { root: DIR, supplemental: noise } } }` mixes";
    assert!(check.stderr.contains(note), "{}", check.stderr);
    let mix = "mix={snr_db: -3, noise: {dcase: {root: data, supplemental: noise}}}";
    let spec = std::fs::read_to_string(project.path("spec.yaml")).unwrap();
    let (path, value) = mix.split_once('=').unwrap();
    project.write("mixed.yaml", format!("{spec}{path}: {value}\n"));
    project.run("run mixed.yaml").done();
    project.run("dataset write mixed.yaml -o out").done();
    let table = std::fs::read_to_string(project.path("out/AutoTrash/mixing_00.csv")).unwrap();
    assert!(table.contains("section_00_noise_supplemental_normal_000"), "{table}");

    // Clips of the clean machine are 27 - 24 more to train on.
    for n in 0..3 {
        let name = format!("section_00_machine_{n:04}_.wav");
        project.write(&format!("data/eval_data/raw/AutoTrash/supplemental/{name}"), clip(&name));
    }
    let again = project.run("run spec.yaml").done();
    assert_eq!(again.stdout, clean.stdout);
    let trained = "--set data.dcase.supplemental=train";
    let check = project.run(&format!("check spec.yaml {trained}")).done();
    assert!(check.stdout.contains("AutoTrash: 1 section, 27 recordings"), "{}", check.stdout);
    project.run(&format!("run spec.yaml {trained}")).done();
}

#[test]
fn attributes_that_come_twice_are_in_the_written_data_set() {
    let project = project("ToyCarEmu", |n| format!("_car_B{}_mic_2_mic_{}", n % 3, 1 + n % 2));
    project.run("check spec.yaml").done();
    project.run("dataset write spec.yaml -o out").done();
    let table = std::fs::read_to_string(project.path("out/ToyCarEmu/attributes_00.csv")).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("file_name,d1p,d1v,d2p,d2v,d3p,d3v"));
    let rows: Vec<&str> = lines.collect();
    assert_eq!(rows.len(), 24, "{table}");
    assert!(rows.contains(&"ToyCarEmu/test/section_00_0007.wav,mic,2,mic#2,1,,"), "{table}");
    let train = "section_00_source_train_normal_0004_car_B1_mic_2_mic_1.wav,car,B1,mic,2,mic#2,1";
    assert!(rows.iter().any(|row| row.ends_with(train)), "{table}");
    // What was written is read as what it was.
    let written = project.run("run spec.yaml --set data.dcase.root=out").done();
    assert_eq!(written.stdout, project.run("run spec.yaml").done().stdout);
}
