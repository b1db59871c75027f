//! A data set written with `table: mimii_dg`: which noise each clip has and how loud it is,
//! measured from the WAV files.

use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::TAU;
use std::fs;
use std::path::Path;

use humshift::artifact::Domain;
use humshift::math;
use humshift::source::{names, wav};

use crate::paper;
use crate::project::{Project, tree};
use crate::sounds::{self, Form};

/// All sections of the twin without noise.
const DRY: &str = "\
name: dry
data:
  synthetic:
    machines: [bearing, fan, gearbox, slider, valve]
    sections: 3
    seconds: 0.25
    rate: 8000
    clips: { source_train: 4, target_train: 4, normal: 2, anomaly: 2 }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: { k: 1 } }
";

/// What makes it MIMII DG, with room for what is loud.
const MIX: &str = "\
mix:
  table: mimii_dg
  noise: { folder: { root: noise, pattern: \"{machine}/{*}.wav\", defaults: { split: train } } }
  gain_db: -24
";

/// Each type of noise is a tone with a whole number of turns in a clip, so that a clip says what
/// was mixed to it.
const TONES: [(&str, f64); 7] = [
    ("A", 400.0),
    ("B", 600.0),
    ("C", 800.0),
    ("W", 1000.0),
    ("X", 1200.0),
    ("Y", 1400.0),
    ("Z", 1600.0),
];

fn power(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64
}

/// The power of a tone in a clip.
fn tone(x: &[f64], hz: f64) -> f64 {
    let turn = |i: usize| TAU * hz * i as f64 / f64::from(sounds::RATE);
    let part = |of: fn(f64) -> f64| x.iter().enumerate().map(|(i, x)| x * of(turn(i))).sum::<f64>();
    2.0 * (math::square(part(math::cos)) + math::square(part(math::sin)))
        / math::square(x.len() as f64)
}

/// The samples of all WAV files below a folder of the project, by path.
fn clips(project: &Project, folder: &str) -> BTreeMap<String, Vec<f64>> {
    let files = tree(&project.path(folder)).into_iter().filter(|(name, _)| name.ends_with(".wav"));
    let samples = |path: &Path| wav::read(path, Default::default()).unwrap().samples;
    files.map(|(name, path)| (name, samples(&path).into_iter().map(f64::from).collect())).collect()
}

#[test]
fn each_section_has_the_paper_s_noise_at_the_paper_s_level() {
    let project = Project::with(DRY);
    for (kind, hz) in TONES {
        let samples = (0..sounds::LENGTH)
            .map(|i| 0.5 * math::sin(TAU * hz * i as f64 / f64::from(sounds::RATE)));
        let bytes = sounds::wav(&samples.collect::<Vec<_>>(), sounds::RATE, Form::Float32);
        project.write(&format!("noise/{kind}/0.wav"), bytes);
    }
    project.run("dataset write spec.yaml -o dry").done();
    project.spec(&format!("{DRY}{MIX}"));
    let said = project.run("dataset write spec.yaml -o mixed").done();
    assert!(!said.stderr.contains("clipped"), "{}", said.stderr);
    let (dry, mixed) = (clips(&project, "dry"), clips(&project, "mixed"));
    assert!(dry.keys().eq(mixed.keys()));

    let (gain, mut heard) = (math::powf(10f64, -24.0 / 20.0), BTreeMap::<_, BTreeSet<&str>>::new());
    for (machine, section) in paper::sections() {
        let own = format!("section_{section}_");
        let names: Vec<&String> = dry
            .keys()
            .filter(|path| path.starts_with(&format!("{machine}/")) && path.contains(&own))
            .collect();
        assert_eq!(names.len(), 16, "{machine} {section}");
        let signal = names.iter().map(|name| power(&dry[*name])).sum::<f64>() / names.len() as f64;
        for path in names {
            let noise: Vec<f64> =
                mixed[path].iter().zip(&dry[path]).map(|(mixed, dry)| mixed / gain - dry).collect();
            let said = names::parse(path.rsplit('/').next().unwrap()).unwrap();
            let domain = said.domain.unwrap();
            let mut sum = 0.0;
            for (kind, hz) in TONES {
                let found = tone(&noise, hz);
                // Rounding to 16 bits leaves a little of everything.
                if found < 1e-4 * power(&noise) {
                    continue;
                }
                sum += found;
                let level = 10.0 * math::log10(signal / found);
                let pump = "WXYZ".contains(kind);
                // The paper has one ratio for both layers of fan 00.
                let expected =
                    if pump { -6.0 } else { paper::level(&machine, &section, &said.attributes) };
                assert!(
                    (level - expected).abs() < 0.1,
                    "{path}: {kind} at {level:.3} dB, not {expected} dB"
                );
                heard
                    .entry((machine.clone(), section.clone(), domain, pump))
                    .or_default()
                    .insert(kind);
            }
            assert!(
                (sum / power(&noise) - 1.0).abs() < 0.01,
                "{path}: something else is heard, too"
            );
        }
    }
    for ((machine, section, domain, pump), kinds) in heard {
        let shifted =
            [("fan", "01"), ("bearing", "02"), ("slider", "02")].contains(&(&*machine, &*section));
        let expected: &[&str] = match (pump, domain, shifted) {
            (true, Domain::Source, _) => &["W", "X"],
            (true, Domain::Target, _) => &["Y", "Z"],
            (false, Domain::Target, true) => &["C"],
            (false, _, _) => &["A", "B"],
        };
        assert_eq!(Vec::from_iter(kinds), expected, "{machine} {section} {domain}");
        assert!(!pump || (&*machine, &*section) == ("fan", "00"));
    }
    let recipe = fs::read_to_string(project.path("mixed/fan/mixing_00.csv")).unwrap();
    assert_eq!(recipe.lines().count(), 1 + 2 * 16, "pumps and a factory for each clip of fan 00");
}
