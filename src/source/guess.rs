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
        let name = found.meaning(&values).or_else(|| found.loosely(&values)).map(str::to_owned);
        // All of one side: a word of no use, and not the name of a machine.
        let one_side = values.iter().all(|value| known("split", value).is_some());
        let other = || if one_side { "*".to_owned() } else { found.name(level) };
        folders.push(format!("{{{}}}", name.unwrap_or_else(other)));
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

/// What a word means as a split, a domain or a label.
fn known(name: &str, value: &str) -> Option<&'static str> {
    let (_, words) = KNOWN.iter().find(|(known, _)| *known == name)?;
    words.iter().find(|(word, _)| word.eq_ignore_ascii_case(value)).map(|(_, meaning)| *meaning)
}

/// What a name with one such word in it means: `NormalSound_IND` is normal.
fn inside(name: &str, value: &str) -> Option<&'static str> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in value.chars() {
        if !letter.is_alphanumeric() || (before.is_lowercase() && letter.is_uppercase()) {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words.last_mut().expect("there is one").push(letter);
        }
        before = letter;
    }
    let meanings: BTreeSet<&str> = words.iter().filter_map(|word| known(name, word)).collect();
    meanings
        .into_iter()
        .next()
        .filter(|_| words.iter().filter(|w| known(name, w).is_some()).count() == 1)
}

/// The placeholders that have a place, and the words that need a meaning.
#[derive(Clone, Default)]
struct Found {
    names: BTreeSet<String>,
    words: BTreeMap<&'static str, BTreeMap<String, &'static str>>,
}

