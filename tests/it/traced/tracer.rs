//! The loop that follows all threads and processes of a run from call to call.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use libc::{c_int, c_long, c_uint, pid_t};

use super::calls::{counts_bytes, filter, step};
use super::{Clock, Judge, Verdict};
use crate::project::Output;

/// What to do when the call that a thread is in returns.
enum After {
    Kill,
    /// It has written the time to this address.
    Time(u64),
}

struct Tracer<'a> {
    caches: Vec<PathBuf>,
    judge: Judge<'a>,
    clock: Option<Clock<'a>>,
    asked: u64,
    after: BTreeMap<pid_t, After>,
}

pub fn run<'a>(
    mut command: Command,
    cache: &Path,
    limit: Duration,
    judge: Judge<'a>,
    clock: Option<Clock<'a>>,
) -> Result<Output, String> {
    let mut filter = filter(clock.is_some());
    // SAFETY: system calls alone between `fork` and `exec`. The program that they are given was
    // made before.
    unsafe {
        command.pre_exec(move || {
            let program =
                libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
            let done = libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) == 0
                && libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) == 0;
            if done { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        })
    };
    let mut child = command.spawn().map_err(|e| format!("tracing is not permitted here: {e}"))?;
    let leader = child.id() as pid_t;
    let mut caches = vec![cache.to_owned()];
    caches.extend(
        std::fs::canonicalize(cache.parent().expect("a folder"))
            .ok()
            .and_then(|parent| Some(parent.join(cache.file_name()?))),
    );
    let tracer = Tracer { caches, judge, clock, asked: 0, after: BTreeMap::new() };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (done, is_done) = channel::<()>();
    let alive = Mutex::new(BTreeSet::from([leader]));
    let kill_all = &|| {
        for pid in alive.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            kill(*pid);
        }
    };
    std::thread::scope(|scope| {
        let read = |pipe: Option<Box<dyn Read + Send>>| {
            scope.spawn(move || {
                let mut bytes = Vec::new();
                pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
                bytes
            })
        };
        let stdout = read(stdout.map(|pipe| Box::new(pipe) as _));
        let stderr = read(stderr.map(|pipe| Box::new(pipe) as _));
        let watch = scope.spawn(move || {
            let late = is_done.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            if late {
                kill_all();
            }
            late
        });
        // A judge may fail the test. Nobody would wait for the processes then.
        let follow = std::panic::AssertUnwindSafe(|| tracer.follow(leader, &alive));
        let ended = std::panic::catch_unwind(follow);
        drop(done);
        kill_all();
        let late = watch.join().expect("nobody panics");
        let [stdout, stderr] = [stdout, stderr].map(|pipe| pipe.join().expect("nobody panics"));
        let ended = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let status = ExitStatus::from_raw(ended?);
        let output = Output::new(std::process::Output { status, stdout, stderr });
        assert!(!late, "it did not end within {limit:?}: {}", output.stderr);
        Ok(output)
    })
}

