//! `humshift report --figures`: spectrograms of what is cached, beside the training curves.
//!
//! Runs nothing: the matrices are those the stages made, of the first point whose features are
//! spectrograms in dB. Of the recordings themselves only the sample rate is wanted, for the labels
//! of the axes; where they cannot be read any more, frames and bands are counted instead.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ndarray::ArrayView2;

use super::cached::Cached;
use super::subject::Subject;
use super::{CliError, axes, curves, output, outputs};
use crate::artifact::{AudioTable, Clip, ClipSet, Domain, FeatureSet, Label, Split};
use crate::feature::FeatureSpec;
use crate::plan::NodeId;
use crate::report::html::Figure;
use crate::report::{Axis, Panel, Results, Row, Scale, png, spectrograms};
use crate::source::{self, SectionId};
use crate::stage::{Features, Item};
use crate::store::Store;

/// Writes every figure of the page of these results; `spectrograms.svg` and an image a clip, of the
/// first section of each machine; and the training curves.
///
/// Errors (E0708): features are gone from the cache.
pub fn write(
    subject: &Subject,
    store: &Store,
    results: &Results,
    folder: &Path,
) -> Result<(), CliError> {
    curves::write(subject, store, folder)?;
    spectrograms_of(subject, store, folder)?;
    let figures = super::html::figures(subject, store, results);
    outputs::make(folder)?;
    for Figure { name, svg } in &figures {
        outputs::write(&folder.join(format!("{name}.svg")), svg.as_bytes())?;
    }
    let images = images(&figures, folder)?;
    output::tell(&format!(
        "figures: {} of the report in {}{images}",
        figures.len(),
        folder.display()
    ));
    Ok(())
}

/// Writes the figures as PNG as well, and says so.
#[cfg(feature = "png-figures")]
fn images(figures: &[Figure], folder: &Path) -> Result<String, CliError> {
    let drawer = crate::report::Drawer::default();
    for Figure { name, svg } in figures {
        let image = drawer.png(svg).map_err(|why| CliError::usage("E0708", why))?;
        outputs::write(&folder.join(format!("{name}.png")), &image)?;
    }
    Ok(", each as SVG and PNG".to_owned())
}

#[cfg(not(feature = "png-figures"))]
fn images(_: &[Figure], _: &Path) -> Result<String, CliError> {
    Ok(" (SVG; a program with the feature `png-figures` writes PNG, too)".to_owned())
}

/// Writes spectrograms, if a point of the spec has some.
fn spectrograms_of(subject: &Subject, store: &Store, folder: &Path) -> Result<(), CliError> {
    let cache = Cached { subject, store, without: "no figure" };
    let drawn = |results: &&BTreeMap<SectionId, NodeId>| {
        let first = results.first_key_value();
        let features = first.and_then(|(id, result)| cache.features(&id.section, *result).ok());
        features.is_some_and(|(_, features)| axes::in_decibels(&features.feature))
    };
    let Some(results) = subject.plan.results.iter().find(drawn) else {
        output::tell("figures: no spectrograms, because no point has features in dB");
        return Ok(());
    };
    let mut seen = BTreeSet::new();
    let results = results.iter().filter(|(id, _)| seen.insert(&id.machine));
    let sections = results
        .map(|(id, result)| Section::load(&cache, id, *result))
        .collect::<Result<Vec<_>, _>>()?;
    let domains: BTreeSet<Option<Domain>> =
        sections.iter().flat_map(|s| s.clips.iter().map(|c| c.domain)).collect();
    let rows: Vec<Row> = sections.iter().map(|section| section.row(&domains)).collect();
    let scale = Scale::of(
        rows.iter().flat_map(|row| row.panels.iter().flatten().map(|panel| panel.matrix)),
    );

    outputs::make(folder)?;
    let mut images = 0;
    for panel in rows.iter().flat_map(|row| row.panels.iter().flatten()) {
        let name = panel.title.replace(|c: char| !c.is_alphanumeric() && !"-.".contains(c), "_");
        outputs::write(&folder.join(format!("{name}.png")), &png(panel.matrix, scale))?;
        images += 1;
    }
    outputs::write(&folder.join("spectrograms.svg"), spectrograms(&rows, scale).as_bytes())?;
    output::tell(&format!(
        "figures: {images} spectrograms in {}",
        folder.join("spectrograms.svg").display()
    ));
    Ok(())
}

