//! What most commands begin with: the spec, its data set, the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{CliError, SpecArgs, output};
use crate::artifact::{Artifact, Blob, Tensor, Tensors};
use crate::diagnose::Diagnostic;
use crate::digest::Digest;
use crate::plan::{self, Catalog, NodeId, Plan};
use crate::reading::{self, unexpanded};
use crate::shown::visible;
use crate::source::{self, Listing, SectionId, SourceError, SourceSpec, wav};
use crate::spec::{self, Experiment, Point};
use crate::stage;
use crate::store::{DigestMemo, Store};
use crate::weights::read_torch;

/// Where the digests of recordings come from.
#[derive(Clone, Copy)]
pub enum Digests<'a> {
    /// From nowhere: names alone are looked at.
    Absent,
    /// From the last time, where a recording has not changed.
    Remembered(&'a Store),
    /// From the recordings themselves.
    Fresh(&'a Store),
}

impl<'a> Digests<'a> {
    fn store(self) -> Option<&'a Store> {
        match self {
            Digests::Absent => None,
            Digests::Remembered(store) | Digests::Fresh(store) => Some(store),
        }
    }
}

/// A spec with its plan.
pub struct Session {
    pub experiment: Experiment,
    pub plan: Plan,
    /// Of each distinct source, what it holds.
    pub listings: Vec<Listing>,
    /// Those sources, in the same order.
    pub sources: Vec<SourceSpec>,
    /// Of each distinct source of noise, what it holds that is no noise.
    noises: Vec<Listing>,
    /// Of each distinct source that reads files, where they are.
    roots: Vec<(PathBuf, Listing)>,
}

impl Session {
    /// Reads the spec, looks at its data set, and plans. With a store, recordings are hashed (or known
    /// to be unchanged) and keys are real; without, names alone are looked at.
    pub fn open(args: &SpecArgs, store: Option<&Store>) -> Result<Self, CliError> {
        Self::open_with(args, store.map_or(Digests::Absent, Digests::Remembered))
    }

    /// The same, with digests from where the caller wants them.
    pub fn open_with(args: &SpecArgs, digests: Digests) -> Result<Self, CliError> {
        let experiment = spec::load(&args.spec, &args.sets)?;
        let mut catalog = Catalog::default();
        let (mut listings, mut sources, mut noises, mut roots) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut mistakes = Vec::new();
        for point in &experiment.points {
            weights(point, &mut catalog, &mut mistakes);
            for (i, source) in Catalog::sources(point).into_iter().enumerate() {
                let key = Catalog::source_key(&source);
                if catalog.listings.contains_key(&key) {
                    continue;
                }
                let listed = source::untrusted::list(source.member()).and_then(|listing| {
                    let digests = digest_sections(&source, &listing, digests)?;
                    Ok((listing, digests))
                });
                match listed {
                    Ok((listing, sections)) => {
                        catalog.longest.insert(key.clone(), longest(&source, &listing, digests.store()));
                        catalog.listings.insert(key, sections);
                        roots.extend(source.member().root().map(|root| (root.to_owned(), listing.clone())));
                        if i == 0 {
                            listings.push(listing);
                            sources.push(source);
                        } else {
                            // What is mixed to the data is no part of them, but lost files are lost files.
                            noises.push(Listing { strays: listing.strays, ..Listing::default() });
                        }
                    }
                    Err(error) => {
                        let word = if i == 0 { "data" } else { "mix.noise" };
                        mistakes.push(data_mistake(word, &source, &error));
                        catalog.listings.insert(key, BTreeMap::new());
                    }
                }
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes.into());
        }
        let plan = plan::build(&experiment, &catalog)?;
        Ok(Self { experiment, plan, listings, sources, noises, roots })
    }

    /// The files that were read or are known of: the spec and those it extends, weights, recordings, tables.
    pub fn files(&self, spec: &Path) -> Vec<PathBuf> {
        let mut files = spec::files(spec);
        for point in &self.experiment.points {
            let detectors = [point.detector.member(), point.detector.backend().member()];
            files.extend(detectors.iter().filter_map(|detector| Some(PathBuf::from(detector.weights()?.1))));
        }
        for (root, listing) in &self.roots {
            let paths = listing.sections.values().flat_map(|files| files.audio.iter().chain(&files.tables));
            files.extend(paths.map(|path| root.join(path)));
        }
        files
    }

