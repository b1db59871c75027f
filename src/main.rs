//! The program: everything is in the library.

fn main() -> std::process::ExitCode {
    keep_freed_memory();
    survive_file_limits();
    humshift::main()
}

/// Makes a write beyond the limit on the size of files an error that is told, instead of a signal
/// that kills.
fn survive_file_limits() {
    #[cfg(unix)]
    // SAFETY: the signal is ignored before there is any other thread.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// Tells glibc to keep what is freed instead of giving it back at once. Clips are buffers of a
/// megabyte that come and go thousands of times; fetched from the system anew each time, 304 clips
/// of the twin's fan took 14.8 s instead of 9.9 s, the difference in page faults.
fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: two integers are set before there is any other thread.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 512 << 20);
    }
}
