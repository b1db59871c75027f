//! `report --figures` and `report --maps`: the pictures show the clips they say they show.

use std::fs;

use ndarray_npy::ReadNpyExt;

use crate::project::{Project, tree};
use crate::sounds::{self, LENGTH, SPEC};

fn project() -> Project {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    project
}

/// Width, height and colours (numbers of the palette) of an image of the project, from the top
/// left.
fn image(project: &Project, path: &str) -> (usize, usize, Vec<u8>) {
    let file = fs::File::open(project.path(path)).expect("it was written");
    let mut reader = png::Decoder::new(std::io::BufReader::new(file)).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("it is small")];
    let info = reader.next_frame(&mut pixels).expect("an image");
    assert_eq!(info.color_type, png::ColorType::Indexed);
    (info.width as usize, info.height as usize, pixels)
}

#[test]
fn a_figure_of_the_first_section_of_each_machine() {
    let project = project();
    project.run("run spec.yaml").done();
    let plain = project.run("report spec.yaml").done();
    let report = project.run("report spec.yaml --figures out/figures").done();
    assert_eq!(report.stdout, plain.stdout);
    assert!(report.stderr.starts_with("figures: 4 spectrograms in "), "{}", report.stderr);
    let names = ["fan_00_source", "fan_00_target", "valve_00_source", "valve_00_target"];
    let mut files: Vec<String> = names.iter().map(|name| format!("{name}.png")).collect();
    files.push("spectrograms.svg".into());
    let found = tree(&project.path("out/figures"));
    assert!(files.iter().all(|file| found.contains_key(file)), "{found:?}");
    // The figures of the page of the run are the others: each stands alone.
    assert!(report.stderr.contains(" of the report in "), "{}", report.stderr);
    let page: Vec<_> = found.iter().filter(|(name, _)| !files.contains(name)).collect();
    assert!(page.iter().any(|(name, _)| name.starts_with("best-roc-curves-of-fan-00")), "{page:?}");
    assert!(page.iter().any(|(name, _)| name.starts_with("best-auc-in")), "{page:?}");
    for (name, path) in page {
        let svg = fs::read_to_string(path).expect("it is text");
        let is_whole = svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n");
        assert!(
            is_whole && !svg.contains("var(") && !svg.contains("class=\"plot\" role"),
            "{name}"
        );
    }
    let svg = fs::read_to_string(project.path("out/figures/spectrograms.svg")).expect("it is text");
    for words in names.map(|name| name.replace('_', " ")) {
        assert_eq!(svg.matches(&format!(">{words}</text>")).count(), 1, "{words}");
    }
    for words in [">Time (s)<", ">Frequency (kHz)<", ">Level (dB)<", ">0.2<", ">4<"] {
        assert!(svg.contains(words), "{words}");
    }

    // A louder value never has a colour lower down, of exactly the clip that was meant.
    for domain in ["source", "target"] {
        let clip = sounds::path("valve", "test", "00", domain, "normal", 0);
        project.run(&format!("features data/{clip} --spec spec.yaml -o clip.npy")).done();
        let file = fs::File::open(project.path("clip.npy")).expect("it was written");
        let matrix = ndarray::Array2::<f32>::read_npy(file).expect("a matrix of f32");
        let (width, height, pixels) =
            image(&project, &format!("out/figures/valve_00_{domain}.png"));
        assert_eq!((width, height), matrix.dim());
        let mut values: Vec<(f32, u8)> = matrix
            .indexed_iter()
            .map(|((t, bin), db)| (*db, pixels[(height - 1 - bin) * width + t]))
            .collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(values.is_sorted_by_key(|(_, colour)| *colour), "{domain}");
        assert!(
            values.first().expect("values").1 < 60 && values.last().expect("values").1 > 150,
            "{domain}"
        );
    }
    let again = fs::read(project.path("out/figures/spectrograms.svg")).expect("it is there");
    project.run("report spec.yaml --figures again").done();
    assert_eq!(fs::read(project.path("again/spectrograms.svg")).expect("it is there"), again);
}

