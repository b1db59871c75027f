//! A controller that hangs.

use std::time::Duration;

use super::{Cluster, send, training};
use crate::project::within;

/// The controller of a cluster. It goes on when this is dropped.
struct Stopped(u32);

impl Stopped {
    fn stop(cluster: &Cluster) -> Self {
        let file = cluster.folder.path().join("slurmctld.pid");
        let text = std::fs::read_to_string(file).expect("it runs");
        let stopped = Self(text.trim().parse().expect("a number"));
        send("-STOP", stopped.0);
        stopped
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        send("-CONT", self.0);
    }
}

#[test]
fn a_controller_that_hangs_costs_time_and_no_task() {
    let Some(cluster) = Cluster::start("a controller that hangs costs no task") else { return };
    let (project, report) = training("sleep 3", "");
    let head = cluster.head(&project);
    cluster.training("");
    let controller = Stopped::stop(&cluster);
    let told = within(60, || head.says().contains("Slurm has not answered for "));
    // The training ends meanwhile, and the stages after it cannot be submitted.
    let goes_on = within(30, || head.says().contains("] training/fan "));
    drop(controller);
    let output = head.ends().done();
    assert!(told && goes_on, "{}", output.stderr);
    assert!(output.stderr.contains("Slurm answers again, after "), "{}", output.stderr);
    assert!(!output.stderr.contains("runs again"), "{}", output.stderr);
    output.ran();
    assert_eq!(project.report(), report);
    assert!(within(30, || cluster.queued() == 0), "nothing is left in the queue");
}

#[test]
fn whoever_interrupts_the_head_of_a_silent_controller_learns_what_is_left() {
    let Some(cluster) = Cluster::start("an interrupted head of a silent controller") else {
        return;
    };
    let (project, _) = training("sleep 60", "");
    let head = cluster.head(&project);
    let task = cluster.training("");
    let controller = Stopped::stop(&cluster);
    std::thread::sleep(Duration::from_millis(500));
    send("-INT", head.child.id());
    let output = head.ends().exits(130);
    drop(controller);
    let (array, _) = task.split_once('_').expect("an element");
    let left = format!("to end them: `scancel {array}`");
    assert!(output.stderr.contains(&left), "{}", output.stderr);
    cluster.slurm(&format!("scancel {array}"));
    assert!(within(30, || cluster.queued() == 0), "nothing is left in the queue");
}
