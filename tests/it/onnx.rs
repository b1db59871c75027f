//! Networks of ONNX files as features: what a change of the file reruns, and what is told of files
//! that do not fit. Numbers are held by the unit tests of `src/feature/onnx`.

use crate::project::Project;
use crate::sounds;

const SPEC: &str = "\
name: laws
data: { dcase: { root: data } }
features: { onnx: { model: nets/small.onnx, sample_rate: 8000, window: 900, hop: 500 } }
pool: { mean: {} }
detector: { knn: { k: 1 } }
";

const WAVEFORM: &[u8] = include_bytes!("../data/onnx_waveform.onnx");
#[cfg(feature = "onnx")]
const LOG_MEL: &[u8] = include_bytes!("../data/onnx_log_mel.onnx");

fn project() -> Project {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    project.write("nets/small.onnx", WAVEFORM);
    project
}

#[test]
#[cfg(not(feature = "onnx"))]
fn a_program_without_networks_says_how_to_build_one_with_them() {
    let project = project();
    for command in ["check spec.yaml", "run spec.yaml"] {
        let told = project.run(command).exits(2).stderr;
        for words in ["error[E0760]", "this one was built without", "--features onnx"] {
            assert!(told.contains(words), "{words}: {told}");
        }
    }
    // The words of the spec are known all the same.
    project.edit("spec.yaml", "hop: 500", "hope: 500");
    let told = project.run("check spec.yaml").exits(2).stderr;
    assert!(told.contains("did you mean `hop`?"), "{told}");
}

#[test]
#[cfg(feature = "onnx")]
fn values_of_a_network_are_made_once_and_again_when_its_file_changes() {
    let mut project = project();
    let first = project.ran();
    assert!(first.contains("features/fan/00") && first.contains("pooling/valve/01"), "{first:?}");
    let report = project.report();
    assert!(project.ran().is_empty());
    // Another path with the same bytes, and another folder.
    project.rename("nets/small.onnx", "moved.onnx");
    project.edit("spec.yaml", "nets/small.onnx", "moved.onnx");
    assert!(project.ran().is_empty());
    project.move_away();
    assert!(project.ran().is_empty());
    // The name of the default layer gives the same values, but it is another setting.
    project.edit("spec.yaml", "hop: 500", "hop: 500, layer: output");
    let again = project.ran();
    assert!(again.iter().all(|label| label.starts_with("features/")), "{again:?}");
    assert_eq!((again.len(), project.report()), (4, report));
    // A byte of a weight.
    let mut bytes = WAVEFORM.to_vec();
    // The name, a tag and a length, then the numbers.
    let bias = bytes.windows(11).rposition(|text| text == b"second.bias").expect("its name");
    bytes[bias + 15] ^= 1;
    project.write("moved.onnx", &bytes);
    let again = project.ran();
    assert!(again.contains("features/fan/00"), "{again:?}");
    assert_eq!(project.report(), project.report_of_an_empty_cache());
    // A new recording is scored by the same network.
    let clip = "data/fan/test/section_00_target_test_anomaly_0001_vel_17.wav";
    let scored = project.run(&format!("score spec.yaml fan/00 {clip}")).done();
    assert!(scored.stdout.contains("anomaly_0001"), "{}", scored.stdout);
    project.run(&format!("features {clip} --spec spec.yaml -o x.npy")).done();
}

#[test]
#[cfg(feature = "onnx")]
fn networks_that_do_not_fit_are_told_by_check() {
    let project = project();
    project.run("check spec.yaml").done();
    let told = |old: &str, new: &str| {
        project.edit("spec.yaml", old, new);
        let told = project.run("check spec.yaml").exits(2).stderr;
        project.edit("spec.yaml", new, old);
        assert!(told.contains("error[E0760]"), "{told}");
        told
    };
    let rate = told("sample_rate: 8000", "sample_rate: 16000");
    assert!(rate.contains("recordings have 8000 Hz"), "{rate}");
    let layer = told("hop: 500", "hop: 500, layer: /secnd/Conv");
    assert!(layer.contains("did you mean `/second/Conv`?"), "{layer}");
    let absent = told("nets/small", "nets/none");
    assert!(absent.contains("nets/none.onnx") && absent.contains("cannot be read"), "{absent}");
    project.write("nets/mel.onnx", LOG_MEL);
    let mels = told(
        "nets/small.onnx, sample_rate: 8000, window: 900, hop: 500",
        "nets/mel.onnx, sample_rate: 8000, input: log_mel",
    );
    assert!(mels.contains("`mel` of its input has 16 places, not 128"), "{mels}");
    project.edit(
        "spec.yaml",
        "nets/small.onnx, sample_rate: 8000, window: 900, hop: 500",
        "nets/mel.onnx, sample_rate: 8000, input: log_mel, log_mel: { frame: 256, hop: 128, mels: 16 }",
    );
    assert!(project.ran().contains("features/valve/01"));
}