    /// What to tell of the spec and its data set before anything runs, though it is no mistake.
    pub fn notes(&self) -> Vec<String> {
        let strays = [&self.listings, &self.noises].map(|listings| stray_note(listings));
        let strays = strays.into_iter().flatten();
        strays.chain(self.experiment.notes.iter().cloned()).chain(self.doubts()).collect()
    }

    /// What features do not get out of recordings of this rate.
    fn doubts(&self) -> BTreeSet<String> {
        let rate =
            |(source, listing): (&SourceSpec, &Listing)| Some((Catalog::source_key(source), rate(source, listing)?));
        let rates: BTreeMap<String, u32> = self.sources.iter().zip(&self.listings).filter_map(rate).collect();
        let doubt = |point: &Point| {
            let doubt = point.features.member().doubt(*rates.get(&Catalog::source_key(&point.data))?)?;
            Some(format!("`features.{}`: {doubt}", point.features.name()))
        };
        self.experiment.points.iter().filter_map(doubt).collect()
    }
}

/// About how many samples the longest recording of each section has: half the bytes of its file. Where nothing is going
/// to run nobody asks.
fn longest(source: &SourceSpec, listing: &Listing, store: Option<&Store>) -> BTreeMap<SectionId, u64> {
    let Some(root) = source.member().root().filter(|_| store.is_some()) else {
        let SourceSpec::Synthetic(synthetic) = source else { return BTreeMap::new() };
        let samples = (synthetic.seconds * f64::from(synthetic.rate)) as u64;
        return listing.sections.keys().map(|id| (id.clone(), samples)).collect();
    };
    let bytes = |path: &String| std::fs::metadata(root.join(path)).map_or(0, |meta| meta.len());
    let most = |paths: &[String]| paths.iter().map(bytes).max().unwrap_or(0) / 2;
    listing.sections.iter().map(|(id, files)| (id.clone(), most(&files.audio))).collect()
}

