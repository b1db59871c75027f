//! Tests on folders of real recordings and on the file names of real data sets, if these are
//! present.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{ListedFile, Listing, SectionId, Source, SourceError, SourceSpec, names, table::Table};
use crate::artifact::{Clip, Domain, Label, Split};
use crate::digest::Digest;
use crate::mimii_dg;

/// The folder of real data. `None` skips the test, with a message on stderr.
fn data(test: &str) -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "says where the data of tests lies, never a setting"
    )]
    let given = std::env::var("HUMSHIFT_TEST_DATA").ok().map(PathBuf::from);
    let folder =
        given.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    if !folder.is_dir() {
        eprintln!("skipped: {test}: no ../shared/data");
        return None;
    }
    Some(folder)
}

fn dcase(root: PathBuf) -> SourceSpec {
    SourceSpec::parse("dcase", &serde_json::json!({ "root": root })).unwrap()
}

/// The clips of every section. The digests are those of the paths: nothing here reads audio.
fn clips(source: &dyn Source, listing: &Listing) -> Vec<Clip> {
    let root = source.root().unwrap();
    let mut clips = Vec::new();
    for (id, files) in &listing.sections {
        let listed =
            |path: &String| ListedFile { path: path.clone(), sha256: Digest::of(path.as_bytes()) };
        let audio: Vec<ListedFile> = files.audio.iter().map(listed).collect();
        let tables: Vec<Vec<u8>> =
            files.tables.iter().map(|t| std::fs::read(root.join(t)).unwrap()).collect();
        clips.extend(
            source.clips(id, &audio, &tables).unwrap().into_iter().map(|recording| recording.clip),
        );
    }
    clips
}

/// Clips by section, split, label and domain.
fn counts(clips: &[Clip]) -> BTreeMap<(String, Split, Option<Label>, Option<Domain>), usize> {
    let mut counts = BTreeMap::new();
    for clip in clips {
        *counts.entry((clip.section.clone(), clip.split, clip.label, clip.domain)).or_insert(0) +=
            1;
    }
    counts
}

#[test]
fn pronostia_has_the_clips_its_description_says() {
    let Some(data) = data("pronostia_has_the_clips_its_description_says") else { return };
    let spec = dcase(data.join("pronostia"));
    let listing = spec.member().list().unwrap();
    assert!(listing.strays.is_empty(), "{:?}", listing.strays);
    assert!(listing.sections.values().all(|files| files.tables.len() == 1));
    let clips = clips(spec.member(), &listing);
    assert_eq!(clips.len(), 1975);
    let counts = counts(&clips);
    let count = |section: &str, split, label, domain| {
        counts[&(section.to_string(), split, Some(label), Some(domain))]
    };
    use Domain::{Source, Target};
    use Label::{Anomaly, Normal};
    for (section, expected) in [
        ("00", [686, 10, 50, 50, 50, 50]),
        ("01", [298, 10, 50, 50, 44, 36]),
        ("02", [381, 10, 50, 50, 50, 50]),
    ] {
        let groups = [
            (Split::Train, Normal, Source),
            (Split::Train, Normal, Target),
            (Split::Test, Normal, Source),
            (Split::Test, Normal, Target),
            (Split::Test, Anomaly, Source),
            (Split::Test, Anomaly, Target),
        ];
        assert_eq!(
            groups.map(|(split, label, domain)| count(section, split, label, domain)),
            expected,
            "{section}"
        );
    }
    let keys = ["axis", "id", "load", "rpm"];
    assert!(
        clips.iter().all(|clip| clip.attributes.keys().eq(keys)),
        "every clip has four attributes"
    );
}

#[test]
fn mfpt_has_no_normal_clips_of_the_target() {
    let Some(data) = data("mfpt_has_no_normal_clips_of_the_target") else { return };
    let spec = dcase(data.join("mfpt"));
    let clips = clips(spec.member(), &spec.member().list().unwrap());
    let counts: Vec<_> = counts(&clips)
        .into_iter()
        .map(|((_, split, label, domain), n)| (split, label, domain, n))
        .collect();
    let expected = [
        (Split::Train, Some(Label::Normal), Some(Domain::Source), 24),
        (Split::Test, Some(Label::Normal), Some(Domain::Source), 12),
        (Split::Test, Some(Label::Anomaly), Some(Domain::Source), 36),
        (Split::Test, Some(Label::Anomaly), Some(Domain::Target), 84),
    ];
    assert_eq!(counts, expected);
    assert!(clips.iter().all(|clip| clip.attributes.keys().eq(["fault", "load"])));
}

