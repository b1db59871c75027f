//! What commands write lies where it was asked for, is whole, and is none of what they read.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use crate::cache;
use crate::project::{Output, Project, tree};
use crate::sounds::{self, SPEC};

fn project() -> Project {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    project
}

#[test]
fn what_is_read_is_not_written() {
    let project = project();
    project.write("base.yaml", SPEC);
    project.write("spec.yaml", "extends: base.yaml\nname: other\n");
    project.run("run spec.yaml").done();
    let clip = format!("data/{}", sounds::path("fan", "test", "00", "source", "normal", 1));
    fs::hard_link(project.path("spec.yaml"), project.path("hard.md")).expect("one file system");
    let before = tree(&project.dir())
        .into_iter()
        .map(|(name, path)| (name, fs::read(path).unwrap()))
        .collect::<Vec<_>>();
    for command in [
        "report spec.yaml -o spec.yaml".to_owned(),
        "report spec.yaml -o hard.md".to_owned(),
        "report spec.yaml -o base.yaml".to_owned(),
        format!("report spec.yaml -o {clip}"),
        format!("report spec.yaml -o ./data/../{clip}"),
        format!("features {clip} -o {clip}"),
        format!("features {clip} --spec spec.yaml -o base.yaml"),
        format!("export spec.yaml training/fan/00 -o {clip}.safetensors"),
    ] {
        let linked = project.path(&format!("{clip}.safetensors"));
        if command.starts_with("export") {
            fs::hard_link(project.path(&clip), &linked).expect("one file system");
        }
        let run = project.run(&command).exits(2);
        assert!(
            run.stderr.contains("E0716") && run.stderr.contains("is read by this command"),
            "{command}\n{}",
            run.stderr
        );
        let _ = fs::remove_file(linked);
        let after =
            tree(&project.dir()).into_iter().map(|(name, path)| (name, fs::read(path).unwrap()));
        assert!(after.eq(before.iter().cloned()), "{command} wrote something");
    }
    project.run("report spec.yaml -o table.md").done();
    project.run("report spec.yaml -o table.md").done();
    project.run("report spec.yaml --submission scores").done();
    let sheet = tree(&project.path("scores"))
        .into_keys()
        .find(|name| name.contains("/anomaly_score_"))
        .expect("a sheet");
    let run = project.run(&format!("evaluate scores --protocol dcase2022 -o scores/{sheet}"));
    assert!(run.code == 2 && run.stderr.contains("E0716"), "{}", run.stderr);
}

#[test]
fn commands_that_read_make_no_cache() {
    let project = project();
    project.write("page.md", PAGE);
    for command in ["cache ls", "cache stat", "cache verify", "cache gc --max-size 0"] {
        let run = project.run(&format!("{command} --cache typo")).exits(4);
        assert_eq!(run.stderr, "error: there is no cache in `typo`\n", "{command}");
    }
    let plan = project.run("plan spec.yaml --cache typo").done();
    assert!(plan.stderr.contains("warning: there is no cache in `typo`"), "{}", plan.stderr);
    let report = project.run("report spec.yaml --cache typo").exits(2);
    assert!(
        report.stderr.contains("there is no cache in `typo`") && report.stderr.contains("E0704"),
        "{}",
        report.stderr
    );
    for (command, code) in READING {
        project.run(&format!("{command} --cache typo")).exits(*code);
        assert!(!project.path("typo").exists(), "{command}");
    }
    project.run("check spec.yaml").done();
    assert!(!project.cache().exists());
}

/// Commands that read a cache, and what they end with if there is none.
const READING: &[(&str, i32)] = &[
    ("plan spec.yaml", 0),
    ("run spec.yaml --frozen --quiet", 1),
    ("run spec.yaml --frozen --rehash", 1),
    ("report spec.yaml", 2),
    ("report laws", 2),
    ("report --splice page.md", 1),
    ("report --splice page.md --check", 1),
    ("explain spec.yaml training/fan/00", 0),
    ("explain spec.yaml training/fan/00 --proof", 2),
    ("export spec.yaml training/fan/00 -o x.safetensors", 2),
    ("cache ls", 4),
    ("cache stat", 4),
    ("cache verify", 4),
];

/// A page with a table to be made.
const PAGE: &str = "<!-- humshift: spec.yaml --table means -->\n<!-- /humshift -->\n";

/// The files of a cache with their bytes. Times are left out: a use is marked.
fn content(project: &Project) -> BTreeMap<String, Vec<u8>> {
    tree(&project.cache()).into_iter().map(|(name, path)| (name, fs::read(path).unwrap())).collect()
}

#[test]
fn commands_that_read_leave_a_cache_as_it_is() {
    let project = project();
    project.write("page.md", PAGE);
    project.run("run spec.yaml --only training/*").done();
    // Stages that have not run, digests that nobody remembers, and an object that is damaged.
    let clip = sounds::path("fan", "train", "00", "source", "normal", 90);
    project.write(&format!("data/{clip}"), sounds::clip(&clip));
    let records = cache::records(&project.cache());
    let trained = records.iter().find(|record| record.label == "training/fan/00").expect("it ran");
    fs::write(&trained.outputs["model"], "damaged").unwrap();
    let folders = fs::read_dir(project.cache()).unwrap().count();
    let before = content(&project);
    for (command, _) in READING.iter().filter(|(command, _)| *command != "cache verify") {
        project.run(command);
        assert_eq!(content(&project), before, "{command}");
        assert_eq!(fs::read_dir(project.cache()).unwrap().count(), folders, "{command}");
    }
    assert!(project.run("cache verify").exits(1).stdout.contains("1 moved to"));
}

/// Long enough to be stopped while it is written.
const LONG: &str = "\
name: long
data: { synthetic: { machines: [fan], seconds: 8.0, clips: { source_train: 300 } } }
features: { log_mel: {} }
pool: { mean: {} }
detector: { knn: {} }
";

#[cfg(unix)]
#[test]
fn a_data_set_appears_when_it_is_whole() {
    let project = Project::with(LONG);
    let written = || {
        let count = fs::read_dir(project.path("out.part/fan/train")).map_or(0, Iterator::count);
        count > 3
    };
    for signal in ["-INT", "-TERM", "-KILL"] {
        let mut child =
            project.command("dataset write spec.yaml -o out").spawn().expect("the program starts");
        let begun = now();
        while !written() {
            assert!(
                child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(60),
                "nothing is written"
            );
            std::thread::sleep(Duration::from_millis(3));
        }
        let other = project.run("dataset write spec.yaml -o out").exits(2);
        assert!(other.stderr.contains("is being written by another process"), "{}", other.stderr);
        let sent =
            std::process::Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.expect("kill is there").success());
        let run = Output::new(child.wait_with_output().expect("it ends"));
        assert!(!project.path("out").exists(), "{signal}");
        if signal == "-KILL" {
            assert!(project.path("out.part").exists());
        } else {
            assert_eq!(
                (run.code, project.path("out.part").exists()),
                (130, false),
                "{signal} {}",
                run.stderr
            );
            assert!(
                run.stderr.contains("interrupted; nothing is left of the data set"),
                "{}",
                run.stderr
            );
        }
    }
    let run = project
        .run("dataset write spec.yaml -o out --set data.synthetic.clips.source_train=3")
        .done();
    assert!(run.stdout.ends_with("clips in out\n"), "{}", run.stdout);
    assert!(project.path("out/fan/train").is_dir() && !project.path("out.part").exists());
}

#[expect(clippy::disallowed_methods, reason = "waits for the program")]
fn now() -> Instant {
    Instant::now()
}
