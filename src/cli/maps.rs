//! `humshift report --maps`: maps of the clips of each machine, from the vectors of its detectors.
//!
//! It runs no stage. The vectors come from the cache, where pooling or a network left them. Points
//! with the same vectors share a map. Detectors of frames have no vectors and no map.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ndarray::Array2;

use super::cached::Cached;
use super::subject::Subject;
use super::{CliError, output, outputs};
use crate::artifact::{Clip, ClipSet, Domain, FeatureSet, Label, Split};
use crate::context::Context;
use crate::diagnose::Diagnostic;
use crate::learn::tsne;
use crate::plan::NodeId;
use crate::report::{ClipMap, MapPoint, clip_map, clip_map_csv};
use crate::source::SectionId;
use crate::stage::Item;
use crate::store::Store;

/// The most clips of a map: time and memory grow with their square.
const MOST: usize = 1000;

/// The most clips of a map on the page of a run, and the most maps of a page.
const CLIPS_OF_A_PAGE: usize = 250;
const MACHINES_OF_A_PAGE: usize = 6;

/// Writes `LABEL.tsne.svg` for each machine and each stage that makes vectors, and `maps.csv` with
/// the coordinates, into a folder.
///
/// Errors (E0708): no detector uses vectors, or none of the vectors are in the cache.
pub fn write(subject: &Subject, store: &Store, folder: &Path) -> Result<(), CliError> {
    let cache = Cached { subject, store, without: "no map" };
    let (mut maps, mut seen, mut absent) = (Vec::new(), BTreeSet::new(), Vec::new());
    for results in &subject.plan.results {
        let mut machines: BTreeMap<&str, Vec<(&SectionId, NodeId)>> = BTreeMap::new();
        for (id, result) in results {
            machines.entry(&id.machine).or_default().push((id, *result));
        }
        for sections in machines.into_values() {
            let first = cache.scored(&sections[0].0.section, sections[0].1)?;
            if !seen.insert(first) {
                continue;
            }
            match clips(&cache, &sections) {
                Ok(Some(clips)) => {
                    maps.push(map(label(&cache, first, sections[0].0), &clips, MOST)?)
                }
                Ok(None) => {}
                Err(error) => absent.push(error),
            }
        }
    }
    if maps.is_empty() {
        let message = "no detector of the spec sees one vector a clip";
        let hint = "frames have no map: write a detector of vectors, such as `knn: {}`, and `pool: { mean: {} }`";
        let nothing = || vec![Diagnostic::new("E0708", message).hint(hint)].into();
        return Err(absent.into_iter().next().unwrap_or_else(nothing));
    }
    outputs::make(folder)?;
    for map in &maps {
        let name = map.label.replace(|c: char| !c.is_alphanumeric() && !"-.=,".contains(c), "_");
        outputs::write(&folder.join(format!("{name}.tsne.svg")), clip_map(map).as_bytes())?;
    }
    let table = folder.join("maps.csv");
    outputs::write(&table, clip_map_csv(&maps).as_bytes())?;
    let missing = if absent.is_empty() {
        String::new()
    } else {
        format!("; {} are not in the cache", absent.len())
    };
    output::tell(&format!("maps: {}, places in {}{missing}", maps.len(), table.display()));
    Ok(())
}

/// The maps of one point, machine by machine, and the reasons for missing ones. A map has few
/// clips, because a page should be made in a second.
pub fn of_point(
    cache: &Cached,
    results: &BTreeMap<SectionId, NodeId>,
) -> (Vec<ClipMap>, BTreeSet<String>) {
    let mut machines: BTreeMap<&str, Vec<(&SectionId, NodeId)>> = BTreeMap::new();
    for (id, result) in results {
        machines.entry(&id.machine).or_default().push((id, *result));
    }
    let (mut maps, mut absent) = (Vec::new(), BTreeSet::new());
    for sections in machines.into_values().take(MACHINES_OF_A_PAGE) {
        let made = cache.scored(&sections[0].0.section, sections[0].1).and_then(|first| {
            let label = label(cache, first, sections[0].0);
            clips(cache, &sections)?.map(|clips| map(label, &clips, CLIPS_OF_A_PAGE)).transpose()
        });
        match made {
            Ok(map) => maps.extend(map),
            Err(error) => drop(absent.insert(error.to_string())),
        }
    }
    (maps, absent)
}

/// The label of a machine's vectors: the label of its first section's vectors, without the section.
fn label(cache: &Cached, node: NodeId, SectionId { machine, section }: &SectionId) -> String {
    let label = &cache.subject.plan.node(node).label;
    label.replacen(&format!("/{machine}/{section}"), &format!("/{machine}"), 1)
}

/// A clip with its vector.
struct Placed {
    clip: Clip,
    vector: Vec<f32>,
}

