//! Tests of recordings that are cut into clips.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::artifact::{Channel, Split};
use crate::digest::Digest;
use crate::source::encoded::made::of_wav;
use crate::source::{self, ListedFile, SectionId, SourceSpec, Wave};
use serde_json::json;

/// A recording of this number of samples at 1000 Hz, which count up.
fn write(root: &Path, path: &str, frames: usize) -> ListedFile {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 1000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let full = root.join(path);
    std::fs::create_dir_all(full.parent().unwrap()).unwrap();
    let mut writer = hound::WavWriter::create(&full, spec).unwrap();
    (0..frames).for_each(|i| writer.write_sample(i as i16).unwrap());
    writer.finalize().unwrap();
    ListedFile { path: path.into(), sha256: Digest::of(&std::fs::read(full).unwrap()) }
}

fn source(name: &str, settings: serde_json::Value) -> SourceSpec {
    SourceSpec::parse(name, &settings).unwrap()
}

fn id() -> SectionId {
    SectionId { machine: "fan".into(), section: "00".into() }
}

#[test]
fn clips_are_named_by_recording_and_second_and_have_its_samples() {
    let root = tempfile::tempdir().unwrap();
    let files = [write(root.path(), "fan/a.wav", 2600), write(root.path(), "fan/b.wav", 999)];
    let settings = json!({"root": root.path(), "pattern": "{machine}/{attr.name}.wav",
        "defaults": {"split": "train"}, "cut": {"seconds": 1, "hop": 0.75}});
    let source = source("folder", settings);
    let clips = source.member().clips(&id(), &files, &[]).unwrap();
    let found: Vec<(&str, Audio)> =
        clips.iter().map(|r| (r.clip.id.as_str(), r.audio.clone())).collect();
    let part = |start: u64| Audio::Cut {
        channel: Channel::Mean,
        sha256: files[0].sha256,
        part: Segment { start, frames: 1000 },
        path: "fan/a.wav".into(),
    };
    let expected = [
        ("fan/a#00000.000.wav", part(0)),
        ("fan/a#00000.750.wav", part(750)),
        ("fan/a#00001.500.wav", part(1500)),
    ];
    assert_eq!(found, expected);
    assert!(clips.iter().all(|r| r.clip.attributes["name"] == "a"));
    let wave = source::read(found[1].0, &found[1].1, Some(root.path())).unwrap();
    let samples: Vec<f32> = (750..1750).map(|i| i as f32 / 32_768.0).collect();
    assert_eq!((wave.rate, wave.samples), (1000, samples));
    // What is stored under the digest of a recording is of that recording.
    assert!(source::still(&clips, Some(root.path())).is_ok());
    write(root.path(), "fan/a.wav", 2601);
    for told in [
        source::read(found[1].0, &found[1].1, Some(root.path())).unwrap_err(),
        source::still(&clips, Some(root.path())).unwrap_err(),
    ] {
        assert!(told.to_string().contains("changed since it was listed"), "{told}");
    }
}

#[test]
fn flac_gives_the_clips_of_wav() {
    let root = tempfile::tempdir().unwrap();
    let wav = write(root.path(), "wav/fan/a.wav", 10_700);
    let bytes = of_wav(&std::fs::read(root.path().join(&wav.path)).unwrap());
    std::fs::create_dir_all(root.path().join("flac/fan")).unwrap();
    std::fs::write(root.path().join("flac/fan/a.flac"), &bytes).unwrap();
    let heard = |folder: &str, name: &str, sha256, rate: Option<u32>| -> Vec<(String, Wave)> {
        let root = root.path().join(folder);
        let mut settings = json!({"root": root, "pattern": "{machine}/{attr.name}.{*}",
            "defaults": {"split": "train"}, "cut": {"seconds": 1, "hop": 0.75}});
        if let Some(rate) = rate {
            settings["rate"] = json!(rate);
        }
        let source = source("folder", settings);
        let files = [ListedFile { path: name.into(), sha256 }];
        let clips = source.member().clips(&id(), &files, &[]).unwrap();
        assert!(clips.iter().all(|r| r.audio.path(&r.clip.id).as_deref() == Some(name)));
        assert!(source::still(&clips, Some(&root)).is_ok());
        let note = source.cut().unwrap().note(&root, &source.member().list().unwrap()).unwrap();
        assert!(note.starts_with("`cut` makes 13 clips of 1 s of 1 recording; left out: 1 end, "));
        let wave = |r: &Recording| source::read(&r.clip.id, &r.audio, Some(&root)).unwrap();
        clips.iter().map(|r| (r.clip.id.clone(), wave(r))).collect()
    };
    for rate in [None, Some(4000)] {
        let of_wav = heard("wav", "fan/a.wav", wav.sha256, rate);
        assert!(of_wav.len() == 13 && of_wav[1].0 == "fan/a#00000.750.wav");
        assert!(of_wav == heard("flac", "fan/a.flac", Digest::of(&bytes), rate));
    }
    // A message names the file, and not the clip.
    let settings = json!({"root": root.path().join("flac"), "pattern": "{machine}/{*}.flac",
        "defaults": {"split": "train"}, "cut": {"seconds": 20}});
    let files = [ListedFile { path: "fan/a.flac".into(), sha256: Digest::of(&bytes) }];
    let long = source("folder", settings);
    let told = long.member().clips(&id(), &files, &[]).unwrap_err().to_string();
    assert!(told.starts_with("fan/a.flac: it is shorter than a clip of 20 s"), "{told}");
}

