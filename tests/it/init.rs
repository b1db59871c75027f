//! `init`: from a folder of recordings to a spec that runs.

use std::fs;

use crate::phm2012;
use crate::project::Project;
use crate::sounds;

#[test]
fn a_folder_of_a_known_layout_gives_a_spec_that_runs() {
    let project = Project::new();
    project.write_all(&sounds::data_set());
    let told = project.run("init data -o first.yaml").done().stdout;
    for line in ["machines   fan", "splits     test", "domains    source", "sound      8000 Hz"] {
        assert!(told.contains(line), "{line}: {told}");
    }
    let spec = fs::read_to_string(project.path("first.yaml")).expect("a spec");
    assert!(spec.contains("  dcase: { root: "), "{spec}");
    project.run("check first.yaml").done();
    project.run("run -q first.yaml").done();
    // What is there stays.
    project.run("init data -o first.yaml").exits(2);
}

#[test]
fn a_folder_without_a_split_gets_one() {
    let project = Project::new();
    for machine in ["press", "saw"] {
        for number in 0..12 {
            let word = if number % 3 == 0 { "NG" } else { "OK" };
            let name = format!("{machine}_{number}_{word}");
            project.write(
                &format!("halls/{machine}/s{}_{word}_{number:02}.wav", number / 4),
                sounds::clip(&name),
            );
        }
    }
    let told = project.run("init halls -o halls.yaml").done().stdout;
    let pattern = "pattern    {machine}/{attr.word0}_{label}_{*}.wav (a guess)";
    for line in [
        "recordings 24 of 24",
        "labels     anomaly (8), normal (16)",
        "domains    nothing tells it",
        pattern,
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    // 8 normal recordings a machine, of which 0.3 are held out.
    assert!(told.contains("splits     test (12), train (12)"), "{told}");
    let report = project.run("run -q halls.yaml").done().stdout;
    assert!(report.contains("| knn         | press   |"), "{report}");
    // Another share trains anew; the data set is told from its names alone, with the same names on
    // either side each time.
    let again =
        project.run("run -q halls.yaml --set data.folder.split.seed=0 --frozen").done().stdout;
    assert_eq!(again, report);
    project.run("run -q halls.yaml --set data.folder.split.seed=1 --frozen").exits(1);
    let wrong = project.run("check halls.yaml --set data.folder.split.by=session").exits(2).stderr;
    assert!(wrong.contains("no recording has the attribute `session`"), "{wrong}");
}

#[test]
fn a_folder_without_recordings_is_told() {
    let project = Project::new();
    project.write("papers/a.txt", "no sound");
    let told = project.run("init papers").exits(2).stderr;
    assert!(told.contains("`papers` holds no recordings"), "{told}");
    assert!(!project.path("papers.yaml").exists());
}

#[test]
fn a_word_that_stands_in_all_names_is_no_split() {
    let project = Project::new();
    for number in 0..9 {
        let word = if number % 3 == 0 { "ng" } else { "ok" };
        let path = format!("hall/press/train/train-{word}-{number}.wav");
        project.write(&path, sounds::clip(&format!("{word}{number}")));
    }
    let told = project.run("init hall -o hall.yaml").done().stdout;
    assert!(told.contains("pattern    {machine}/{*}/{attr.word0}-{label}-{*}.wav"), "{told}");
    assert!(told.contains("splits     test (5), train (4)"), "{told}");
    let spec = fs::read_to_string(project.path("hall.yaml")).expect("a spec");
    assert!(spec.contains("    split: { holdout: 0.3 }"), "{spec}");
    project.run("run -q hall.yaml").done();
    // Where the spec says so all the same, nothing is left to measure with.
    let all = spec
        .replace("{*}/{attr", "{split}/{attr")
        .lines()
        .filter(|line| !line.contains("holdout"))
        .collect::<Vec<_>>()
        .join("\n");
    project.write("all.yaml", all);
    let check = project.run("check all.yaml").done().stderr;
    assert!(check.contains("no clip of `press` is for testing"), "{check}");
    assert!(check.contains("`split: { holdout: 0.3 }` of `folder`"), "{check}");
}

#[test]
fn raw_mimii_with_too_few_normal_clips_is_split_by_a_share() {
    let project = Project::new();
    for number in 0..6 {
        for label in ["normal", "abnormal"] {
            let path = format!("raw/0_dB_fan/fan/id_00/{label}/{number:08}.wav");
            project.write(&path, sounds::clip(&format!("{label}{number}")));
        }
    }
    let told = project.run("init raw -o raw.yaml").done().stdout;
    assert!(told.contains("splits     test (8), train (4)"), "{told}");
    let spec = fs::read_to_string(project.path("raw.yaml")).expect("a spec");
    assert!(spec.contains(", split: { holdout: 0.3 } }"), "{spec}");
    project.run("run -q raw.yaml").done();
}

#[test]
fn the_published_folders_of_bearings_are_known() {
    let project = Project::new();
    phm2012::write(&project, "archive/phm");
    let init = project.run("init archive -o bearings.yaml").done();
    for line in [
        "folder     phm\n",
        "bearings   7 of 17 of PRONOSTIA",
        "machines   bearing (47)",
        "sections   bearing 01 (47)",
        "splits     test (21), train (26)",
        "labels     anomaly (7), normal (40)",
        "axis       h (47)",
        "sound      25600 Hz, 0.5 s",
        "wrote bearings.yaml; `humshift run` takes it",
    ] {
        assert!(init.stdout.contains(line), "{line}: {}", init.stdout);
    }
    for line in [
        "section 00 is left out, because it needs Bearing3_1, Bearing3_2, Bearing3_3, Bearing2_1, ",
        "section 02 is left out, because it needs Bearing2_1, ",
    ] {
        assert!(init.stderr.contains(line), "{line}: {}", init.stderr);
    }
    let spec = fs::read_to_string(project.path("bearings.yaml")).expect("a spec");
    for part in ["  phm2012: { root: ", "phm\", sections: [01] }", "center: false"] {
        assert!(spec.contains(part), "{part}: {spec}");
    }
    let report = project.run("run -q bearings.yaml").done().stdout;
    assert!(report.contains("| mahalanobis | bearing |"), "{report}");
    // A snapshot that is none, and then bearings of which no section is whole.
    let snapshot = "Full_Test_Set/Bearing1_3/acc_00004.csv";
    project.write(&format!("archive/phm/{snapshot}"), "hour,minute\n");
    let init = project.run("init archive -o broken.yaml").done();
    let told = format!("a snapshot cannot be read: {snapshot}: row 1 has 2 columns, ");
    assert!(init.stderr.contains(&told), "{}", init.stderr);
    assert!(init.stdout.contains("`humshift run` will stop at"), "{}", init.stdout);
    fs::remove_dir_all(project.path("archive/phm/Learning_set")).expect("a folder");
    let told = project.run("init archive -o half.yaml").exits(2).stderr;
    assert!(told.contains("it needs a correction") && told.contains("has no Bearing1_1"), "{told}");
}

#[test]
fn recordings_beside_a_folder_of_bearings_are_taken() {
    let project = Project::new();
    project.write("mixed/old/Bearing1_1/acc_00001.csv", "hour,minute\n");
    for number in 0..6 {
        project.write(&format!("mixed/fan/ok_{number}.wav"), sounds::clip(&number.to_string()));
    }
    let told = project.run("init mixed -o mixed.yaml").done().stdout;
    assert!(told.contains("recordings 6 of 6") && !told.contains("PRONOSTIA"), "{told}");
}

#[test]
fn recordings_that_a_run_will_stop_at_are_told() {
    let project = Project::new();
    for number in 0..6 {
        project.write(&format!("a/fan/ok_{number}.wav"), sounds::clip(&number.to_string()));
    }
    project.write("a/fan/ok_3.wav", "no sound");
    let init = project.run("init a -o a.yaml").done();
    let told = "warning: 1 of 6 recordings of section 00 of `fan` cannot be read; ";
    assert!(init.stderr.contains(told), "{}", init.stderr);
    assert!(
        init.stdout.contains("`humshift run` will stop at what the warnings say"),
        "{}",
        init.stdout
    );
}
