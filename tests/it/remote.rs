//! A cache behind the cache: a shared folder, and a bucket of S3 whatever goes wrong with it.

mod bucket;

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::Ordering;

use crate::cache;
use crate::project::{Output, Project, tree};
use crate::sounds;
use bucket::{Bucket, Fault};

const SPEC: &str = "\
name: shared
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
sweep: { detector.knn.k: [1, 2] }
detector: { knn: {} }
";

/// A machine of somebody who has the recordings and an empty cache.
fn machine() -> Project {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    project
}

/// A folder that machines share.
struct Share(tempfile::TempDir);

impl Share {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn flag(&self) -> String {
        format!("--remote file://{}", self.0.path().display())
    }
}

fn with(project: &Project, bucket: &Bucket, arguments: &str) -> Output {
    at(project, bucket, arguments, "lab")
}

fn at(project: &Project, bucket: &Bucket, arguments: &str, name: &str) -> Output {
    let mut command = project.command(&format!("{arguments} --remote s3://{name}/asd"));
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
        command.env_remove(name);
    }
    command.envs(bucket.variables());
    Output::new(command.output().expect("the program starts"))
}

/// What a run says of the remote cache, without its sizes.
fn warnings(output: &Output) -> Vec<String> {
    output.stderr.lines().filter(|line| line.starts_with("warning")).map(str::to_owned).collect()
}

#[test]
fn a_shared_folder_gives_another_machine_all_that_was_done() {
    let (share, first, second) = (Share::new(), machine(), machine());
    let reference = first.report_of_an_empty_cache();
    let all = first.run(&format!("run spec.yaml {}", share.flag())).done().ran();
    let again = second.run(&format!("run spec.yaml {}", share.flag())).done();
    assert_eq!((again.ran(), second.report()), (BTreeSet::new(), reference));
    // All of it came in one file, and no object but the tables.
    assert!(again.stderr.contains("remote cache: 1 files received"), "{}", again.stderr);
    assert!(!tree(&second.cache()).iter().any(|(name, _)| name.ends_with(".npy")));
    assert_eq!(cache::records(&second.cache()).len(), all.len());

    // A further point needs the features, which come one by one; nothing of them is made again.
    second.edit("spec.yaml", "[1, 2]", "[1, 2, 3]");
    let more = second.run(&format!("run spec.yaml {}", share.flag())).done();
    assert!(
        more.ran().iter().all(|label| label.contains("knn.k=3") || label.contains("k=3")),
        "{:?}",
        more.ran()
    );
    assert_eq!(second.report(), second.report_of_an_empty_cache());
    second.run("cache verify").done();
    // Its results are there for the first machine in turn.
    first.edit("spec.yaml", "[1, 2]", "[1, 2, 3]");
    assert_eq!(first.run(&format!("run spec.yaml {}", share.flag())).done().ran().len(), 0);
    for executor in ["process", "serial"] {
        let third = machine();
        third.edit("spec.yaml", "[1, 2]", "[1, 2, 3, 4]");
        let ran = third.run(&format!("run spec.yaml --executor {executor} {}", share.flag()));
        assert!(ran.done().ran().len() < all.len() / 2);
        assert_eq!(third.report(), third.report_of_an_empty_cache(), "{executor}");
        // The share keeps what the next executor would have to make.
        share_forgets(&share, "k=4");
    }
}

/// Removes the records of some labels, and the packs, from a share.
fn share_forgets(share: &Share, part: &str) {
    for (name, path) in tree(share.0.path()) {
        let is_it = || fs::read_to_string(&path).is_ok_and(|text| text.contains(part));
        if name.starts_with("runs/") || (name.starts_with("records/") && is_it()) {
            fs::remove_file(&path).expect("a file of the share");
        }
    }
}

