//! Things other than regular files, for the tests of all code that reads files of a cache.

use std::fs;
use std::path::Path;

/// A name of the thing, and a function that makes it at a path.
type Strange = (&'static str, fn(&Path));

pub const STRANGE: &[Strange] = &[
    ("FIFO", |path| {
        let name = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
        // SAFETY: the name is a C string.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    }),
    ("folder", |path| fs::create_dir_all(path.join("inside")).unwrap()),
    ("link to a device", |path| std::os::unix::fs::symlink("/dev/zero", path).unwrap()),
    ("dead link", |path| std::os::unix::fs::symlink("nowhere", path).unwrap()),
    ("socket", |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap())),
];