#[test]
fn a_recording_is_never_on_both_sides_of_a_split() {
    let root = tempfile::tempdir().unwrap();
    let files: Vec<ListedFile> =
        (0..20).map(|i| write(root.path(), &format!("fan/{i:02}.wav"), 500 + 30 * i)).collect();
    for by in ["random", "name"] {
        let settings = json!({"root": root.path(), "pattern": "{machine}/{attr.name}.wav",
            "split": {"holdout": 0.3, "by": by}, "cut": {"seconds": 0.1, "hop": 0.05}});
        let clips = source("folder", settings).member().clips(&id(), &files, &[]).unwrap();
        assert!(clips.len() > 20 * 9);
        let mut sides: BTreeMap<String, BTreeSet<Split>> = BTreeMap::new();
        for Recording { clip, audio } in &clips {
            sides.entry(audio.path(&clip.id).unwrap()).or_default().insert(clip.split);
        }
        assert!(sides.len() == 20 && sides.values().all(|side| side.len() == 1), "{sides:?}");
        let tests = sides.values().filter(|side| side.contains(&Split::Test)).count();
        assert_eq!(tests, 6, "three of ten recordings, whatever their lengths");
    }
}

#[test]
fn recordings_of_data_sets_keep_their_facts_and_splits() {
    let root = tempfile::tempdir().unwrap();
    let names = [
        "fan/test/section_00_target_test_anomaly_0000_vel_6.wav",
        "fan/train/section_00_source_train_normal_0000_vel_12.wav",
    ];
    let files = names.map(|name| write(root.path(), name, 1200));
    let settings = json!({"root": root.path(), "cut": {"seconds": 0.4}});
    let source = source("dcase", settings);
    let clips = source.member().clips(&id(), &files, &[]).unwrap();
    let of = |name: &str| {
        clips.iter().filter(|r| r.audio.path("").as_deref() == Some(name)).collect::<Vec<_>>()
    };
    let (test, train) = (of(names[0]), of(names[1]));
    assert_eq!((test.len(), train.len(), clips.len()), (3, 3, 6));
    assert!(test.iter().all(|r| r.clip.split == Split::Test && r.clip.attributes["vel"] == "6"));
    assert!(train.iter().all(|r| r.clip.split == Split::Train && r.clip.attributes["vel"] == "12"));
    let keyed = source.member().keyed();
    assert_eq!(keyed["dcase"]["cut"], json!({"seconds": 0.4, "hop": 0.4}));
    assert_eq!(source.uses()["cut"], VERSION);
}

#[test]
fn what_is_in_no_clip_is_told() {
    let root = tempfile::tempdir().unwrap();
    let files = [("a", 2600), ("b", 999), ("c", 3000)]
        .map(|(name, frames)| write(root.path(), &format!("fan/{name}.wav"), frames));
    let settings = |seconds: f64| {
        json!({"root": root.path(), "pattern": "{machine}/{*}.wav", "defaults": {"split": "train"},
            "cut": {"seconds": seconds}})
    };
    let note = |seconds: f64| {
        let source = source("folder", settings(seconds));
        source.cut().unwrap().note(root.path(), &source.member().list().unwrap())
    };
    assert_eq!(
        note(1.0).unwrap(),
        "`cut` makes 5 clips of 1 s of 3 recordings; left out: 1 end, 0.6 s in all, shorter than a clip; \
         1 recording that is shorter than a clip, `fan/b.wav` for one"
    );
    assert!(note(3.0).unwrap().starts_with("`cut` makes 1 clip of 3 s of 3 recordings; "));
    assert_eq!(note(0.001), None);
    let long = source("folder", settings(3.5));
    assert_eq!(
        long.member().clips(&id(), &files, &[]).unwrap_err().to_string(),
        "fan/a.wav: it is shorter than a clip of 3.5 s (`cut.seconds`), and so are all recordings of its section"
    );
    assert!(long.member().problems().is_empty());
    let odd: Vec<String> = Cut { seconds: 0.0, hop: Some(f64::NAN) }
        .problems()
        .into_iter()
        .map(|problem| format!("{}: {}", problem.field, problem.message))
        .collect();
    assert_eq!(
        odd,
        [
            "cut.seconds: `seconds` is 0, outside 0.01..3600",
            "cut.hop: `hop` is NaN, outside 0.01..3600"
        ]
    );
}
