//! The common start of most commands: the spec, its data set, the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::census::{Census, untrained};
use super::channels;
use super::given::Given;
use super::heads::{longest, rate};
use super::networks;
use super::trust::programs;
use super::vectors::{self, Seen};
use super::{CliError, SpecArgs};
use crate::desk::{Desk, DigestMemo};
use crate::diagnose::Diagnostic;
use crate::digest::Digest;
use crate::feature::FeatureSpec;
use crate::feature::vectors::Vectors;
use crate::kind::Kind;
use crate::plan::{self, Catalog, NodeId, Plan};
use crate::reading::unexpanded;
use crate::run::Head;
use crate::shown::visible;
use crate::source::{self, Listing, SectionId, SourceError, SourceSpec};
use crate::spec::{self, Experiment, Point};
use crate::stage;

/// The source of the digests of recordings.
#[derive(Clone, Copy)]
pub enum Digests<'a> {
    /// No digests: only names are read.
    Absent,
    /// Digests of the last time for unchanged recordings.
    Remembered(&'a Desk),
    /// New digests of all recordings.
    Fresh(&'a Desk),
}

impl<'a> Digests<'a> {
    pub fn desk(self) -> Option<&'a Desk> {
        match self {
            Digests::Absent => None,
            Digests::Remembered(desk) | Digests::Fresh(desk) => Some(desk),
        }
    }
}

/// A spec with its plan.
pub struct Session {
    /// Its file.
    pub spec: PathBuf,
    pub experiment: Experiment,
    pub plan: Plan,
    /// For each distinct source, its content.
    pub listings: Vec<Listing>,
    /// The sources, in the same order.
    pub sources: Vec<SourceSpec>,
    /// Each distinct source of noise or responses, the word before it in the spec, and its content.
    noises: Vec<(&'static str, SourceSpec, Listing)>,
    /// For each distinct source with files, its root folder.
    roots: Vec<(PathBuf, Listing)>,
    /// Inputs from outside the plan.
    pub given: Given,
    /// Each distinct source, and the digest of everything seen of it.
    pub looked: Vec<(SourceSpec, Digest)>,
    /// The files of vectors for the clips of each source.
    pub vectors: Vec<(Vectors, SourceSpec, Seen)>,
}

/// Everything seen of a source.
pub struct Looked {
    listing: Listing,
    /// The listing of each section with the digests of its files.
    sections: BTreeMap<SectionId, Vec<u8>>,
}

impl Looked {
    /// The digest of everything seen.
    pub fn digest(&self) -> Digest {
        let sections = self.sections.iter().map(|(id, listing)| (id, Digest::of(listing)));
        let seen = (sections.collect::<Vec<_>>(), &self.listing.strays);
        Digest::of(&serde_json::to_vec(&seen).expect("names are JSON"))
    }
}

/// Reads the names in a source, and the digests of its files.
///
/// Errors: it cannot be read, or a name in it is invalid.
pub fn look(source: &SourceSpec, digests: Digests) -> Result<Looked, SourceError> {
    let listing = source::untrusted::list(source.member())?;
    let sections = digest_sections(source, &listing, digests)?;
    Ok(Looked { listing, sections })
}

impl Session {
    /// Reads the spec, looks at its data set and plans. With a desk, recordings are hashed (or
    /// known to be unchanged), and keys are real. Without a desk, only names are read.
    pub fn open(args: &SpecArgs, desk: Option<&Desk>) -> Result<Self, CliError> {
        Self::open_with(args, desk.map_or(Digests::Absent, Digests::Remembered))
    }

