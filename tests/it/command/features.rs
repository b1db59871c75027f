//! Features in another language.

use std::fs;
use std::path::Path;

use super::project;
use crate::cache;
use crate::project::Project;

const SPEC: &str = "\
name: laws
data: { dcase: { root: data } }
features:
  command: { run: [python3, levels.py], files: [programs/levels.py], settings: { frame: 100 } }
pool: { mean: {} }
detector: { knn: {} }
";

/// The mean and the mean square of frames, with the standard library alone.
const LEVELS: &str = r#"
import array, csv, json, struct, sys, wave

def save(path, rows):
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(rows)}, {len(rows[0])}), }}"
    head = head.ljust(117) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        file.write(array.array("f", [x for row in rows for x in row]).tobytes())

job = json.load(open(sys.argv[1]))
assert job["task"] == "features"
clips = list(csv.DictReader(open(job["clips"], newline="")))
assert [c["clip"] for c in clips] == [str(i) for i in range(len(clips))]
size = job["settings"]["frame"]
for c in clips:
    with wave.open(c["wav"]) as file:
        x = array.array("h", file.readframes(file.getnframes()))
    frames = [x[i : i + size] for i in range(0, len(x) - size + 1, size)]
    rows = [[sum(f) / size / 32768, sum(v * v for v in f) / size / 32768**2] for f in frames]
    save(c["npy"], rows)
print("heard", len(clips), "clips")
"#;

fn levels(test: &str) -> Option<Project> {
    let project = project(test)?;
    project.write("programs/levels.py", LEVELS);
    project.spec(SPEC);
    Some(project)
}

#[test]
fn a_program_makes_features_that_are_cached() {
    let Some(project) = levels("a_program_makes_features_that_are_cached") else { return };
    let checked = project.run("check spec.yaml").done();
    assert!(checked.stderr.contains("`python3 levels.py`"), "{}", checked.stderr);
    let refused = project.run("run spec.yaml").exits(2);
    assert!(refused.stderr.contains("error[E0730]"), "{}", refused.stderr);
    let run = |more: &str| project.run(&format!("run spec.yaml --allow-commands {more}")).done();
    let first = run("").ran();
    assert!(first.contains("features/fan/00") && first.contains("scoring/fan/00"), "{first:?}");
    assert!(run("").ran().is_empty());
    // In processes of their own, the bytes are the same.
    let report = project.report();
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path().display();
    run(&format!("--executor process --cache {cache}"));
    let other = project.run(&format!("report spec.yaml --format csv --cache {cache}")).done();
    assert_eq!(other.stdout, report);
    // Limits and the place of a file are no part of a key; its bytes and the settings are.
    project.rename("programs", "elsewhere");
    project.edit("spec.yaml", "[programs/levels.py]", "[elsewhere/levels.py], minutes: 5");
    assert!(run("").ran().is_empty());
    assert!(run("--set features.command.settings.frame=50").ran().contains("features/fan/00"));
    project.write("elsewhere/levels.py", format!("{LEVELS}# another\n"));
    // The same features come of it, so nothing after them is done again.
    let again = run("").ran();
    assert!(again.contains("features/fan/00") && !again.contains("pooling/fan/00"), "{again:?}");
    // New recordings take the same way.
    let clip = "data/fan/test/section_00_source_test_normal_0000_vel_10.wav";
    let refused = project.run(&format!("score laws fan/00 {clip}")).exits(2);
    assert!(refused.stderr.contains("error[E0730]"), "{}", refused.stderr);
    let scored = project.run(&format!("score laws fan/00 {clip} --allow-commands")).done().stdout;
    assert!(scored.contains("normal_0000"), "{scored}");
}

