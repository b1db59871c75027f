//! Mixing beyond MIMII DG: drawn ratios, layers, rooms, two microphones, from spec to files.

use std::collections::BTreeMap;
use std::fs;

use crate::project::{Project, tree};
use crate::sounds::{self, Form};
use humshift::artifact::{Artifact, Blob, Channel, Echo, Part, Recipe};
use humshift::mix::{decay, power};
use humshift::source::wav;
use humshift::{dsp, math};

/// Own recordings with noise in two folders.
const SPEC: &str = "\
name: rooms
data: { folder: { root: dry, pattern: \"{machine}_{section}_{domain}_{split}_{label}_{*}.wav\" } }
mix:
  noise: { folder: { root: noise, pattern: \"{machine}/{*}.wav\", defaults: { split: train } } }
  gain_db: -6
  snr_db: 3
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: { k: 1 } }
";

/// Two sections of dry recordings, the second one softer, two types of noise, two recorded rooms.
fn project() -> Project {
    let project = Project::with(SPEC);
    for (section, level) in [("00", 1.0), ("01", 0.25)] {
        for domain in ["source", "target"] {
            for (split, label) in [("train", "normal"), ("test", "normal"), ("test", "anomaly")] {
                for i in 0..3 {
                    let name = format!("pump_{section}_{domain}_{split}_{label}_{i}.wav");
                    let hum: Vec<f64> = sounds::hum(&name).iter().map(|x| level * x).collect();
                    let bytes = sounds::wav(&hum, sounds::RATE, Form::Float32);
                    project.write(&format!("dry/{name}"), bytes);
                }
            }
        }
    }
    for (kind, by) in [("press", 97), ("saw", 61)] {
        let samples: Vec<f64> =
            (0..9000usize).map(|n| 0.3 * ((n * n % by) as f64 / 48.0 - 1.0)).collect();
        let bytes = sounds::wav(&samples, sounds::RATE, Form::Float32);
        project.write(&format!("noise/{kind}/0.wav"), bytes);
    }
    for (room, delay) in [("hall", 90), ("booth", 7)] {
        let mut samples = vec![0.0; 200];
        (samples[3], samples[3 + delay]) = (0.5, 0.25);
        let bytes = sounds::wav(&samples, sounds::RATE, Form::Float32);
        project.write(&format!("rooms/{room}/0.wav"), bytes);
    }
    project
}

/// Writes the data set of the spec, and returns the parts of a section by the name of the file.
fn written(project: &Project, out: &str, section: &str) -> BTreeMap<String, Vec<Part>> {
    project.run(&format!("dataset write spec.yaml -o {out}")).done();
    let bytes = fs::read(project.path(&format!("{out}/pump/mixing_{section}.csv"))).unwrap();
    let mut parts: BTreeMap<String, Vec<Part>> = BTreeMap::new();
    for part in Recipe::decode(Blob::new(bytes)).unwrap().0 {
        parts.entry(part.clip.clone()).or_default().push(part);
    }
    assert_eq!(parts.len(), 18);
    parts
}

fn samples(project: &Project, path: &str, channel: Channel) -> Vec<f32> {
    wav::read(&project.path(path), channel).unwrap().samples
}

/// The dry clips of a section, by domain, split, label and number. Written files have the same
/// order.
fn dry(project: &Project, section: &str) -> Vec<(String, Vec<f32>)> {
    let own = format!("pump_{section}_");
    let files = tree(&project.path("dry")).into_keys().filter(|name| name.starts_with(&own));
    files
        .map(|name| (name.clone(), samples(project, &format!("dry/{name}"), Channel::Mean)))
        .collect()
}

/// The dry clip that a written one was made of: the one that is most like it.
fn origin<'a>(dry: &'a [(String, Vec<f32>)], heard: &[f32]) -> &'a (String, Vec<f32>) {
    let likeness = |x: &[f32]| {
        let both = x.iter().zip(heard).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        both / (power(x) * power(heard)).sqrt()
    };
    dry.iter().max_by(|a, b| likeness(&a.1).total_cmp(&likeness(&b.1))).unwrap()
}

#[test]
fn ratios_are_drawn_by_domain_and_refer_to_the_clip() {
    let project = project();
    let snr =
        "snr_db: { source: { uniform: [8, 14] }, target: { choose: [6, 20] } }\n  reference: clip";
    project.edit("spec.yaml", "snr_db: 3", snr);
    let parts = written(&project, "out", "00");
    let dry = dry(&project, "00");
    let mut drawn = Vec::new();
    for (path, parts) in &parts {
        let [part] = &parts[..] else { panic!("one noise a clip") };
        let snr = part.more.snr_db.unwrap();
        match path.contains("_target_") {
            true => assert!([6.0, 20.0].contains(&snr), "{snr}"),
            false => assert!((8.0..14.0).contains(&snr), "{snr}"),
        }
        let mixed: Vec<f32> = samples(&project, &format!("out/{path}"), Channel::Mean)
            .iter()
            .map(|x| x * math::powf(10f64, 0.3) as f32)
            .collect();
        let (_, clip) = origin(&dry, &mixed);
        let noise: Vec<f32> = mixed.iter().zip(clip).map(|(m, d)| m - d).collect();
        let found = 10.0 * math::log10(power(clip) / power(&noise));
        assert!((found - snr).abs() < 0.05, "{path}: {found} for {snr}");
        drawn.push(snr.to_bits());
    }
    drawn.sort_unstable();
    drawn.dedup();
    assert!(drawn.len() > 8, "each source clip has a ratio of its own");
    // The draws are those of the clips, not of the work.
    fs::remove_dir_all(project.cache()).unwrap();
    assert_eq!(written(&project, "again", "00"), parts);
}

#[test]
fn layers_are_summed_and_ratios_refer_to_the_machine_if_asked() {
    let project = project();
    let layers = "layers:\n    - { types: [press], snr_db: 3 }\n    - { types: { source: [saw], target: [press, saw] }, snr_db: { choose: [9] } }";
    project.edit("spec.yaml", "snr_db: 3", layers);
    let parts = written(&project, "out", "01");
    let mean = |section: &str| {
        let all = dry(&project, section);
        all.iter().map(|(_, x)| power(x)).sum::<f64>() / all.len() as f64
    };
    let expected = |signal: f64| [3.0, 9.0].map(|db| signal / math::powf(10f64, db / 10.0));
    let check = |parts: &BTreeMap<String, Vec<Part>>, signal: f64| {
        for (path, parts) in parts {
            let [one, two] = &parts[..] else { panic!("two noises a clip") };
            assert!(one.kind == "press" && (path.contains("_target_") || two.kind == "saw"));
            for (part, expected) in parts.iter().zip(expected(signal)) {
                assert!((part.power / expected - 1.0).abs() < 1e-9, "{path}");
            }
        }
    };
    check(&parts, mean("01"));
    project.edit("spec.yaml", "gain_db: -6", "gain_db: -6\n  reference: machine");
    check(&written(&project, "machine", "01"), (mean("00") + mean("01")) / 2.0);
    // The levels of both sections are measured once.
    let plan = project.plan();
    assert_eq!(plan.keys().filter(|label| label.starts_with("levels/")).count(), 2);
}

#[test]
fn generated_rooms_are_convolved_and_recorded_ones_are_drawn_by_domain() {
    let project = project();
    let room = "snr_db: 90\n  response: { rt60: { source: 0.05, target: 0.1 }, direct_db: 6 }";
    project.edit("spec.yaml", "snr_db: 3", room);
    let parts = written(&project, "out", "00");
    let dry = dry(&project, "00");
    let near = |path: &str, echo: &Option<Echo>| {
        let Some(Echo::Decay(room)) = echo else { panic!("a generated response") };
        let rt60 = if path.contains("_target_") { 0.1 } else { 0.05 };
        assert_eq!((room.rt60, room.direct_db), (rt60, 6.0));
        let response = decay(room, sounds::RATE);
        let heard = samples(&project, &format!("out/{path}"), Channel::Mean);
        // By the sum of the definition, of whichever dry clip fits: it goes round, at its own level.
        let off = dry.iter().map(|(_, x)| {
            let before = |n: usize, k: usize| x[(n + x.len() - k) % x.len()];
            let at = |n: usize| (0..response.len()).map(|k| response[k] * before(n, k)).sum();
            let wet: Vec<f32> = (0..x.len()).map(at).collect();
            let gain = (math::powf(10f64, -0.3) * (power(x) / power(&wet)).sqrt()) as f32;
            let off = wet.iter().zip(&heard).map(|(w, h)| (w * gain - h).abs());
            off.fold(0.0, f32::max)
        });
        assert!(off.fold(1.0, f32::min) < 1e-4, "{path}");
    };
    parts.iter().for_each(|(path, parts)| near(path, &parts[0].more.response));
    let seeds = |echo: &Option<Echo>| format!("{echo:?}");
    let distinct: std::collections::BTreeSet<String> =
        parts.values().map(|parts| seeds(&parts[0].more.response)).collect();
    assert_eq!(distinct.len(), 18, "each clip is at a place of its own");

    let recorded = "response:\n    from: { folder: { root: rooms, pattern: \"{machine}/{*}.wav\", defaults: { split: train } } }\n    types: { source: [booth], target: [hall] }\n    noise: true";
    project.edit(
        "spec.yaml",
        "response: { rt60: { source: 0.05, target: 0.1 }, direct_db: 6 }",
        recorded,
    );
    for (path, parts) in written(&project, "recorded", "00") {
        let room = if path.contains("_target_") { "hall/0.wav" } else { "booth/0.wav" };
        for echo in [&parts[0].more.response, &parts[0].more.noise_response] {
            assert!(matches!(echo, Some(Echo::File(id, _)) if id == room), "{path}: {echo:?}");
        }
        let heard = samples(&project, &format!("recorded/{path}"), Channel::Mean);
        let delay = if room.starts_with("hall") { 90 } else { 7 };
        // 0.5 and 0.25, scaled to an energy of 1; the silence before them is left out.
        let (one, two) = (0.8f64.sqrt() as f32, 0.2f64.sqrt() as f32);
        let off = dry.iter().map(|(_, x)| {
            let at = |n: usize| one * x[n] + two * x[(n + x.len() - delay) % x.len()];
            let wet: Vec<f32> = (0..x.len()).map(at).collect();
            let gain = (math::powf(10f64, -0.3) * (power(x) / power(&wet)).sqrt()) as f32;
            wet.iter().zip(&heard).map(|(w, h)| (w * gain - h).abs()).fold(0.0, f32::max)
        });
        assert!(off.fold(1.0, f32::min) < 1e-4, "{path}");
    }
    project.run("check spec.yaml --set mix.response.from.folder.root=nowhere").exits(2);
    let told = project.run("check spec.yaml --set mix.response.types.source=[]").exits(2).stderr;
    assert!(told.contains("`mix.response.types.source`: names no type of room"), "{told}");
    let second = "check spec.yaml --set mix.response.from.folder.channel=second";
    let told = project.run(second).exits(2).stderr;
    assert!(
        told.contains("one channel, and `mix.response.from.folder.channel: second` needs two"),
        "{told}"
    );
    project.write("rooms/hall/0.wav", sounds::wav(&[0.0; 50], sounds::RATE, Form::Int16));
    let told = project.run("run spec.yaml").exits(1).stderr;
    assert!(told.contains("the response `hall/0.wav` is silent"), "{told}");
}

#[test]
fn two_microphones_hear_both_at_other_levels_and_times() {
    let project = project();
    let two = "snr_db: 6\n  types: [press]\n  microphones: { far_gain_db: -20, far_delay_ms: 2, near_gain_db: -9, near_delay_ms: 1 }";
    project.edit("spec.yaml", "snr_db: 3", two);
    let parts = written(&project, "out", "00");
    let all = dry(&project, "00");
    let signal = all.iter().map(|(_, x)| power(x)).sum::<f64>() / all.len() as f64;
    for (path, parts) in &parts {
        let heard = |channel| -> Vec<f32> {
            let all = samples(&project, &format!("out/{path}"), channel);
            all.iter().map(|x| x * math::powf(10f64, 0.3) as f32).collect()
        };
        let (near, far) = (heard(Channel::First), heard(Channel::Second));
        let ways = parts[0].more.ways.as_ref().unwrap();
        assert_eq!((ways.far.gain_db, ways.near.delay_ms), (-20.0, 1.0));
        let (_, clip) = origin(&all, &near);
        let less = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x - y).collect::<Vec<f32>>();
        let at_near = less(&near, clip);
        // 2 ms are 16 samples.
        let machine: Vec<f32> =
            (0..clip.len()).map(|n| if n < 16 { 0.0 } else { 0.1 * clip[n - 16] }).collect();
        let at_far = less(&far, &machine);
        let snr = 10.0 * math::log10(signal / power(&at_near));
        assert!((snr - 6.0).abs() < 0.02, "{path}: {snr}");
        let louder = 10.0 * math::log10(power(&at_far) / power(&at_near));
        assert!((louder - 9.0).abs() < 0.3, "{path}: {louder}");
        // 1 ms is 8 samples: what the far one hears comes to the near one later.
        let scaled: Vec<f32> = at_far.iter().map(|x| x * math::powf(10f64, -0.45) as f32).collect();
        let off = less(&at_near[8..], &scaled[..scaled.len() - 8]);
        assert!(power(&off) < 1e-4 * power(&at_near), "{path}");
    }
    // Whichever channel the points of a sweep hear, the same two are written.
    let words = "mix.microphones.channel=[mean,first,second,difference,cancel]";
    project.run(&format!("dataset write spec.yaml -o swept --set {words}")).done();
    let bytes = |folder: &str| -> BTreeMap<String, Vec<u8>> {
        let files = tree(&project.path(folder)).into_iter();
        files.map(|(name, path)| (name, fs::read(path).unwrap())).collect()
    };
    assert_eq!(bytes("out"), bytes("swept"));
    // A run hears what a `dcase` source reads from the files with the same word.
    let features = |set: &str| -> Vec<String> {
        project.run(&format!("run spec.yaml {set}")).done();
        let plan = project.run(&format!("plan spec.yaml --json {set}")).done().json();
        let stages = plan["stages"].as_array().unwrap().clone();
        let of = |s: &&serde_json::Value| s["label"].as_str().unwrap().starts_with("features/");
        stages.iter().filter(of).map(|s| s["outputs"]["train/features"].to_string()).collect()
    };
    let words = ["mean", "first", "second", "difference", "cancel"];
    let mixed: Vec<_> =
        words.map(|w| features(&format!("--set mix.microphones.channel={w}"))).into();
    let data = SPEC.find("data:").unwrap()..SPEC.find("mix:").unwrap();
    let mut read = SPEC.to_owned();
    read.replace_range(data, "data: { dcase: { root: out } }\n");
    let mix = read.find("mix:").unwrap()..read.find("features:").unwrap();
    read.replace_range(mix, "");
    project.spec(&read);
    let from_files: Vec<_> =
        words.map(|w| features(&format!("--set data.dcase.channel={w}"))).into();
    assert_eq!(mixed, from_files);
    let distinct: std::collections::BTreeSet<_> = mixed.into_iter().collect();
    assert_eq!(distinct.len(), words.len());
    let swept = project.run("run spec.yaml --set data.dcase.channel=[first,cancel]").done();
    assert!(swept.stdout.contains("cancel"), "{}", swept.stdout);
}