/// A section with what its figures are made of.
pub struct Section {
    id: SectionId,
    clips: Vec<Clip>,
    /// Of the training and of the test clips.
    frames: [FeatureSet; 2],
    settings: FeatureSpec,
    /// Samples a second, where a recording can still be read.
    rate: Option<u32>,
}

impl Section {
    pub fn load(cache: &Cached, id: &SectionId, result: NodeId) -> Result<Self, CliError> {
        let dataset = cache.need(result, (Split::Test, Item::Clips))?;
        let (node, Features { feature, root, .. }) = cache.features(&id.section, result)?;
        let mut clips = Vec::new();
        let mut wave = None;
        let mut frames = |split: Split| -> Result<FeatureSet, CliError> {
            let own: ClipSet = cache.artifact(dataset, (split, Item::Clips))?;
            let audio: AudioTable = cache.artifact(dataset, (split, Item::Audio))?;
            let first = audio.0.first_key_value().filter(|_| wave.is_none());
            wave =
                wave.take()
                    .or(first
                        .and_then(|(clip, audio)| source::read(clip, audio, root.as_deref()).ok()));
            clips.extend_from_slice(own.clips());
            let of = (split, Item::Features);
            Ok(FeatureSet {
                matrix: cache.artifact(node, of)?,
                index: cache.artifact(node, (split, Item::Index))?,
            })
        };
        let frames = [frames(Split::Train)?, frames(Split::Test)?];
        Ok(Self {
            id: id.clone(),
            clips,
            frames,
            settings: feature.clone(),
            rate: wave.map(|wave| wave.rate),
        })
    }

    /// The spectrogram of a clip, if there is one.
    pub fn panel(&self, clip: &str) -> Option<Panel<'_>> {
        let mut frames = self.frames.iter().filter_map(|frames| frames.clip(clip));
        let matrix = frames.find(|frames| !frames.is_empty())?;
        Some(Panel {
            title: clip.to_owned(),
            matrix,
            time: axes::time(&self.settings, self.rate, matrix.nrows()),
        })
    }

    /// The first normal test clip of a domain, or else its first training clip.
    fn clip(&self, domain: Option<Domain>) -> Option<ArrayView2<'_, f32>> {
        let mut clips: Vec<&Clip> =
            self.clips.iter().filter(|clip| clip.domain == domain).collect();
        clips.retain(|clip| clip.split == Split::Train || clip.label == Some(Label::Normal));
        clips.sort_by_key(|clip| clip.split == Split::Train);
        let frames = |clip: &&Clip| self.frames.iter().find_map(|frames| frames.clip(&clip.id));
        clips.iter().find_map(frames).filter(|frames| !frames.is_empty())
    }

    fn bins(&self) -> usize {
        self.frames.iter().map(|frames| frames.matrix.dims()).max().unwrap_or(0)
    }

    fn row(&self, domains: &BTreeSet<Option<Domain>>) -> Row<'_> {
        let panel = |domain: &Option<Domain>| {
            let matrix = self.clip(*domain)?;
            let domain = domain.map_or(String::new(), |domain| format!(" {domain}"));
            let title = format!("{} {}{domain}", self.id.machine, self.id.section);
            Some(Panel {
                title,
                matrix,
                time: axes::time(&self.settings, self.rate, matrix.nrows()),
            })
        };
        Row { frequency: self.frequency(self.bins()), panels: domains.iter().map(panel).collect() }
    }

    /// The axis of its bins.
    pub fn frequency(&self, bins: usize) -> Axis {
        axes::frequency(&self.settings, self.rate, bins)
    }
}
