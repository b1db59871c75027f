//! The command line: exit codes, what goes to stdout, JSON of every reading command, texts.

use std::fs;

use crate::project::{Output, Project, tree};
use crate::sounds;

/// A data set without files, and a sweep.
const SPEC: &str = "\
name: tiny
question: Does k matter?
data:
  synthetic:
    machines: [fan]
    seconds: 0.25
    rate: 8000
    clips: { source_train: 6, target_train: 2, normal: 3, anomaly: 3 }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
sweep:
  detector.knn.k: [1, 3]
detector: { knn: {} }
";

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn stdout_of_a_run_is_exactly_its_report() {
    let project = Project::with(SPEC);
    let run = project.run("run spec.yaml").done();
    assert_eq!(run.stdout, project.run("report spec.yaml").done().stdout);
    assert!(
        run.stderr.lines().last().expect("progress").starts_with("9 stages ran, 0 cached in "),
        "{}",
        run.stderr
    );
    let quiet = project.run("run spec.yaml --quiet").done();
    assert_eq!((quiet.stdout, quiet.stderr.as_str()), (run.stdout, ""));
    let json = project.run("run spec.yaml --json").done();
    assert_eq!(json.json(), project.run("report spec.yaml --json").done().json());
    insta::assert_snapshot!(project.run("report spec.yaml").done().stdout);
}

#[test]
fn the_tidy_report_has_the_columns_that_were_promised() {
    let project = Project::with(SPEC);
    project.run("run spec.yaml").done();
    let csv = project.report();
    let header =
        "point,machine,section,domain,attribute,value_of_attribute,metric,value,detector.knn.k";
    assert_eq!(csv.lines().next(), Some(header));
    assert!(csv.lines().all(|line| line.matches(',').count() == 8), "{csv}");
    let row = csv.lines().find(|line| line.starts_with("1,fan,00,target,,,auc,")).expect("a row");
    assert!(row.ends_with(",3"), "{row}");
    assert!(
        csv.lines().any(|line| line.starts_with("1,,,,,,official,") && line.ends_with(",3")),
        "{csv}"
    );
    project.run("report spec.yaml --format csv -o out.csv").done();
    assert_eq!(fs::read_to_string(project.path("out.csv")).expect("it was written"), csv);
}

#[test]
fn the_plan_before_and_after() {
    let project = Project::with(SPEC);
    insta::assert_snapshot!("plan_before", project.run("plan spec.yaml").done().stdout);
    project.run("run spec.yaml --only training/*").done();
    insta::assert_snapshot!("plan_halfway", project.run("plan spec.yaml").done().stdout);
    project.run("run spec.yaml").done();
    project.edit("spec.yaml", "mean", "max");
    insta::assert_snapshot!("plan_dot", project.run("plan spec.yaml --dot").done().stdout);
    let plan = project.run("plan spec.yaml --json").done().json();
    let stage = &plan["stages"][2];
    assert_eq!(
        (&stage["label"], &stage["standing"]),
        (&"pooling/fan/00".into(), &"will run".into())
    );
    assert_eq!(stage["needs"][0], "features/fan/00");
}

#[test]
fn labels_name_what_is_swept_and_nothing_else() {
    let project = Project::with(&SPEC.replace("[1, 3]", "[1]"));
    assert!(project.plan().contains_key("training/fan/00"));
    let sweep = "[1, 3]\n  features.log_mel.mels: [8, 16]";
    let project = Project::with(&SPEC.replace("[1, 3]", sweep));
    let plan = project.plan();
    for label in ["dataset/fan/00", "features/fan/00/mels=8", "metrics/fan/00/k=3/mels=16"] {
        assert!(plan.contains_key(label), "{label} {plan:#?}");
    }
    assert_eq!(plan.len(), 1 + 2 * 2 + 4 * 3);
}

#[test]
fn explain_names_what_changed() {
    let project = Project::with(SPEC);
    project.edit("spec.yaml", "sweep:\n  detector.knn.k: [1, 3]\n", "");
    project.edit("spec.yaml", "knn: {}", "knn: { k: 1 }");
    let explain = |label: &str| project.run(&format!("explain spec.yaml {label}")).done().stdout;
    insta::assert_snapshot!("explain_at_first", explain("training/fan/00"));
    project.run("run spec.yaml").done();
    insta::assert_snapshot!("explain_cached", explain("training/fan/00"));
    project.edit("spec.yaml", "k: 1", "k: 3");
    insta::assert_snapshot!("explain_k", explain("metrics/fan/00"));
    let json = project.run("explain spec.yaml training/fan/00 --json").done().json();
    let change = &json[0]["changes"][0];
    assert_eq!(change["path"], "config.detector.knn.k");
    assert_eq!((&change["old"], &change["new"]), (&"1".into(), &"3".into()));
    let run = project.run("run spec.yaml").done();
    assert!(run.stderr.contains(" ms (detector.knn.k: 1 -> 3)"), "{}", run.stderr);
    insta::assert_snapshot!("explain_after", explain("metrics/fan/00"));
    let wrong = project.run("explain spec.yaml trainin/fan/00").exits(2);
    insta::assert_snapshot!("explain_wrong_label", wrong.stderr);
}