#[test]
fn a_program_hears_noise_and_does_not_see_names() {
    let Some(project) = levels("a_program_hears_noise_and_does_not_see_names") else { return };
    let spec = "\
name: laws
data:
  synthetic:
    machines: [fan]
    seconds: 0.5
    rate: 8000
    clips: { source_train: 6, target_train: 4, normal: 4, anomaly: 4 }
mix: { table: mimii_dg, snr_db: 0 }
features:
  command: { run: [python3, levels.py], files: [programs/levels.py], settings: { frame: 400 } }
pool: { mean: {} }
detector: { knn: {} }
";
    project.spec(spec);
    let see = "import os\nassert sorted(os.listdir('clips')) == sorted(c['clip'] + '.wav' for c in clips)\n";
    project.write("programs/levels.py", format!("{LEVELS}{see}"));
    let features = |project: &Project| {
        project.run("run spec.yaml --allow-commands").done();
        project.report()
    };
    let loud = features(&project);
    project.edit("spec.yaml", "snr_db: 0", "snr_db: 40");
    let soft = features(&project);
    assert_ne!(loud, soft);
    // Interpolated waveforms are no recordings.
    let more = "generalization: { smote: { ratio: 1.0, on: waveforms } }\n";
    project.spec(&format!("{spec}{more}"));
    let checked = project.run("check spec.yaml").exits(2);
    assert!(checked.stderr.contains("error[E0608]"), "{}", checked.stderr);
}

#[test]
fn what_a_program_of_features_does_wrong_is_told() {
    let Some(project) = levels("what_a_program_of_features_does_wrong_is_told") else { return };
    let save = "    save(c[\"npy\"], rows)";
    let edited = "    open(c['wav'], 'r+b').write(b'RIFX')";
    for (change, words) in [
        ("    sys.exit('no licence')", "`python3` ended with exit code 1:\nno licence"),
        ("    if c['clip'] != '3': save(c['npy'], rows)", "wrote no `features/3.npy`"),
        ("    save(c['npy'], rows); save('features/99.npy', rows)", "belongs to no clip"),
        ("    save(c['npy'], [r[: 1 + (c['clip'] > '2')] for r in rows])", "needs one number of"),
        ("    rows[1][0] = float('nan'); save(c['npy'], rows)", "value 0 of frame 1 is NaN"),
        ("    open(c['npy'], 'w').write('no array')", "it is no file of NumPy"),
        ("    import time; time.sleep(60)", "took longer than 0.05 minutes and was ended"),
    ] {
        project.write("programs/levels.py", LEVELS.replace(save, change));
        let minutes = if change.contains("sleep") { 0.05 } else { 10.0 };
        project.spec(&SPEC.replace("settings:", &format!("minutes: {minutes}, settings:")));
        let failed = project.run("run spec.yaml --allow-commands --only features/fan/00").exits(1);
        assert!(failed.stderr.contains(words), "{words}: {}", failed.stderr);
        assert!(failed.stderr.contains("features/fan/00"), "{}", failed.stderr);
    }
    // What it writes beside a recording does not lie there, and what it does to one is told.
    let before = crate::project::tree(&project.path("data")).len();
    let beside = "    save(c[\"npy\"], rows); open(c['wav'] + '.txt', 'w').write('x')";
    project.write("programs/levels.py", LEVELS.replace(save, beside));
    project.spec(SPEC);
    project.run("run spec.yaml --allow-commands --only features/fan/00").done();
    assert_eq!(crate::project::tree(&project.path("data")).len(), before);
    project.write("programs/levels.py", LEVELS.replace(save, &format!("{save}\n{edited}")));
    let failed = project.run("run spec.yaml --allow-commands --only features/fan/00").exits(1);
    assert!(failed.stderr.contains("changed since it was listed"), "{}", failed.stderr);
}

