//! Recordings in other formats and at other rates: FLAC gives the bytes that WAV gives, and `rate`
//! gives those of recordings that were resampled before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use humshift::artifact::Channel;
use humshift::source::wav;

use crate::flac::{flac, of_wav};
use crate::project::{Project, tree};
use crate::sounds::{self, Form};

/// The data set of `sounds` with samples of this form.
fn data_set(form: Form) -> BTreeMap<String, Vec<u8>> {
    let mut files = sounds::data_set();
    for (path, bytes) in files.iter_mut().filter(|(path, _)| path.ends_with(".wav")) {
        let name = path.strip_prefix("data/").expect("it lies there");
        *bytes = sounds::wav(&sounds::hum(name), sounds::RATE, form);
    }
    files
}

/// The same files with every recording in FLAC.
fn in_flac(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let of = |(path, bytes): (&String, &Vec<u8>)| match path.strip_suffix(".wav") {
        Some(stem) => (format!("{stem}.flac"), of_wav(bytes)),
        None => (path.clone(), bytes.clone()),
    };
    files.iter().map(of).collect()
}

/// Replaces the recordings of a project.
fn replace(project: &Project, files: &BTreeMap<String, Vec<u8>>) {
    fs::remove_dir_all(project.path("data")).unwrap();
    project.write_all(files);
}

#[test]
fn flac_gives_the_bytes_of_wav() {
    for form in [Form::Int16, Form::Int24] {
        let files = data_set(form);
        let project = Project::with(sounds::SPEC);
        project.write_all(&files);
        let run = project.run("run spec.yaml").done();
        let report = project.report();
        replace(&project, &in_flac(&files));
        assert_eq!(project.report_of_an_empty_cache(), report);
        // With the cache of the WAV files, nothing is new from the features on.
        let again = project.run("run spec.yaml").done();
        assert_eq!((&again.stdout, project.report()), (&run.stdout, report));
        let of = |word: &str, label: &String| label.starts_with(&format!("{word}/"));
        let stages: BTreeSet<String> = run.ran();
        let anew = stages.into_iter().filter(|l| of("dataset", l) || of("features", l));
        assert_eq!(again.ran(), anew.collect::<BTreeSet<_>>());
    }
}

#[test]
fn a_folder_of_several_formats_and_noise_in_flac_are_mixed_alike() {
    let spec = |ending: &str| {
        format!(
            "name: mixed\n\
             data: {{ folder: {{ root: data, pattern: \"{{machine}}/{{split}}/section_{{section}}_{{domain}}_{{attr.part}}_{{label}}_{{*}}.{ending}\" }} }}\n\
             mix: {{ snr_db: 3, noise: {{ folder: {{ root: noise, pattern: \"{{machine}}/{{*}}.{ending}\", \
             defaults: {{ split: train }} }} }} }}\n\
             features: {{ log_mel: {{ frame: 256, hop: 128, mels: 16 }} }}\npool: {{ mean: {{}} }}\n\
             detector: {{ knn: {{ k: 1 }} }}\n"
        )
    };
    let mut files = data_set(Form::Int16);
    for (kind, by) in [("A", 97), ("B", 61)] {
        let samples: Vec<f64> =
            (0..9000usize).map(|n| 0.3 * ((n * n % by) as f64 / 48.0 - 1.0)).collect();
        for number in 0..3 {
            let bytes = sounds::wav(&samples[number * 500..], 11_025, Form::Int16);
            files.insert(format!("noise/{kind}/{number}.wav"), bytes);
        }
    }
    let project = Project::with(&spec("wav"));
    project.write_all(&files);
    project.run("run spec.yaml").done();
    let report = project.report();
    project.run("dataset write spec.yaml -o wav").done();
    let mut half = in_flac(&files);
    for (path, bytes) in files.iter().filter(|(path, _)| path.contains("anomaly")) {
        half.remove(&path.replace(".wav", ".flac"));
        half.insert(path.clone(), bytes.clone());
    }
    fs::remove_dir_all(project.path("noise")).unwrap();
    replace(&project, &half);
    project.spec(&spec("{*}"));
    assert_eq!(project.report_of_an_empty_cache(), report);
    project.run("dataset write spec.yaml -o flac").done();
    let read = |folder: &str| -> BTreeMap<String, Vec<u8>> {
        let files = tree(&project.path(folder)).into_iter();
        let wavs = files.filter(|(name, _)| name.ends_with(".wav"));
        wavs.map(|(name, path)| (name, fs::read(path).unwrap())).collect()
    };
    assert_eq!(read("flac"), read("wav"));
}

#[test]
fn every_command_takes_flac() {
    let files = data_set(Form::Int16);
    let clip = sounds::path("fan", "test", "00", "source", "anomaly", 0);
    let project = Project::with(sounds::SPEC);
    project.write_all(&files);
    project.run("run spec.yaml").done();
    let set = "--set features.log_mel.frame=256 --set hop=128";
    project.run(&format!("features data/{clip} -o wav.npy {set}")).done();
    let score = |ending: &str| {
        let clip = clip.replace(".wav", ending);
        project.run(&format!("score spec.yaml fan/00 data/{clip} --json")).done().json()
    };
    let as_wav = score(".wav");
    replace(&project, &in_flac(&files));
    project.run("check spec.yaml").done();
    let flac = clip.replace(".wav", ".flac");
    project.run(&format!("features data/{flac} -o flac.npy {set}")).done();
    assert_eq!(
        fs::read(project.path("flac.npy")).unwrap(),
        fs::read(project.path("wav.npy")).unwrap()
    );
    project.run("run spec.yaml").done();
    let text = |value: serde_json::Value| value.to_string().replace(".flac", ".wav");
    assert_eq!(text(score(".flac")), text(as_wav));
    let told = project.run("init data -o first.yaml").done().stdout;
    assert!(told.contains("8000 Hz") && told.contains("fan (40), valve (40)"), "{told}");
}