/// Samples a second of a data set, as its first recording has them.
fn rate(source: &SourceSpec, listing: &Listing) -> Option<u32> {
    match (source, source.member().root()) {
        (SourceSpec::Synthetic(synthetic), _) => Some(synthetic.rate),
        (_, Some(root)) => wav::rate(&root.join(listing.sections.values().find_map(|files| files.audio.first())?)),
        _ => None,
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

fn weights(point: &Point, catalog: &mut Catalog, mistakes: &mut Vec<Diagnostic>) {
    // A detector of vectors stands behind a network: either may read a file.
    for detector in [point.detector.member(), point.detector.backend().member()] {
        if let Some((_, path)) = detector.weights()
            && !catalog.weights.contains_key(path)
        {
            read_weights(path, catalog, mistakes);
        }
    }
}

fn read_weights(path: &str, catalog: &mut Catalog, mistakes: &mut Vec<Diagnostic>) {
    let file = Path::new(path);
    let bytes = reading::read(file, reading::WEIGHTS).map_err(|error| error.to_string()).and_then(safetensors);
    let bytes = bytes.unwrap_or_else(|why| {
        let mut mistake = Diagnostic::new("E0702", format!("the weights `{path}` cannot be read: {why}"));
        if !file.exists() {
            mistake.hint = unexpanded(file, Some("detector.autoencoder.weights"));
        }
        mistakes.push(mistake);
        Vec::new()
    });
    catalog.weights.insert(path.to_owned(), bytes);
}

/// Weights as safetensors: PyTorch's files, zip archives or older ones, are read and written anew.
fn safetensors(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if bytes.starts_with(b"PK") || bytes.starts_with(b"\x80") {
        let model = read_torch(&bytes).map_err(|error| error.to_string())?;
        return sound(&model).map(|()| model.encode());
    }
    match Tensors::decode(Blob::new(bytes.clone())) {
        Ok(model) => sound(&model).map(|()| bytes),
        Err(_) if bytes.starts_with(b"\x89HDF") => {
            Err("it is HDF5; write Keras's `model.weights` with safetensors, each under its `path`".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Refuses numbers that no training gives; with them every clip would have the score NaN.
fn sound(model: &Tensors) -> Result<(), String> {
    for (name, tensor) in &model.0 {
        let values: Vec<f64> = match tensor {
            Tensor::F32(array) => array.iter().map(|x| f64::from(*x)).collect(),
            Tensor::F64(array) => array.iter().copied().collect(),
        };
        if let Some(odd) = values.iter().find(|x| !x.is_finite()) {
            return Err(format!("its array `{name}` holds {odd}"));
        }
        let last = name.trim_end_matches(":0").rsplit(['.', '/']).next().unwrap_or_default();
        let spread = ["variance", "running_var", "moving_variance"].contains(&last);
        if let Some(negative) = values.iter().find(|x| spread && **x < 0.0) {
            return Err(format!("its array `{name}` holds {negative}, and a variance is 0 or more"));
        }
    }
    Ok(())
}

/// The listing of each section with the digests of its files.
fn digest_sections(
    source: &SourceSpec,
    listing: &Listing,
    digests: Digests,
) -> Result<BTreeMap<SectionId, Vec<u8>>, SourceError> {
    let root = source.member().root();
    // The memo is named by the absolute path, so that two working directories do not share one.
    let absolute = root.and_then(|root| std::fs::canonicalize(root).ok());
    let store = digests.store();
    let mut memo = store.zip(absolute.as_ref()).map(|(store, root)| DigestMemo::open(store, root));
    if let (Digests::Fresh(_), Some(memo)) = (digests, &mut memo) {
        memo.forget();
    }
    let mut sections = BTreeMap::new();
    for (section, files) in &listing.sections {
        let paths: Vec<String> = files.audio.iter().chain(&files.tables).cloned().collect();
        let digests = match &mut memo {
            Some(memo) => memo.digests(&paths).map_err(|(path, e)| SourceError::File { path, why: e.to_string() })?,
            None => vec![Digest::of(b""); paths.len()],
        };
        sections.insert(section.clone(), stage::listing(files, &digests));
    }
    if let (Some(memo), Some(store)) = (memo, store) {
        // Only costs time if it cannot be written.
        let _ = memo.save(store);
    }
    Ok(sections)
}

/// Files under the root that belong to no section, with the commonest reason.
fn stray_note(listings: &[Listing]) -> Option<String> {
    let strays: Vec<&(String, String)> = listings.iter().flat_map(|l| &l.strays).collect();
    let (path, reason) = strays.first()?;
    let (path, reason) = (visible(path), visible(reason));
    Some(match strays.len() {
        1 => format!("1 recording belongs to no section, `{path}`: {reason}"),
        n => format!("{n} recordings belong to no section, `{path}` for one: {reason}"),
    })
}

/// Nodes whose label matches, and all they need. `None`: all nodes. An empty set: nothing matched.
pub fn choose(plan: &Plan, only: Option<&str>) -> BTreeSet<NodeId> {
    let Some(pattern) = only else { return plan.nodes().collect() };
    closure(plan, plan.nodes().filter(|id| super::output::glob(pattern, &plan.node(*id).label)))
}

/// The nodes and all they need.
pub fn closure(plan: &Plan, nodes: impl IntoIterator<Item = NodeId>) -> BTreeSet<NodeId> {
    let mut chosen = BTreeSet::new();
    let mut stack: Vec<NodeId> = nodes.into_iter().collect();
    while let Some(id) = stack.pop() {
        if chosen.insert(id) {
            stack.extend(plan.needs(id).into_iter().map(|need| need.node));
        }
    }
    chosen
}

/// Opens the cache of a command that makes nothing. One that is not there is empty; that is told.
pub fn look_at_store(path: &Path) -> Result<Store, CliError> {
    let store = Store::look(path)?;
    if !store.is_there() {
        output::tell(&format!("warning: there is no cache in `{}`", path.display()));
    }
    Ok(store)
}

/// Opens the cache, and makes it if it is not there.
pub fn open_store(path: &Path) -> Result<Store, CliError> {
    Ok(Store::open(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn weights_that_no_training_gives_are_refused_by_their_name() {
        let told = |name: &str, value: f32| {
            let mut model = Tensors::default();
            model.put_f32(name, array![1.0, value]);
            safetensors(model.encode()).err()
        };
        let nan = told("norm.0.mean", f32::NAN);
        assert_eq!(nan.as_deref(), Some("its array `norm.0.mean` holds NaN"));
        for name in ["norm.0.variance", "encoder.1.running_var", "model/batch_normalization/moving_variance:0"] {
            let expected = format!("its array `{name}` holds -0.5, and a variance is 0 or more");
            assert_eq!(told(name, -0.5), Some(expected));
        }
        assert_eq!(told("norm.0.mean", -0.5), None);
    }
}