#[test]
fn damage_in_a_share_costs_work_and_is_mended() {
    let share = Share::new();
    let flag = share.flag();
    let first = machine();
    let reference = first.report_of_an_empty_cache();
    let all = first.run(&format!("run spec.yaml {flag}")).done().ran().len();
    let (mut kinds, mut further) = (0, 2);
    for (what, ending) in [("records/", ".json"), ("objects/", ".npy"), ("objects/", ".json")] {
        for damage in [&b""[..], b"{}", &[0; 5000]] {
            for (name, path) in tree(share.0.path()) {
                if name.starts_with("runs/") {
                    fs::remove_file(&path).expect("a file of the share");
                } else if name.starts_with(what) && name.ends_with(ending) {
                    fs::write(&path, damage).expect("a file of the share");
                }
            }
            // A further point needs the objects of those before.
            further += usize::from(ending == ".npy");
            let somebody = || {
                let project = machine();
                if ending == ".npy" {
                    project.edit("spec.yaml", "[1, 2]", &format!("[1, 2, {further}]"));
                }
                project
            };
            let project = somebody();
            let run = project.run(&format!("run spec.yaml {flag}")).done();
            assert!(run.stderr.contains("counts as missing"), "{what}: {}", run.stderr);
            if ending != ".npy" {
                assert_eq!(project.report(), reference, "{what}{ending}");
            }
            assert_eq!(project.report(), project.report_of_an_empty_cache(), "{what}{ending}");
            project.run("cache verify").done();
            kinds += usize::from(!run.ran().is_empty());
            // Whoever made it again has also replaced it.
            let next = somebody().run(&format!("run spec.yaml {flag}")).done();
            assert_eq!((next.ran().len(), warnings(&next)), (0, vec![]), "{what}{ending}");
        }
    }
    assert!(kinds >= 6 && all > 0, "damage of records and tables makes stages run");
}

#[test]
fn records_alone_answer_an_unchanged_experiment() {
    let share = Share::new();
    let flag = format!("{} --remote-records", share.flag());
    machine().run(&format!("run spec.yaml {flag}")).done();
    let names: Vec<String> = tree(share.0.path()).into_keys().collect();
    assert!(names.iter().all(|name| !name.ends_with(".npy")), "{names:?}");
    let other = machine();
    assert_eq!(other.run(&format!("run spec.yaml --frozen {flag}")).done().ran().len(), 0);
    // What needs bytes makes them, as with a cache whose objects were evicted.
    let third = machine();
    third.edit("spec.yaml", "[1, 2]", "[1, 2, 3]");
    assert!(!third.run(&format!("run spec.yaml {flag}")).done().ran().is_empty());
    assert_eq!(third.report(), third.report_of_an_empty_cache());
}

#[test]
fn push_and_pull_move_a_run_or_everything() {
    let (share, first) = (Share::new(), machine());
    let flag = share.flag();
    first.run("run spec.yaml").done();
    first.edit("spec.yaml", "name: shared", "name: another");
    first.edit("spec.yaml", "mels: 16", "mels: 8");
    first.run("run spec.yaml").done();
    let pushed = first.run(&format!("cache push shared {flag} --json")).done().json();
    let pulled = Project::new();
    let got = pulled.run(&format!("cache pull shared {flag} --json")).done().json();
    assert_eq!((&pushed["stages"], &pushed["runs"]), (&got["stages"], &got["runs"]));
    // Neither spec nor data are here: the report needs the run alone.
    let report = pulled.run("report shared --format csv").done().stdout;
    assert_eq!(report, first.run("report shared --format csv").done().stdout);
    assert_eq!(pulled.run("cache verify --json").done().json()["evicted"], 0);
    let no = pulled.run(&format!("cache pull another {flag}")).exits(2);
    assert!(no.stderr.contains("no such run"), "{}", no.stderr);

    first.run(&format!("cache push {flag}")).done();
    pulled.run(&format!("cache pull {flag}")).done();
    let keys = |project: &Project| -> BTreeSet<String> {
        cache::records(&project.cache()).into_iter().map(|record| record.key).collect()
    };
    assert_eq!(keys(&pulled), keys(&first));
    // A second time nothing travels.
    let again = first.run(&format!("cache push {flag}")).done().stdout;
    assert!(again.contains("stages whole"), "{again}");
}

#[test]
fn an_address_that_is_none_is_told() {
    let project = machine();
    let told = |flag: &str| {
        let output = project.run(&format!("run spec.yaml {flag}")).exits(2);
        output.stderr.replace(&project.dir().display().to_string(), "DIR")
    };
    insta::assert_snapshot!(
        [
            "--remote ftp://x",
            "--remote s3://",
            "--remote file://share",
            "--remote file:///no/such/share",
            "--remote-records",
        ]
        .map(told)
        .join("\n")
    );
    let none = project.run("cache push").exits(2);
    assert!(none.stderr.contains("say where"), "{}", none.stderr);
}

