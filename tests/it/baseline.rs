//! `run --baseline`: results that fall behind those a repository keeps fail the job.

use std::fs;

use crate::project::Project;
use crate::sounds;

const SPEC: &str = "name: kept\ndata: { dcase: { root: data } }\nfeatures: { log_mel: { frame: 512, hop: 256, mels: 16 } }\n\
                    pool: { mean: {} }\nsweep: { detector.knn.k: [1, 2] }\ndetector: { knn: {} }\n";

#[test]
fn a_score_that_fell_is_told_and_ends_with_3() {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    project.run("run -q spec.yaml --baseline kept.json --update-baseline").done();
    let told = project.run("run -q spec.yaml --baseline kept.json").done();
    assert!(told.stderr.contains("baseline: all 2 settings as before"), "{}", told.stderr);

    // Somebody else's numbers were better by two points in every section of k=1.
    let mut kept: serde_json::Value =
        serde_json::from_slice(&fs::read(project.path("kept.json")).expect("a file"))
            .expect("JSON");
    let better = |x: &mut serde_json::Value| *x = (x.as_f64().expect("a number") + 0.02).into();
    better(&mut kept["settings"][0]["score"]);
    kept["settings"][0]["sections"].as_object_mut().expect("a map").values_mut().for_each(better);
    project.write("kept.json", kept.to_string());
    let fell =
        project.run("run -q spec.yaml --baseline kept.json --max-drop 0.01 --frozen").exits(3);
    assert!(
        fell.stdout.contains("## Changes against the baseline")
            && fell.stdout.contains("−2.00 [−2.00, −2.00]")
    );
    assert!(fell.stderr.contains("baseline: 1 fell by 2.00 points"), "{}", fell.stderr);
    project.run("run -q spec.yaml --baseline kept.json --max-drop 0.03").done();

    project.write("kept.json", "{}");
    let wrong = project.run("run -q spec.yaml --baseline kept.json").exits(2).stderr;
    assert!(wrong.contains("E0717") && wrong.contains("--update-baseline"), "{wrong}");
}

#[test]
fn a_cache_of_records_answers_an_unchanged_experiment() {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    let before = project.run("run -q spec.yaml").done().stdout;
    let told = project.run("cache gc --keep records").done().stdout;
    assert!(told.starts_with("evicted "), "{told}");
    let left: u64 = crate::project::tree(&project.cache().join("objects"))
        .values()
        .map(|path| fs::metadata(path).expect("it is there").len())
        .sum();
    assert!(left < 20_000, "{left} bytes of objects");
    assert_eq!(project.run("run -q spec.yaml --frozen").done().stdout, before);
}
