//! Which system calls touch the cache, and which files they name.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{Kind, Step};

/// The arguments of a call that name its files.
enum Files {
    /// A path.
    Path(usize),
    /// A folder that is open, or the working folder, and a path.
    At(usize, usize),
    /// A file that is open.
    Open(usize),
    /// The old and the new path.
    Two(usize, usize),
    /// The same with folders: folder, path, folder, path.
    TwoAt([usize; 4]),
}

use Files::{At, Open, Path as Name, Two, TwoAt};
use Kind::{Change, Look, Read};

/// The calls by number. Opening is a change if the file is made or may be written.
const CALLS: &[(i64, &str, Kind, Files)] = &[
    (libc::SYS_open, "open", Read, Name(0)),
    (libc::SYS_openat, "open", Read, At(0, 1)),
    (libc::SYS_creat, "create", Change, Name(0)),
    (libc::SYS_mkdir, "mkdir", Change, Name(0)),
    (libc::SYS_mkdirat, "mkdir", Change, At(0, 1)),
    (libc::SYS_rename, "rename", Change, Two(0, 1)),
    (libc::SYS_renameat, "rename", Change, TwoAt([0, 1, 2, 3])),
    (libc::SYS_renameat2, "rename", Change, TwoAt([0, 1, 2, 3])),
    (libc::SYS_link, "link", Change, Two(0, 1)),
    (libc::SYS_linkat, "link", Change, TwoAt([0, 1, 2, 3])),
    (libc::SYS_symlink, "link", Change, Name(1)),
    (libc::SYS_symlinkat, "link", Change, At(1, 2)),
    (libc::SYS_unlink, "unlink", Change, Name(0)),
    (libc::SYS_unlinkat, "unlink", Change, At(0, 1)),
    (libc::SYS_rmdir, "unlink", Change, Name(0)),
    (libc::SYS_write, "write", Change, Open(0)),
    (libc::SYS_pwrite64, "write", Change, Open(0)),
    (libc::SYS_writev, "write", Change, Open(0)),
    (libc::SYS_pwritev, "write", Change, Open(0)),
    (libc::SYS_sendfile, "write", Change, Open(0)),
    (libc::SYS_copy_file_range, "write", Change, Open(2)),
    (libc::SYS_truncate, "truncate", Change, Name(0)),
    (libc::SYS_ftruncate, "truncate", Change, Open(0)),
    (libc::SYS_fallocate, "allocate", Change, Open(0)),
    (libc::SYS_fsync, "sync", Change, Open(0)),
    (libc::SYS_fdatasync, "sync", Change, Open(0)),
    (libc::SYS_fchmod, "chmod", Change, Open(0)),
    (libc::SYS_flock, "lock", Change, Open(0)),
    (libc::SYS_utimensat, "date", Change, At(0, 1)),
    (libc::SYS_read, "read", Read, Open(0)),
    (libc::SYS_pread64, "read", Read, Open(0)),
    (libc::SYS_readv, "read", Read, Open(0)),
    (libc::SYS_mmap, "map", Read, Open(4)),
    (libc::SYS_getdents64, "list", Read, Open(0)),
    (libc::SYS_stat, "stat", Look, Name(0)),
    (libc::SYS_lstat, "stat", Look, Name(0)),
    (libc::SYS_fstat, "stat", Look, Open(0)),
    (libc::SYS_newfstatat, "stat", Look, At(0, 1)),
    (libc::SYS_statx, "stat", Look, At(0, 1)),
    (libc::SYS_access, "stat", Look, Name(0)),
];

