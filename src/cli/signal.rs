//! The wish of a user, a scheduler or a closed terminal that the program stops.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::Exit;

/// A flag that the first Ctrl-C raises, and SIGTERM and SIGHUP as well: work at hand stops, what is
/// done is kept. The second ends the process.
pub fn cancel() -> Arc<AtomicBool> {
    // One for the process, which may run several specs and can set one handler.
    static CANCEL: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    let set = || {
        let cancel = Arc::new(AtomicBool::new(false));
        let flag = cancel.clone();
        let ignores_hangup = ignores_hangup();
        // Without the handler Ctrl-C kills, which the cache survives as well.
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

/// Whether the program was started by `nohup` or the like, so that it shall outlive its terminal.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    // SAFETY: asks only; the structure is plain numbers that the call fills.
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
