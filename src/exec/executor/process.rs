//! Each job in its own process: `humshift internal run-job KEY --cache DIR`.
//!
//! The job lies in the cache as a file, and the worker commits the record itself. The record proves
//! that the job is done; the exit code does not. The worker writes its progress to stdout, one line
//! of JSON each time, and the reason if it fails.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Room;
use super::threads::Threads;
use crate::context::Progress;
use crate::desk::{Desk, KeyLock};
use crate::exec::found::found;
use crate::exec::{Failure, Job};
use crate::store::{Made, Store};

/// One thread per job; each waits for its process.
pub fn new(store: Store, desk: Desk, room: Room, cancel: Arc<AtomicBool>) -> Threads {
    Threads::with(store, desk, room, cancel, dispatch)
}

fn dispatch(
    store: &Store,
    desk: &Desk,
    job: &Job,
    lock: Option<&KeyLock>,
    cancel: &AtomicBool,
    tell: &(dyn Fn(Progress) + Sync),
) -> Result<Made, Failure> {
    // The worker knows only the folder of the cache.
    for object in job.inputs.values() {
        // One that cannot be had is missed by the worker.
        store.fetch(object);
    }
    let bytes = serde_json::to_vec(job).expect("jobs are JSON");
    desk.leave_job(&job.key, &bytes).map_err(|e| Failure::Store(e.to_string()))?;
    let result = spawn(store, job, lock, cancel, tell);
    desk.remove_job(&job.key);
    result
}

fn spawn(
    store: &Store,
    job: &Job,
    lock: Option<&KeyLock>,
    cancel: &AtomicBool,
    tell: &(dyn Fn(Progress) + Sync),
) -> Result<Made, Failure> {
    let failed = |why: String| Failure::Stage(format!("the worker process {why}"));
    let program = std::env::current_exe().map_err(|e| failed(format!("was not found: {e}")))?;
    let mut command = Command::new(program);
    command.args(["internal", "run-job", &job.key.hex(), "--cache"]).arg(store.root());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    bind(&mut command, lock);
    let mut child = command.spawn().map_err(|e| failed(format!("could not start: {e}")))?;
    let stdout = child.stdout.take().expect("it was asked for");
    let (status, text) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| listen(stdout, tell));
        let status = wait(&mut child, cancel);
        (status, reader.join().unwrap_or_default())
    });
    let status = status.map_err(|e| failed(format!("was lost: {e}")))?;
    let Some(status) = status else { return Err(Failure::Cancelled) };
    if let Some(record) = found(store, &job.stage, &job.key).sound().filter(|_| status.success()) {
        return Ok(record);
    }
    if cancel.load(Ordering::Relaxed) {
        // Ctrl-C reaches the worker, too. It was stopped; it did not fail.
        return Err(Failure::Cancelled);
    }
    // The worker reports the reason, unless it was killed.
    Err(serde_json::from_str(&text)
        .unwrap_or_else(|_| failed(format!("ended with {status} and left no record"))))
}

/// Lets the worker inherit the lock of its key, so the lock is held while this process or the
/// worker lives. The worker also ends with the thread that waits for it.
#[cfg(unix)]
fn bind(command: &mut Command, lock: Option<&KeyLock>) {
    use std::os::fd::AsRawFd;
    use std::os::unix::process::CommandExt;
    let lock = lock.map(|lock| lock.file().as_raw_fd());
    #[cfg(target_os = "linux")]
    let parent = std::process::id();
    let before = move || {
        // SAFETY: these are only system calls, as required between `fork` and `exec`. The
        // descriptor is open, because the lock outlives the start of the process.
        unsafe {
            if let Some(lock) = lock
                && libc::fcntl(lock, libc::F_SETFD, 0) == -1
            {
                return Err(std::io::Error::last_os_error());
            }
            #[cfg(target_os = "linux")]
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == -1
                || libc::getppid() as u32 != parent
            {
                return Err(std::io::Error::other("the run has ended"));
            }
        }
        Ok(())
    };
    // SAFETY: see above.
    unsafe { command.pre_exec(before) };
}

#[cfg(not(unix))]
fn bind(_: &mut Command, _: Option<&KeyLock>) {}

/// Passes on the progress of the worker. Returns its other output.
fn listen(stdout: impl Read, tell: &(dyn Fn(Progress) + Sync)) -> String {
    let mut rest = String::new();
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(progress) => tell(progress),
            Err(_) => rest.push_str(&(line + "\n")),
        }
    }
    rest
}

/// The exit status; `None` if the run was cancelled and the process killed.
fn wait(
    child: &mut Child,
    cancel: &AtomicBool,
) -> std::io::Result<Option<std::process::ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if cancel.load(Ordering::Relaxed) {
            let _ = child.kill();
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_passed_on_and_the_reason_of_a_failure_is_left() {
        let progress = Progress { done: 3, total: 9, text: "loss 1 {}".into() };
        let failure = Failure::Stage("clip `a`\nis \"b\"".into());
        let said = format!(
            "{}\n{}\n",
            serde_json::to_string(&progress).unwrap(),
            serde_json::to_string_pretty(&failure).unwrap()
        );
        let heard = std::sync::Mutex::new(Vec::new());
        let rest = listen(said.as_bytes(), &|p| heard.lock().unwrap().push(p));
        assert_eq!(heard.into_inner().unwrap(), [progress]);
        assert_eq!(serde_json::from_str::<Failure>(&rest).unwrap(), failure);
    }
}