impl Found {
    /// The placeholder that all of these values are words of, if it has no place yet. A split has
    /// two sides.
    fn meaning(&mut self, values: &BTreeSet<&str>) -> Option<&'static str> {
        self.place(values, known, |name| name == "split")
    }

    /// The placeholder that all of these values have words of in them, of both sides.
    fn loosely(&mut self, values: &BTreeSet<&str>) -> Option<&'static str> {
        self.place(values, inside, |_| true)
    }

    fn place(
        &mut self,
        values: &BTreeSet<&str>,
        meaning: impl Fn(&str, &str) -> Option<&'static str>,
        needs_both: impl Fn(&str) -> bool,
    ) -> Option<&'static str> {
        let all = |name: &str| -> Option<Vec<(String, &'static str)>> {
            let word = |value: &&str| Some(((*value).to_owned(), meaning(name, value)?));
            let words: Vec<_> = values.iter().map(word).collect::<Option<_>>()?;
            let sides: BTreeSet<&str> = words.iter().map(|(_, meaning)| *meaning).collect();
            (sides.len() == 2 || !needs_both(name)).then_some(words)
        };
        let (name, words) = KNOWN
            .iter()
            .filter(|(name, _)| !self.names.contains(*name))
            .find_map(|(name, _)| Some((*name, all(name)?)))?;
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

    /// The pattern of file names: words between `_`, or else `-` or spaces, that stand at the same
    /// place in all of them.
    fn file(&mut self, stems: &[&str]) -> String {
        for between in ["_", "-", " "] {
            let mut trial = self.clone();
            if let Some(file) = trial.words_between(between, stems) {
                *self = trial;
                return file;
            }
        }
        "{*}".to_owned()
    }

    /// `None` if no word means anything.
    fn words_between(&mut self, between: &str, stems: &[&str]) -> Option<String> {
        let words: Vec<Vec<&str>> =
            stems.iter().map(|stem| stem.split(between).collect()).collect();
        let (least, most) = (
            words.iter().map(Vec::len).min().unwrap_or(1),
            words.iter().map(Vec::len).max().unwrap_or(1),
        );
        let values =
            |place: usize| words.iter().map(|words| words[place]).collect::<BTreeSet<&str>>();
        let mut meanings: Vec<Option<String>> = Vec::new();
        for place in 0..least {
            let found = self.meaning(&values(place)).map(|name| format!("{{{name}}}"));
            meanings.push(found.or_else(|| self.numbered(&values(place), &meanings)));
        }
        let last = meanings.iter().rposition(Option::is_some)?;
        let known = meanings.drain(..=last).enumerate().map(|(place, found)| {
            // `{*}` would take several words.
            found.unwrap_or_else(|| format!("{{attr.word{place}}}"))
        });
        let mut file = known.collect::<Vec<_>>().join(between);
        if most > last + 1 {
            // Of files that end with the last word there is nothing left for `{*}`.
            file += &if least > last + 1 { format!("{between}{{*}}") } else { "{*}".to_owned() };
        }
        Some(file)
    }

    /// The words `id` and `section`, and the section whose number follows, as DCASE has them.
    fn numbered(&mut self, values: &BTreeSet<&str>, before: &[Option<String>]) -> Option<String> {
        if let ([word @ ("id" | "section")], false) =
            (values.iter().copied().collect::<Vec<_>>().as_slice(), self.names.contains("section"))
        {
            return Some((*word).to_owned());
        }
        let follows = matches!(before.last()?.as_deref(), Some("id" | "section"));
        let is_number =
            |value: &&str| !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
        (follows && values.iter().all(is_number) && self.names.insert("section".to_owned()))
            .then(|| "{section}".to_owned())
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
    fn a_split_has_two_sides() {
        let found = of(&["fan/train/train_ok_1.wav", "fan/train/train_ng_2.wav"]);
        assert_eq!(found.pattern, "{machine}/{*}/{attr.word0}_{label}_{*}.wav");
        assert!(!found.found.contains("split"));
        assert_eq!(of(&["train/a/x.wav", "training/a/y.wav"]).pattern, "{*}/{machine}/{*}.wav");
        let halves = of(&["train/a/x.wav", "Testing/a/y.wav"]);
        assert_eq!(halves.pattern, "{split}/{machine}/{*}.wav");
        assert_eq!(halves.words["split"], [("Testing".to_owned(), "test")].into());
    }

    #[test]
    fn words_inside_names_of_folders_count_where_both_sides_are_there() {
        let found =
            of(&["ToyCar/case1/NormalSound_IND/1.wav", "ToyCar/case1/AnomalousSound_IND/2.wav"]);
        assert_eq!(found.pattern, "{machine}/{section}/{label}/{*}.wav");
        assert_eq!(found.words["label"]["NormalSound_IND"], "normal");
        assert_eq!(of(&["a/normal speed/1.wav"]).pattern, "{machine}/{section}/{*}.wav");
        assert_eq!(inside("label", "bad and good"), None);
    }

    #[test]
    fn words_between_dashes_and_sections_with_numbers() {
        assert_eq!(of(&["pump-ok-1.wav", "pump-ng-2.wav"]).pattern, "{attr.word0}-{label}-{*}.wav");
        let found = of(&["fan/test/normal_id_01_0.wav", "fan/test/anomaly_id_02_0.wav"]);
        assert_eq!(found.pattern, "{machine}/{*}/{label}_id_{section}_{*}.wav");
        let found = of(&["fan/train/section_00_source_train_normal_0000_m-n_W.wav"]);
        assert_eq!(
            found.pattern,
            "{machine}/{*}/section_{section}_{domain}_{attr.word3}_{label}_{*}.wav"
        );
        assert_eq!(of(&["id_x.wav", "id_7.wav"]).pattern, "id_{*}.wav");
    }

    #[test]
    fn without_words_the_folders_are_machine_and_section() {
        let found = of(&["a/b/c/001.wav", "a/d/c/002.wav"]);
        assert_eq!(found.pattern, "{machine}/{section}/{attr.folder2}/{*}.wav");
        assert_eq!(of(&["001.wav"]).pattern, "{*}.wav");
        assert_eq!(guess(&[]), None);
    }
}