    /// The same, with digests from a given source.
    pub fn open_with(args: &SpecArgs, digests: Digests) -> Result<Self, CliError> {
        let experiment = spec::load(&args.spec, &args.sets)?;
        let mut catalog = Catalog::default();
        let (mut listings, mut sources, mut noises, mut roots) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut mistakes = Vec::new();
        let (mut given, mut looked) = (Given::default(), Vec::new());
        for point in &experiment.points {
            given.weights(point, &mut catalog, &mut mistakes);
            given.scores(point, &mut catalog, &mut mistakes);
            for (word, source) in Catalog::sources(point) {
                let key = Catalog::source_key(&source);
                if catalog.listings.contains_key(&key) {
                    continue;
                }
                match look(&source, digests) {
                    Ok(seen) => {
                        looked.push((source.clone(), seen.digest()));
                        let Looked { listing, sections } = seen;
                        catalog.longest.insert(
                            key.clone(),
                            longest(&source, &listing, digests.desk().is_some()),
                        );
                        let sections = sections
                            .into_iter()
                            .map(|(id, listing)| (id, given.add(Kind::Csv, listing)));
                        catalog.listings.insert(key, sections.collect());
                        roots.extend(
                            source.member().root().map(|root| (root.to_owned(), listing.clone())),
                        );
                        if word == "data" {
                            let untrained = untrained(&source, &listing, &experiment.points);
                            if !untrained.is_empty() {
                                catalog.untrained.insert(Catalog::source_key(&source), untrained);
                            }
                            listings.push(listing);
                            sources.push(source);
                        } else {
                            // Noise is not part of the data set, but its stray files are still
                            // reported.
                            noises.push((word, source, listing));
                        }
                    }
                    Err(error) => {
                        // Points that read one folder in different ways all lack it.
                        let mistake = data_mistake(word, &source, &error);
                        if !mistakes.contains(&mistake) {
                            mistakes.push(mistake);
                        }
                        catalog.listings.insert(key, BTreeMap::new());
                    }
                }
            }
        }
        let (vectors, lacks) = vectors::all(&experiment.points, &sources, &listings, digests);
        mistakes.extend(lacks);
        for (own, source, seen) in &vectors {
            let sections = seen.sections.iter().map(|(id, (listing, numbers))| {
                (id.clone(), (given.add(Kind::Csv, listing.clone()), *numbers))
            });
            catalog.vectors.insert(Catalog::vectors_key(own, source), sections.collect());
        }
        let points = &experiment.points;
        mistakes.extend(networks::all(points, &sources, &listings, &mut given, &mut catalog));
        if !mistakes.is_empty() {
            return Err(mistakes.into());
        }
        let plan = plan::build(&experiment, &catalog)?;
        let spec = args.spec.clone();
        Ok(Self {
            spec,
            experiment,
            plan,
            listings,
            sources,
            noises,
            roots,
            given,
            looked,
            vectors,
        })
    }

    /// All files that were read or are known: the spec and its base files, weights, recordings,
    /// tables.
    pub fn files(&self, spec: &Path) -> Vec<PathBuf> {
        let mut files = spec::files(spec);
        for point in &self.experiment.points {
            let detectors = [point.detector.member(), point.detector.backend().member()];
            files.extend(
                detectors.iter().filter_map(|detector| Some(PathBuf::from(detector.weights()?.1))),
            );
            if let FeatureSpec::Onnx(onnx) = &point.features {
                files.push(onnx.model.clone());
            }
            files.extend(programs(point).flat_map(|program| program.files.to_vec()));
        }
        for (root, listing) in &self.roots {
            let paths =
                listing.sections.values().flat_map(|files| files.audio.iter().chain(&files.tables));
            files.extend(paths.map(|path| root.join(path)));
        }
        files.extend(self.vectors.iter().flat_map(|(_, _, seen)| seen.files.iter().cloned()));
        files.extend(self.given.peers.files());
        files
    }

    /// The head of its run, before any stage is done.
    pub fn head(&self) -> Head {
        let points = &self.experiment.points;
        let idle = match points.iter().all(|point| point.generalization.is_plain()) {
            true => vec![Vec::new(); points.len()],
            false => Census::of(self).idle(points),
        };
        Head::of(&self.experiment, &self.plan, self.notes(), idle)
    }

    /// Notes on the spec and its data set before the run; they are no errors.
    pub fn notes(&self) -> Vec<String> {
        let noises = self.noises.iter().map(|(.., listing)| listing);
        let strays = stray_note(self.listings.iter()).into_iter().chain(stray_note(noises));
        let notes = self.listings.iter().flat_map(|listing| listing.notes.iter().cloned());
        strays
            .chain(notes)
            .chain(self.vectors.iter().filter_map(|(_, _, seen)| seen.note.clone()))
            .chain(self.given.peers.notes())
            .chain(self.experiment.notes.iter().cloned())
            .chain(self.doubts())
            .chain(channels::unchosen(self))
            .chain(self.uncut())
            .collect()
    }

    /// Each distinct source, the word before it in the spec, and its content.
    pub fn seen(&self) -> impl Iterator<Item = (&'static str, &SourceSpec, &Listing)> {
        let own = self.sources.iter().zip(&self.listings).map(|(s, l)| ("data", s, l));
        own.chain(self.noises.iter().map(|(word, source, listing)| (*word, source, listing)))
    }

    /// The machines of a source that was seen. Of noise and of responses they are the types.
    pub fn types(&self, source: &SourceSpec) -> Vec<&str> {
        let seen = self.seen().find(|(_, seen, _)| *seen == source);
        let sections = seen.into_iter().flat_map(|(.., listing)| listing.sections.keys());
        let mut types: Vec<&str> = sections.map(|id| id.machine.as_str()).collect();
        types.dedup();
        types
    }

