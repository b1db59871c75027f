//! What to tell a person whose root folder holds no data set: most often it is one folder off.

use std::path::{Path, PathBuf};

use super::layout::{SPLITS, is_of_machine, scan};
use super::tree::entries;
use super::{Listing, SourceError, names};

/// Says why no section was found under `root`, and which path to give instead where that can be
/// seen. `seen` and `refused` are what was found in its place.
pub(super) fn nothing_found(
    root: &Path,
    seen: &Listing,
    refused: Option<SourceError>,
) -> SourceError {
    let here = root.display();
    let layout = |message: String, hint: String| SourceError::Layout { message, hint };
    if !root.exists() {
        return layout(format!("`{here}` does not exist; {EXPECTED}"), hint(root));
    }
    if !root.is_dir() {
        return layout(format!("`{here}` is a file; {EXPECTED}"), hint(root));
    }
    let inside = entries(root).unwrap_or_default();
    if inside.iter().any(|e| e.is_folder() && is_of_machine(&e.name)) {
        let message = format!("`{here}` is the folder of one machine, not of the machines");
        return layout(message, format!("use the folder above it: `{}`", above(root).display()));
    }
    let absolute = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let own = absolute.file_name().unwrap_or_default().to_string_lossy();
    if SPLITS.contains(&&*own) && inside.iter().any(|e| names::parse(&e.name).is_ok()) {
        let message = format!(
            "`{here}` is the `{own}` folder of one machine, not the folder of the machines"
        );
        return layout(
            message,
            format!("use the folder two above it: `{}`", above(&above(root)).display()),
        );
    }
    let deeper: Vec<String> = inside
        .iter()
        .filter(|e| {
            e.is_folder()
                && scan(&root.join(&e.name)).is_ok_and(|found| !found.listing.sections.is_empty())
        })
        .map(|e| format!("`{}`", root.join(&e.name).display()))
        .collect();
    match deeper.as_slice() {
        [] => {}
        [one] => {
            return layout(
                format!("the machines of `{here}` lie one level deeper"),
                format!("use {one}"),
            );
        }
        several => {
            let message = format!("`{here}` holds {} data sets, not one", several.len());
            return layout(message, format!("use one of {}", several.join(", ")));
        }
    }
    if let Some(refused) = refused {
        return refused;
    }
    let message = match seen.strays.first() {
        Some((path, why)) => {
            let more = if seen.strays.len() > 1 {
                format!(" (and {} more)", seen.strays.len() - 1)
            } else {
                String::new()
            };
            format!(
                "`{here}` holds no clips of the DCASE task 2 layout: `{path}`: {why}{more}; {EXPECTED}"
            )
        }
        None => {
            let notes: String = seen.notes.iter().map(|note| format!("{note}; ")).collect();
            format!("`{here}` holds no machines; {notes}{EXPECTED}")
        }
    };
    layout(message, hint(root))
}

const EXPECTED: &str = "a data set in the layout of DCASE task 2 is expected there, such as MIMII DG \
    (Zenodo record 6529888) or PRONOSTIA cut into clips";

fn hint(root: &Path) -> String {
    let root = root.display();
    format!(
        "{root}/fan/train/section_00_source_train_normal_0000_m-n_W.wav\n\
         {root}/fan/test/section_00_target_test_anomaly_0000_m-n_Y.wav\n\
         {root}/fan/attributes_00.csv (optional); for other names use `folder` with a pattern,\n\
         and `split: {{ holdout: 0.3 }}` there where no name tells the split"
    )
}

/// The folder above, for paths such as `.` and `fan`, too.
fn above(path: &Path) -> PathBuf {
    match (path.file_name(), path.parent()) {
        (Some(_), Some(parent)) if parent.as_os_str().is_empty() => ".".into(),
        (Some(_), Some(parent)) => parent.to_owned(),
        _ => path.join(".."),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::of_empty_files as tree;
    use super::*;

    fn fault(root: &Path) -> (String, String) {
        let seen = scan(root).map_or(Listing::default(), |found| found.listing);
        match nothing_found(root, &seen, None) {
            SourceError::Layout { message, hint } => {
                (message.replace(&*root.to_string_lossy(), "ROOT"), hint)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_root_that_is_missing_or_empty_is_told_what_should_be_there() {
        let root = tree(&["a.txt", "b/c.txt"]);
        let expected = "a data set in the layout of DCASE task 2 is expected there, such as MIMII DG \
                        (Zenodo record 6529888) or PRONOSTIA cut into clips";
        let (message, hint) = fault(&root.path().join("nowhere"));
        assert_eq!(message, format!("`ROOT` does not exist; {expected}"));
        assert_eq!(
            hint.replace(&*root.path().to_string_lossy(), "ROOT"),
            "ROOT/nowhere/fan/train/section_00_source_train_normal_0000_m-n_W.wav\n\
             ROOT/nowhere/fan/test/section_00_target_test_anomaly_0000_m-n_Y.wav\n\
             ROOT/nowhere/fan/attributes_00.csv (optional); for other names use `folder` with a pattern,\n\
             and `split: { holdout: 0.3 }` there where no name tells the split"
        );
        assert_eq!(fault(&root.path().join("a.txt")).0, format!("`ROOT` is a file; {expected}"));
        assert_eq!(fault(root.path()).0, format!("`ROOT` holds no machines; {expected}"));
        let strange = tree(&["fan/train/1.wav", "fan/train/2.wav"]);
        // A machine's folder with other names inside: the first reason is shown, the rest counted.
        let (message, _) = fault(strange.path());
        assert_eq!(
            message,
            format!(
                "`ROOT` holds no clips of the DCASE task 2 layout: `fan/train/1.wav`: its name starts with none of \
                 `section_`, `normal_id_`, `anomaly_id_`, `id_` (and 1 more); {expected}"
            )
        );
    }

    #[test]
    fn a_root_one_level_off_is_told_the_right_one() {
        let root = tree(&["one/fan/train/section_00_0000.wav", "b.txt"]);
        let at = |path: &str| root.path().join(path);
        let (message, hint) = fault(root.path());
        assert_eq!(message, "the machines of `ROOT` lie one level deeper");
        assert_eq!(hint, format!("use `{}`", at("one").display()));
        let (message, hint) = fault(&at("one/fan"));
        assert_eq!(message, "`ROOT` is the folder of one machine, not of the machines");
        assert_eq!(hint, format!("use the folder above it: `{}`", at("one").display()));
        let (message, hint) = fault(&at("one/fan/train"));
        assert_eq!(
            message,
            "`ROOT` is the `train` folder of one machine, not the folder of the machines"
        );
        assert_eq!(hint, format!("use the folder two above it: `{}`", at("one").display()));
        let two = tree(&[
            "a/fan/train/section_00_0000.wav",
            "b/dev_data/raw/fan/test/section_00_0000.wav",
        ]);
        let (message, hint) = fault(two.path());
        assert_eq!(message, "`ROOT` holds 2 data sets, not one");
        let at = |path: &str| two.path().join(path);
        assert_eq!(hint, format!("use one of `{}`, `{}`", at("a").display(), at("b").display()));
        assert_eq!(above(Path::new("fan")), Path::new("."));
        assert_eq!(above(Path::new(".")), Path::new("./.."));
        assert_eq!(above(&above(Path::new("a/b/c"))), Path::new("a"));
    }
}