#[test]
fn exit_codes() {
    let project = Project::with(SPEC);
    let bad = SPEC.replace("knn: {}", "knn: { kk: 3 }");
    project.write("bad.yaml", &bad);
    project.write("strict.yaml", format!("{SPEC}expect: [ {{ metric: auc, at_most: 0.1 }} ]\n"));
    for (arguments, code) in [
        ("report spec.yaml", 2),
        ("check spec.yaml", 0),
        ("check spec.yaml bad.yaml", 2),
        ("check gone.yaml", 2),
        ("run bad.yaml", 2),
        ("run gone.yaml", 2),
        ("run", 2),
        ("walk spec.yaml", 2),
        ("run spec.yaml --jobs 0", 2),
        ("run spec.yaml --memory much", 2),
        ("run spec.yaml --executor slurmp", 2),
        ("run spec.yaml --only nothing/*", 2),
        ("run spec.yaml --set detector.knn.kk=3", 2),
        ("run spec.yaml --frozen", 1),
        ("run spec.yaml", 0),
        ("run strict.yaml", 3),
        ("run strict.yaml --frozen", 3),
        ("report spec.yaml", 0),
        ("explain spec.yaml nothing/fan", 2),
        ("cache gc", 2),
        ("--help", 0),
        ("--version", 0),
    ] {
        let run = project.run(arguments);
        assert_eq!(run.code, code, "{arguments}\n{}\n{}", run.stdout, run.stderr);
        assert!(
            code != 2 || (!run.stderr.is_empty() && !run.stderr.contains("panicked")),
            "{arguments}"
        );
        assert!(
            code != 2 || run.stdout.is_empty() || arguments.starts_with("check spec"),
            "{arguments}"
        );
    }
    let strict = project.run("run strict.yaml --quiet");
    assert!(strict.stderr.contains("expectation failed: auc of all is 0."), "{}", strict.stderr);
    assert_eq!(
        strict.stdout,
        project.run("report spec.yaml").stdout,
        "the tables are printed all the same"
    );
}

#[test]
fn every_reading_command_speaks_json() {
    let project = Project::with(SPEC);
    project.run("run spec.yaml").done();
    project.write("clip.wav", sounds::clip("fan"));
    let scores = "normal_id_00_00000000.wav,1\nanomaly_id_00_00000000.wav,2\n";
    project.write("scores/anomaly_score_fan_id_00.csv", scores);
    for arguments in [
        "check spec.yaml",
        "plan spec.yaml",
        "run spec.yaml",
        "explain spec.yaml dataset/fan/00",
        "report spec.yaml",
        "features clip.wav -o clip.npy",
        "cache ls",
        "cache stat",
        "cache verify",
        "cache gc --max-size 1 --dry-run",
        "evaluate scores --protocol dcase2020",
        "show",
        "show tiny --points",
        "diff tiny spec.yaml",
        "score tiny fan/00 clip.wav --where k=3",
    ] {
        let run = project.run(&format!("{arguments} --json")).done();
        assert!(run.json().is_object() || run.json().is_array(), "{arguments}");
    }
    project.write("bad.yaml", SPEC.replace("knn: {}", "knn: { kk: 3 }"));
    let check = project.run("check spec.yaml bad.yaml --json").exits(2).json();
    assert_eq!((&check[0]["ok"], &check[1]["ok"]), (&true.into(), &false.into()));
    assert_eq!(check[1]["mistakes"][0]["place"]["line"], 13);
}

#[test]
fn check_looks_at_every_spec() {
    let project = Project::with(SPEC);
    project.write("bad.yaml", SPEC.replace("knn: {}", "knn: { kk: 3 }").replace("name", "nmae"));
    let run = project.run("check bad.yaml spec.yaml bad.yaml").exits(2);
    assert_eq!(lines(&run.stdout), ["spec.yaml: ok, 2 points, 9 stages, fan: 1 section"]);
    assert_eq!(run.stderr.matches("2 mistakes").count(), 2);
    assert!(!project.cache().exists() && !project.path("cache").exists(), "nothing is written");
}

