//! Digests of unchanged source files, so that a rerun costs one `stat` per file.
//!
//! This is an optimisation, and its files may be deleted: keys hold contents, never times. A file
//! counts as unchanged if its path, size, inode, mtime and ctime are the same as when it was
//! hashed. Tools can set the mtime back but not the ctime. The memo is not used for
//!
//! * files whose content or inode changed less than two seconds before they were hashed: another
//!   change within the granularity of the clock would go unnoticed;
//! * a ctime in whole seconds, as in images with fixed times and on coarse file systems;
//! * files on a read-only file system: another image may be mounted in its place;
//! * systems without inodes or ctimes.
//!
//! These files are hashed each time. `run --rehash` hashes all files.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rayon::prelude::*;

use super::Desk;
use crate::digest::Digest;
use crate::disk::{self, Unusable};
use crate::reading;

const GRANULARITY: Duration = Duration::from_secs(2);

/// More than the files of the largest data set.
const LONGEST: u64 = 1 << 30;

const SECOND: i128 = 1_000_000_000;

/// File data that tells a changed file from an unchanged one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified_ns: i128,
    changed_ns: i128,
    inode: u64,
}

/// The digests of files under one root.
pub struct DigestMemo {
    root: PathBuf,
    file: PathBuf,
    known: BTreeMap<String, (Stamp, Digest)>,
    changed: bool,
    devices: Devices,
}

impl DigestMemo {
    /// The remembered digests of files under `root`.
    pub fn open(desk: &Desk, root: &Path) -> Self {
        let name = Digest::of(root.as_os_str().as_encoded_bytes());
        let file = desk.folder.path("memo").join(format!("{name}.tsv"));
        let text = disk::read(&file, LONGEST)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .unwrap_or_default();
        // The first line is the digest of the others. A damaged memo is ignored.
        let (check, lines) = text.split_once('\n').unwrap_or_default();
        let sound = Digest::of(lines.as_bytes()).hex() == check;
        let known = if sound { lines.lines().filter_map(parse).collect() } else { BTreeMap::new() };
        Self { root: root.to_owned(), file, known, changed: false, devices: Devices::default() }
    }

    /// Forgets everything, so that every file is hashed.
    pub fn forget(&mut self) {
        self.changed |= !self.known.is_empty();
        self.known.clear();
    }

    /// The digests of `paths` (relative to the root, with `/`), in their order. Changed files are
    /// hashed in parallel. Errors name the file.
    pub fn digests(&mut self, paths: &[String]) -> Result<Vec<Digest>, (String, io::Error)> {
        let (root, known, devices) = (&self.root, &self.known, &self.devices);
        let found: Vec<(Option<Stamp>, Digest)> = paths
            .par_iter()
            .with_min_len(64)
            .map(|path| digest(root, path, known.get(path), devices).map_err(|e| (path.clone(), e)))
            .collect::<Result<_, _>>()?;
        Ok(paths
            .iter()
            .zip(found)
            .map(|(path, (stamp, digest))| {
                if let Some(stamp) = stamp {
                    self.known.insert(path.clone(), (stamp, digest));
                    self.changed = true;
                }
                digest
            })
            .collect())
    }

    /// Saves new digests to the file.
    pub fn save(self, desk: &Desk) -> Result<(), Unusable> {
        if !self.changed {
            return Ok(());
        }
        let mut text = String::new();
        for (path, (stamp, digest)) in &self.known {
            if !path.contains(['\t', '\n']) {
                let Stamp { size, modified_ns, changed_ns, inode } = stamp;
                text.push_str(&format!(
                    "{path}\t{size}\t{modified_ns}\t{changed_ns}\t{inode}\t{}\n",
                    digest.hex()
                ));
            }
        }
        let check = Digest::of(text.as_bytes()).hex();
        desk.folder.publish(&self.file, format!("{check}\n{text}").as_bytes())
    }
}

fn parse(line: &str) -> Option<(String, (Stamp, Digest))> {
    let mut cells = line.split('\t');
    let path = cells.next()?.to_owned();
    let size = cells.next()?.parse().ok()?;
    let modified_ns = cells.next()?.parse().ok()?;
    let changed_ns = cells.next()?.parse().ok()?;
    let inode = cells.next()?.parse().ok()?;
    let digest = cells.next()?.parse().ok()?;
    Some((path, (Stamp { size, modified_ns, changed_ns, inode }, digest)))
}

/// The digest of a file, and its stamp if it is new and reliable.
fn digest(
    root: &Path,
    path: &str,
    known: Option<&(Stamp, Digest)>,
    devices: &Devices,
) -> io::Result<(Option<Stamp>, Digest)> {
    let full = root.join(path);
    let stamp = stamp(&fs::metadata(&full)?, &full, devices);
    match (&stamp, known) {
        (Some(stamp), Some((old, digest))) if old == stamp => Ok((None, *digest)),
        _ => {
            #[expect(
                clippy::disallowed_methods,
                reason = "decides what is remembered, never a result"
            )]
            let now =
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as i128);
            let (digest, _) = Digest::of_reader(reading::open(&full)?)?;
            let settled = |stamp: &Stamp| {
                now - stamp.modified_ns.max(stamp.changed_ns) > GRANULARITY.as_nanos() as i128
            };
            Ok((stamp.filter(settled), digest))
        }
    }
}