#[test]
fn data_without_domains_and_a_linear_spectrum() {
    let spec = SPEC.replace(
        "log_mel: { frame: 256, hop: 128, mels: 16 }",
        "spectrum: { frame: 256, hop: 128 }",
    );
    let project = Project::with(&spec);
    for (name, count) in [("train/normal", 4), ("test/normal", 2), ("test/anomaly", 2)] {
        for number in 0..count {
            let name = format!("fan/{name}_id_00_{number:08}.wav");
            project.write(&format!("data/{name}"), sounds::clip(&name));
        }
    }
    project.run("run spec.yaml").done();
    project.run("report spec.yaml --figures figures").done();
    let (width, height, _) = image(&project, "figures/fan_id_00.png");
    assert_eq!((width, height), (LENGTH / 128 + 1, 129));
    let svg = fs::read_to_string(project.path("figures/spectrograms.svg")).expect("it is text");
    assert!(
        svg.contains(">fan id_00</text>") && svg.matches("<image ").count() == 2,
        "one clip and the scale"
    );
}

#[test]
fn figures_that_cannot_be_made_say_why() {
    let project = project();
    let never = project.run("report spec.yaml --figures figures").exits(2);
    assert!(
        never.stderr.contains("E0704") && never.stderr.contains("humshift run spec.yaml"),
        "{}",
        never.stderr
    );

    project.run("run spec.yaml").done();
    let matrices = tree(&project.cache().join("objects")).into_values();
    matrices
        .filter(|path| path.extension().is_some_and(|e| e == "npy"))
        .for_each(|path| fs::remove_file(path).expect("ours"));
    let evicted = project.run("report spec.yaml --figures figures").exits(2);
    insta::assert_snapshot!("figures_evicted", evicted.stderr);
    assert!(!project.path("figures").exists() && evicted.stdout.is_empty());
    project.run("run spec.yaml --only features/*").done();
    project.run("report spec.yaml --figures figures").done();

    project.write("file", "text");
    let file = project.run("report spec.yaml --figures file").exits(2);
    assert!(
        file.stderr.contains("E0705") && file.stderr.contains("`file` cannot be written"),
        "{}",
        file.stderr
    );

    let linear = SPEC.replace(
        "log_mel: { frame: 256, hop: 128, mels: 16 }",
        "spectrum: { frame: 256, hop: 128, db: false }",
    );
    project.spec(&linear);
    project.run("run spec.yaml").done();
    // There are no spectrograms then, and all other figures.
    project.run("report spec.yaml --figures linear").done();
    let found = tree(&project.path("linear"));
    assert!(!found.contains_key("spectrograms.svg") && found.len() > 4, "{found:?}");
}

#[test]
fn a_map_of_the_clips_of_each_machine() {
    let project = project();
    project.run("run spec.yaml").done();
    let plain = project.run("report spec.yaml").done();
    let report = project.run("report spec.yaml --maps maps").done();
    assert_eq!(report.stdout, plain.stdout);
    assert!(report.stderr.starts_with("maps: 2, places in maps/maps.csv"), "{}", report.stderr);
    let files = tree(&project.path("maps"));
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["maps.csv", "pooling_fan.tsne.svg", "pooling_valve.tsne.svg"]);
    let read = |path: &str| fs::read_to_string(project.path(path)).expect("it is text");
    let svg = read("maps/pooling_fan.tsne.svg");
    // Two sections, each with 8 clips to train on and 12 to test with; a third of the others are
    // neighbours.
    for words in [
        "pooling/fan",
        "t-SNE of 40 clips, perplexity 13",
        "section 00",
        "section 01",
        "anomaly, target",
    ] {
        assert_eq!(svg.matches(&format!(">{words}</text>")).count(), 1, "{words}");
    }
    let table = read("maps/maps.csv");
    assert_eq!(table.lines().count(), 1 + 2 * 40);
    assert_eq!(
        table.lines().filter(|line| line.contains(",01,target,test,anomaly,")).count(),
        2 * 3
    );
    project.run("report spec.yaml --maps again").done();
    for name in names {
        assert_eq!(read(&format!("again/{name}")), read(&format!("maps/{name}")), "{name}");
    }

    // Points that see the same vectors share a map; what was not run has none.
    let set = "--set features.log_mel.mels=[16,8] --set detector.knn.k=[1,2]";
    let both = project.run(&format!("report spec.yaml --maps both {set}")).done();
    assert!(
        both.stderr.starts_with("maps: 2, ") && both.stderr.contains("; 2 are not in the cache"),
        "{}",
        both.stderr
    );
    let frames = "--set detector={\"autoencoder\":{\"epochs\":1,\"window\":2,\"layers\":[4]}}";
    project.run(&format!("run spec.yaml {frames}")).done();
    let none = project.run(&format!("report spec.yaml --maps none {frames}")).exits(2);
    assert!(
        none.stderr.contains("no detector of the spec sees one vector a clip"),
        "{}",
        none.stderr
    );
    assert!(!project.path("none").exists());
}
