//! Axes of a sweep that change nothing.

use super::{Sections, Swept, scored};
use crate::diagnose::Diagnostic;
use crate::spec::wire;

impl Sections<'_> {
    /// Errors for axes that affect no point although their section is valid.
    pub(super) fn unused(&self, axes: &[Swept]) -> Vec<Diagnostic> {
        let failed = |word: &str| match word {
            "data" => self.data.failed,
            "features" => self.features.failed,
            "pool" => self.pool.failed,
            "detector" => self.detector.failed,
            "threshold" => self.threshold.failed,
            _ => false,
        };
        let told = |a: &Swept| self.silent && scored::is_of_sounds(a);
        let unused = axes.iter().filter(|a| !a.used && !told(a) && !failed(&a.column.keys[0]));
        unused.map(changes_nothing).collect()
    }
}

fn changes_nothing(axis: &Swept) -> Diagnostic {
    let [word, variant, ..] = axis.column.keys.as_slice() else {
        unreachable!("a whole section always applies")
    };
    let (why, hint) = if wire::is_plain(word) && variant != "draw" {
        (
            format!("no point has `{word}.{variant}`"),
            format!("set `{word}.{variant}`, or sweep over it with a value that is not `~`"),
        )
    } else if wire::is_plain(word) {
        (
            "changes nothing: no clips are left out".to_owned(),
            "set `generalization.target_clips` or another limit beside it".to_owned(),
        )
    } else if let Some((outer, _, inner)) = wire::nested(&axis.column.keys) {
        let (path, setting) = (outer.join("."), outer[2]);
        (
            format!("no point has the {word} `{variant}` with the {setting} `{inner}`"),
            format!("set `{path}: {{ {inner}: {{}} }}`, or sweep over `{path}` with it"),
        )
    } else {
        (
            format!("no point has the {word} `{variant}`"),
            format!("set `{word}: {{ {variant}: {{}} }}`, or sweep over `{word}` with it"),
        )
    };
    let message = format!("`{}` is swept, but {why}", axis.column.path);
    Diagnostic::new("E0402", message).at(axis.column.node.key_place()).hint(hint)
}