/// The stamp of a file; `None` if its times are not reliable.
#[cfg(unix)]
fn stamp(meta: &fs::Metadata, path: &Path, devices: &Devices) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt;
    let time =
        |seconds: i64, nanoseconds: i64| i128::from(seconds) * SECOND + i128::from(nanoseconds);
    let stamp = Stamp {
        size: meta.len(),
        modified_ns: time(meta.mtime(), meta.mtime_nsec()),
        changed_ns: time(meta.ctime(), meta.ctime_nsec()),
        inode: meta.ino(),
    };
    (stamp.changed_ns % SECOND != 0 && !devices.is_read_only(meta.dev(), path)).then_some(stamp)
}

#[cfg(not(unix))]
fn stamp(_: &fs::Metadata, _: &Path, _: &Devices) -> Option<Stamp> {
    None
}

/// Which devices are mounted read-only; each is asked once.
#[derive(Default)]
struct Devices(Mutex<BTreeMap<u64, bool>>);

#[cfg(unix)]
impl Devices {
    fn is_read_only(&self, device: u64, path: &Path) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known.entry(device).or_insert_with(|| {
            let Ok(name) = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()) else {
                return true;
            };
            // SAFETY: the name is a C string, and the structure consists of plain numbers that the
            // call fills.
            unsafe {
                let mut about: libc::statvfs = std::mem::zeroed();
                libc::statvfs(name.as_ptr(), &mut about) != 0 || about.f_flag & libc::ST_RDONLY != 0
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_even_if_size_and_date_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::open(&folder.path().join("cache")).unwrap();
        let file = folder.path().join("a.wav");
        let long_ago = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let write = |text: &str| {
            fs::write(&file, text).unwrap();
            fs::File::options().append(true).open(&file).unwrap().set_modified(long_ago).unwrap();
        };
        let settle = || std::thread::sleep(GRANULARITY + Duration::from_millis(50));
        let ask = || {
            let mut memo = DigestMemo::open(&desk, folder.path());
            let digest = memo.digests(&["a.wav".into()]).unwrap()[0];
            let learnt = memo.changed;
            memo.save(&desk).unwrap();
            (digest, learnt)
        };
        write("one");
        assert_eq!(
            ask(),
            (Digest::of(b"one"), false),
            "its date is old, but it was changed just now"
        );
        settle();
        assert_eq!(ask(), (Digest::of(b"one"), true));
        assert_eq!(ask(), (Digest::of(b"one"), false), "an unchanged file is not hashed");
        write("two");
        assert_eq!(ask(), (Digest::of(b"two"), false));
        settle();
        assert_eq!(ask(), (Digest::of(b"two"), true));
        let mut memo = DigestMemo::open(&desk, folder.path());
        memo.forget();
        assert_eq!(memo.digests(&["a.wav".into()]).unwrap(), [Digest::of(b"two")]);
        assert!(memo.changed, "it was hashed");
    }

    #[cfg(unix)]
    #[test]
    fn what_stands_still_is_not_relied_on() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.wav");
        fs::write(&file, "one").unwrap();
        let meta = fs::metadata(&file).unwrap();
        use std::os::unix::fs::MetadataExt;
        let of_a_device = |is_read_only| Devices(Mutex::new([(meta.dev(), is_read_only)].into()));
        assert!(stamp(&meta, &file, &of_a_device(true)).is_none());
        // No test can make a file whose inode changed at a whole second; about one in 10^9 does by
        // chance.
        let fraction = meta.ctime_nsec() != 0;
        assert_eq!(stamp(&meta, &file, &of_a_device(false)).is_some(), fraction);
        assert!(!Devices::default().is_read_only(meta.dev(), &file), "tests write here");
    }

    #[test]
    fn a_damaged_memo_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::open(&folder.path().join("cache")).unwrap();
        let file = folder.path().join("a.wav");
        fs::write(&file, "one").unwrap();
        let long_ago = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        fs::File::options().append(true).open(&file).unwrap().set_modified(long_ago).unwrap();
        std::thread::sleep(GRANULARITY + Duration::from_millis(50));
        let mut memo = DigestMemo::open(&desk, folder.path());
        memo.digests(&["a.wav".into()]).unwrap();
        let path = memo.file.clone();
        memo.save(&desk).unwrap();
        let hex = Digest::of(b"one").hex();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(&hex, &Digest::of(b"two").hex())).unwrap();
        assert!(DigestMemo::open(&desk, folder.path()).known.is_empty());
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::open(folder.path()).unwrap();
        let error =
            DigestMemo::open(&desk, folder.path()).digests(&["gone.wav".into()]).unwrap_err();
        assert_eq!(error.0, "gone.wav");
    }
}
