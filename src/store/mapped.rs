//! Objects mapped into memory, and protection against changes of their files.
//!
//! This program never writes to an object in place. Others do: `rsync --inplace`, a restored
//! backup, a failing disk. Two guards protect against them:
//!
//! * A missing page (the file was cut, the disk gives an error) raises SIGBUS. The handler maps a
//!   page of zeros in its place, so the stage fails and the process lives on.
//! * Before the result of a stage is kept, its mapped inputs are checked again
//!   ([`Mapped::is_unchanged`]).

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::ops::{Deref, Range};
use std::time::{Duration, SystemTime};

use crate::digest::Digest;

/// A low estimate of the bytes that are hashed per second.
const HASHED_A_SECOND: f64 = 5e8;

/// Pages are released after this many bytes.
const BEHIND: usize = 8 << 20;

/// A file mapped into memory.
pub struct Mapped {
    map: memmap2::Mmap,
    file: File,
    stamp: Option<Stamp>,
    digest: Digest,
    _guard: guard::Guard,
}

/// File data that changes with the content.
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
    /// Maps a whole file; `None` if it is empty or if too many files are mapped already.
    pub(super) fn open(file: File) -> io::Result<Option<Self>> {
        let before = stamp(&file.metadata()?);
        // SAFETY: others may change the file, so the bytes may change under the slice. The two
        // guards above handle that, and the code assumes only that they are bytes.
        let map = unsafe { memmap2::Mmap::map(&file) }?;
        let Some(guard) = guard::Guard::over(&map) else { return Ok(None) };
        let digest = hashed(&map);
        Ok(Some(Self { map, file, stamp: before, digest, _guard: guard }))
    }

    /// Releases the pages of a range. The next access reads them from the file again.
    pub(super) fn release(&self, range: Range<usize>) {
        release(&self.map, range);
    }

    /// The digest of the bytes at the time of mapping.
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether the bytes are still the mapped ones. An unchanged stamp answers this without
    /// hashing. The bytes are hashed again if the stamp changed (marking a use changes it), or if
    /// the stage that read them `took` so long that hashing costs less than a hundredth of it.
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
        // SAFETY: the map is backed by a file and never written, so pages come back with the bytes
        // of the file. A failure only costs memory.
        let _ = unsafe { map.unchecked_advise_range(advice, range.start, range.end - range.start) };
    }
    #[cfg(not(unix))]
    let _ = (map, range);
}

/// The digest of a map. Only a few pages are held in memory at once.
fn hashed(map: &memmap2::Mmap) -> Digest {
    Digest::of_reader(Pages { map, at: 0, kept: 0 }).expect("memory can be read").0
}

/// Reads a map from front to back and releases the pages behind.
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
    //! The handler of SIGBUS. It may only use operations that are safe in a signal handler: it
    //! reads atomics and maps a page.

    use std::ptr::null_mut;
    use std::sync::Once;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Memory ranges of mapped files: first address and length; an address of 0 marks a free place.
    static RANGES: [(AtomicUsize, AtomicUsize); 4096] =
        [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; 4096];
    static INSTALL: Once = Once::new();
    /// The previous handler, as a pointer that is never freed.
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
        // SAFETY: both structures are valid and outlive the calls; the handler has the signature
        // that SA_SIGINFO requires.
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
        // SAFETY: the kernel gives a valid `info`. The new page lies in a read-only mapping of this
        // program that lives as long as its guard. The faulting thread is stopped at a read of it.
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
            // The address is not ours: the read is tried again and meets the previous handler.
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
        // The writer set the time back, but the bytes still differ.
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