#[test]
fn clips_of_every_year_are_found() {
    let Some(data) = data("clips_of_every_year_are_found") else { return };
    let list = |name: &str| {
        let spec = dcase(data.join("clips").join(name));
        let listing = spec.member().list()?;
        assert!(listing.strays.is_empty(), "{name}: {:?}", listing.strays);
        Ok::<_, SourceError>((clips(spec.member(), &listing), listing))
    };
    let (clips, listing) = list("dcase2023").unwrap();
    assert_eq!((clips.len(), listing.sections.len()), (28, 7));
    assert!(
        clips.iter().all(|c| c.domain.is_some() && c.label.is_some() && !c.attributes.is_empty())
    );
    let (clips, listing) = list("dcase2020").unwrap();
    assert_eq!(clips.len(), 118);
    assert!(
        clips.iter().all(|c| c.domain.is_none() && c.label.is_some() && c.split == Split::Test)
    );
    let id = SectionId { machine: "ToyCar".into(), section: "id_01".into() };
    assert!(listing.sections.contains_key(&id), "{:?}", listing.sections.keys());
    for (name, n) in [("mimii", 20), ("mimii_8ch", 1)] {
        let expected = format!(
            "no clips are left for training in `fan` `id_00`: it has {n} normal, {n} abnormal"
        );
        assert_eq!(list(name).unwrap_err().to_string(), expected);
    }
    let error = dcase(data.join("clips")).member().list().unwrap_err().to_string();
    assert!(error.ends_with("holds 4 data sets, not one"), "{error}");
}

/// The tokens after the number of the clip, in order of the alphabet. Counted by hand, and not by
/// the parser.
fn tokens(file: &str) -> Vec<&str> {
    let words = ["section", "source", "target", "train", "test", "normal", "anomaly"];
    let tokens = names::stem(file).unwrap().split('_').filter(|token| !token.is_empty());
    let after = tokens.skip_while(|token| words.contains(token)).skip(1);
    let number = |token: &&str| token.len() == 4 && token.bytes().all(|b| b.is_ascii_digit());
    let after = after.skip_while(|token| words.contains(token)).skip_while(number);
    let mut found: Vec<&str> = after.filter(|token| *token != "noAttribute").collect();
    found.sort_unstable();
    found
}

#[test]
fn every_real_name_parses() {
    let Some(data) = data("every_real_name_parses") else { return };
    let folder = data.join("oracles/file_names");
    let mut keys: BTreeMap<String, usize> = BTreeMap::new();
    let mut bare: BTreeMap<String, usize> = BTreeMap::new();
    let (mut names_read, mut without) = (0, 0);
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::process::Command::new("gzip").arg("-cd").arg(&path).output().unwrap();
        assert!(text.status.success(), "{}", path.display());
        for line in String::from_utf8(text.stdout).unwrap().lines() {
            let file = line.rsplit('/').next().unwrap();
            let name = names::parse(file).unwrap_or_else(|why| panic!("{line}: {why}"));
            // Evaluation clips give neither domain nor label.
            let tells = [name.domain.is_some(), name.split.is_some(), name.label.is_some()];
            assert!(tells == [true; 3] || tells == [false; 3], "{line}");
            names_read += 1;
            without += usize::from(name.attributes.is_empty());
            let mut kept: Vec<&str> = Vec::new();
            for (key, value) in &name.attributes {
                kept.extend(names::written(key).split('_').chain([value.as_str()]));
                let map = if value.is_empty() { &mut bare } else { &mut keys };
                *map.entry(key.clone()).or_insert(0) += 1;
            }
            kept.retain(|token| !token.is_empty());
            kept.sort_unstable();
            assert_eq!(kept, tokens(file), "{line}");
        }
    }
    assert_eq!((names_read, without), (97_000, 26_600));
    let expected = [
        "ac",
        "bkg",
        "car",
        "f-n",
        "grind",
        "grindstone",
        "grit",
        "id",
        "len",
        "loc",
        "m-n",
        "mdl",
        "mic",
        "mic#2",
        "mic_pos",
        "n",
        "n-lv",
        "noise",
        "nzl",
        "panel",
        "pat",
        "plate",
        "pow",
        "pro",
        "res",
        "spd",
        "speed",
        "v1pat",
        "v2pat",
        "vel",
        "vol",
        "volt",
        "wt",
    ];
    assert_eq!(keys.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    // The numbers of names with `_mic_`, `_panel_`, two times `_mic_` with a number, and `_mic_pos_`,
    // counted by grep.
    let counts = ["mic", "panel", "mic#2", "mic_pos"].map(|key| keys[key]);
    assert_eq!(counts, [25_000, 1200, 2200, 200]);
    assert!(
        bare.keys()
            .all(|k| k.starts_with("weight") || k.starts_with("Bckg") || k.starts_with("spd")),
        "{bare:?}"
    );
    assert_eq!(
        bare.iter().filter(|(k, _)| k.starts_with("Bckg")).map(|(_, n)| n).sum::<usize>(),
        1400
    );
}