impl Tracer<'_> {
    /// Follows everything that descends from the leader until it has ended; the leader's status.
    fn follow(mut self, leader: pid_t, alive: &Mutex<BTreeSet<pid_t>>) -> Result<c_int, String> {
        let mut ended = None;
        let mut known = BTreeSet::new();
        loop {
            let mut status = 0;
            // Children of other threads, which run other tests, are not ours.
            // SAFETY: the status is a number of ours.
            let thread =
                unsafe { libc::waitpid(-1, &mut status, libc::__WALL | libc::__WNOTHREAD) };
            if thread < 0 {
                match std::io::Error::last_os_error().raw_os_error() {
                    Some(libc::EINTR) => continue,
                    _ => return ended.ok_or_else(|| "the program was lost".to_owned()),
                }
            }
            if !libc::WIFSTOPPED(status) {
                if thread == leader {
                    ended = Some(status);
                }
                alive.lock().unwrap_or_else(PoisonError::into_inner).remove(&thread);
                known.remove(&thread);
                self.after.remove(&thread);
                continue;
            }
            let is_new = known.insert(thread);
            if is_new {
                alive.lock().unwrap_or_else(PoisonError::into_inner).insert(thread);
            }
            let (signal, event) = (libc::WSTOPSIG(status), status >> 16);
            let passed_on = match (signal, event) {
                // The first program that it executes.
                (libc::SIGTRAP, 0) if is_new && thread == leader => {
                    set_options(thread)?;
                    self.hide_clock(thread);
                    0
                }
                (libc::SIGTRAP, libc::PTRACE_EVENT_EXEC) => {
                    self.hide_clock(thread);
                    0
                }
                (libc::SIGTRAP, libc::PTRACE_EVENT_SECCOMP) => {
                    self.call(thread)?;
                    0
                }
                (libc::SIGTRAP, 1..) => 0,
                (signal, _) if signal == libc::SIGTRAP | 0x80 => {
                    self.returned(thread);
                    0
                }
                // Every new thread begins with a stop.
                (libc::SIGSTOP, _) if is_new => 0,
                // A stop of the whole process has no signal that could be passed on.
                (libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU, _)
                    if !has_signal(thread) =>
                {
                    0
                }
                (signal, _) => signal,
            };
            let request = match self.after.contains_key(&thread) {
                true => libc::PTRACE_SYSCALL,
                false => libc::PTRACE_CONT,
            };
            // A thread that was killed meanwhile cannot go on; its end is reported next.
            // SAFETY: no memory of ours is passed.
            unsafe { libc::ptrace(request, thread, 0, passed_on as c_long) };
        }
    }

    /// A call has returned.
    fn returned(&mut self, thread: pid_t) {
        match self.after.remove(&thread) {
            Some(After::Kill) => kill(process(thread)),
            Some(After::Time(address)) => self.set_time(thread, address),
            None => {}
        }
    }

    /// A thread is about to make a call.
    fn call(&mut self, thread: pid_t) -> Result<(), String> {
        // Number and arguments follow at 24 bytes.
        let mut about = [0_u64; 11];
        let size = size_of_val(&about);
        // SAFETY: the system fills at most `size` bytes.
        let filled = unsafe {
            libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, thread, size, about.as_mut_ptr())
        };
        if filled < 0 {
            let error = std::io::Error::last_os_error();
            // Somebody killed it.
            let is_gone = error.raw_os_error() == Some(libc::ESRCH);
            return if is_gone { Ok(()) } else { Err(format!("calls cannot be seen: {error}")) };
        }
        let (number, arguments) = (about[3], about[4..10].try_into().expect("six"));
        if self.clock.is_some() && is_time(number, &arguments) {
            self.after.insert(thread, After::Time(arguments[1]));
        }
        let Some(step) = step(thread, number, &arguments, &self.caches) else { return Ok(()) };
        let verdict = (self.judge)(&step);
        match verdict {
            Verdict::Go => {}
            Verdict::Kill => kill(process(thread)),
            // No call has this number, so that none is made and the result stays.
            Verdict::Fail(error) => change(thread, |registers| {
                registers.orig_rax = u64::MAX;
                registers.rax = -i64::from(error) as u64;
            }),
            Verdict::Half | Verdict::HalfThenKill => {
                if counts_bytes(number) {
                    change(thread, |registers| registers.rdx = arguments[2].div_ceil(2));
                }
                if verdict == Verdict::HalfThenKill {
                    self.after.insert(thread, After::Kill);
                }
            }
        }
        Ok(())
    }

    /// Makes a new program ask the system for the time, which its own memory would tell it
    /// otherwise: the address of that memory is struck from what the program is given at its start.
    fn hide_clock(&self, thread: pid_t) {
        const SYSTEM_MEMORY: u64 = 33;
        const IGNORED: u64 = 1;
        if self.clock.is_none() {
            return;
        }
        let Some(registers) = registers(thread) else { return };
        let Some(memory) = memory(thread) else { return };
        let word = |at: u64| {
            let mut bytes = [0; 8];
            memory.read_exact_at(&mut bytes, at).expect("the stack of a new program");
            u64::from_le_bytes(bytes)
        };
        // The number of arguments, they, a zero, the environment, a zero, pairs up to a zero.
        let mut at = registers.rsp + 8 * (word(registers.rsp) + 2);
        while word(at) != 0 {
            at += 8;
        }
        at += 8;
        while word(at) != 0 {
            if word(at) == SYSTEM_MEMORY {
                memory.write_all_at(&IGNORED.to_le_bytes(), at).expect("the stack can be written");
            }
            at += 16;
        }
    }

    /// Moves the time that a thread was just told.
    fn set_time(&mut self, thread: pid_t, address: u64) {
        let (Some(clock), Some(memory)) = (&mut self.clock, memory(thread)) else { return };
        let mut seconds = [0; 8];
        if memory.read_exact_at(&mut seconds, address).is_ok() {
            let moved = i64::from_le_bytes(seconds) + clock(self.asked);
            self.asked += 1;
            let _ = memory.write_all_at(&moved.to_le_bytes(), address);
        }
    }
}

fn is_time(number: u64, arguments: &[u64; 6]) -> bool {
    number as c_long == libc::SYS_clock_gettime && arguments[0] as c_int == libc::CLOCK_REALTIME
}

fn memory(thread: pid_t) -> Option<File> {
    File::options().read(true).write(true).open(format!("/proc/{thread}/mem")).ok()
}

/// The process that a thread belongs to.
fn process(thread: pid_t) -> pid_t {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    line.and_then(|id| id.trim().parse().ok()).unwrap_or(thread)
}

fn kill(process: pid_t) {
    // SAFETY: no memory is passed. The process is ours and has not been waited for.
    unsafe { libc::kill(process, libc::SIGKILL) };
}

fn set_options(thread: pid_t) -> Result<(), String> {
    let options = libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_TRACESECCOMP
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACEEXEC
        | libc::PTRACE_O_EXITKILL;
    // SAFETY: no memory is passed.
    match unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, thread, 0, options as c_long) } {
        0 => Ok(()),
        _ => Err(format!("threads cannot be traced: {}", std::io::Error::last_os_error())),
    }
}

/// Whether a thread stopped for a signal, and not because its whole process was stopped.
fn has_signal(thread: pid_t) -> bool {
    let mut about = std::mem::MaybeUninit::<libc::siginfo_t>::uninit();
    // SAFETY: the system fills the structure or fails.
    unsafe { libc::ptrace(libc::PTRACE_GETSIGINFO, thread, 0, about.as_mut_ptr()) == 0 }
}

fn registers(thread: pid_t) -> Option<libc::user_regs_struct> {
    let mut registers = std::mem::MaybeUninit::<libc::user_regs_struct>::uninit();
    // SAFETY: the structure is read only if the system filled it.
    unsafe {
        let got = libc::ptrace(libc::PTRACE_GETREGS as c_uint, thread, 0, registers.as_mut_ptr());
        (got == 0).then(|| registers.assume_init())
    }
}

fn change(thread: pid_t, how: impl FnOnce(&mut libc::user_regs_struct)) {
    if let Some(mut registers) = registers(thread) {
        how(&mut registers);
        // SAFETY: the structure is a copy of what the system gave.
        unsafe { libc::ptrace(libc::PTRACE_SETREGS as c_uint, thread, 0, &registers) };
    }
}
