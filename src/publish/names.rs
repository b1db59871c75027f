//! Names that come from elsewhere, made fit for other programs and for file systems.
//!
//! Machines and sections are called as folders are, and labels hold values of settings. MLflow
//! allows few characters in names, and file systems have their own wishes. What they all allow
//! stays; a name that had to be changed ends in digits of its digest, so that two of them are not
//! one.

use std::collections::BTreeSet;

use crate::digest::Digest;

/// Digits of the digest behind a changed name.
const DIGITS: usize = 8;
/// MLflow's shortest limit for the name of a metric, a parameter or a tag; a name has room for a
/// number behind it.
const LONGEST_KEY: usize = 240;
/// Folders stand in each other, and paths have an end.
const LONGEST_FOLDER: usize = 100;

/// A part of a name of MLflow: ASCII letters and digits, `_`, `-`, `.` and spaces, and no `/`.
pub fn part(text: &str) -> String {
    safe(text, LONGEST_FOLDER, |c| "_-. ".contains(c))
}

/// A name of MLflow: parts with `/` between them. Empty parts are left out.
pub fn key<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let parts: Vec<String> = parts.into_iter().filter(|text| !text.is_empty()).map(part).collect();
    let name = parts.join("/");
    if name.len() <= LONGEST_KEY { name } else { cut(&name, &name, LONGEST_KEY) }
}

/// The name of a folder: as above, and `=` and `,`, but without spaces.
pub fn folder(text: &str) -> String {
    safe(text, LONGEST_FOLDER, |c| "_-.=,".contains(c))
}

fn safe(text: &str, longest: usize, also: impl Fn(char) -> bool) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || also(c);
    let kept: String = text.chars().map(|c| if keep(c) { c } else { '_' }).collect();
    // Leading dots hide files, `..` leaves a folder; some programs trim spaces and dots at an end.
    let trimmed = kept.trim_matches([' ', '.']);
    match trimmed == text && !text.is_empty() && text.len() <= longest && !is_reserved(text) {
        true => kept,
        false => cut(trimmed, text, longest),
    }
}

/// Devices that Windows takes for the file of that name, whatever follows a dot.
fn is_reserved(text: &str) -> bool {
    let stem = text.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let port = stem.strip_prefix("com").or(stem.strip_prefix("lpt"));
    ["con", "prn", "aux", "nul"].contains(&stem.as_str())
        || port.is_some_and(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit())
}

/// A changed name, all of it ASCII, with the digest of what it was made from.
fn cut(name: &str, original: &str, longest: usize) -> String {
    let kept = &name[..name.len().min(longest - DIGITS - 1)];
    format!(
        "{}-{}",
        kept.trim_end_matches([' ', '.', '/']),
        &Digest::of(original.as_bytes()).hex()[..DIGITS]
    )
}

/// A text of at most so many characters; one that was cut ends in `…`.
pub fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some(_) => text.chars().take(longest - 1).chain(['…']).collect(),
    }
}

/// Names that were given, each once. Case is no difference: some file systems see none.
#[derive(Default)]
pub struct Taken(BTreeSet<String>);

impl Taken {
    /// The name, or the first free one of `name-2`, `name-3` and so on.
    pub fn free(&mut self, name: String) -> String {
        let numbered = |n: usize| if n == 1 { name.clone() } else { format!("{name}-{n}") };
        let mut all = (1..).map(numbered);
        all.find(|name| self.0.insert(name.to_ascii_lowercase())).expect("numbers do not end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_stay_and_odd_ones_are_told_apart() {
        assert_eq!(key(["auc_source", "fan", "00"]), "auc_source/fan/00");
        assert_eq!(key(["auc", "Fan 2.5-a", ""]), "auc/Fan 2.5-a");
        let odd = ["fän", "fön", "a/b", "..", ".", " fan", "fan.", "", "con", "COM1.txt", "a:b"];
        let names: BTreeSet<String> = odd.iter().map(|name| part(name)).collect();
        assert_eq!(names.len(), odd.len(), "{names:?}");
        for name in names.iter().chain(&odd.map(folder)) {
            let plain = |c: char| c.is_ascii_alphanumeric() || "_-. ".contains(c);
            assert!(name.chars().all(plain) && !name.starts_with(['.', ' ', '/']), "{name}");
        }
        assert!(part("fän").starts_with("f_n-") && part("fän").len() == 12, "{}", part("fän"));
        assert_eq!(folder("detector=knn,k=1"), "detector=knn,k=1");
        assert_ne!(folder("a b"), folder("a_b"));
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let (a, b) = ("x".repeat(300) + "a", "x".repeat(300) + "b");
        assert!(part(&a) != part(&b) && part(&a).len() <= LONGEST_FOLDER);
        let long = ["y".repeat(90), "z".repeat(90), "w".repeat(90)];
        let name = key(long.iter().map(String::as_str));
        assert!(name.len() <= LONGEST_KEY && name.starts_with("yyy"), "{name}");
        assert_eq!(shortened("größe", 5), "größe");
        assert_eq!(shortened("größen", 5), "größ…");
    }

    #[test]
    fn a_name_is_given_once() {
        let mut taken = Taken::default();
        let names = ["a", "A", "a", "a-2"].map(|name| taken.free(name.to_owned()));
        assert_eq!(names, ["a", "A-2", "a-3", "a-2-2"]);
    }
}
