//! A data set as it is written: paths and attribute tables in the layout of DCASE 2022, which the `dcase` source
//! reads back.

use std::collections::BTreeMap;

use super::names;
use crate::artifact::{Clip, Domain, Label, Split};

/// The path of each clip of a section below the folder of the data set: its id, where that is a path of this layout
/// already, or else one made of what is known of it.
///
/// `section` is the two digits of the section. Clips without a domain are written as source clips, training
/// clips without a label as normal ones; test clips without a label get the short names of evaluation sets.
pub fn paths(clips: &[Clip], section: &str) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    clips.iter().map(|clip| own(clip, section).unwrap_or_else(|| made(clip, section, &mut counts))).collect()
}

/// The id, if the `dcase` source would read all that is known of the clip from it.
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

fn made(clip: &Clip, section: &str, counts: &mut BTreeMap<String, usize>) -> String {
    let Clip { machine, split, .. } = clip;
    let label = clip.label.or((clip.split == Split::Train).then_some(Label::Normal));
    let group = match label {
        Some(label) => format!("section_{section}_{}_{split}_{label}", clip.domain.unwrap_or(Domain::Source)),
        None => format!("section_{section}"),
    };
    let count = counts.entry(group.clone()).or_default();
    let number = *count;
    *count += 1;
    let attributes: Vec<String> = match label {
        Some(_) => clip.attributes.iter().map(|(name, value)| format!("_{}_{}", plain(name), plain(value))).collect(),
        None => Vec::new(),
    };
    format!("{machine}/{split}/{group}_{number:04}{}.wav", attributes.concat())
}

/// Without what parts names into words, and paths into folders.
fn plain(word: &str) -> String {
    word.replace(['_', '/', '\\', ' '], "-")
}

/// `attributes_XX.csv`: `file_name,d1p,d1v,...`, a row a clip. None if no clip has an attribute.
pub fn attributes(clips: &[Clip], paths: &[String]) -> Option<Vec<u8>> {
    let most = clips.iter().map(|c| c.attributes.len()).max().filter(|most| *most > 0)?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    let columns = (1..=most).flat_map(|i| [format!("d{i}p"), format!("d{i}v")]);
    let header: Vec<String> = std::iter::once("file_name".to_owned()).chain(columns).collect();
    writer.write_record(&header).expect("writing to memory");
    for (clip, path) in clips.iter().zip(paths) {
        let pairs = clip.attributes.iter().flat_map(|(name, value)| [name.as_str(), value]);
        let row = std::iter::once(path.as_str()).chain(pairs).chain(std::iter::repeat("")).take(header.len());
        writer.write_record(row).expect("writing to memory");
    }
    Some(writer.into_inner().expect("writing to memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(id: &str, label: Option<Label>, attributes: &[(&str, &str)]) -> Clip {
        Clip {
            id: id.into(),
            machine: "press".into(),
            section: "line 2".into(),
            domain: Some(Domain::Target),
            split: Split::Test,
            label,
            attributes: attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    #[test]
    fn own_names_become_names_of_the_challenge_and_those_stay() {
        let theirs = "press/test/section_07_target_test_anomaly_0012_vel_5.wav";
        let clips = [
            clip("a.wav", Some(Label::Normal), &[("load kg", "1_5")]),
            clip("b.wav", Some(Label::Normal), &[]),
            clip("c.wav", None, &[("vel", "5")]),
            clip(theirs, Some(Label::Anomaly), &[("vel", "5")]),
        ];
        let paths = paths(&clips, "07");
        assert_eq!(
            paths,
            [
                "press/test/section_07_target_test_normal_0000_load-kg_1-5.wav",
                "press/test/section_07_target_test_normal_0001.wav",
                "press/test/section_07_0000.wav",
                theirs,
            ]
        );
        for path in &paths {
            names::parse(path.rsplit('/').next().unwrap()).unwrap();
        }
        let table = String::from_utf8(attributes(&clips, &paths).unwrap()).unwrap();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!((lines[0], lines[2]), ("file_name,d1p,d1v", &*format!("{},,", paths[1])));
        assert_eq!(lines[1], format!("{},load kg,1_5", paths[0]));
        assert_eq!(attributes(&clips[1..2], &paths[1..2]), None);
    }
}
