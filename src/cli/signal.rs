//! Stop signals from the user, a scheduler or a closed terminal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::Exit;

/// A flag that the first Ctrl-C, SIGTERM or SIGHUP raises: running work stops, and finished work is
/// kept. The second signal ends the process.
pub fn cancel() -> Arc<AtomicBool> {
    // One flag per process, because it may run several specs but can set only one handler.
    static CANCEL: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    let set = || {
        let cancel = Arc::new(AtomicBool::new(false));
        let flag = cancel.clone();
        let ignores_hangup = ignores_hangup();
        // Without the handler, Ctrl-C kills the process; the cache survives that, too.
        let _ = ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(Exit::Interrupted as i32);
            }
        });
        if ignores_hangup {
            ignore_hangup();
        }
        cancel
    };
    CANCEL.get_or_init(set).clone()
}

/// Whether `nohup` or a similar program started this one, so that it must outlive its terminal.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    // SAFETY: this only asks; the structure consists of plain numbers that the call fills.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGHUP, std::ptr::null(), &mut now) == 0
            && now.sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(unix)]
fn ignore_hangup() {
    // SAFETY: no handler of ours depends on this signal.
    unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
}

#[cfg(not(unix))]
fn ignores_hangup() -> bool {
    false
}

#[cfg(not(unix))]
fn ignore_hangup() {}
