//! Files that are not what their names promise: nothing wrong comes in from them, and nothing waits
//! for them.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::project::{Output, Project};
use crate::sounds::{self, SPEC};

fn project() -> Project {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    project
}

/// Runs the program with a text at its standard input.
fn piped(project: &Project, arguments: &str, input: &[u8]) -> Output {
    let mut child =
        project.command(arguments).stdin(Stdio::piped()).spawn().expect("the program starts");
    // It need not read all of it.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    Output::new(child.wait_with_output().expect("the program ends"))
}

/// What is said of `check` and of `run`, which must say the same.
fn refused(project: &Project) -> String {
    let check = project.run("check spec.yaml").exits(2);
    let run = project.run("run spec.yaml").exits(2);
    assert_eq!((check.stderr.as_str(), run.stdout.as_str()), (run.stderr.as_str(), ""));
    let real = fs::canonicalize(project.dir()).expect("it is there");
    run.stderr.replace(&real.display().to_string(), "DIR")
}

/// Scores of the clips of two sections with the truth in their names, written by `number`.
fn scores(number: impl Fn(f64) -> String) -> String {
    let clips = [
        ("source", "normal", 0.1),
        ("source", "anomaly", 0.7),
        ("target", "normal", 0.3),
        ("target", "anomaly", 0.25),
    ];
    let line = |(i, (domain, label, score)): (usize, (&str, &str, f64))| {
        format!("section_00_{domain}_test_{label}_{i:04}.wav,{}\n", number(9.0 + score))
    };
    clips.into_iter().enumerate().map(line).collect()
}

const SCORES: &str = "scores/anomaly_score_fan_section_00_test.csv";
const EVALUATE: &str = "evaluate scores --protocol dcase2022";

#[test]
fn a_decimal_comma_makes_no_other_score() {
    let project = Project::new();
    project.write(SCORES, scores(|x| x.to_string()));
    let right = project.run(&format!("{EVALUATE} --json")).done().json();
    // Both anomalies score above the normal clip of the source, one of them above that of the
    // target; without the decimals all are equal.
    let metrics = &right["machines"][0]["sections"][0]["metrics"];
    assert_eq!(
        [&metrics["auc_source"], &metrics["auc_target"]].map(serde_json::Value::as_f64),
        [Some(1.0), Some(0.5)]
    );
    project.write(SCORES, scores(|x| x.to_string().replace('.', ",")));
    let wrong = project.run(EVALUATE).exits(2);
    assert_eq!(wrong.stdout, "");
    insta::assert_snapshot!("decimal_comma", wrong.stderr);
    project.write(SCORES, scores(|x| format!("\"{}\"", x.to_string().replace('.', ","))));
    insta::assert_snapshot!("quoted_decimal_comma", project.run(EVALUATE).exits(2).stderr);
}

#[test]
fn rows_that_are_too_long_are_told_of_every_kind_of_table() {
    let decimals = "looks like the decimals of a number with a comma: write";
    let list =
        "fan\nsection_00_source_test_normal_0000.wav,section_00_source_test_normal_0000.wav,0,0\n";
    let table =
        "fan\nsection,AUC(Source),AUC(Target),pAUC\n00,1,0,0,5,0.5\n\nofficial score,,0,64\n";
    for (file, text, arguments, told) in [
        (
            "list.csv",
            list,
            "--truth list.csv",
            format!(
                "the row has 4 fields where a clip has at most 3, and what follows the third {decimals} 0.0"
            ),
        ),
        (
            "result.csv",
            table,
            "--compare result.csv",
            format!(
                "line 3: the row has 6 fields where the header has 4, and what follows the second {decimals} 1.0"
            ),
        ),
        (
            "result.csv",
            table,
            "--compare result.csv",
            format!(
                "line 5: the row has 3 fields where a score has 2, and what follows the second {decimals} 0.64"
            ),
        ),
    ] {
        let project = Project::new();
        project.write(SCORES, scores(|x| x.to_string()));
        project.write(file, text);
        let run = project.run(&format!("{EVALUATE} {arguments}")).exits(2);
        assert!(run.stderr.contains(&told), "{}", run.stderr);
    }
}

#[test]
fn other_separators_are_told_of_every_kind_of_table() {
    let told = "cannot be read: its fields are separated by `;`: save it with commas";
    let evaluated = |file: &str, text: &str, arguments: &str| {
        let project = Project::new();
        project.write(SCORES, scores(|x| x.to_string()));
        project.write(file, text);
        let run = project.run(&format!("{EVALUATE} {arguments}")).exits(2);
        assert!(run.stderr.contains(&format!("`{file}` {told}")), "{}", run.stderr);
    };
    let semicolons = scores(|x| x.to_string()).replace(',', ";");
    evaluated(SCORES, &semicolons, "");
    evaluated("scores/decision_result_fan_section_00_test.csv", &semicolons, "");
    evaluated(
        "truth/ground_truth_data/ground_truth_fan_section_00_test.csv",
        "section_00_0000.wav;1\n",
        "--truth truth",
    );
    evaluated("result.csv", "fan\nsection;AUC\n00;0,5\n", "--compare result.csv");
    let project = project();
    let table = "data/fan/attributes_00.csv";
    let text = fs::read_to_string(project.path(table)).expect("a table").replace(',', ";");
    project.write(table, text);
    let run = project.run("run spec.yaml").exits(1);
    let told = "fan/attributes_00.csv: its fields are separated by `;`: save it with commas";
    assert!(run.stderr.contains(told), "{}", run.stderr);
}

