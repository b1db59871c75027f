//! Test clips of MIMII (2019), which has no split of its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::artifact::Label;
use crate::source::layout::{Placed, place};
use crate::source::{SectionId, SourceError};

/// Whether a clip lies as in MIMII (2019), where no folder tells the split.
pub(super) fn is_mimii(path: &str) -> bool {
    matches!(place(path), Ok(Placed { split: None, .. }))
}

/// The test clips of a section of MIMII (2019): all abnormal ones and as many normal ones, the
/// first in the order of their paths. The rest is for training. MIMII has no official split; this
/// is the one of its authors' baseline (Purohit et al. 2019). Clips of other layouts are skipped.
pub(super) fn test_clips<'a>(
    id: &SectionId,
    paths: impl Iterator<Item = &'a str>,
) -> Result<BTreeSet<&'a str>, SourceError> {
    let mut by_label: BTreeMap<Label, BTreeSet<&str>> = BTreeMap::new();
    for path in paths {
        if let Ok(Placed { split: None, name, .. }) = place(path) {
            by_label.entry(name.label.unwrap_or(Label::Normal)).or_default().insert(path);
        }
    }
    let normal = by_label.remove(&Label::Normal).unwrap_or_default();
    let mut tests = by_label.remove(&Label::Anomaly).unwrap_or_default();
    if normal.len() <= tests.len() && !tests.is_empty() {
        let SectionId { machine, section } = id;
        return Err(SourceError::Layout {
            message: format!(
                "no clips are left for training in `{machine}` `{section}`: it has {} normal, {} abnormal",
                normal.len(),
                tests.len()
            ),
            hint: "MIMII has no official split: all abnormal clips and as many normal ones are for testing, \
                   the rest for training; `split: { holdout: 0.3 }` holds out another share. Or add normal \
                   clips, or leave the section out with `sections`"
                .into(),
        });
    }
    let count = tests.len();
    tests.extend(normal.into_iter().take(count));
    Ok(tests)
}
