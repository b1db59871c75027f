//! What the heads of recordings say: their rates and lengths.

use std::collections::BTreeMap;

use crate::source::{Listing, SectionId, SourceSpec, wav};

/// The sample rate in Hz of a data set, from its first recording.
pub fn rate(source: &SourceSpec, listing: &Listing) -> Option<u32> {
    if let Some(rate) = source.rate().or(source.form().map(|(rate, _)| rate)) {
        return Some(rate);
    }
    let root = source.member().root()?;
    let first = listing.sections.values().find_map(|files| files.audio.first())?;
    wav::head(&root.join(first)).map(|head| head.rate)
}

/// The approximate length in samples of the longest recording of each section: half the bytes of
/// its file, and more if it is compressed or gets a higher rate. It is not computed if nothing
/// `runs`.
pub fn longest(source: &SourceSpec, listing: &Listing, runs: bool) -> BTreeMap<SectionId, u64> {
    if let Some((_, samples)) = source.form() {
        return listing.sections.keys().map(|id| (id.clone(), samples)).collect();
    }
    let Some(root) = source.member().root().filter(|_| runs) else {
        return BTreeMap::new();
    };
    let packed = |path: &str| match path.rsplit('.').next().map(str::to_ascii_lowercase).as_deref()
    {
        // About half of a WAV file, and decoded to integers of 32 bits first.
        Some("flac") => 3,
        Some("ogg" | "oga") => 10,
        _ => 1,
    };
    let bytes = |path: &String| {
        std::fs::metadata(root.join(path)).map_or(0, |meta| meta.len()) * packed(path)
    };
    // Of a recording that is cut, only the part of a clip is read.
    let part = |paths: &[String]| {
        let head = paths.first().and_then(|path| wav::head(&root.join(path)))?;
        Some(source.cut()?.frames(head.rate) * (head.channels * head.encoding.bytes()) as u64)
    };
    let longer = |paths: &[String]| {
        let own = || Some(u64::from(wav::head(&root.join(paths.first()?))?.rate));
        source.rate().and_then(|rate| Some(u64::from(rate).div_ceil(own()?))).unwrap_or(1)
    };
    let most = |paths: &[String]| {
        let whole = paths.iter().map(bytes).max().unwrap_or(0);
        part(paths).map_or(whole, |part| part.min(whole)).saturating_mul(longer(paths)) / 2
    };
    listing.sections.iter().map(|(id, files)| (id.clone(), most(&files.audio))).collect()
}
