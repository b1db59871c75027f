//! Two people on one cache: a folder of their group, in which each may go on where the other was.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::time::Duration;

use crate::cache;
use crate::project::{Output, Project, tree};
use crate::sounds;

/// Numbers of users and of their group. No such names need to exist.
const ANNA: u32 = 61_001;
const BERT: u32 = 61_002;
const LAB: u32 = 61_100;

const SPEC: &str = "\
name: lab
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
sweep: { detector.knn.k: [1, 2] }
detector: { knn: {} }
";

fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).expect("the test is its owner");
}

/// A project that both may read, with an empty cache of their group.
fn project() -> Project {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    let outer = project.cache().parent().expect("it has one").to_owned();
    mode(&outer, 0o755);
    fs::create_dir(project.cache()).expect("it is not there");
    chown(project.cache(), Some(ANNA), Some(LAB)).expect("root may");
    // New folders belong to the group, too.
    mode(&project.cache(), 0o2775);
    project
}

/// The program as a user of the group, with a umask.
fn run(project: &Project, user: u32, umask: &str, arguments: &str) -> Output {
    let inner = project.command(arguments);
    let mut outer = std::process::Command::new("setpriv");
    let (user, group) = (user.to_string(), LAB.to_string());
    outer.args(["--reuid", &user, "--regid", &group, "--clear-groups", "--"]);
    outer.args(["sh", "-c", &format!("umask {umask}; exec \"$@\""), "sh"]);
    outer.arg(inner.get_program()).args(inner.get_args()).current_dir(project.dir());
    Output::new(outer.stdin(std::process::Stdio::null()).output().expect("setpriv starts"))
}

/// Whether tests can be other users here.
fn is_root(test: &str) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let root = status.lines().any(|line| line.starts_with("Uid:\t0\t0"));
    let has = std::process::Command::new("setpriv").arg("--version").output().is_ok();
    let program = Path::new(env!("CARGO_BIN_EXE_humshift"));
    // A program below a home of root cannot be started by others.
    let reached = program
        .ancestors()
        .all(|path| fs::metadata(path).is_ok_and(|meta| meta.mode() & 0o001 != 0));
    if !(root && has && reached) {
        eprintln!("skipped: {test}: it needs root, setpriv and a program that others may start");
    }
    root && has && reached
}

#[test]
fn two_users_share_a_folder_of_their_group() {
    if !is_root("two_users_share_a_folder_of_their_group") {
        return;
    }
    let project = project();
    let reference = project.report_of_an_empty_cache();
    run(&project, ANNA, "002", "run spec.yaml").done();
    // A lock that a killed run of hers left, with rights of hers alone.
    let key = cache::records(&project.cache())[0].key.clone();
    let lock = project.cache().join(format!("locks/{key}.lock"));
    fs::write(&lock, "").expect("root may");
    chown(&lock, Some(ANNA), Some(LAB)).expect("root may");
    mode(&lock, 0o644);

    project.edit("spec.yaml", "[1, 2]", "[1, 2, 3]");
    let more = run(&project, BERT, "002", "run spec.yaml").done();
    assert!(more.ran().iter().all(|label| label.contains("k=3")), "{:?}", more.ran());
    project.edit("spec.yaml", "[1, 2, 3]", "[1, 2]");
    let report = run(&project, BERT, "002", "report spec.yaml --format csv").done();
    assert_eq!(report.stdout, reference);
    // What she lost he makes again in its place.
    for (name, path) in tree(&project.cache()) {
        if name.starts_with("records/") && fs::metadata(&path).is_ok_and(|m| m.uid() == ANNA) {
            fs::write(&path, "torn").expect("root may");
        }
    }
    run(&project, BERT, "002", "run spec.yaml").done();
    let report = run(&project, ANNA, "002", "report spec.yaml --format csv").done();
    assert_eq!(report.stdout, reference);
    run(&project, ANNA, "002", "cache verify").done();
}

#[test]
fn what_one_user_reads_is_young_for_the_other() {
    if !is_root("what_one_user_reads_is_young_for_the_other") {
        return;
    }
    let project = project();
    run(&project, ANNA, "002", "run spec.yaml").done();
    #[expect(clippy::disallowed_methods, reason = "ages of files")]
    let old = std::time::SystemTime::now() - Duration::from_secs(40 * 24 * 3600);
    for (_, path) in tree(&project.cache().join("objects")) {
        fs::File::options()
            .append(true)
            .open(path)
            .expect("root may")
            .set_modified(old)
            .expect("root may");
    }
    // He reads the pooled vectors, and nothing before them.
    project.edit("spec.yaml", "[1, 2]", "[1, 2, 3]");
    run(&project, BERT, "002", "run spec.yaml").done();
    run(&project, BERT, "002", "cache gc --older-than 30d").done();
    let left = cache::records(&project.cache());
    let stays = |part: &str| {
        let of = left.iter().filter(|record| record.label.starts_with(part));
        of.flat_map(|record| record.outputs.values()).all(|path| path.exists())
    };
    assert!(stays("pooling"), "he read them a moment ago");
    assert!(!stays("features"), "nobody has read them for 40 days");
    // Both may go on.
    project.edit("spec.yaml", "[1, 2, 3]", "[1, 2, 3, 4]");
    run(&project, ANNA, "002", "run spec.yaml").done();
    assert_eq!(project.report(), project.report_of_an_empty_cache());
}

#[test]
fn who_may_not_write_is_told_where() {
    if !is_root("who_may_not_write_is_told_where") {
        return;
    }
    let project = project();
    run(&project, ANNA, "022", "run spec.yaml").done();
    project.edit("spec.yaml", "[1, 2]", "[1, 2, 3]");
    let told = run(&project, BERT, "022", "run spec.yaml").exits(4);
    assert!(told.stderr.contains("ermission denied"), "{}", told.stderr);
    project.edit("spec.yaml", "[1, 2, 3]", "[1, 2]");
    run(&project, BERT, "022", "report spec.yaml").done();
}