#[test]
fn a_clip_in_two_formats_is_a_mistake_and_damage_is_told() {
    let files = data_set(Form::Int16);
    let clip = format!("data/{}", sounds::path("fan", "test", "00", "source", "anomaly", 0));
    let flac = clip.replace(".wav", ".flac");
    let project = Project::with(sounds::SPEC);
    project.write_all(&files);
    let mut bytes = of_wav(&files[&clip]);
    project.write(&flac, &bytes);
    let told = project.run("check spec.yaml").exits(2).stderr;
    assert!(told.contains("a clip is there twice, as `fan/test/section_00"), "{told}");
    project.remove(&clip);
    project.run("check spec.yaml").done();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    project.write(&flac, &bytes);
    let told = project.run("run spec.yaml").exits(1).stderr;
    assert!(told.contains(&format!("{flac}: ")) && !told.contains("panicked"), "{told}");
}

#[test]
fn recordings_of_several_rates_become_one() {
    let project = Project::with(sounds::SPEC);
    let mut files = data_set(Form::Float32);
    project.write_all(&files);
    let plain = project.run("run spec.yaml").done();
    let report = project.report();
    let with =
        |rate: u32| sounds::SPEC.replace("root: data }", &format!("root: data, rate: {rate} }}"));
    // A rate that all have changes no sample, and from the features on no key.
    project.spec(&with(sounds::RATE));
    let same = project.run("run spec.yaml").done();
    assert_eq!(project.report(), report);
    assert!(same.ran().iter().all(|l| l.starts_with("dataset/") || l.starts_with("features/")));
    assert_eq!(
        same.ran().len(),
        plain
            .ran()
            .iter()
            .filter(|l| l.starts_with("dataset/") || l.starts_with("features/"))
            .count()
    );
    // Recordings at twice the rate are those of `rate` at their own.
    let clip = format!("data/{}", sounds::path("fan", "test", "00", "source", "anomaly", 0));
    let heard = wav::read(&project.path(&clip), Channel::Mean).unwrap();
    let twice = humshift::dsp::polyphase(&heard.samples, 8000, 16_000).unwrap();
    let samples: Vec<f64> = twice.iter().map(|x| f64::from(*x)).collect();
    project.write("twice.wav", sounds::wav(&samples, 16_000, Form::Float32));
    project.run("features twice.wav -o twice.npy").done();
    project.run(&format!("features {clip} --rate 16000 -o up.npy")).done();
    assert_eq!(
        fs::read(project.path("up.npy")).unwrap(),
        fs::read(project.path("twice.npy")).unwrap()
    );
    // Of mixed rates nothing is said any more, and a model takes recordings of any rate.
    for (number, (path, bytes)) in files.iter_mut().enumerate() {
        if path.ends_with(".wav") && number % 3 == 0 {
            let name = path.strip_prefix("data/").unwrap();
            *bytes = sounds::wav(&sounds::hum(name), 11_025, Form::Int16);
        }
    }
    replace(&project, &files);
    project.run("run spec.yaml").done();
    project.run("score spec.yaml fan/00 twice.wav").done();
    project.run("dataset write spec.yaml -o out").done();
    for (name, path) in tree(&project.path("out")) {
        assert!(!name.ends_with(".wav") || wav::head(&path).unwrap().rate == 8000, "{name}");
    }
    project.spec(&sounds::SPEC.replace("root: data }", "root: data, rate: 12 }"));
    let told = project.run("check spec.yaml").exits(2).stderr;
    assert!(told.contains("12 is out of range"), "{told}");
}

#[test]
fn a_rate_that_no_filter_leads_to_is_told() {
    let project = Project::with(&sounds::SPEC.replace("root: data }", "root: data, rate: 16000 }"));
    let mut files = data_set(Form::Int16);
    let clip = format!("data/{}", sounds::path("fan", "train", "00", "source", "normal", 0));
    files.insert(clip, sounds::wav(&sounds::hum("x"), 7, Form::Int16));
    project.write_all(&files);
    let told = project.run("run spec.yaml").exits(1).stderr;
    assert!(told.contains("its rate is 7 Hz, and that cannot be resampled to 16000 Hz"), "{told}");
}

#[test]
fn a_flac_file_of_two_channels_has_both() {
    let project = Project::new();
    let samples: Vec<i32> = (0..10_000).map(|i| i * 7919 % 20_011 - 10_000).collect();
    project.write("a.flac", flac(&samples, 2, 48_000, 24));
    let of = |channel| wav::read(&project.path("a.flac"), channel).unwrap();
    let second: Vec<f32> =
        samples.iter().skip(1).step_by(2).map(|x| *x as f32 / 8_388_608.0).collect();
    assert_eq!((of(Channel::Second).rate, of(Channel::Second).samples), (48_000, second));
    let head = wav::head(&project.path("a.flac")).unwrap();
    assert_eq!((head.rate, head.channels), (48_000, 2));
}
