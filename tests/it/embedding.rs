//! Embeddings end to end: which stages there are, and which run again when something changes.

use std::collections::BTreeSet;

use crate::project::Project;
use crate::sounds;

/// Two machines of two sections; one network, three backends.
const SPEC: &str = "\
name: embedding
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
detector:
  embedding:
    network: { autoencoder: { window: 2, layers: [8, 4, 8], epochs: 2 } }
sweep:
  detector.embedding.backend: [ { knn: {} }, { kde: {} }, { knn: { k: 2 } } ]
";

fn project() -> Project {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    project
}

fn of<'a>(ran: &'a BTreeSet<String>, stage: &str) -> Vec<&'a str> {
    ran.iter().map(String::as_str).filter(|label| label.split('/').next() == Some(stage)).collect()
}

#[test]
fn ten_backends_train_one_network() {
    let project = project();
    let ran = project.run("run spec.yaml").done().ran();
    assert_eq!(of(&ran, "network"), ["network/fan", "network/valve"]);
    let vectors =
        ["embedding/fan/00", "embedding/fan/01", "embedding/valve/00", "embedding/valve/01"];
    assert_eq!(of(&ran, "embedding"), vectors);
    let trained = of(&ran, "training");
    assert_eq!(trained.len(), 12);
    assert!(trained.contains(&"training/fan/00/backend=kde"), "{trained:?}");
    assert!(trained.contains(&"training/fan/00/backend=knn,k=1"), "{trained:?}");
    assert_eq!(project.report(), project.report_of_an_empty_cache());

    let again = |set: &str| {
        let ran = project.run(&format!("run spec.yaml --set {set}")).done().ran();
        ["features", "network", "embedding", "training"].map(|stage| of(&ran, stage).len())
    };
    assert_eq!(again("detector.embedding.backend={\"lof\":{\"k\":3}}"), [0, 0, 0, 4]);
    // What is done to the vectors is no business of the network; which clips there are is.
    assert_eq!(again("generalization={\"smote\":{},\"references\":\"domain\"}"), [0, 0, 0, 12]);
    assert_eq!(again("generalization.scope=machine"), [0, 0, 0, 6]);
    assert_eq!(again("pool={\"mean\":{}}"), [0, 0, 0, 0]);
    assert_eq!(again("generalization.target_clips=1"), [0, 2, 4, 12]);
    assert_eq!(again("detector.embedding.network.autoencoder.epochs=3"), [0, 2, 4, 12]);
    assert_eq!(again("generalization.temporal_mean_subtraction=true"), [0, 2, 4, 12]);
    assert_eq!(again("seed=1")[..3], [0, 2, 4]);
}

#[test]
fn all_machines_may_share_one_network() {
    let project = project();
    let ran = project.run("run spec.yaml --set detector.embedding.all_machines=true").done().ran();
    assert_eq!(of(&ran, "network"), ["network/all_machines"]);
    assert_eq!((of(&ran, "embedding").len(), of(&ran, "training").len()), (4, 12));
    // One machine more in it is another network than that of a machine.
    let ran = project.run("run spec.yaml").done().ran();
    assert_eq!(of(&ran, "network"), ["network/fan", "network/valve"]);
    let again = "run spec.yaml --set detector.embedding.all_machines=true";
    assert_eq!(of(&project.run(again).done().ran(), "network"), [] as [&str; 0]);
    // Classes of sections alone are those of each machine.
    let cnn = "detector.embedding.network={\"cnn\":{\"branches\":[\"spectrogram\"],\"channels\":[2],\"dims\":2,\"epochs\":1,\"labels\":\"section\"}}";
    let ran = project.run(&format!("{again} --set {cnn}")).done().ran();
    assert_eq!((of(&ran, "network").len(), of(&ran, "embedding").len()), (1, 4));
}

#[test]
fn interpolated_recordings_are_embedded_too() {
    let project = project();
    let set = "generalization.smote={\"on\":\"waveforms\",\"ratio\":1.0,\"neighbours\":1}";
    let ran = project.run(&format!("run spec.yaml --set {set}")).done().ran();
    let count = |stage: &str| of(&ran, stage).len();
    assert_eq!((count("network"), count("interpolation"), count("embedding")), (2, 4, 8));
}

#[test]
fn every_executor_gives_the_same_scores_and_thresholds() {
    let project = project();
    let arguments = "run spec.yaml --set threshold.gamma.scores=held_out";
    let reports = ["serial", "threads --jobs 3", "process"].map(|executor| {
        std::fs::remove_dir_all(project.cache()).ok();
        project.run(&format!("{arguments} --executor {executor}")).done();
        project
            .run("report spec.yaml --format csv --set threshold.gamma.scores=held_out")
            .done()
            .stdout
    });
    assert!(reports[0].contains("auc") && reports[0] == reports[1] && reports[0] == reports[2]);
}

#[test]
fn an_ensemble_may_have_embeddings() {
    let project = Project::with(&SPEC.replace(
        &SPEC[SPEC.find("detector:").expect("a detector")..],
        "\
detector:
  ensemble:
    normalize: none
    detectors:
      - { embedding: { network: { autoencoder: { window: 2, layers: [8, 4, 8], epochs: 2 } } } }
      - { autoencoder: { window: 2, layers: [8, 4, 8], epochs: 2 } }
",
    ));
    project.write_all(&sounds::data_set());
    let ran = project.run("run spec.yaml").done().ran();
    assert_eq!(of(&ran, "training"), ["training/fan", "training/valve"]);
    assert!(of(&ran, "network").is_empty());
}