#[test]
fn what_an_earlier_attempt_heard_is_kept() {
    let Some(project) = levels("what_an_earlier_attempt_heard_is_kept") else { return };
    // The call for the training clips takes a while, and the one for the test clips fails once.
    let told = project.path("calls");
    let fails = project.path("fails");
    let count = format!(
        "import os, time\nopen({told:?}, 'a').write(f'{{len(clips)}}\\n')\ntime.sleep(1.2)\n\
         if len(clips) > 8 and os.path.exists({fails:?}): sys.exit('no licence')\n"
    );
    project.write("programs/levels.py", format!("{LEVELS}{count}"));
    project.write("fails", "");
    let run = "run spec.yaml --allow-commands --only features/fan/00";
    project.run(run).exits(1);
    project.remove("fails");
    project.run(run).done();
    let calls = std::fs::read_to_string(told).unwrap();
    assert_eq!(calls.lines().collect::<Vec<_>>(), ["8", "12", "12"]);
}

/// The numbers of a `.npy` file, behind its head.
fn numbers(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).expect("a matrix");
    let head = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[10 + head..].to_vec()
}

#[test]
fn one_clip_is_heard_as_in_a_run_and_by_the_same_rule() {
    let test = "one_clip_is_heard_as_in_a_run_and_by_the_same_rule";
    let Some(project) = levels(test) else { return };
    let clip = "data/fan/test/section_00_source_test_normal_0000_vel_10.wav";
    let ask = format!("features {clip} -o x.npy --spec spec.yaml");
    let refused = |words: &str| {
        let output = project.run(&ask).exits(2);
        assert!(output.stderr.contains("error[E0730]"), "{}", output.stderr);
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
        assert!(!project.path("x.npy").exists());
    };
    refused("the spec calls programs, and nothing was run: `python3 levels.py`");
    refused("`humshift features --allow-commands` calls them");
    let told = project.run(&format!("{ask} --allow-commands")).done().stdout;
    assert!(told.starts_with("x.npy: ") && told.contains("frames x 2 bins at 8000 Hz"), "{told}");
    project.run("run spec.yaml --quiet --allow-commands --only features/fan/00").done();
    let records = cache::records(&project.cache());
    let record = records.iter().find(|record| record.label == "features/fan/00").expect("it ran");
    let (own, all) = (numbers(&project.path("x.npy")), numbers(&record.outputs["test/features"]));
    assert!(!own.is_empty() && all.windows(own.len()).any(|rows| rows == own));
    // Trust that was given once holds until a byte changes.
    project.remove("x.npy");
    project.run("trust spec.yaml").done();
    project.run(&ask).done();
    assert_eq!(numbers(&project.path("x.npy")), own);
    project.remove("x.npy");
    project.write("programs/levels.py", format!("{LEVELS}# another\n"));
    refused("`levels.py` of `python3 levels.py` has other bytes");
    // Without a spec there is nothing to trust.
    let set = "--set features.command.run=[python3,levels.py]";
    let alone = project.run(&format!("features {clip} -o x.npy {set}")).exits(2);
    assert!(alone.stderr.contains("error[E0730]"), "{}", alone.stderr);
    // What it does wrong is told of the clip, and it is no file to write to.
    let fails = LEVELS.replace("    save(c[\"npy\"], rows)", "    sys.exit('no licence')");
    project.write("programs/levels.py", fails);
    let failed = project.run(&format!("{ask} --allow-commands")).exits(2);
    assert!(failed.stderr.contains("error[E0706]"), "{}", failed.stderr);
    assert!(failed.stderr.contains(clip) && failed.stderr.contains("no licence"), "{failed:?}");
    project.write("programs/levels.py", LEVELS);
    let mark = project.path("called");
    project.write("programs/levels.py", format!("open({mark:?}, 'w').close()\n{LEVELS}"));
    for (output, code) in [("programs/levels.py", "E0716"), ("absent/x.npy", "E0705")] {
        let over = ask.replace("x.npy", output);
        let failed = project.run(&format!("{over} --allow-commands")).exits(2);
        assert!(failed.stderr.contains(&format!("error[{code}]")), "{}", failed.stderr);
        assert!(!mark.exists(), "the program was called before");
    }
}