    /// What is left of recordings that are cut into clips, those of noise among them.
    fn uncut(&self) -> BTreeSet<String> {
        self.seen()
            .filter_map(|(word, source, listing)| {
                let note = source.cut()?.note(source.member().root()?, listing)?;
                Some(format!("`{word}.{}`: {note}", source.name()))
            })
            .collect()
    }

    /// Limits of the features for recordings of this rate.
    fn doubts(&self) -> BTreeSet<String> {
        let rate = |(source, listing): (&SourceSpec, &Listing)| {
            Some((Catalog::source_key(source), rate(source, listing)?))
        };
        let rates: BTreeMap<String, u32> =
            self.sources.iter().zip(&self.listings).filter_map(rate).collect();
        let doubt = |point: &Point| {
            let doubt =
                point.features.member().doubt(*rates.get(&Catalog::source_key(&point.data))?)?;
            Some(format!("`features.{}`: {doubt}", point.features.name()))
        };
        self.experiment.points.iter().filter_map(doubt).collect()
    }
}

fn data_mistake(word: &str, source: &SourceSpec, error: &SourceError) -> Diagnostic {
    let diagnostic = Diagnostic::new("E0701", error.to_string());
    let setting = format!("{word}.{}.root", source.name());
    let missing = source.member().root().filter(|root| !root.exists());
    if let Some(hint) = missing.and_then(|root| unexpanded(root, Some(&setting))) {
        return diagnostic.hint(hint);
    }
    match (error, source.member().root()) {
        (SourceError::Layout { hint, .. }, Some(_)) => {
            diagnostic.hint(format!("{hint}\nwhere the data lie elsewhere: --set {setting}=DIR"))
        }
        (SourceError::Layout { hint, .. }, None) => diagnostic.hint(hint),
        (SourceError::File { .. }, _) => diagnostic,
    }
}

/// The listing of each section with the digests of its files.
fn digest_sections(
    source: &SourceSpec,
    listing: &Listing,
    digests: Digests,
) -> Result<BTreeMap<SectionId, Vec<u8>>, SourceError> {
    let root = source.member().root();
    // The absolute path names the memo, so that two working directories do not share one.
    let absolute = root.and_then(|root| std::fs::canonicalize(root).ok());
    let desk = digests.desk();
    let mut memo = desk.zip(absolute.as_ref()).map(|(desk, root)| DigestMemo::open(desk, root));
    if let (Digests::Fresh(_), Some(memo)) = (digests, &mut memo) {
        memo.forget();
    }
    let mut sections = BTreeMap::new();
    for (section, files) in &listing.sections {
        let paths: Vec<String> = files.audio.iter().chain(&files.tables).cloned().collect();
        let digests = match &mut memo {
            Some(memo) => memo
                .digests(&paths)
                .map_err(|(path, e)| SourceError::File { path, why: e.to_string() })?,
            None => vec![Digest::of(b""); paths.len()],
        };
        sections.insert(section.clone(), stage::listing(files, &digests));
    }
    if let (Some(memo), Some(desk)) = (memo, desk) {
        // A failed write only costs time. It is expected from commands that only read.
        let _ = memo.save(desk);
    }
    Ok(sections)
}

/// A note on files under the root that belong to no section, with the most frequent reason.
fn stray_note<'l>(listings: impl Iterator<Item = &'l Listing>) -> Option<String> {
    let strays: Vec<&(String, String)> = listings.flat_map(|l| &l.strays).collect();
    let (path, reason) = strays.first()?;
    let (path, reason) = (visible(path), visible(reason));
    Some(match strays.len() {
        1 => format!("1 recording belongs to no section, `{path}`: {reason}"),
        n => format!("{n} recordings belong to no section, `{path}` for one: {reason}"),
    })
}

/// Nodes with matching labels, and all their needs. Without a pattern, all nodes. An empty set
/// means that nothing matched.
pub fn choose(plan: &Plan, only: Option<&str>) -> BTreeSet<NodeId> {
    let Some(pattern) = only else { return plan.nodes().collect() };
    closure(plan, plan.nodes().filter(|id| super::output::glob(pattern, &plan.node(*id).label)))
}

/// The nodes and all their needs.
pub fn closure(plan: &Plan, nodes: impl IntoIterator<Item = NodeId>) -> BTreeSet<NodeId> {
    let mut chosen = BTreeSet::new();
    let mut stack: Vec<NodeId> = nodes.into_iter().collect();
    while let Some(id) = stack.pop() {
        if chosen.insert(id) {
            stack.extend(plan.needs(id).iter().map(|need| need.node));
        }
    }
    chosen
}