/// The clips of a machine; `None` if they have frames instead of vectors.
fn clips(
    cache: &Cached,
    sections: &[(&SectionId, NodeId)],
) -> Result<Option<Vec<Placed>>, CliError> {
    let mut found = Vec::new();
    for (id, result) in sections {
        let dataset = cache.need(*result, (Split::Test, Item::Clips))?;
        let node = cache.scored(&id.section, *result)?;
        for split in [Split::Train, Split::Test] {
            let index = cache.artifact(node, (split, Item::Index))?;
            let vectors =
                FeatureSet { matrix: cache.artifact(node, (split, Item::Features))?, index };
            if vectors.index.0.values().any(|span| span.frames != 1) {
                return Ok(None);
            }
            let own: ClipSet = cache.artifact(dataset, (split, Item::Clips))?;
            for clip in own.clips() {
                // A stage left out this clip.
                let Some(vector) = vectors.clip(&clip.id) else { continue };
                found.push(Placed { clip: clip.clone(), vector: vector.iter().copied().collect() });
            }
        }
    }
    Ok(Some(found))
}

/// Places the clips, or as many of them as a map can have.
fn map(label: String, clips: &[Placed], most: usize) -> Result<ClipMap, CliError> {
    let failed = |why: String| CliError::usage("E0708", format!("no map of `{label}`: {why}"));
    let chosen: Vec<&Placed> = choose(clips, most).into_iter().map(|place| &clips[place]).collect();
    let dims = chosen.first().map_or(0, |first| first.vector.len());
    for Placed { clip, vector } in &chosen {
        if vector.len() != dims || vector.iter().any(|x| !x.is_finite()) {
            return Err(failed(format!(
                "the vector of clip `{}` is of another length or not finite",
                clip.id
            )));
        }
    }
    let values: Vec<f32> = chosen.iter().flat_map(|placed| placed.vector.iter().copied()).collect();
    let x = Array2::from_shape_vec((chosen.len(), dims), values).expect("dims values a clip");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let places = tsne::map(x.view(), &Context { threads, ..Context::plain(0) })
        .map_err(|e| failed(e.to_string()))?;
    let point = |(row, Placed { clip, .. }): (usize, &&Placed)| MapPoint {
        place: (places[[row, 0]], places[[row, 1]]),
        machine: clip.machine.clone(),
        section: clip.section.clone(),
        domain: clip.domain.map_or(String::new(), |domain| domain.name().to_owned()),
        training: clip.split == Split::Train,
        anomalous: clip.label.map(|label| label == Label::Anomaly),
        clip: clip.id.clone(),
    };
    let of =
        if chosen.len() < clips.len() { format!(" of {}", clips.len()) } else { String::new() };
    let note = format!(
        "t-SNE of {}{of} clips, perplexity {:.0}",
        chosen.len(),
        tsne::perplexity(chosen.len())
    );
    Ok(ClipMap { label, note, points: chosen.iter().enumerate().map(point).collect() })
}

/// The indices of at most `most` clips, in order. Each kind of clip gets an equal number, or all
/// its clips if it has fewer. So ten target clips among a thousand are shown. Clips of larger kinds
/// are evenly spaced.
fn choose(clips: &[Placed], most: usize) -> Vec<usize> {
    type Kind<'a> = (&'a str, Option<Domain>, Split, Option<Label>);
    let mut kinds: BTreeMap<Kind, Vec<usize>> = BTreeMap::new();
    for (place, Placed { clip, .. }) in clips.iter().enumerate() {
        kinds.entry((&clip.section, clip.domain, clip.split, clip.label)).or_default().push(place);
    }
    let total = |each: usize| kinds.values().map(|places| places.len().min(each)).sum::<usize>();
    let each = (1..=clips.len()).rev().find(|each| total(*each) <= most).unwrap_or(1);
    let mut chosen: Vec<usize> = kinds
        .values()
        .flat_map(|places| {
            let count = places.len().min(each);
            (0..count).map(move |i| places[i * places.len() / count])
        })
        .collect();
    chosen.sort_unstable();
    chosen.truncate(most);
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_clips_are_all_chosen_and_the_others_evenly() {
        let placed = |i: usize| Placed {
            clip: Clip {
                id: i.to_string(),
                machine: "fan".into(),
                section: "00".into(),
                domain: Some(if i % 100 == 99 { Domain::Target } else { Domain::Source }),
                split: if i < 1000 { Split::Train } else { Split::Test },
                label: Some(Label::Normal),
                attributes: BTreeMap::new(),
            },
            vector: vec![0.0],
        };
        let clips: Vec<Placed> = (0..1200).map(placed).collect();
        let chosen = choose(&clips, 300);
        let count = |domain, split| {
            chosen
                .iter()
                .filter(|i| {
                    clips[**i].clip.domain == Some(domain) && clips[**i].clip.split == split
                })
                .count()
        };
        assert_eq!(count(Domain::Target, Split::Train), 10);
        assert_eq!(count(Domain::Target, Split::Test), 2);
        // 288 are left for two kinds.
        assert_eq!(
            (count(Domain::Source, Split::Train), count(Domain::Source, Split::Test)),
            (144, 144)
        );
        assert!(chosen.is_sorted() && chosen.windows(2).all(|w| w[1] - w[0] < 9));
        assert_eq!(choose(&clips, 5000).len(), 1200);
        assert!(choose(&[], 10).is_empty());
    }
}
