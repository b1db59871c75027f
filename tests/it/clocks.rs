//! Clocks that are wrong: files from another century, and a system clock that jumps while the
//! program runs. Times may decide what is evicted, never a result.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::law::{LIMIT, Law, SPEC, fresh};
use crate::project::tree;
use crate::traced::{self, Verdict};

const HOUR: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

#[expect(clippy::disallowed_methods, reason = "ages of files")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn date(path: &Path, time: SystemTime) {
    File::open(path).expect("a file").set_modified(time).expect("ours");
}

/// The objects that may be evicted, and those that are kept: tables.
fn objects(cache: &Path) -> (BTreeSet<String>, BTreeSet<String>) {
    tree(&cache.join("objects")).into_keys().partition(|name| !name.ends_with(".json"))
}

#[test]
fn files_of_any_time_give_the_same_results_and_only_the_old_ones_go() {
    let law = Law::of(SPEC, "--jobs 1");
    let (_folder, cache) = fresh();
    let run = |arguments: &str| law.project.run(&law.at(arguments, &cache));
    run(&law.arguments).done();
    let times = [
        ("1970", UNIX_EPOCH, true),
        ("before 1970", UNIX_EPOCH - 20 * YEAR, true),
        ("2038", UNIX_EPOCH + Duration::from_secs(1 << 31), false),
        ("2106", UNIX_EPOCH + Duration::from_secs(u64::from(u32::MAX)), false),
        ("tomorrow", now() + 24 * HOUR, false),
    ];
    for (name, time, is_old) in times {
        let date_all = || tree(&cache).values().for_each(|path| date(path, time));
        date_all();
        for (name, path) in tree(&cache.join("memo")) {
            // What was answered is asked again.
            if name.ends_with(".json") {
                fs::remove_file(path).expect("it was there");
            }
        }
        assert_eq!(run(&law.arguments).done().ran(), BTreeSet::new(), "{name}");
        law.answers(&cache, &run(&law.arguments)).unwrap_or_else(|why| panic!("{name}: {why}"));
        for command in
            ["report law", "cache stat", "cache ls", "plan spec.yaml", "explain spec.yaml"]
        {
            assert!(run(command).code <= 2, "{name}: {command}");
        }
        let before = objects(&cache);
        date_all();
        run("cache gc --older-than 1h --runs").done();
        let after = objects(&cache);
        assert_eq!(after.1, before.1, "{name}: tables stay");
        assert_eq!(after.0.is_empty(), is_old, "{name}: {after:?}");
        assert!(is_old || after == before, "{name}: {after:?}");
        law.answers(&cache, &run(&law.arguments)).unwrap_or_else(|why| panic!("{name}: {why}"));
        // All bytes are needed again.
        for folder in ["objects", "records"] {
            for (file, path) in tree(&cache.join(folder)) {
                if folder == "records" || file.ends_with(".json") {
                    fs::remove_file(path).expect("it was there");
                }
            }
        }
        law.holds(&cache).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
}

#[test]
fn nothing_younger_than_asked_is_evicted() {
    let law = Law::of(SPEC, "--jobs 1");
    let (_folder, cache) = fresh();
    let run = |arguments: &str| law.project.run(&law.at(arguments, &cache));
    run(&law.arguments).done();
    let mut expected = BTreeSet::new();
    for (i, (name, path)) in tree(&cache.join("objects")).into_iter().enumerate() {
        // From two hours ago to two hours ahead.
        let minutes = [120, 61, 59, 30, 0, -120][i % 6];
        let age = Duration::from_secs(60 * i64::unsigned_abs(minutes));
        date(&path, if minutes < 0 { now() + age } else { now() - age });
        if minutes < 60 || name.ends_with(".json") {
            expected.insert(name);
        }
    }
    run("cache gc --older-than 1h --dry-run").done();
    assert!(tree(&cache.join("objects")).len() > expected.len(), "a dry run removes nothing");
    run("cache gc --older-than 1h").done();
    assert_eq!(tree(&cache.join("objects")).into_keys().collect::<BTreeSet<_>>(), expected);
    law.holds(&cache).expect("the law");
}

/// Each time it is asked, the clock says another year, some of them before 1970.
#[test]
fn a_clock_that_jumps_while_a_run_is_at_work_changes_nothing() {
    let name = "a_clock_that_jumps_while_a_run_is_at_work_changes_nothing";
    let year = YEAR.as_secs() as i64;
    let mut told = 0;
    for executor in ["threads", "process"] {
        let law = Law::of(SPEC, &format!("--jobs 1 --executor {executor}"));
        let jumps: [(&str, &dyn Fn(u64) -> i64); 4] = [
            ("to and fro", &|n| [0, 10 * year, -10 * year, -70 * year, 100 * year][n as usize % 5]),
            ("back", &|n| -3600 * n as i64),
            ("ahead", &|n| 3600 * n as i64),
            ("1950", &|_| -76 * year),
        ];
        for (way, jump) in jumps {
            let (_folder, cache) = fresh();
            let ask = |arguments: &str, told: &mut u64| {
                let mut clock = |n| {
                    *told += 1;
                    jump(n)
                };
                let command = law.project.command(&law.at(arguments, &cache));
                traced::run(command, &cache, LIMIT, &mut |_| Verdict::Go, Some(&mut clock))
            };
            let run = match ask(&law.arguments, &mut told) {
                Ok(run) => run.done(),
                Err(why) => return eprintln!("skipped: {name}: {why}"),
            };
            assert_eq!(run.stdout, law.tables, "{way}, {executor}");
            law.holds(&cache).unwrap_or_else(|why| panic!("{way}, {executor}: {why}"));
            let tables = objects(&cache).1;
            let gc = ask("cache gc --older-than 1h", &mut told).expect("it was traced before");
            assert_eq!(gc.code, 0, "{way}, {executor}: {}", gc.stderr);
            assert_eq!(objects(&cache).1, tables, "{way}, {executor}");
            law.holds(&cache).unwrap_or_else(|why| panic!("{way}, {executor}: {why}"));
        }
    }
    assert!(told > 50, "the clock was asked {told} times");
    eprintln!("wrong times told: {told}");
}
