//! Paths and tables for writing a data set in the layout of DCASE 2022. The `dcase` source reads all
//! back but the table of recordings, which is for people.

use std::collections::{BTreeMap, BTreeSet};

use super::names;
use crate::artifact::{Audio, AudioTable, Clip, Label, Split};

/// The path of each clip of a section below the folder of the data set. It is the clip's id if that
/// is a path of this layout, or else a path made from the clip's facts.
///
/// `section` is the two digits of the section. A name omits what a clip does not have: domains, and
/// the truth of test clips. It also omits attributes that could not be read back from it; those
/// stand in the attribute table.
pub fn paths(clips: &[Clip], section: &str) -> Vec<String> {
    let kept: Vec<Option<String>> = clips.iter().map(|clip| own(clip, section)).collect();
    let mut taken: BTreeSet<String> = kept.iter().flatten().cloned().collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let pairs = clips.iter().zip(kept);
    pairs
        .map(|(clip, kept)| kept.unwrap_or_else(|| made(clip, section, &mut counts, &mut taken)))
        .collect()
}

/// The id, if the `dcase` source would read all facts of the clip from it.
fn own(clip: &Clip, section: &str) -> Option<String> {
    let (folder, file) = clip.id.rsplit_once('/')?;
    let name = names::parse(file).ok()?;
    let same = folder == format!("{}/{}", clip.machine, clip.split)
        && name.section == section
        && name.domain == clip.domain
        && name.label == clip.label
        && name.split.is_none_or(|split| split == clip.split)
        && name.attributes == clip.attributes;
    same.then(|| clip.id.clone())
}

fn made(
    clip: &Clip,
    section: &str,
    counts: &mut BTreeMap<String, usize>,
    taken: &mut BTreeSet<String>,
) -> String {
    let Clip { machine, split, .. } = clip;
    let label = clip.label.or((clip.split == Split::Train).then_some(Label::Normal));
    let domain = clip.domain.map_or(String::new(), |domain| format!("_{domain}"));
    let group = match label {
        Some(label) => format!("section_{section}{domain}_{split}_{label}"),
        None => format!("section_{section}"),
    };
    let pair = |(key, value): (&String, &String)| format!("_{}_{value}", names::written(key));
    let attributes: String = clip.attributes.iter().map(pair).collect();
    let count = counts.entry(group.clone()).or_default();
    loop {
        let bare = format!("{group}_{count:04}");
        let full = format!("{bare}{attributes}.wav");
        let readable = |name: &String| {
            !name.contains(['/', '\\'])
                && names::parse(name).is_ok_and(|n| n.attributes == clip.attributes)
        };
        let name = if label.is_some() && readable(&full) { full } else { format!("{bare}.wav") };
        let path = format!("{machine}/{split}/{name}");
        *count += 1;
        if taken.insert(path.clone()) {
            return path;
        }
    }
}

/// `attributes_XX.csv`: `file_name,d1p,d1v,...`, one row per clip. `None` if no clip has an
/// attribute.
pub fn attributes(clips: &[Clip], paths: &[String]) -> Option<Vec<u8>> {
    let most = clips.iter().map(|c| c.attributes.len()).max().filter(|most| *most > 0)?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    let columns = (1..=most).flat_map(|i| [format!("d{i}p"), format!("d{i}v")]);
    let header: Vec<String> = std::iter::once("file_name".to_owned()).chain(columns).collect();
    writer.write_record(&header).expect("writing to memory");
    for (clip, path) in clips.iter().zip(paths) {
        let pairs = clip.attributes.iter().flat_map(|(name, value)| [name.as_str(), value]);
        let row = std::iter::once(path.as_str())
            .chain(pairs)
            .chain(std::iter::repeat(""))
            .take(header.len());
        writer.write_record(row).expect("writing to memory");
    }
    Some(writer.into_inner().expect("writing to memory"))
}

/// `recordings_XX.csv`: `file_name,recording,audio`, the recording that each file was made of and the
/// digest of its content. `None` if all sounds were generated.
pub fn recordings(clips: &[Clip], paths: &[String], audio: &AudioTable) -> Option<Vec<u8>> {
    let rows: Vec<[String; 3]> = clips
        .iter()
        .zip(paths)
        .map(|(clip, path)| (clip, path, &audio.0[&clip.id]))
        .filter(|(.., audio)| !matches!(audio.recorded(), Audio::Synthetic(_)))
        .map(|(clip, path, audio)| [path.clone(), clip.id.clone(), audio.to_string()])
        .collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["file_name", "recording", "audio"]).expect("writing to memory");
    rows.iter().for_each(|row| writer.write_record(row).expect("writing to memory"));
    (!rows.is_empty()).then(|| writer.into_inner().expect("writing to memory"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Domain;

    fn clip(id: &str, label: Option<Label>, attributes: &[(&str, &str)]) -> Clip {
        Clip {
            id: id.into(),
            machine: "press".into(),
            section: "line 2".into(),
            domain: Some(Domain::Target),
            split: Split::Test,
            label,
            attributes: attributes
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn own_names_become_names_of_the_challenge_and_those_stay() {
        let theirs = "press/test/section_07_target_test_normal_0001_vel_5.wav";
        let mut bare = clip("d.wav", Some(Label::Normal), &[("vel", "5")]);
        bare.domain = None;
        let clips = [
            clip("a.wav", Some(Label::Normal), &[("vel", "5")]),
            clip("b.wav", Some(Label::Normal), &[("vel", "5")]),
            clip("c.wav", None, &[("vel", "5")]),
            bare,
            clip(theirs, Some(Label::Normal), &[("vel", "5")]),
        ];
        let paths = paths(&clips, "07");
        assert_eq!(
            paths,
            [
                "press/test/section_07_target_test_normal_0000_vel_5.wav",
                // The last clip has the number 0001 already.
                "press/test/section_07_target_test_normal_0002_vel_5.wav",
                "press/test/section_07_0000.wav",
                "press/test/section_07_test_normal_0000_vel_5.wav",
                theirs,
            ]
        );
        for (path, clip) in paths.iter().zip(&clips) {
            let name = names::parse(path.rsplit('/').next().unwrap()).unwrap();
            assert!(name.domain == clip.domain || clip.label.is_none());
        }
        let table = String::from_utf8(attributes(&clips, &paths).unwrap()).unwrap();
        assert!(table.starts_with(
            "file_name,d1p,d1v\npress/test/section_07_target_test_normal_0000_vel_5.wav,vel,5\n"
        ));
    }

    #[test]
    fn attributes_that_a_name_cannot_say_stand_in_the_table_alone() {
        let odd = [("load kg", "1_5"), ("load1", "A"), ("path", "a/b"), ("empty", "")];
        let clips: Vec<Clip> =
            odd.iter().map(|pair| clip("x.wav", Some(Label::Normal), &[*pair])).collect();
        for one in &clips {
            let paths = paths(std::slice::from_ref(one), "00");
            let name = names::parse(paths[0].rsplit('/').next().unwrap()).unwrap();
            assert!(
                name.attributes.is_empty() || name.attributes == one.attributes,
                "{}",
                paths[0]
            );
            let table =
                String::from_utf8(attributes(std::slice::from_ref(one), &paths).unwrap()).unwrap();
            let (key, value) = one.attributes.iter().next().unwrap();
            assert!(table.ends_with(&format!("{},{key},{value}\n", paths[0])), "{table}");
        }
        assert_eq!(attributes(&[clip("x.wav", None, &[])], &["x.wav".into()]), None);
    }
}
