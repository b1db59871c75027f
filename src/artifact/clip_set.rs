//! The clips of one section, as a CSV with one row per clip.
//!
//! The origin of the samples is another artifact ([`AudioTable`](super::AudioTable)). A recording
//! that changes without a change of its features must not affect the stages after them.

use super::{Artifact, Blob, Clip, DecodeError, Kind};

const HEADER: [&str; 7] = ["clip", "machine", "section", "domain", "split", "label", "attributes"];

/// Clips, sorted by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClipSet {
    clips: Vec<Clip>,
}

impl ClipSet {
    /// Sorts the clips by id. Panics if an id occurs twice: ids are paths, so that is a bug of the
    /// source.
    pub fn new(mut clips: Vec<Clip>) -> Self {
        clips.sort_by(|a, b| a.id.cmp(&b.id));
        let doubled = clips.windows(2).find(|w| w[0].id == w[1].id);
        assert!(doubled.is_none(), "clip ids are unique: {:?}", doubled.map(|w| &w[0].id));
        Self { clips }
    }

    /// The clips, sorted by id.
    pub fn clips(&self) -> &[Clip] {
        &self.clips
    }
}

impl Artifact for ClipSet {
    const KIND: Kind = Kind::Csv;

    fn encode(&self) -> Vec<u8> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(HEADER).expect("writing to memory");
        for clip in &self.clips {
            let attributes = serde_json::to_string(&clip.attributes).expect("texts are JSON");
            writer
                .write_record([
                    clip.id.as_str(),
                    &clip.machine,
                    &clip.section,
                    clip.domain.map_or("", |d| d.name()),
                    clip.split.name(),
                    clip.label.map_or("", |l| l.name()),
                    &attributes,
                ])
                .expect("writing to memory");
        }
        writer.into_inner().expect("writing to memory")
    }

    fn decode(bytes: Blob) -> Result<Self, DecodeError> {
        let wrong = |why: String| DecodeError::new("clip set", why);
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        if *reader.headers().map_err(|e| wrong(e.to_string()))? != HEADER[..] {
            return Err(wrong("unknown header".into()));
        }
        let mut clips = Vec::new();
        for row in reader.records() {
            let row = row.map_err(|e| wrong(e.to_string()))?;
            let optional = |i: usize| Some(&row[i]).filter(|text| !text.is_empty());
            clips.push(Clip {
                id: row[0].to_owned(),
                machine: row[1].to_owned(),
                section: row[2].to_owned(),
                domain: optional(3).map(str::parse).transpose().map_err(wrong)?,
                split: row[4].parse().map_err(wrong)?,
                label: optional(5).map(str::parse).transpose().map_err(wrong)?,
                attributes: serde_json::from_str(&row[6]).map_err(|e| wrong(e.to_string()))?,
            });
        }
        if clips.windows(2).any(|w| w[0].id >= w[1].id) {
            return Err(wrong("clips are not in order".into()));
        }
        Ok(Self { clips })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Domain, Label, Split};
    use super::*;

    #[test]
    fn a_clip_set_survives_its_bytes() {
        let clip = |id: &str| Clip {
            id: id.into(),
            machine: "fan".into(),
            section: "00".into(),
            domain: Some(Domain::Target),
            split: Split::Test,
            label: Some(Label::Anomaly),
            attributes: [("m-n".into(), "W, \"X\"".into())].into(),
        };
        let mut bare = clip("a/1.wav");
        (bare.domain, bare.label) = (None, None);
        let set = ClipSet::new(vec![clip("b/2.wav"), bare]);
        let bytes = set.encode();
        assert_eq!(ClipSet::decode(Blob::new(bytes.clone())).unwrap(), set);
        assert!(ClipSet::decode(Blob::new(bytes[..bytes.len() - 9].to_vec())).is_err());
    }
}
