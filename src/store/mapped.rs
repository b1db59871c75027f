//! Objects mapped into memory, and what happens when such a file changes meanwhile.
//!
//! Nobody of this program writes an object in place. Others do: `rsync --inplace`, a restored
//! backup, a failing disk. Two guards stand against them:
//!
//! * A page that is gone (the file was cut, the disk gives an error) raises SIGBUS. The handler
//!   puts a page of zeros in its place, so that the stage ends instead of the process.
//! * Before the result of a stage is kept, its mapped inputs are looked at again
//!   ([`Mapped::is_unchanged`]).

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::ops::{Deref, Range};
use std::time::{Duration, SystemTime};

use crate::digest::Digest;

/// Bytes that are surely hashed in a second.
const HASHED_A_SECOND: f64 = 5e8;

/// Pages are given back after so many bytes.
const BEHIND: usize = 8 << 20;

/// A file in memory.
pub struct Mapped {
    map: memmap2::Mmap,
    file: File,
    stamp: Option<Stamp>,
    digest: Digest,
    _guard: guard::Guard,
}

/// What changes with the content of a file.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: SystemTime,
    #[cfg(unix)]
    changed: (i64, i64),
}

fn stamp(meta: &Metadata) -> Option<Stamp> {
    #[cfg(unix)]
    use std::os::unix::fs::MetadataExt;
    Some(Stamp {
        length: meta.len(),
        modified: meta.modified().ok()?,
        #[cfg(unix)]
        changed: (meta.ctime(), meta.ctime_nsec()),
    })
}

impl Mapped {
    /// Maps a whole file; `None` if too many are mapped already, or if it is empty.
    pub(super) fn open(file: File) -> io::Result<Option<Self>> {
        let before = stamp(&file.metadata()?);
        // SAFETY: what others do to the file meanwhile is the business of the two guards above:
        // bytes may change under the slice, which no code takes for granted beyond their being
        // bytes.
        let map = unsafe { memmap2::Mmap::map(&file) }?;
        let Some(guard) = guard::Guard::over(&map) else { return Ok(None) };
        let digest = hashed(&map);
        Ok(Some(Self { map, file, stamp: before, digest, _guard: guard }))
    }

    /// Gives the pages of a part back that was looked at: looked at again, they are read again.
    pub(super) fn release(&self, range: Range<usize>) {
        release(&self.map, range);
    }

    /// The digest of the bytes as they were when the file was mapped.
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether the bytes are still those that were mapped. The file's times answer this. Where they
    /// cannot (a use of the object was marked, or the stage that read it `took` so long that
    /// hashing costs less than a hundredth of it) the bytes are hashed again.
    pub(super) fn is_unchanged(&self, took: Duration) -> bool {
        let now = self.file.metadata().ok().as_ref().and_then(stamp);
        let is_cheap = took.as_secs_f64() > 100.0 * self.map.len() as f64 / HASHED_A_SECOND;
        if now == self.stamp && now.is_some() && !is_cheap {
            return true;
        }
        now.is_some_and(|now| now.length == self.map.len() as u64)
            && hashed(&self.map) == self.digest
    }
}

fn release(map: &memmap2::Mmap, range: Range<usize>) {
    #[cfg(unix)]
    if range.start < range.end && range.end <= map.len() {
        let advice = memmap2::UncheckedAdvice::DontNeed;
        // SAFETY: the map is of a file and only read, so the pages come back as the file has them.
        // That it could not be done costs memory, no more.
        let _ = unsafe { map.unchecked_advise_range(advice, range.start, range.end - range.start) };
    }
    #[cfg(not(unix))]
    let _ = (map, range);
}

/// The digest of a map, of which a few pages are held at once.
fn hashed(map: &memmap2::Mmap) -> Digest {
    Digest::of_reader(Pages { map, at: 0, kept: 0 }).expect("memory can be read").0
}

/// Reads a map from front to back and gives pages back behind itself.
struct Pages<'a> {
    map: &'a memmap2::Mmap,
    at: usize,
    kept: usize,
}

impl Read for Pages<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = (&self.map[self.at..]).read(buffer)?;
        self.at += n;
        if n == 0 || self.at - self.kept >= BEHIND {
            release(self.map, self.kept..self.at);
            self.kept = self.at;
        }
        Ok(n)
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

#[cfg(unix)]
mod guard {
    //! The handler of SIGBUS. It may only do what is safe in a signal handler: read atomics, map a
    //! page.

    use std::ptr::null_mut;
    use std::sync::Once;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Ranges of memory that are mapped files: first address and length, 0 where the place is free.
    static RANGES: [(AtomicUsize, AtomicUsize); 4096] =
        [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; 4096];
    static INSTALL: Once = Once::new();
    /// The handler before ours, as a pointer that is never freed.
    static BEFORE: AtomicUsize = AtomicUsize::new(0);

