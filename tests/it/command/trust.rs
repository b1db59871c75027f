//! Programs that are trusted until they change.

use super::{NEAREST, SPEC, project};

#[test]
fn a_trusted_spec_runs_until_its_programs_change() {
    let Some(project) = project("a_trusted_spec_runs_until_its_programs_change") else { return };
    let refused = |words: &str| {
        let output = project.run("run spec.yaml").exits(2);
        assert!(output.stderr.contains("error[E0730]"), "{}", output.stderr);
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
    };
    refused("`humshift trust SPEC`");
    let trusted = project.run("trust spec.yaml").done().stdout;
    assert!(trusted.contains("python3 nearest.py\n    nearest.py "), "{trusted}");
    assert!(project.run("run spec.yaml").done().ran().contains("training/fan/00"));
    // Settings are data for the program.
    project.run("run spec.yaml --set detector.command.settings.scale=3").done();
    // A byte of a file, its line, and what it sees are what was trusted.
    project.write("programs/nearest.py", format!("{NEAREST}# another\n"));
    refused("`nearest.py` of `python3 nearest.py` has other bytes");
    project.write("programs/nearest.py", NEAREST);
    project.run("run spec.yaml --set detector.command.settings.scale=4").done();
    project.spec(&SPEC.replace("[python3, nearest.py],", "[python3, nearest.py, more],"));
    refused("`python3 nearest.py more` is new");
    project.spec(&SPEC.replace("settings:", "environment: [TOKEN], settings:"));
    refused("sees other variables: `TOKEN`");
    project.spec(SPEC);
    // Another spec with the same program is another matter.
    project.write("other.yaml", SPEC.replace("scale: 2", "scale: 5"));
    let other = project.run("run other.yaml").exits(2);
    assert!(other.stderr.contains("error[E0730]"), "{}", other.stderr);
    let listed = project.run("trust --list --json").done().json();
    assert_eq!(listed.as_object().unwrap().len(), 1, "{listed}");
    project.run("trust --remove spec.yaml").done();
    project.run("trust --remove spec.yaml").exits(2);
    project.spec(&SPEC.replace("scale: 2", "scale: 6"));
    refused("the spec calls programs");
    // A spec without programs needs no trust, and broken words of trust allow nothing.
    project.write("plain.yaml", "data: { dcase: { root: data } }\nfeatures: { log_mel: {} }\npool: { mean: {} }\ndetector: { knn: {} }\n");
    let plain = project.run("trust plain.yaml").exits(2);
    assert!(plain.stderr.contains("calls no programs"), "{}", plain.stderr);
    project.write("../config/humshift/trust", "{");
    let broken = project.run("run spec.yaml").exits(2);
    assert!(broken.stderr.contains("error[E0732]"), "{}", broken.stderr);
}