#[test]
fn a_bucket_does_what_a_shared_folder_does() {
    let Some(bucket) = Bucket::start("a_bucket_does_what_a_shared_folder_does") else { return };
    let (first, second) = (machine(), machine());
    with(&first, &bucket, "run spec.yaml").done();
    let before = bucket.requests.load(Ordering::Relaxed);
    let again = with(&second, &bucket, "run spec.yaml").done();
    let asked = bucket.requests.load(Ordering::Relaxed) - before;
    assert_eq!((again.ran().len(), second.report()), (0, first.report()));
    assert!(asked <= 3, "{asked} requests for a run that was complete\n{}", again.stderr);
    second.edit("spec.yaml", "[1, 2]", "[1, 2, 3]");
    assert!(with(&second, &bucket, "run spec.yaml").done().ran().len() <= 12);
    assert_eq!(second.report(), second.report_of_an_empty_cache());
    // A bucket that is not there looks empty, but takes nothing.
    let misspelt = at(&machine(), &bucket, "run spec.yaml", "lob").done();
    let told = warnings(&misspelt);
    assert!(told.len() == 1 && told[0].contains("there is no such bucket"), "{told:#?}");
    let third = Project::new();
    with(&third, &bucket, "cache pull shared").done();
    assert_eq!(third.run("cache verify --json").done().json()["evicted"], 0);
    let pushed = with(&third, &bucket, "cache push").done();
    assert!(pushed.stdout.contains("stages whole"), "{}", pushed.stdout);
}

#[test]
fn whatever_a_bucket_does_the_report_is_that_of_an_empty_cache() {
    let test = "whatever_a_bucket_does_the_report_is_that_of_an_empty_cache";
    let Some(bucket) = Bucket::start(test) else { return };
    let reference = machine().report_of_an_empty_cache();
    with(&machine(), &bucket, "run spec.yaml").done();
    let mut told = Vec::new();
    let faults = [
        Fault::Flaky,
        Fault::Broken,
        Fault::Slow(150),
        Fault::Slow(2_000),
        Fault::Cut,
        Fault::Wrong,
        Fault::Full,
        Fault::ReadOnly,
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        // The second has a point that nobody made before.
        for further in [false, true] {
            bucket.set(fault);
            let project = machine();
            if further {
                // There are eight clips to choose from. Where nothing arrives, a number is new twice.
                let k = [3, 4, 5, 4, 6, 7, 8, 8][number];
                project.edit("spec.yaml", "[1, 2]", &format!("[1, 2, {k}]"));
            }
            let run = with(&project, &bucket, "run spec.yaml").done();
            let warnings = warnings(&run);
            // Nobody is told the same thing for each file.
            assert!(warnings.len() <= 1 || fault == Fault::Wrong, "{fault:?}: {warnings:#?}");
            told.push((fault, further, warnings.len(), run.ran().len()));
            bucket.set(Fault::None);
            assert_eq!(project.report(), project.report_of_an_empty_cache(), "{fault:?}");
            project.run("cache verify").done();
            if !further {
                assert_eq!(project.report(), reference);
            }
        }
    }
    let of = |fault: Fault, further: bool| {
        let found = told.iter().find(|(f, more, ..)| *f == fault && *more == further);
        found.map(|(_, _, warnings, ran)| (*warnings, *ran)).expect("it was tried")
    };
    // Retries hide the first; readers without the right to write have all the others made.
    assert_eq!((of(Fault::Flaky, false), of(Fault::Slow(150), false)), ((0, 0), (0, 0)));
    assert_eq!((of(Fault::ReadOnly, false), of(Fault::Full, false)), ((0, 0), (0, 0)));
    assert!(of(Fault::Broken, false).0 == 1 && of(Fault::Broken, false).1 > 10, "{told:?}");
    assert!(of(Fault::Slow(2_000), false).0 == 1, "{told:?}");
    assert!(of(Fault::ReadOnly, true).0 == 1 && of(Fault::Full, true).0 == 1);
}

#[test]
fn a_server_that_is_not_there_costs_one_line() {
    let project = machine();
    let mut command = project.command("run spec.yaml --remote s3://lab/asd");
    command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let run = Output::new(command.output().expect("the program starts")).done();
    let warnings = warnings(&run);
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert!(warnings[0].contains("does not answer") && warnings[0].contains("this run is local"));
    assert_eq!(project.report(), project.report_of_an_empty_cache());
}
