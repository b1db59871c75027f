//! Signals, limits and waiting: what users, schedulers and terminals do to a run.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use crate::project::{Output, Project, tree, within};

/// A training that lasts for twenty seconds or more, unless it is stopped.
const LONG: &str = "\
name: long
data: { synthetic: { machines: [fan], seconds: 1.0, clips: { source_train: 30, target_train: 2, normal: 5, anomaly: 5 } } }
features: { log_mel: { frame: 512, hop: 256, mels: 16 } }
detector: { autoencoder: { window: 2, layers: [64, 8, 64], epochs: 20000 } }
";

fn send(signal: &str, pid: u32) {
    let sent =
        Command::new("kill").args([signal, &pid.to_string()]).status().expect("kill is there");
    assert!(sent.success(), "{signal} {pid}");
}

/// What a signal does to the program before it says otherwise.
fn on(command: &mut Command, signal: libc::c_int, action: libc::sighandler_t) {
    // SAFETY: one system call between `fork` and `exec`.
    unsafe {
        command.pre_exec(move || {
            libc::signal(signal, action);
            Ok(())
        })
    };
}

/// Starts a run, and waits until its training has kept a checkpoint.
fn training(project: &Project, arguments: &str) -> Child {
    let partial = project.cache().join("partial");
    let _ = fs::remove_dir_all(&partial);
    let mut command = project.command(arguments);
    // Tests under `nohup` would hand on that they ignore hangups.
    on(&mut command, libc::SIGHUP, libc::SIG_DFL);
    let child = command.spawn().expect("the program starts");
    let kept = || fs::read_dir(&partial).is_ok_and(|mut entries| entries.next().is_some());
    assert!(within(120, kept), "no training began");
    child
}

/// The processes that run a job with this cache, from the list that the system keeps.
#[cfg(target_os = "linux")]
fn workers(cache: &Path) -> Vec<u32> {
    let of = |entry: fs::DirEntry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let state = fs::read_to_string(entry.path().join("stat")).ok()?;
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let is_worker = words.contains(&&b"run-job"[..])
            && words.contains(&cache.as_os_str().as_encoded_bytes());
        (is_worker && !state.contains(") Z")).then_some(pid)
    };
    fs::read_dir("/proc").expect("a system of processes").flatten().filter_map(of).collect()
}

fn locks(project: &Project) -> usize {
    fs::read_dir(project.cache().join("locks")).expect("a folder").count()
}

#[test]
fn termination_and_hangup_do_what_ctrl_c_does() {
    let project = Project::with(LONG);
    for signal in ["-TERM", "-HUP", "-INT"] {
        for executor in ["threads", "process"] {
            let child = training(&project, &format!("run spec.yaml --executor {executor}"));
            send(signal, child.id());
            let run = Output::new(child.wait_with_output().expect("it ends")).exits(130);
            assert!(
                run.stderr.contains("interrupted; what is done is kept"),
                "{signal} {executor}: {}",
                run.stderr
            );
            assert_eq!(locks(&project), 0, "{signal} {executor}");
            #[cfg(target_os = "linux")]
            assert!(within(5, || workers(&project.cache()).is_empty()), "{signal} {executor}");
        }
    }
}

#[test]
fn a_run_that_ignores_hangups_goes_on() {
    let project = Project::with(LONG);
    let mut command = project.command("run spec.yaml");
    // As `nohup` does it.
    on(&mut command, libc::SIGHUP, libc::SIG_IGN);
    let mut child = command.spawn().expect("the program starts");
    let partial = project.cache().join("partial");
    assert!(
        within(120, || fs::read_dir(&partial).is_ok_and(|mut entries| entries.next().is_some()))
    );
    send("-HUP", child.id());
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().expect("ours").is_none(), "it ended");
    send("-TERM", child.id());
    Output::new(child.wait_with_output().expect("it ends")).exits(130);
}

