//! Caches that cannot be used: exit code 4, a message with the path, and no harm done.

use std::fs;

use crate::project::{Output, Project, tree};
use crate::sounds::{self, SPEC};

fn project() -> Project {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    project
}

#[test]
fn a_file_is_no_cache() {
    let project = project();
    project.write("file", "text");
    let file = project.path("file");
    for command in
        ["run spec.yaml", "plan spec.yaml", "report spec.yaml", "cache stat", "cache verify"]
    {
        let run = project.run(&format!("{command} --cache {}", file.display())).exits(4);
        assert!(
            run.stderr.starts_with("error: the cache at `") && run.stderr.contains("file"),
            "{}",
            run.stderr
        );
        assert_eq!(run.stdout, "");
    }
    assert_eq!(fs::read_to_string(file).expect("untouched"), "text");
}

/// Sets the permissions of everything in the cache.
#[cfg(unix)]
fn permit(project: &Project, folders: u32, files: u32) {
    use std::os::unix::fs::PermissionsExt;
    let set = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours")
    };
    let cache = project.cache();
    if folders & 0o200 != 0 {
        set(&cache, folders);
    }
    let mut inside: Vec<_> = tree(&cache).into_values().collect();
    inside.iter().for_each(|file| set(file, files));
    inside.extend(fs::read_dir(&cache).expect("a folder").flatten().map(|e| e.path().join("-")));
    for file in inside {
        let folder = file.parent().expect("it is in the cache");
        if folder != cache {
            set(folder, folders);
            // Shards lie one level deeper.
            if let Some(above) = folder.parent().filter(|above| **above != cache) {
                set(above, folders);
            }
        }
    }
    set(&cache, folders);
}

/// A run that may write only what its permissions allow: the superuser becomes nobody.
#[cfg(unix)]
fn run_unprivileged(project: &Project, arguments: &str) -> Option<Output> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    let mut command = project.command(arguments);
    let outer = project.cache().parent().expect("a folder").to_owned();
    if fs::metadata(&outer).expect("ours").uid() == 0 {
        fs::set_permissions(&outer, fs::Permissions::from_mode(0o755)).expect("ours");
        command.uid(65_534).gid(65_534);
    }
    match command.output() {
        Ok(output) => Some(Output::new(output)),
        Err(error) => {
            eprintln!(
                "skipped: read-only cache: the program cannot be run by another user: {error}"
            );
            None
        }
    }
}

#[cfg(unix)]
#[test]
fn a_read_only_cache_serves_what_it_has() {
    let project = project();
    let first = project.run("run spec.yaml").done();
    permit(&project, 0o555, 0o444);
    let again = run_unprivileged(&project, "run spec.yaml");
    let more = run_unprivileged(&project, "run spec.yaml --set detector.knn.k=2");
    let report = run_unprivileged(&project, "report spec.yaml");
    permit(&project, 0o755, 0o644);
    let (Some(again), Some(more), Some(report)) = (again, more, report) else { return };
    assert_eq!(again.done().stdout, first.stdout);
    assert_eq!(report.done().stdout, first.stdout);
    let more = more.exits(4);
    assert!(
        more.stderr.contains("error: the cache at `") && more.stdout.is_empty(),
        "{}",
        more.stderr
    );
    assert_eq!(project.ran().len(), 0, "no harm was done");
}

#[cfg(unix)]
#[test]
fn commands_that_read_need_no_right_to_write() {
    use std::os::unix::fs::PermissionsExt;
    let project = project();
    project.run("run spec.yaml").done();
    permit(&project, 0o555, 0o444);
    let checkout =
        |mode| fs::set_permissions(project.dir(), fs::Permissions::from_mode(mode)).expect("ours");
    checkout(0o555);
    let before = tree(&project.cache());
    let read =
        |command: &str, cache: &str| run_unprivileged(&project, &format!("{command}{cache}"));
    let mut codes = Vec::new();
    for (command, absent) in [
        ("run spec.yaml --frozen", 1),
        ("plan spec.yaml", 0),
        ("report spec.yaml", 2),
        ("report laws", 2),
        ("explain spec.yaml training/fan/00", 0),
        ("explain spec.yaml training/fan/00 --proof", 2),
        ("cache ls", 4),
        ("cache stat", 4),
        ("cache verify", 4),
    ] {
        let outputs = (read(command, ""), read(command, " --cache typo"));
        codes.push((command, absent, outputs));
    }
    let after = tree(&project.cache());
    checkout(0o755);
    permit(&project, 0o755, 0o644);
    assert_eq!(before, after);
    assert!(!project.path("typo").exists());
    for (command, absent, outputs) in codes {
        let (Some(with), Some(without)) = outputs else { return };
        assert_eq!(
            (with.code, without.code),
            (0, absent),
            "{command}\n{}\n{}",
            with.stderr,
            without.stderr
        );
    }
}

/// A file system of its own for the cache, gone when this is dropped.
#[cfg(target_os = "linux")]
struct SmallDisk(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn mount(at: &std::path::Path, options: &str) -> bool {
        let mut command = std::process::Command::new("mount");
        command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at);
        command.output().is_ok_and(|output| output.status.success())
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_costs_nothing_that_was_done() {
    let project = project();
    fs::create_dir(project.cache()).expect("it is not there yet");
    // The second size holds some stages, the first not even the folders of a cache.
    for size in [8, 300] {
        if !SmallDisk::mount(&project.cache(), &format!("size={size}k")) {
            eprintln!(
                "skipped: a_full_disk_is_told_and_costs_nothing_that_was_done: mounting is not permitted here"
            );
            return;
        }
        let disk = SmallDisk(project.cache());
        let run = project.run("run spec.yaml").exits(4);
        assert!(
            run.stderr.contains("error: the cache at `") && run.stderr.contains("space"),
            "{}",
            run.stderr
        );
        assert_eq!(run.stdout, "");
        assert!(SmallDisk::mount(&project.cache(), "remount,size=64m"), "a larger disk");
        let done = project.plan().values().filter(|standing| *standing == "cached").count();
        assert_eq!(project.ran().len(), 24 - done);
        assert!(size == 8 || done > 0, "nothing was done before the disk was full");
        assert_eq!(project.report(), project.report_of_an_empty_cache());
        drop(disk);
    }
}