#[test]
fn two_channels_without_a_choice_are_told_and_one_has_no_second() {
    let project = project();
    let one = project.run("check spec.yaml --set data.folder.channel=second").exits(2).stderr;
    assert!(one.contains("error[E0723]: recordings of `pump` have one channel"), "{one}");
    for file in tree(&project.path("dry")).into_keys() {
        let hum = sounds::hum(&file);
        let both: Vec<[f64; 2]> = hum.iter().map(|x| [*x, 0.5 * x]).collect();
        project.write(&format!("dry/{file}"), sounds::stereo(&both, sounds::RATE));
    }
    let told = project.run("check spec.yaml").done().stderr;
    // Programs are told the same.
    let notes = project.run("check spec.yaml --json").done().json()[0]["notes"].clone();
    assert_eq!(notes, serde_json::json!([told.trim_end().trim_start_matches("warning: ")]));
    insta::assert_snapshot!(told);
    for word in ["mean", "first"] {
        let set = format!("--set data.folder.channel={word}");
        let told = project.run(&format!("check spec.yaml {set}")).done().stderr;
        assert!(!told.contains("channels"), "{told}");
    }
    let name = "pump_01_target_test_normal_1.wav";
    let bytes = sounds::wav(&sounds::hum(name), sounds::RATE, Form::Int16);
    project.write(&format!("dry/{name}"), bytes);
    let told = project.run("check spec.yaml --set data.folder.channel=cancel").exits(2).stderr;
    let one = format!(
        "1 of 36 recordings has one channel, `{name}`, and `data.folder.channel: cancel` needs two"
    );
    assert!(told.contains(&one), "{told}");
    let told = project.run("run spec.yaml --set data.folder.channel=cancel").exits(1).stderr;
    assert!(
        told.contains(name) && told.contains("it has one channel, and `channel: cancel` needs two"),
        "{told}"
    );
    // Noise that no clip gets may be what it likes.
    let both: Vec<[f64; 2]> = sounds::hum("press").iter().map(|x| [*x, 0.5 * x]).collect();
    project.write("noise/press/0.wav", sounds::stereo(&both, sounds::RATE));
    project.write("noise/saw/1.wav", "no recording");
    let check =
        "check spec.yaml --set data.folder.channel=first --set mix.noise.folder.channel=second";
    let told = project.run(check).exits(2).stderr;
    assert!(told.contains("1 of 2 recordings of `saw` of `mix.noise` cannot be read"), "{told}");
    let one = "1 of 2 recordings has one channel, `saw/0.wav`, and `mix.noise.folder.channel: second` needs two";
    assert!(told.contains(one), "{told}");
    project.run(&format!("{check} --set mix.types=[press]")).done();
    // The same numbers as by hand.
    let clip = "pump_00_source_train_normal_0.wav";
    let [near, far] =
        [Channel::First, Channel::Second].map(|c| samples(&project, &format!("dry/{clip}"), c));
    assert_eq!(
        samples(&project, &format!("dry/{clip}"), Channel::Cancel),
        dsp::cancel(&near, &far)
    );
}