#[test]
fn a_feature_matrix_in_a_file_of_numpy() {
    use ndarray_npy::ReadNpyExt;
    let project = Project::with(SPEC);
    project.write("clip.wav", sounds::clip("fan"));
    let matrix = |path: &str| {
        let file = fs::File::open(project.path(path)).expect("it was written");
        ndarray::Array2::<f32>::read_npy(file).expect("a matrix of f32")
    };
    // Centred frames: one at every hop, and one at the end.
    let said = project
        .run("features clip.wav -o a.npy --set mels=20 --set frame=512 --set hop=250")
        .done();
    assert_eq!(said.stdout, "a.npy: 9 frames x 20 bins at 8000 Hz\n");
    assert_eq!(matrix("a.npy").dim(), (9, 20));
    project.run("features clip.wav -o b.npy --spec spec.yaml --set center=false").done();
    assert_eq!(matrix("b.npy").dim(), ((sounds::LENGTH - 256) / 128 + 1, 16));
    assert!(matrix("b.npy").iter().all(|x| x.is_finite()));
    #[cfg(unix)]
    {
        let odd = project.run("features clip.wav -o odd\u{1b}[2J.npy").done().stdout;
        assert!(odd.starts_with("odd<U+001B>[2J.npy: "), "{odd:?}");
    }
    // A short name is one of the features that the spec has.
    project.write(
        "spectrum.yaml",
        SPEC.replace("log_mel: { frame: 256, hop: 128, mels: 16 }", "spectrum: { hop: 128 }"),
    );
    project.run("features clip.wav -o s.npy --spec spectrum.yaml --set frame=512").done();
    assert_eq!(matrix("s.npy").dim().1, 257);
    let wrong = project.run("features clip.wav -o s.npy --spec spectrum.yaml --set mels=3");
    assert!(wrong.exits(2).stderr.contains("`mels`"));
    let wrong = project.run("features spec.yaml -o c.npy").exits(2);
    assert!(wrong.stderr.contains("not a WAV file"), "{}", wrong.stderr);
    assert!(!project.path("c.npy").exists());
}

#[test]
fn the_cache_is_listed_counted_and_verified() {
    let project = Project::with(SPEC);
    project.run("run spec.yaml").done();
    let listed = project.run("cache ls").done().stdout;
    assert_eq!(listed.lines().count(), 9);
    assert!(listed.lines().next().expect("a line").ends_with("  dataset/fan/00"), "{listed}");
    let stat = project.run("cache stat").done().stdout;
    assert!(stat.starts_with("9 records, "), "{stat}");
    assert_eq!(
        project.run("cache verify").done().stdout.matches("9 records read, 0 damaged").count(),
        1
    );
    let objects = tree(&project.cache().join("objects"));
    let (_, victim) =
        objects.iter().find(|(name, _)| name.ends_with(".safetensors")).expect("a model");
    fs::write(victim, "nonsense").expect("a file");
    let verify = project.run("cache verify").exits(1);
    assert!(
        verify.stdout.starts_with("damaged object: ") && verify.stdout.contains("1 moved to "),
        "{}",
        verify.stdout
    );
    assert!(project.run("cache verify").done().stdout.contains("1 objects evicted earlier"));
    assert!(project.run("cache ls").done().stdout.contains("(evicted)"));
    // Young objects are left alone, as the record that names them may not be written yet.
    let gc = project.run("cache gc --max-size 0").done().stdout;
    assert!(gc.starts_with("evicted 0 objects, 0 B; "), "{gc}");
}

#[test]
fn only_runs_what_matches_and_what_it_needs() {
    let project = Project::with(SPEC);
    let run = project.run("run spec.yaml --only scoring/*/k=3").done();
    let stages = ["dataset", "features", "pooling", "training", "scoring"];
    let names = run
        .ran_in_order()
        .iter()
        .map(|l| l.split('/').next().expect("a stage").to_owned())
        .collect::<Vec<_>>();
    assert_eq!((names.as_slice(), run.stdout.as_str()), (&stages.map(String::from)[..], ""));
    let plan = project.plan();
    let waiting = plan.values().filter(|standing| *standing != "cached").count();
    assert_eq!(waiting, 4, "{plan:#?}");
}

#[test]
fn the_level_of_the_processor_changes_no_result_and_a_mistyped_one_is_told() {
    let project = Project::with(SPEC);
    let at = |level: &str, arguments: &str| {
        let output = project
            .command(arguments)
            .env("HUMSHIFT_LEVEL", level)
            .output()
            .expect("the program starts");
        Output::new(output)
    };
    insta::assert_snapshot!(at("avx", "run spec.yaml").exits(2).stderr);
    let portable = at("portable", "run spec.yaml").done();
    if cfg!(target_arch = "x86_64") {
        assert!(portable.stderr.contains("has no AVX2 with FMA"), "{}", portable.stderr);
    }
    let frozen = project.run("run spec.yaml --frozen").done();
    assert_eq!(frozen.stdout, portable.stdout);
    assert_eq!(project.report(), project.report_of_an_empty_cache());
}
