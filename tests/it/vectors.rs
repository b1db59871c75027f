//! Vectors that another program made: which files belong to which clips, and what a change reruns.

use std::collections::BTreeMap;

use humshift::artifact::{Artifact, Matrix};
use humshift::seed::Seed;

use crate::project::Project;
use crate::sounds;

const SPEC: &str = "\
name: laws
data: { dcase: { root: data } }
features: { vectors: { root: vectors } }
pool: { rdp: { gamma: 4, bands: 2 } }
detector: { knn: { bands: 2, metric: cosine } }
generalization: { local_density: { neighbours: 1, form: var_min } }
";

/// Frames of a clip, (5, 6): noise about a level of the clip's domain; anomalies are farther away.
fn frames(name: &str) -> Vec<f32> {
    let level = if name.contains("target") { 3.0 } else { 1.0 };
    let far = if name.contains("anomaly") { 4.0 } else { 1.0 };
    let mut rng = Seed(11).derive(&[name]).rng();
    (0..30).map(|_| (level + far * rng.normal()) as f32).collect()
}

/// The path of a clip's file in another layout.
fn elsewhere(path: &str) -> String {
    let (machine, rest) = path.split_once('/').unwrap();
    let (split, name) = rest.split_once('/').unwrap();
    format!("{split}/{machine}-{name}")
}

/// A `.npy` file of these bytes.
fn npy(descr: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
    let dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    let padded = format!("{dict:<117}\n");
    let length = (padded.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], padded.as_bytes(), numbers].concat()
}

/// The data set with a file of vectors for each clip.
fn files() -> BTreeMap<String, Vec<u8>> {
    let mut files = sounds::data_set();
    let clips: Vec<String> = files.keys().filter(|path| path.ends_with(".wav")).cloned().collect();
    for path in clips {
        let name = path.strip_prefix("data/").unwrap();
        let vectors = Matrix::new(frames(name), 5, 6).encode();
        files.insert(format!("vectors/{}", name.replace(".wav", ".npy")), vectors);
    }
    files
}

#[test]
fn vectors_of_clips_are_found_by_name_and_rerun_when_they_change() {
    let mut project = Project::with(SPEC);
    project.write_all(&files());
    let first = project.ran();
    assert!(first.contains("features/fan/00") && first.contains("pooling/valve/01"), "{first:?}");
    let report = project.report();
    assert!(project.ran().is_empty());
    // Another layout, another precision and another order of axes hold the same numbers.
    let clips: Vec<String> =
        files().keys().filter_map(|path| Some(path.strip_prefix("vectors/")?.to_owned())).collect();
    for path in &clips {
        let own = frames(&path.replace(".npy", ".wav"));
        let turned = (0..30).flat_map(|i| f64::from(own[(i % 5) * 6 + i / 5]).to_le_bytes());
        let bytes = npy("<f8", "(1, 6, 5)", &turned.collect::<Vec<u8>>());
        project.write(&format!("other/{}", elsewhere(path)), bytes);
    }
    project.edit(
        "spec.yaml",
        "{ root: vectors }",
        "{ root: other, pattern: \"{split}/{machine}-{clip}.npy\", axes: [one, dim, time] }",
    );
    let again = project.ran();
    // The files differ, so they are read; the numbers do not, so nothing follows.
    assert!(
        again.iter().all(|label| label.starts_with("features/")) && again.len() == 4,
        "{again:?}"
    );
    assert_eq!(project.report(), report);
    // A byte of one file.
    let of_fan = "other/train/fan-section_00_source_train_normal_0000_vel_10.npy";
    let mut bytes = std::fs::read(project.path(of_fan)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    project.write(of_fan, bytes);
    let rerun = project.ran();
    assert!(rerun.contains("features/fan/00"), "{rerun:?}");
    assert!(rerun.iter().all(|label| label.contains("fan/00")), "{rerun:?}");
    assert_eq!(project.report(), project.report_of_an_empty_cache());
    // The folder moves, and nothing runs.
    project.move_away();
    assert!(project.ran().is_empty());
}

#[test]
fn vectors_that_do_not_fit_their_clips_are_told() {
    let project = Project::with(SPEC);
    project.write_all(&files());
    project.write("vectors/notes/old.npy", b"");
    let checked = project.run("check spec.yaml").done();
    let surplus = "1 files of vectors in `./vectors` belong to no clip: `notes/old.npy` for one";
    assert!(checked.stderr.contains(&surplus.replace("./", "")), "{}", checked.stderr);
    let clip = "fan/test/section_00_target_test_anomaly_0001_vel_17";
    let file = format!("vectors/{clip}.npy");
    // NaN, another width, no array: the stage names the clip and its file.
    let nan = [f32::NAN; 30].iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    for (bytes, words) in [
        (npy("<f4", "(5, 6)", &nan), "value 0 of frame 0 is NaN"),
        (npy("<f4", "(10, 3)", &[0; 120]), "it has 3 values a frame, the clips before it 6"),
        (npy("<f4", "(0, 6)", &[]), "there are no numbers in its shape (0, 6)"),
        (npy("<i4", "(5, 6)", &[0; 120]), "its numbers are `<i4`: save floats"),
        (
            npy("<f4", "(5, 2, 3, 1)", &[0; 120]),
            "has the shape [5, 2, 3, 1], and `axes` has 3 names",
        ),
        (b"RIFF".to_vec(), "it is no file of NumPy"),
    ] {
        project.write(&file, bytes);
        let failed = project.run("run spec.yaml").exits(1);
        assert!(failed.stderr.contains(words), "{words}: {}", failed.stderr);
        assert!(failed.stderr.contains(clip), "{}", failed.stderr);
    }
    project.remove(&file);
    let missing = project.run("check spec.yaml").exits(2);
    for words in ["error[E0724]", "1 of 80 clips have no vectors", clip, "`pattern` tells"] {
        assert!(missing.stderr.contains(words), "{words}: {}", missing.stderr);
    }
    project.edit("spec.yaml", "root: vectors }", "root: nowhere }");
    let nowhere = project.run("run spec.yaml").exits(2);
    assert!(nowhere.stderr.contains("there is no folder `nowhere`"), "{}", nowhere.stderr);
}

#[test]
fn settings_that_need_samples_are_refused() {
    let project = Project::with(SPEC);
    project.write_all(&files());
    project.edit("spec.yaml", "pool:", "mix: { snr_db: 0, noise: { factory: {} } }\npool:");
    let mixed = project.run("check spec.yaml").exits(2);
    assert!(mixed.stderr.contains("error[E0608]"), "{}", mixed.stderr);
    assert!(mixed.stderr.contains("`mix` mixes noise to samples"), "{}", mixed.stderr);
}