#[cfg(target_os = "linux")]
#[test]
fn no_worker_outlives_its_run_and_its_key_is_held_while_it_lives() {
    let project = Project::with(LONG);
    let child = training(&project, "run spec.yaml --executor process");
    let [worker] = workers(&project.cache())[..] else { panic!("one worker") };
    // The worker holds the lock as well: it is still held while the run is dead and the worker
    // stopped.
    send("-STOP", worker);
    send("-KILL", child.id());
    child.wait_with_output().expect("it ends");
    assert!(within(5, || workers(&project.cache()).is_empty()), "the worker lives on");
    // Its key is free again.
    let next = training(&project, "run spec.yaml");
    send("-TERM", next.id());
    Output::new(next.wait_with_output().expect("it ends")).exits(130);
}

#[test]
fn a_waiting_run_names_the_process_it_waits_for() {
    let project = Project::with(LONG);
    let holder = training(&project, "run spec.yaml");
    for arguments in ["run spec.yaml", "run spec.yaml -q"] {
        let mut waiter = project.command(arguments).spawn().expect("the program starts");
        std::thread::sleep(Duration::from_millis(700));
        assert!(waiter.try_wait().expect("ours").is_none(), "it did not wait");
        send("-TERM", waiter.id());
        let said = Output::new(waiter.wait_with_output().expect("it ends")).exits(130).stderr;
        let line = match fs::metadata("/proc/locks") {
            Ok(_) => format!("waiting for process {}, which computes training/fan", holder.id()),
            // The system does not say who holds a lock.
            Err(_) => "waiting for another run that computes training/fan".to_owned(),
        };
        assert_eq!(said.matches(&line).count(), 1, "{said}");
    }
    send("-TERM", holder.id());
    holder.wait_with_output().expect("it ends");
}

#[test]
fn a_limit_on_the_size_of_files_is_told() {
    let project = Project::with(LONG);
    let mut command = project.command("run spec.yaml");
    let limit = libc::rlimit { rlim_cur: 20_000, rlim_max: 20_000 };
    // SAFETY: one system call between `fork` and `exec`.
    unsafe {
        command.pre_exec(move || match libc::setrlimit(libc::RLIMIT_FSIZE, &limit) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        })
    };
    let run = Output::new(command.output().expect("the program starts")).exits(4);
    assert!(run.stderr.contains("File too large"), "{}", run.stderr);
}

#[test]
fn memory_that_one_stage_exceeds_is_told_once() {
    let project = Project::with(&LONG.replace("20000", "1").replace("[fan]", "[fan, valve]"));
    let run = project.run("run spec.yaml --memory 1").done();
    assert_eq!(
        run.stderr.matches("stages may want 1 MB together (--memory): it runs alone").count(),
        1,
        "{}",
        run.stderr
    );
    let quiet = project.run("run spec.yaml --memory 1 --set seed=1 -q").done();
    assert_eq!(quiet.stderr.matches("it runs alone").count(), 1, "{}", quiet.stderr);
}

/// Somebody empties all tables a thousand times a second.
#[test]
fn a_lost_result_is_no_answer() {
    let project = Project::with(&LONG.replace("20000", "1").replace("[fan]", "[fan, valve]"));
    let right = project.run("run spec.yaml").done().stdout;
    let objects = project.cache().join("objects");
    let stop = std::sync::atomic::AtomicBool::new(false);
    let codes: BTreeSet<i32> = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for table in tree(&objects)
                    .into_values()
                    .filter(|path| path.extension().is_some_and(|e| e == "json"))
                {
                    let _ = fs::File::options()
                        .write(true)
                        .open(table)
                        .and_then(|file| file.set_len(3));
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let runs = (0..40).map(|_| {
            let run = project.run("run spec.yaml");
            match run.code {
                0 => assert_eq!(run.stdout, right),
                4 => assert!(
                    run.stderr.contains("error: the cache lost a result: metrics/"),
                    "{}",
                    run.stderr
                ),
                code => panic!("exit {code}\n{}", run.stderr),
            }
            run.code
        });
        let codes = runs.collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        codes
    });
    assert!(codes.contains(&4), "nobody lost anything: {codes:?}");
    assert_eq!(project.run("run spec.yaml").done().stdout, right);
}
