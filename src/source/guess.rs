//! What the recordings of a folder may be, guessed from their paths, for a first spec that a person
//! then corrects.

use std::collections::{BTreeMap, BTreeSet};

/// Words that people use for splits, domains and labels, and what they mean.
const KNOWN: [(&str, &[(&str, &str)]); 3] = [
    (
        "split",
        &[
            ("train", "train"),
            ("training", "train"),
            ("test", "test"),
            ("testing", "test"),
            ("eval", "test"),
        ],
    ),
    ("domain", &[("source", "source"), ("target", "target")]),
    (
        "label",
        &[
            ("normal", "normal"),
            ("ok", "normal"),
            ("good", "normal"),
            ("healthy", "normal"),
            ("anomaly", "anomaly"),
            ("abnormal", "anomaly"),
            ("anomalous", "anomaly"),
            ("fault", "anomaly"),
            ("faulty", "anomaly"),
            ("defect", "anomaly"),
            ("bad", "anomaly"),
            ("broken", "anomaly"),
            ("ng", "anomaly"),
        ],
    ),
];

/// A pattern, and what it does not tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    pub pattern: String,
    /// By placeholder: words of the paths, and their meaning, where they are not the program's own.
    pub words: BTreeMap<&'static str, BTreeMap<String, &'static str>>,
    /// The placeholders that it has.
    pub found: BTreeSet<String>,
    /// How many of the paths have other numbers of folders above them.
    pub elsewhere: usize,
}

/// Guesses the pattern of paths with `/`, as a folder of recordings has them. `None` without a
/// path.
pub fn guess(paths: &[String]) -> Option<Guess> {
    let depth = |path: &String| path.matches('/').count();
    let mut depths: BTreeMap<usize, usize> = BTreeMap::new();
    paths.iter().for_each(|path| *depths.entry(depth(path)).or_default() += 1);
    let (usual, count) = depths.into_iter().max_by_key(|(_, count)| *count)?;
    let parts: Vec<Vec<&str>> =
        paths.iter().filter(|path| depth(path) == usual).map(|p| p.split('/').collect()).collect();
    let mut found = Found::default();
    let mut folders = Vec::new();
    for level in 0..usual {
        let values: BTreeSet<&str> = parts.iter().map(|parts| parts[level]).collect();
        let name = found.meaning(&values).map(str::to_owned).unwrap_or_else(|| found.name(level));
        folders.push(format!("{{{name}}}"));
    }
    let stems: Vec<&str> = parts
        .iter()
        .filter_map(|parts| parts[usual].rsplit_once('.'))
        .map(|(stem, _)| stem)
        .collect();
    let endings: BTreeSet<&str> =
        parts.iter().filter_map(|parts| parts[usual].rsplit_once('.')).map(|(_, e)| e).collect();
    let ending = match endings.iter().collect::<Vec<_>>().as_slice() {
        [one] => (**one).to_owned(),
        _ => "{*}".to_owned(),
    };
    let file = found.file(&stems);
    let pattern =
        folders.into_iter().chain([format!("{file}.{ending}")]).collect::<Vec<_>>().join("/");
    Some(Guess { pattern, words: found.words, found: found.names, elsewhere: paths.len() - count })
}

/// The placeholders that have a place, and the words that need a meaning.
#[derive(Default)]
struct Found {
    names: BTreeSet<String>,
    words: BTreeMap<&'static str, BTreeMap<String, &'static str>>,
}

impl Found {
    /// The placeholder that all of these values are words of, if it has no place yet.
    fn meaning(&mut self, values: &BTreeSet<&str>) -> Option<&'static str> {
        let meaning = |words: &[(&str, &'static str)], value: &str| {
            words
                .iter()
                .find(|(word, _)| word.eq_ignore_ascii_case(value))
                .map(|(_, meaning)| *meaning)
        };
        let all = |words: &[(&str, &'static str)]| -> Option<Vec<(String, &'static str)>> {
            values.iter().map(|value| Some(((*value).to_owned(), meaning(words, value)?))).collect()
        };
        let (name, words) = KNOWN
            .iter()
            .filter(|(name, _)| !self.names.contains(*name))
            .find_map(|(name, words)| Some((*name, all(words)?)))?;
        self.names.insert(name.to_owned());
        let foreign: BTreeMap<String, &str> =
            words.into_iter().filter(|(word, meaning)| word != meaning).collect();
        if !foreign.is_empty() {
            self.words.insert(name, foreign);
        }
        Some(name)
    }

    /// A placeholder for a folder whose values are nobody's words: the machine, then the section,
    /// then attributes.
    fn name(&mut self, level: usize) -> String {
        let free = ["machine", "section"].into_iter().find(|name| !self.names.contains(*name));
        let name = free.map_or_else(|| format!("attr.folder{level}"), str::to_owned);
        self.names.insert(name.clone());
        name
    }

    /// The pattern of file names: words between `_` that stand at the same place in all of them.
    fn file(&mut self, stems: &[&str]) -> String {
        let words: Vec<Vec<&str>> = stems.iter().map(|stem| stem.split('_').collect()).collect();
        let (least, most) = (
            words.iter().map(Vec::len).min().unwrap_or(1),
            words.iter().map(Vec::len).max().unwrap_or(1),
        );
        let meanings: Vec<Option<&str>> = (0..least)
            .map(|place| self.meaning(&words.iter().map(|words| words[place]).collect()))
            .collect();
        let Some(last) = meanings.iter().rposition(Option::is_some) else {
            return "{*}".to_owned();
        };
        let known = (0..=last).map(|place| match meanings[place] {
            Some(name) => format!("{{{name}}}"),
            // `{*}` would take several words.
            None => format!("{{attr.word{place}}}"),
        });
        let mut file = known.collect::<Vec<_>>().join("_");
        if most > last + 1 {
            // Of files that end with the last word there is nothing left for `{*}`.
            file += if least > last + 1 { "_{*}" } else { "{*}" };
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(paths: &[&str]) -> Guess {
        guess(&paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn folders_are_known_by_their_words() {
        let found = of(&[
            "fan/train/normal/a.wav",
            "fan/test/abnormal/b.wav",
            "pump/test/normal/c.wav",
            "readme/x.wav",
        ]);
        assert_eq!(found.pattern, "{machine}/{split}/{label}/{*}.wav");
        assert_eq!(found.words, [("label", [("abnormal".to_owned(), "anomaly")].into())].into());
        assert_eq!(found.elsewhere, 1);
    }

    #[test]
    fn words_of_file_names_have_places() {
        let found = of(&["pump/s1_OK_001.WAV", "pump/s2_NG_002.WAV"]);
        assert_eq!(found.pattern, "{machine}/{attr.word0}_{label}_{*}.WAV");
        assert_eq!(
            found.words["label"],
            [("NG".to_owned(), "anomaly"), ("OK".to_owned(), "normal")].into()
        );
    }

    #[test]
    fn without_words_the_folders_are_machine_and_section() {
        let found = of(&["a/b/c/001.wav", "a/d/c/002.wav"]);
        assert_eq!(found.pattern, "{machine}/{section}/{attr.folder2}/{*}.wav");
        assert_eq!(of(&["001.wav"]).pattern, "{*}.wav");
        assert_eq!(guess(&[]), None);
    }
}