/// The program that the system runs on the number of each call: the known ones, and asking for the
/// time, stop for the tracer; all others cost nothing.
pub fn filter(with_time: bool) -> Vec<libc::sock_filter> {
    let one =
        |code: u32, jump: u8, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: jump, k };
    let known = CALLS.iter().map(|known| known.0);
    let time = with_time.then_some(libc::SYS_clock_gettime);
    // The number is the first word of what the program is given.
    let mut filter = vec![one(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    for number in known.chain(time) {
        filter.push(one(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, number as u32));
        filter.push(one(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_TRACE));
    }
    filter.push(one(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW));
    filter
}

/// Whether the third argument of a call is the number of bytes to be read or written.
pub fn counts_bytes(call: u64) -> bool {
    [libc::SYS_read, libc::SYS_write, libc::SYS_pread64, libc::SYS_pwrite64].contains(&(call as _))
}

/// The step that a thread is about to make, if it touches the cache.
pub fn step(thread: i32, call: u64, arguments: &[u64; 6], caches: &[PathBuf]) -> Option<Step> {
    let (number, verb, kind, files) = CALLS.iter().find(|known| known.0 == call as i64)?;
    let number = *number;
    let arg = |i: usize| arguments[i];
    let (path, target) = match files {
        Name(i) => (named(thread, libc::AT_FDCWD, arg(*i))?, None),
        At(folder, i) => (named(thread, arg(*folder) as i32, arg(*i))?, None),
        Open(i) => (opened(thread, arg(*i) as i32)?, None),
        Two(old, new) => (
            named(thread, libc::AT_FDCWD, arg(*old))?,
            Some(named(thread, libc::AT_FDCWD, arg(*new))?),
        ),
        TwoAt([a, b, c, d]) => {
            (named(thread, arg(*a) as i32, arg(*b))?, Some(named(thread, arg(*c) as i32, arg(*d))?))
        }
    };
    let flags = match number {
        libc::SYS_open => arg(1) as i32,
        libc::SYS_openat => arg(2) as i32,
        _ => 0,
    };
    let writes = flags & (libc::O_CREAT | libc::O_TRUNC | libc::O_WRONLY | libc::O_RDWR) != 0;
    let below = |path: &Path| {
        let inside = caches.iter().find_map(|cache| path.strip_prefix(cache).ok())?;
        Some(without_chance(&inside.to_string_lossy()))
    };
    let target = target.and_then(|target| below(&target));
    let path = below(&path).or_else(|| target.clone())?;
    Some(Step { kind: if writes { Change } else { *kind }, verb, path, target })
}

/// A path whose file name is random, with `*` in its place.
fn without_chance(path: &str) -> String {
    match path.split_once("/.tmp") {
        Some((folder, _)) => format!("{folder}/*"),
        None => path.trim_end_matches(" (deleted)").to_owned(),
    }
}

/// The path of a file that a process has open.
fn opened(thread: i32, file: i32) -> Option<PathBuf> {
    // What the program inherits is not in the cache.
    (file > 2).then(|| std::fs::read_link(format!("/proc/{thread}/fd/{file}")).ok())?
}

/// The path that an argument of a call points at. An empty one stands for the open file itself.
fn named(thread: i32, folder: i32, address: u64) -> Option<PathBuf> {
    let path = text(thread, address)?;
    if path.is_absolute() {
        return Some(path);
    }
    if folder == libc::AT_FDCWD {
        return Some(std::fs::read_link(format!("/proc/{thread}/cwd")).ok()?.join(path));
    }
    let folder = opened(thread, folder)?;
    Some(if path.as_os_str().is_empty() { folder } else { folder.join(path) })
}

/// The text in the memory of a process; empty at the address 0.
fn text(thread: i32, address: u64) -> Option<PathBuf> {
    if address == 0 {
        return Some(PathBuf::new());
    }
    let memory = File::open(format!("/proc/{thread}/mem")).ok()?;
    let (mut bytes, mut at) = (Vec::new(), address);
    while bytes.len() < 4096 {
        // Up to the end of the page, because the next one need not be there.
        let mut part = vec![0; (256 - at as usize % 256).min(256)];
        memory.read_exact_at(&mut part, at).ok()?;
        at += part.len() as u64;
        if let Some(end) = part.iter().position(|byte| *byte == 0) {
            bytes.extend(&part[..end]);
            return Some(PathBuf::from(OsStr::from_bytes(&bytes)));
        }
        bytes.extend(part);
    }
    None
}