#[test]
fn tables_of_windows_say_the_same() {
    let project = project();
    let expected = project.run("run spec.yaml").done().stdout;
    let table = "data/fan/attributes_00.csv";
    let text = fs::read_to_string(project.path(table)).expect("a table");
    project.write(table, text.replace('/', "\\"));
    // The table is another file, so the data set is made again, to the same bytes.
    let run = project.run("run spec.yaml").done();
    assert_eq!(run.stdout, expected);
    assert_eq!(run.ran().into_iter().collect::<Vec<_>>(), ["dataset/fan/00"]);
}

#[cfg(unix)]
#[test]
fn half_a_data_set_is_no_data_set() {
    let project = project();
    let lost = [("train", "normal", 0), ("train", "normal", 1), ("test", "anomaly", 0)];
    for (split, label, number) in lost {
        let path = format!("data/{}", sounds::path("fan", split, "00", "source", label, number));
        project.remove(&path);
        std::os::unix::fs::symlink("../../.git/annex/objects/x", project.path(&path))
            .expect("a link");
    }
    insta::assert_snapshot!("links_to_nowhere", refused(&project));
}

#[test]
fn a_data_set_unpacked_twice_is_told_with_the_folder_to_give() {
    let project = Project::with(SPEC);
    for (path, bytes) in sounds::data_set() {
        for level in ["data/dev_data", "data/dev_data/raw"] {
            project.write(&path.replacen("data", level, 1), &bytes);
        }
    }
    insta::assert_snapshot!("unpacked_twice", refused(&project));
    let one = project.run("run spec.yaml --set data.dcase.root=data/dev_data/raw").done().stdout;
    assert_eq!(one, self::project().run("run spec.yaml").done().stdout);
}

#[cfg(unix)]
#[test]
fn nothing_waits_for_a_pipe() {
    let project = project();
    let expected = project.run("run spec.yaml").done().stdout;
    let pipe = |path: &str| {
        let _ = fs::remove_file(project.path(path));
        let made = std::process::Command::new("mkfifo").arg(project.path(path)).status();
        assert!(made.expect("mkfifo starts").success());
    };
    pipe("data/fan/train/section_00_source_train_normal_0099.wav");
    let told = "warning: 1 recording belongs to no section, `fan/train/section_00_source_train_normal_0099.wav`: \
                it is a named pipe, not a file\n";
    assert_eq!(project.run("check spec.yaml").done().stderr, told);
    let run = project.run("run spec.yaml").done();
    assert!(run.stderr.starts_with(told) && run.stdout == expected, "{}", run.stderr);

    project.write(SCORES, scores(|x| x.to_string()));
    let told = |path: &str, arguments: &str| {
        let run = project.run(arguments).exits(2);
        assert!(
            run.stderr.contains(&format!("`{path}`")) && run.stderr.contains("it is a "),
            "{}",
            run.stderr
        );
    };
    pipe("result.csv");
    told("result.csv", &format!("{EVALUATE} --compare result.csv"));
    told("/dev/zero", &format!("{EVALUATE} --compare /dev/zero"));
    pipe("scores/decision_result_fan_section_00_test.csv");
    told("scores/decision_result_fan_section_00_test.csv", EVALUATE);
    pipe("base.yaml");
    project.write("extends.yaml", "extends: base.yaml\n");
    told("base.yaml", "check extends.yaml");
    pipe("README.md");
    told("README.md", "report --splice README.md");
    pipe("w.pt");
    project.write("weights.yaml", SPEC.replace("knn: { k: 1 }", "autoencoder: { weights: w.pt }"));
    told("w.pt", "check weights.yaml");
}

#[cfg(unix)]
#[test]
fn an_endless_file_ends() {
    let project = project();
    let run = project.run("check /dev/zero").exits(2);
    assert_eq!(
        run.stderr,
        "error[E0103]: `/dev/zero` is no spec: it has more than 1048576 bytes\n\n"
    );
    project.write("extends.yaml", "extends: /dev/zero\n");
    project.run("check extends.yaml").exits(2);
    // What a shell's `<(command)` gives is read.
    assert_eq!(
        piped(
            &project,
            "check /dev/stdin",
            SPEC.replace("data }", &format!("{} }}", project.path("data").display())).as_bytes()
        )
        .done()
        .code,
        0
    );
}

