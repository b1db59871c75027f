//! The files of `features.vectors`, compared with the clips of the data set by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::census;
use super::session::Digests;
use crate::desk::DigestMemo;
use crate::diagnose::Diagnostic;
use crate::digest::Digest;
use crate::feature::FeatureSpec;
use crate::feature::vectors::Vectors;
use crate::reading::{self, unexpanded};
use crate::shown::visible;
use crate::source::{Listing, SectionId, SourceSpec};
use crate::spec::Point;
use crate::stage::VectorFiles;

/// Everything seen of the files of vectors for the clips of a source.
pub struct Seen {
    /// The listing of each section, and the approximate numbers in the largest of its files.
    pub sections: BTreeMap<SectionId, (Vec<u8>, u64)>,
    /// All files of clips.
    pub files: Vec<PathBuf>,
    /// Words to a person about files that belong to no clip.
    pub note: Option<String>,
}

impl Seen {
    /// The digest of everything seen.
    pub fn digest(&self) -> Digest {
        let sections = self.sections.iter().map(|(id, (listing, _))| (id, Digest::of(listing)));
        let seen = (sections.collect::<Vec<_>>(), &self.note);
        Digest::of(&serde_json::to_vec(&seen).expect("names are JSON"))
    }
}

/// What is seen of the vectors of all points, for each pair of vectors and source, and what is
/// missing.
pub fn all(
    points: &[Point],
    sources: &[SourceSpec],
    listings: &[Listing],
    digests: Digests,
) -> (Vec<(Vectors, SourceSpec, Seen)>, Vec<Diagnostic>) {
    let mut pairs: Vec<(&Vectors, &SourceSpec, &Listing)> = Vec::new();
    for point in points {
        let FeatureSpec::Vectors(own) = &point.features else { continue };
        let at = sources.iter().position(|source| *source == point.data);
        let known =
            pairs.iter().any(|(vectors, source, _)| *vectors == own && **source == point.data);
        pairs.extend(at.filter(|_| !known).map(|at| (own, &sources[at], &listings[at])));
    }
    let (mut found, mut mistakes) = (Vec::new(), Vec::new());
    for (vectors, source, listing) in pairs {
        match look(vectors, source, listing, digests) {
            Ok(seen) => found.push((vectors.clone(), source.clone(), seen)),
            // Sources that read one folder in different ways all lack it.
            Err(mistake) if mistakes.contains(&mistake) => {}
            Err(mistake) => mistakes.push(mistake),
        }
    }
    (found, mistakes)
}

