//! What can happen to the files of a cache: after any of it a rerun reports what an empty cache
//! would give.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use humshift::seed::Rng;

use super::engine::{Case, Fate, Verdict, hold};
use super::mutate::{bytes, pick};
use super::small::Small;
use crate::cache::DAMAGES;
use crate::project::tree;

/// What stands in a file's place after a fault.
const PLACES: [&str; 9] = [
    "a folder",
    "a folder with a file",
    "a link to nowhere",
    "a link to itself",
    "a link to /dev/zero",
    "a link to another file",
    "a pipe",
    "a large hole",
    "other bytes",
];

/// The first bytes of a file: after an earlier fault it may be a hole of gigabytes.
fn start(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).expect("a sound cache has files");
    file.take(1 << 20).read_to_end(&mut bytes).expect("a sound cache has files");
    bytes
}

/// Puts something else in the place of a file.
#[cfg(unix)]
fn put(what: &str, path: &Path, other: &Path, rng: &mut Rng) {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    let (content, beside) = (start(path), start(other));
    fs::remove_file(path).expect("ours");
    match what {
        "a folder" => fs::create_dir(path),
        "a folder with a file" => {
            fs::create_dir(path).and_then(|()| fs::write(path.join("file"), "text"))
        }
        "a link to nowhere" => symlink("nowhere/at/all", path),
        "a link to itself" => symlink(path.file_name().expect("a name"), path),
        "a link to /dev/zero" => symlink("/dev/zero", path),
        "a link to another file" => symlink(other, path),
        "a pipe" => {
            let name = std::ffi::CString::new(path.as_os_str().as_bytes()).expect("no zeros");
            // SAFETY: the name ends with a zero and lives as long as the call.
            match unsafe { libc::mkfifo(name.as_ptr(), 0o644) } {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        }
        "a large hole" => fs::File::create(path).and_then(|file| file.set_len(4 << 30)),
        _ => fs::write(path, bytes(rng, &content, &beside)),
    }
    .expect("the cache can be written");
}

#[cfg(not(unix))]
fn put(_what: &str, path: &Path, other: &Path, rng: &mut Rng) {
    fs::write(path, bytes(rng, &start(path), &start(other))).expect("the cache can be written");
}

/// The files of the cache to which a fault happens: one, or all of a folder.
fn chosen(rng: &mut Rng, cache: &Path) -> Vec<PathBuf> {
    let sound = |path: &PathBuf| {
        fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() < 1 << 20)
    };
    let folder =
        *pick(rng, &["", "objects", "records", "records", "objects", "last", "memo", "runs"]);
    let mut files: Vec<PathBuf> = tree(&cache.join(folder)).into_values().filter(sound).collect();
    if files.is_empty() || rng.below(4) == 0 {
        return files;
    }
    vec![files.swap_remove(rng.below(files.len()))]
}

fn one(case: &mut Case, small: &Small) -> Verdict {
    small.restore(case.rng.below(2) == 0);
    let cache = small.cache();
    let mut story = String::new();
    for _ in 0..=case.rng.below(2) {
        let files = chosen(&mut case.rng, &cache);
        let (damage, place) = (case.rng.below(DAMAGES.len()), *pick(&mut case.rng, &PLACES));
        let spoil = case.rng.below(2) == 0;
        for file in &files {
            let other = pick(&mut case.rng, &files).clone();
            // Some damages want a byte at least.
            if spoil && fs::metadata(file).is_ok_and(|meta| meta.len() > 0) {
                DAMAGES[damage].1(file);
            } else if !spoil && other.is_file() {
                put(place, file, &other, &mut case.rng);
            }
        }
        let what = if spoil { DAMAGES[damage].0 } else { place };
        let names: Vec<String> = files.iter().map(|file| shown(file, &cache)).collect();
        story.push_str(&format!("{what}: {}\n", names.join(" ")));
    }
    case.keep("faults.txt", &story);
    let told = |verdict: Verdict| {
        verdict.map_err(|mut breach| {
            breach.told =
                format!("{} after {}", breach.told, story.chars().take(300).collect::<String>());
            breach
        })
    };
    for _ in 0..case.rng.below(3) {
        let before = [
            "plan spec.yaml",
            "cache verify",
            "cache gc --max-size 1M",
            "cache stat",
            "cache ls",
            "report spec.yaml",
        ];
        let command = *pick(&mut case.rng, &before);
        told(small.command(command))?;
    }
    let executor = *pick(&mut case.rng, &["serial", "threads", "process"]);
    let fate = told(small.run(&format!("run spec.yaml --executor {executor}")))?;
    if fate == Fate::Accepted {
        told(small.run("run spec.yaml --frozen"))?;
        told(small.report())?;
    }
    Ok(fate)
}

fn shown(file: &Path, cache: &Path) -> String {
    file.strip_prefix(cache).unwrap_or(file).display().to_string()
}

#[test]
fn faults_of_the_store() {
    let small = Small::new();
    hold("faults", 40, 30, |case| one(case, &small));
}