#[test]
fn a_data_set_is_drawn_from_a_pool_of_recordings() {
    let project = project();
    let data = SPEC.find("data:").unwrap()..SPEC.find("mix:").unwrap();
    let mut drawn = SPEC.to_owned();
    drawn.replace_range(
        data,
        "data:\n  folder:\n    root: dry\n    pattern: \"{machine}_{section}_{attr.place}_{*}_{label}_{attr.number}.wav\"\n    \
         draw:\n      requests:\n        \
         - { clips: 3, split: train, domain: source, where: { place: source } }\n        \
         - { clips: 1, split: train, domain: target, where: { place: target, number: [0, 2] } }\n        \
         - { clips: 2, split: test, domain: source, where: { place: source } }\n        \
         - { clips: 2, split: test, domain: source, label: anomaly, where: { place: source } }\n        \
         - { clips: 2, split: test, domain: target, where: { place: target } }\n        \
         - { clips: 3, split: test, domain: target, label: anomaly, where: { place: target } }\n",
    );
    let mix = drawn.find("mix:").unwrap()..drawn.find("features:").unwrap();
    drawn.replace_range(mix, "");
    project.spec(&drawn);
    project.run("dataset write spec.yaml -o out").done();
    let names: Vec<String> =
        tree(&project.path("out")).into_keys().filter(|name| name.ends_with(".wav")).collect();
    let count = |words: &str| names.iter().filter(|name| name.contains(words)).count();
    // In each of the two sections.
    assert_eq!(
        (names.len(), count("source_train_normal"), count("target_train_normal")),
        (26, 6, 2)
    );
    assert_eq!((count("source_test_anomaly"), count("target_test_anomaly")), (4, 6));
    let bytes: std::collections::BTreeSet<Vec<u8>> =
        names.iter().map(|name| fs::read(project.path(&format!("out/{name}"))).unwrap()).collect();
    assert_eq!(bytes.len(), 26, "no recording is there twice");
    // Which recording became which file.
    let table = fs::read_to_string(project.path("out/pump/recordings_00.csv")).unwrap();
    let mut rows = table.lines();
    assert_eq!(rows.next(), Some("file_name,recording,audio"));
    assert_eq!(rows.clone().count(), 13);
    for row in rows {
        let [file, recording, audio] = row.split(',').collect::<Vec<_>>()[..] else {
            panic!("{row}")
        };
        let [file, dry] = [format!("out/{file}"), format!("dry/{recording}")]
            .map(|path| samples(&project, &path, Channel::Mean));
        assert!(file.iter().zip(&dry).all(|(a, b)| (a - b).abs() <= 1.0 / 32768.0), "{row}");
        assert!(audio.starts_with("wav:mean:"), "{row}");
    }
    project.run("run spec.yaml").done();
    project.edit(
        "spec.yaml",
        "clips: 2, split: test, domain: target",
        "clips: 9, split: test, domain: target",
    );
    let told = project.run("check spec.yaml").exits(2).stderr;
    assert!(
        told.contains(
            "`draw` asks for 9 normal clips of the target domain with place target, but 5 are left"
        ),
        "{told}"
    );
}
