//! The grammar of DCASE task 2 file names, from 2020 to 2026.
//!
//! One grammar serves all years, because a data set does not name its year:
//!
//! ```text
//! section_NN[_source|_target][_train|_test][_normal|_anomaly]_NUMBER[_ATTRIBUTES].wav    since 2021
//! [normal_|anomaly_]id_NN_NUMBER.wav                                                     2020
//! ```
//!
//! A fact that a name lacks (evaluation sets lack the truth) is `None` here, never a guess. Names of
//! files in other formats end in `.flac`, `.ogg` or `.oga`.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::{FromStr, Split as Tokens};

pub use crate::artifact::stem;
use crate::artifact::{Domain, Label, Split};
use crate::diagnose::closest;

/// The facts that a file name gives about its clip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// `00`, or `id_00` in names of 2020.
    pub section: String,
    pub domain: Option<Domain>,
    pub split: Option<Split>,
    pub label: Option<Label>,
    /// The result of `attributes`.
    pub attributes: BTreeMap<String, String>,
}

/// Reads a file name (without folders). The error is a reason that ends a sentence about the file.
pub fn parse(file: &str) -> Result<Name, String> {
    let stem = stem(file).ok_or("it does not end in `.wav`, `.flac` or `.ogg`")?;
    let mut tokens = stem.split('_').peekable();
    match tokens.next().unwrap_or_default() {
        "section" => sectioned(&mut tokens),
        "id" => machine_id(&mut tokens, None),
        word @ ("normal" | "anomaly") if tokens.next_if_eq(&"id").is_some() => {
            machine_id(&mut tokens, word.parse().ok())
        }
        _ => {
            Err("its name starts with none of `section_`, `normal_id_`, `anomaly_id_`, `id_`"
                .into())
        }
    }
}

fn sectioned(tokens: &mut Peekable<Tokens<'_, char>>) -> Result<Name, String> {
    let section = number(tokens.next(), "the number of the section")?;
    let domain = word(tokens);
    let split = word(tokens);
    let label = word(tokens);
    match tokens.next() {
        Some(token) if is_number(token) => {}
        None => return Err("its name ends before the number of the clip".into()),
        Some(token) => {
            const WORDS: [&str; 6] = ["source", "target", "train", "test", "normal", "anomaly"];
            let hint = closest(token, WORDS)
                .map_or(String::new(), |near| format!(" (did you mean `{near}`?)"));
            return Err(format!(
                "`{token}` stands in its name where the number of the clip should be{hint}"
            ));
        }
    }
    let attributes = attributes(tokens);
    Ok(Name { section, domain, split, label, attributes })
}

fn machine_id(
    tokens: &mut Peekable<Tokens<'_, char>>,
    label: Option<Label>,
) -> Result<Name, String> {
    let section = format!("id_{}", number(tokens.next(), "the machine's id")?);
    number(tokens.next(), "the number of the clip")?;
    match tokens.next() {
        Some(token) => Err(format!("`{token}` follows the number of the clip in its name")),
        None => Ok(Name { section, domain: None, split: None, label, attributes: BTreeMap::new() }),
    }
}

/// The next token, if it is one of the words of `T`.
fn word<T: FromStr>(tokens: &mut Peekable<Tokens<'_, char>>) -> Option<T> {
    let value = tokens.peek()?.parse().ok()?;
    tokens.next();
    Some(value)
}

pub(super) fn is_number(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit())
}

fn number(token: Option<&str>, what: &str) -> Result<String, String> {
    match token {
        Some(token) if is_number(token) => Ok(token.to_owned()),
        Some(token) => Err(format!("`{token}` stands in its name where {what} should be")),
        None => Err(format!("its name ends before {what}")),
    }
}

/// The attributes at the end of a name: `vel_12_loc_A` is `vel` -> `12`, `loc` -> `A`.
///
/// Tokens are read from left to right as a key and its value. If the token at a key's place is the
/// last one, or ends in a digit, it is a value without its key (`weight15_BckgF`, `spd1000_BckgA`
/// and `..._damage1` in 2024: no real key ends in a digit). It maps to an empty text, and the next
/// token is tried as a key. `noAttribute` and empty tokens (2026 ends names in `_`) are skipped.
/// [`keep`] names a key that comes again (`mic_2_mic_1` in 2026, of two microphones).
pub(super) fn attributes<'a>(tokens: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    let mut tokens = tokens.filter(|t| !t.is_empty() && *t != "noAttribute").peekable();
    let mut attributes = BTreeMap::new();
    while let Some(key) = tokens.next() {
        let bare = key.ends_with(|c: char| c.is_ascii_digit());
        let mut value = if bare { "" } else { tokens.next().unwrap_or_default() };
        let mut key = key.to_owned();
        if TWO_WORDS.contains(&(&key, value))
            && let Some(next) = tokens.next()
        {
            key = format!("{key}_{value}");
            value = next;
        }
        keep(&mut attributes, &key, value);
    }
    attributes
}

/// Keys that have a `_` in them, where every other `_` stands between a key and its value.
/// CoffeeGrinder (2025) has `mic_imp23absu_mic_pos_A_grind_100`.
const TWO_WORDS: [(&str, &str); 1] = [("mic", "pos")];

/// Adds an attribute. If its key is there already, the new one is named `mic#2`, a third `mic#3`:
/// both values stay, and no clip is refused for its attributes.
pub fn keep(attributes: &mut BTreeMap<String, String>, key: &str, value: &str) {
    let again = (2..).map(|count| format!("{key}#{count}"));
    let free = std::iter::once(key.to_owned()).chain(again).find(|k| !attributes.contains_key(k));
    attributes.extend(free.map(|key| (key, value.to_owned())));
}