#[test]
fn the_table_of_mimii_dg_has_the_values_of_the_real_names() {
    let Some(data) = data("the_table_of_mimii_dg_has_the_values_of_the_real_names") else { return };
    let path = data.join("oracles/file_names/dcase2022_dev_test.txt.gz");
    let text = std::process::Command::new("gzip").arg("-cd").arg(&path).output().unwrap();
    let mut real: BTreeMap<(String, String, Domain), BTreeSet<BTreeMap<String, String>>> =
        BTreeMap::new();
    for line in String::from_utf8(text.stdout).unwrap().lines() {
        let (machine, _) = line.split_once('/').unwrap();
        let name = names::parse(line.rsplit('/').next().unwrap()).unwrap();
        let key = (machine.to_owned(), name.section, name.domain.unwrap());
        real.entry(key).or_default().insert(name.attributes);
    }
    for (machine, table) in mimii_dg::machines() {
        for (section, row) in &table.sections {
            for (domain, values) in [(Domain::Source, &row.source), (Domain::Target, &row.target)] {
                let combinations = mimii_dg::Section::combinations(values).into_iter();
                let ours: BTreeSet<BTreeMap<String, String>> =
                    combinations.map(|c| c.into_iter().collect()).collect();
                assert_eq!(
                    ours,
                    real[&(machine.clone(), section.clone(), domain)],
                    "{machine} {section} {domain}"
                );
            }
        }
    }
}

#[test]
fn real_attribute_tables_are_read() {
    let Some(data) = data("real_attribute_tables_are_read") else { return };
    let folder = data.join("oracles/ground_truth/dcase2022/ground_truth_attributes");
    let table = |machine: &str, n: usize| {
        let bytes = std::fs::read(folder.join(format!("{machine}/attributes_{n:02}.csv"))).unwrap();
        Table::parse(&bytes).unwrap_or_else(|why| panic!("{machine} {n}: {why}"))
    };
    for machine in ["ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve"] {
        for section in 3..6 {
            let table = table(machine, section);
            for i in 0..200 {
                let path = format!("{machine}/test/section_{section:02}_{i:04}.wav");
                let row = table.row(&path).unwrap_or_else(|| panic!("{path}"));
                let fits = |(key, value): (&String, &String)| {
                    key.len() < 6 && !value.is_empty() && value.len() < 6
                };
                assert!(
                    !row.attributes.is_empty() && row.attributes.iter().all(fits),
                    "{path}: {row:?}"
                );
            }
        }
    }
    let valve = table("valve", 5);
    let sizes = (0..200)
        .map(|i| valve.row(&format!("test/section_05_{i:04}.wav")).unwrap().attributes.len());
    assert_eq!(sizes.sum::<usize>(), 300, "half of the rows are short");
}