#[test]
fn the_text_of_what_is_no_spec_is_not_shown() {
    let project = project();
    project.write("secrets.env", "TOKEN=hunter2\n");
    project.write("spec.yaml", format!("extends: secrets.env\n{SPEC}"));
    let check = project.run("check spec.yaml").exits(2);
    assert!(!check.stderr.contains("hunter2"), "{}", check.stderr);
    insta::assert_snapshot!("extends_no_yaml", check.stderr);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("secrets.env", project.path("link.yaml")).expect("a link");
        project.edit("spec.yaml", "secrets.env", "link.yaml");
        let check = project.run("check spec.yaml").exits(2);
        assert!(
            check.stderr.contains("`link.yaml`") && !check.stderr.contains("hunter2"),
            "{}",
            check.stderr
        );
    }
}

#[cfg(unix)]
#[test]
fn paths_that_nobody_replaced_are_hinted() {
    for (name, root) in
        [("home", "~/asd_data"), ("variable", "${ASD_DATA}/dev"), ("drive", "C:\\data\\dcase")]
    {
        let project = Project::with(
            &SPEC.replace("root: data", &format!("root: \"{}\"", root.replace('\\', "\\\\"))),
        );
        insta::assert_snapshot!(format!("path_{name}"), refused(&project));
        // The same from the command line.
        let project = Project::with(SPEC);
        let run = project.run(&format!("check spec.yaml --set data.dcase.root={root}")).exits(2);
        let hint = refused(&Project::with(&SPEC.replace("root: data", &format!("root: '{root}'"))));
        let hint = hint.split("help: ").nth(1).expect("a hint").to_owned();
        assert!(run.stderr.contains(hint.trim_end()), "{}\n{hint}", run.stderr);
    }
    let folder = "data: { folder: { root: ~/x, pattern: '{machine}/{split}/{label}_{*}.wav' } }";
    let told = refused(&Project::with(&SPEC.replace("data: { dcase: { root: data } }", folder)));
    assert!(told.contains("--set data.folder.root=\"$HOME/x\""), "{told}");
    let project = project();
    let weights =
        SPEC.replace("knn: { k: 1 }", "autoencoder: { weights: $MODELS/a.pt, epochs: 1 }");
    project.write("spec.yaml", weights);
    let told = project.run("check spec.yaml").exits(2).stderr;
    assert!(told.contains("--set detector.autoencoder.weights=\"$MODELS/a.pt\""), "{told}");
    project.write("spec.yaml", "extends: ~/base.yaml\n");
    let told = project.run("check spec.yaml").exits(2).stderr;
    assert!(
        told.contains("`~` is not replaced by a home folder here: write the whole path\n"),
        "{told}"
    );
}

#[test]
fn a_recording_from_a_pipe_is_read_to_its_end() {
    let project = project();
    let mut bytes = sounds::clip("x");
    project.write("x.wav", &bytes);
    let settings = "--set frame=256 --set hop=128 --set mels=16";
    project.run(&format!("features x.wav -o whole.npy {settings}")).done();
    // As sox writes it to a pipe.
    bytes[4..8].copy_from_slice(&0x7fff_f024_u32.to_le_bytes());
    bytes[40..44].copy_from_slice(&0x7fff_f000_u32.to_le_bytes());
    project.write("piped.wav", &bytes);
    project.run(&format!("features piped.wav -o piped.npy {settings}")).done();
    let matrix = |name: &str| fs::read(project.path(name)).expect("a matrix");
    assert_eq!(matrix("piped.npy"), matrix("whole.npy"));
    #[cfg(unix)]
    {
        piped(&project, &format!("features /dev/stdin -o stdin.npy {settings}"), &bytes).done();
        assert_eq!(matrix("stdin.npy"), matrix("whole.npy"));
    }
}

#[cfg(unix)]
#[test]
fn a_submission_is_evaluated_once_whatever_links_lead_to_it() {
    let project = Project::new();
    for team in ["teams/a/", "teams/b/"] {
        project.write(&SCORES.replace("scores/", team), scores(|x| x.to_string()));
    }
    project.write("teams/._anomaly_score_fan_section_00_test.csv", "a Mac's");
    project.write("teams/__MACOSX/anomaly_score_fan_section_00_test.csv", "a Mac's");
    let expected = project.run("evaluate teams --protocol dcase2022").done().stdout;
    fs::create_dir(project.path("teams/c")).expect("a folder");
    for (target, link) in [("..", "teams/loop"), ("..", "teams/c/loop"), ("a", "teams/d")] {
        std::os::unix::fs::symlink(target, project.path(link)).expect("a link");
    }
    assert_eq!(project.run("evaluate teams --protocol dcase2022").done().stdout, expected);
    std::os::unix::fs::symlink(
        "gone",
        project.path("teams/b/anomaly_score_fan_section_01_test.csv"),
    )
    .expect("a link");
    let run = project.run("evaluate teams --protocol dcase2022").exits(2);
    let told = "`teams/b/anomaly_score_fan_section_01_test.csv` cannot be read: it is a link that leads nowhere";
    assert!(run.stderr.contains(told), "{}", run.stderr);
}