/// Looks for the file of each clip, and hashes it or knows that it is unchanged.
///
/// Errors: the folder cannot be read; a clip has no file.
pub fn look(
    vectors: &Vectors,
    source: &SourceSpec,
    listing: &Listing,
    digests: Digests,
) -> Result<Seen, Diagnostic> {
    let root = &vectors.root;
    let mistake = |message: String| Diagnostic::new("E0724", message);
    let told = |path: &str, why: String| mistake(format!("vectors `{}`: {why}", visible(path)));
    if !root.is_dir() {
        let hint = unexpanded(root, Some("features.vectors.root"));
        let hint = hint.unwrap_or_else(|| {
            "the folder has a file for each clip; elsewhere: --set features.vectors.root=DIR".into()
        });
        return Err(mistake(format!("there is no folder `{}`", root.display())).hint(hint));
    }
    let mut there = BTreeMap::new();
    find(vectors, String::new(), DEEPEST, &mut there).map_err(|(path, why)| told(&path, why))?;
    let mut files: BTreeMap<SectionId, BTreeMap<String, String>> = BTreeMap::new();
    let mut missing = Vec::new();
    for (id, audio) in &listing.sections {
        let section = files.entry(id.clone()).or_default();
        // A section whose clips cannot be told is told elsewhere.
        for clip in census::clips(source, id, audio).unwrap_or_default() {
            let path = vectors.path(&clip);
            match there.contains_key(&path) {
                true => drop(section.insert(clip.id, path)),
                false => missing.push((clip.id, path)),
            }
        }
    }
    if let Some((clip, path)) = missing.first() {
        let clips = files.values().map(BTreeMap::len).sum::<usize>() + missing.len();
        let message = format!(
            "{} of {clips} clips have no vectors in `{}`: `{}` would have `{}`",
            missing.len(),
            root.display(),
            visible(clip),
            visible(path)
        );
        let hint = match there.keys().next() {
            Some(file) => format!(
                "a file there is `{}`; `pattern` tells how names of clips become those of files",
                visible(file)
            ),
            None => "there is no `.npy` or `.npz` file below it".to_owned(),
        };
        return Err(mistake(message).hint(hint));
    }
    let claimed: BTreeSet<&String> = files.values().flat_map(BTreeMap::values).collect();
    let surplus: Vec<&String> = there.keys().filter(|path| !claimed.contains(path)).collect();
    let note = surplus.first().map(|first| {
        let (count, root) = (surplus.len(), root.display());
        format!(
            "{count} files of vectors in `{root}` belong to no clip: `{}` for one",
            visible(first)
        )
    });
    let mut memo = Memo::open(vectors, digests);
    let mut seen = Seen { sections: BTreeMap::new(), files: Vec::new(), note };
    for (id, files) in files {
        let paths: Vec<String> = files.values().cloned().collect();
        let hashed = memo.digests(&paths).map_err(|(path, why)| told(&path, why))?;
        seen.files.extend(paths.iter().map(|path| root.join(path)));
        // Numbers of 16 bits are the most for a size.
        let numbers = paths.iter().map(|path| there[path] / 2).max().unwrap_or(0);
        let rows = files.into_keys().zip(paths.into_iter().zip(hashed));
        seen.sections.insert(id, (VectorFiles(rows.collect()).encode(), numbers));
    }
    memo.save(digests);
    Ok(seen)
}

/// Folders are entered to this depth, so that links in a circle end.
const DEEPEST: usize = 16;

/// The `.npy` and `.npz` files below a folder, with their sizes in bytes.
fn find(
    vectors: &Vectors,
    folder: String,
    depth: usize,
    found: &mut BTreeMap<String, u64>,
) -> Result<(), (String, String)> {
    let at = vectors.root.join(&folder);
    let entries = reading::entries(&at).map_err(|e| (folder.clone(), e.to_string()))?;
    for entry in entries.into_iter().filter(|entry| entry.utf8) {
        let path = match folder.as_str() {
            "" => entry.name.clone(),
            folder => format!("{folder}/{}", entry.name),
        };
        if entry.is_folder() {
            if depth > 0 {
                find(vectors, path, depth - 1, found)?;
            }
        } else if path.ends_with(".npy") || path.ends_with(".npz") {
            let size = std::fs::metadata(vectors.root.join(&path)).map_or(0, |meta| meta.len());
            found.insert(path, size);
        }
    }
    Ok(())
}

/// The remembered digests of the files.
struct Memo(Option<DigestMemo>);

impl Memo {
    fn open(vectors: &Vectors, digests: Digests) -> Self {
        // The absolute path names the memo, so that two working directories do not share one.
        let absolute = std::fs::canonicalize(&vectors.root).ok();
        let mut memo =
            digests.desk().zip(absolute).map(|(desk, root)| DigestMemo::open(desk, &root));
        if let (Digests::Fresh(_), Some(memo)) = (digests, &mut memo) {
            memo.forget();
        }
        Self(memo)
    }

    fn digests(&mut self, paths: &[String]) -> Result<Vec<Digest>, (String, String)> {
        match &mut self.0 {
            Some(memo) => memo.digests(paths).map_err(|(path, e)| (path, e.to_string())),
            None => Ok(vec![Digest::of(b""); paths.len()]),
        }
    }

    /// A failed write only costs time. It is expected from commands that only read.
    fn save(self, digests: Digests) {
        if let (Some(memo), Some(desk)) = (self.0, digests.desk()) {
            let _ = memo.save(desk);
        }
    }
}
