//! What cannot be read at this moment is not damaged, and a folder that cannot be listed is not an
//! empty one.

use crate::cache;
use crate::law::{Counts, Law, Place, SPEC, each, fresh};
use crate::project::{Project, tree};
use crate::sounds;
use crate::traced::{Kind, Step, Verdict};

/// The steps of `cache verify` that are of interest, and a law with a whole cache.
fn steps(test: &str, chosen: impl Fn(&Step) -> bool) -> Option<(Law, Vec<Place>)> {
    let law = Law::of(SPEC, "--jobs 1");
    law.project.run("run spec.yaml").done();
    let places = law.places("cache verify", &law.project.cache());
    let places = places.inspect_err(|why| eprintln!("skipped: {test}: {why}")).ok()?;
    Some((law, places.into_iter().filter(|(step, _)| chosen(step)).collect()))
}

/// Each of the places fails once; the audit must end with 4 and name the path, and move nothing.
fn fail(law: &Law, places: &[Place], error: i32) {
    let counts = Counts::default();
    each(places, |place| {
        let (_folder, cache) = fresh();
        cache::copy(&law.project.cache(), &cache);
        let audit = law.disturbed("cache verify", &cache, place, Verdict::Fail(error));
        let what = format!("{place:?}, {audit:?}");
        assert_eq!(audit.code, 4, "{what}");
        assert!(audit.stderr.contains(&*cache.join(&place.0.path).to_string_lossy()), "{what}");
        assert!(tree(&cache.join("bad")).is_empty(), "{what}");
        law.holds(&cache).unwrap_or_else(|why| panic!("{what}: {why}"));
        counts.add(&place.0.class());
    });
    eprintln!("error {error} at {:?}", counts.all());
}

#[test]
fn an_audit_without_file_descriptors_moves_no_sound_file() {
    let name = "an_audit_without_file_descriptors_moves_no_sound_file";
    let opens = |step: &Step| step.kind == Kind::Read && step.path.contains('.');
    let Some((law, places)) = steps(name, opens) else { return };
    fail(&law, &places, libc::EMFILE);
}

#[test]
fn an_audit_tells_of_a_folder_that_it_cannot_list() {
    let name = "an_audit_tells_of_a_folder_that_it_cannot_list";
    let lists =
        |step: &Step| step.kind == Kind::Read && !step.path.contains('.') && !step.path.is_empty();
    let Some((law, places)) = steps(name, lists) else { return };
    assert!(places.len() > 20, "{places:?}");
    fail(&law, &places, libc::EIO);
}

#[test]
fn a_report_names_the_record_that_it_cannot_use() {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    project.run("run spec.yaml").done();
    project.forget();
    let records = cache::records(&project.cache());
    let torn = |stage: &str| {
        for record in records.iter().filter(|record| record.label.starts_with(stage)) {
            std::fs::write(&record.path, "torn").expect("a record");
        }
    };
    torn("metrics");
    let told = project.run("report law").exits(2).stderr;
    assert!(told.contains("the record of `metrics/fan/00` is damaged"), "{told}");
    torn("dataset");
    let told = project.run("report spec.yaml").exits(2).stderr;
    assert!(told.contains("the record of `dataset/fan/00` is damaged"), "{told}");
    let none = project.run("report spec.yaml --set seed=7 --set detector.knn.k=2").exits(2).stderr;
    assert!(none.contains("is damaged"), "{none}");
}