    /// A place in the table of ranges.
    pub struct Guard(usize);

    impl Guard {
        /// Guards `bytes`; `None` if the table is full.
        pub fn over(bytes: &[u8]) -> Option<Self> {
            INSTALL.call_once(install);
            let place = RANGES.iter().position(|(first, _)| {
                first
                    .compare_exchange(
                        0,
                        bytes.as_ptr() as usize,
                        Ordering::SeqCst,
                        Ordering::SeqCst,
                    )
                    .is_ok()
            })?;
            RANGES[place].1.store(bytes.len(), Ordering::SeqCst);
            Some(Self(place))
        }
    }

    impl Drop for Guard {
        fn drop(&mut self) {
            RANGES[self.0].1.store(0, Ordering::SeqCst);
            RANGES[self.0].0.store(0, Ordering::SeqCst);
        }
    }

    fn install() {
        // SAFETY: both structures are valid and outlive the calls; the handler has the form that
        // SA_SIGINFO asks for.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                on_bus_error;
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
            let before = Box::into_raw(Box::new(std::mem::zeroed::<libc::sigaction>()));
            BEFORE.store(before as usize, Ordering::SeqCst);
            libc::sigaction(libc::SIGBUS, &action, before);
        }
    }

    extern "C" fn on_bus_error(
        signal: libc::c_int,
        info: *mut libc::siginfo_t,
        _: *mut libc::c_void,
    ) {
        // SAFETY: the kernel gives a valid `info`. The page that is mapped lies in a mapping of
        // this program that is read-only and lives as long as its guard, and the thread that
        // faulted is stopped at a read of it.
        unsafe {
            let at = (*info).si_addr() as usize;
            let is_in = |(first, length): &(AtomicUsize, AtomicUsize)| {
                let (first, length) = (first.load(Ordering::SeqCst), length.load(Ordering::SeqCst));
                first != 0 && (first..first + length).contains(&at)
            };
            if RANGES.iter().any(is_in) {
                let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
                let start = (at & !(page - 1)) as *mut libc::c_void;
                if libc::mmap(start, page, libc::PROT_READ, flags, -1, 0) != libc::MAP_FAILED {
                    return;
                }
            }
            // Not ours: the read is tried again and meets the handler that was there before.
            let before = BEFORE.load(Ordering::SeqCst) as *const libc::sigaction;
            libc::sigaction(signal, before, null_mut());
        }
    }
}

#[cfg(not(unix))]
mod guard {
    pub struct Guard;

    impl Guard {
        pub fn over(_: &[u8]) -> Option<Self> {
            Some(Self)
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::{Seek, SeekFrom, Write as _};

    const LENGTH: usize = 1 << 20;

    fn mapped(folder: &std::path::Path, byte: u8) -> (std::path::PathBuf, Mapped) {
        let path = folder.join("object");
        std::fs::write(&path, vec![byte; LENGTH]).unwrap();
        let mapped = Mapped::open(File::open(&path).unwrap()).unwrap().unwrap();
        (path, mapped)
    }

    #[test]
    fn a_file_cut_short_while_it_is_read_is_zeros_and_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mapped) = mapped(folder.path(), 7);
        assert!(
            mapped.is_unchanged(Duration::ZERO) && mapped.is_unchanged(Duration::from_secs(900))
        );
        File::options().write(true).open(&path).unwrap().set_len(5000).unwrap();
        assert_eq!((mapped[0], mapped[LENGTH - 1]), (7, 0));
        let sum: usize = mapped.iter().map(|b| usize::from(*b)).sum();
        assert!(sum < 7 * 8192 + 1, "{sum}");
        assert!(!mapped.is_unchanged(Duration::ZERO));
    }

    #[test]
    fn a_byte_written_in_place_is_seen_and_a_marked_use_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mapped) = mapped(folder.path(), 7);
        let mut file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(mapped.is_unchanged(Duration::ZERO));
        file.seek(SeekFrom::Start(4321)).unwrap();
        file.write_all(&[8]).unwrap();
        assert!(!mapped.is_unchanged(Duration::ZERO));
        // Set back by whoever wrote: the bytes tell.
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(!mapped.is_unchanged(Duration::ZERO));
    }

    #[test]
    fn a_file_replaced_or_removed_is_still_what_was_mapped() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mapped) = mapped(folder.path(), 7);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "another").unwrap();
        assert!(mapped.is_unchanged(Duration::ZERO) && mapped.iter().all(|b| *b == 7));
    }
}