/// The key as a name or a table has it: `mic` of `mic#2`.
pub fn written(key: &str) -> &str {
    match key.rsplit_once('#') {
        Some((written, count)) if is_number(count) => written,
        _ => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name and its parts.
    type Case<'a> =
        (&'a str, &'a str, Option<Domain>, Option<Split>, Option<Label>, &'a [(&'a str, &'a str)]);
    type Parts = (String, Option<Domain>, Option<Split>, Option<Label>, Vec<(String, String)>);

    fn parts(file: &str) -> Parts {
        let name = parse(file).unwrap_or_else(|why| panic!("{file}: {why}"));
        (name.section, name.domain, name.split, name.label, name.attributes.into_iter().collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    #[test]
    fn names_of_every_year() {
        use Domain::{Source, Target};
        use Label::{Anomaly, Normal};
        use Split::{Test, Train};
        let cases: &[Case] = &[
            ("normal_id_01_00000000.wav", "id_01", None, None, Some(Normal), &[]),
            ("anomaly_id_06_00000012.wav", "id_06", None, None, Some(Anomaly), &[]),
            ("id_05_00000000.wav", "id_05", None, None, None, &[]),
            (
                "section_00_source_train_normal_0000_strength_1_ambient.wav",
                "00",
                Some(Source),
                Some(Train),
                Some(Normal),
                &[("ambient", ""), ("strength", "1")],
            ),
            (
                "section_01_target_test_anomaly_0000.wav",
                "01",
                Some(Target),
                Some(Test),
                Some(Anomaly),
                &[],
            ),
            ("section_03_source_test_0000.wav", "03", Some(Source), Some(Test), None, &[]),
            ("section_03_0000.wav", "03", None, None, None, &[]),
            ("section_03_test_0000.wav", "03", None, Some(Test), None, &[]),
            (
                "section_01_target_test_normal_0007_vel_14_f-n_0.03.wav",
                "01",
                Some(Target),
                Some(Test),
                Some(Normal),
                &[("f-n", "0.03"), ("vel", "14")],
            ),
            (
                "section_00_source_normal_0035_weight15_BckgF.wav",
                "00",
                Some(Source),
                None,
                Some(Normal),
                &[("BckgF", ""), ("weight15", "")],
            ),
            (
                "section_00_source_test_anomaly_0001_pro_A_wt_200_damage1.wav",
                "00",
                Some(Source),
                Some(Test),
                Some(Anomaly),
                &[("damage1", ""), ("pro", "A"), ("wt", "200")],
            ),
            (
                "section_00_source_train_normal_0003_noAttribute.wav",
                "00",
                Some(Source),
                Some(Train),
                Some(Normal),
                &[],
            ),
            (
                "section_00_source_train_normal_0000_.WAV",
                "00",
                Some(Source),
                Some(Train),
                Some(Normal),
                &[],
            ),
        ];
        for (file, section, domain, split, label, attributes) in cases {
            assert_eq!(
                parts(file),
                (section.to_string(), *domain, *split, *label, pairs(attributes)),
                "{file}"
            );
        }
    }

    #[test]
    fn a_name_that_does_not_fit_has_a_reason() {
        let why = |file| parse(file).unwrap_err();
        assert_eq!(
            why("section_00_sorce_train_normal_0000.wav"),
            "`sorce` stands in its name where the number of the clip should be (did you mean `source`?)"
        );
        assert_eq!(
            why("section_a_source.wav"),
            "`a` stands in its name where the number of the section should be"
        );
        assert_eq!(
            why("section_00_source_train.wav"),
            "its name ends before the number of the clip"
        );
        assert_eq!(why("normal_id_00.wav"), "its name ends before the number of the clip");
        assert_eq!(why("id_00_0001_x.wav"), "`x` follows the number of the clip in its name");
        assert_eq!(
            why("noise.wav"),
            "its name starts with none of `section_`, `normal_id_`, `anomaly_id_`, `id_`"
        );
        assert_eq!(why("section_00_0000.mp3"), "it does not end in `.wav`, `.flac` or `.ogg`");
        assert!(parse("").is_err() && parse(".wav").is_err() && parse("section").is_err());
    }

    #[test]
    fn a_key_that_comes_again_keeps_both_values() {
        let of = |attributes: &str| parts(&format!("section_00_0001_{attributes}.wav")).4;
        let emulated = [("car", "B1"), ("mic", "2"), ("mic#2", "1"), ("spd", "2")];
        assert_eq!(of("car_B1_spd_2_mic_2_mic_1"), pairs(&emulated));
        assert_eq!(of("vel_1_vel_1_vel_1"), pairs(&[("vel", "1"), ("vel#2", "1"), ("vel#3", "1")]));
        assert_eq!(of("x1_x1"), pairs(&[("x1", ""), ("x1#2", "")]));
        let coffee = [("bkg", "B"), ("grind", "100"), ("mic", "imp23absu"), ("mic_pos", "A")];
        assert_eq!(of("mic_imp23absu_mic_pos_A_grind_100_bkg_B"), pairs(&coffee));
        // Without a value after it, `pos` is one.
        assert_eq!(of("mic_pos"), pairs(&[("mic", "pos")]));
        assert_eq!(["mic#2", "mic", "a#b", "#2"].map(written), ["mic", "mic", "a#b", ""]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
            let _ = parse(&text);
            let _ = parse(&format!("section_{text}.wav"));
        }
    }
}
