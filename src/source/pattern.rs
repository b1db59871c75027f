//! Patterns of paths with placeholders, such as `{machine}/{split}/{label}_{*}_{attr.speed}.wav`.
//!
//! A placeholder matches text without `/`. From left to right, a named one matches as little as
//! possible and at least one character, `{*}` as much as possible: `{machine}_{section}` splits at
//! the first `_`, `{*}_{section}` at the last.

use std::collections::BTreeSet;

use crate::artifact::stem;
use crate::diagnose::{Problem, suggest};
use crate::shown::control;

/// The meaning of a named placeholder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Machine,
    Section,
    Domain,
    Split,
    Label,
    Attribute(String),
}

const NAMES: [&str; 7] = ["machine", "section", "domain", "split", "label", "attr.NAME", "*"];

impl Field {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "machine" => Field::Machine,
            "section" => Field::Section,
            "domain" => Field::Domain,
            "split" => Field::Split,
            "label" => Field::Label,
            _ => Field::Attribute(
                name.strip_prefix("attr.").filter(|name| !name.is_empty())?.to_owned(),
            ),
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Named(Field),
    Any,
}

/// A parsed pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

impl Pattern {
    /// Parses a pattern. Errors: all its problems, for the field `pattern`.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut wrong = |message: String, hint: &str| {
            problems.push(Problem::new("pattern", message).hint(hint.to_owned()))
        };
        let mut pieces: Vec<Piece> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let Some((before, after)) = rest.split_once('{') else {
                pieces.push(Piece::Text(rest.to_owned()));
                break;
            };
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let Some((name, tail)) = after.split_once('}') else {
                wrong(
                    format!("`{{{after}` is not closed"),
                    "write `}` after the name of the placeholder",
                );
                break;
            };
            rest = tail;
            let piece = match Field::parse(name) {
                _ if name == "*" => Piece::Any,
                Some(field) => Piece::Named(field),
                None => {
                    wrong(format!("`{{{name}}}` is not a placeholder"), &suggest(name, NAMES));
                    continue;
                }
            };
            if matches!(piece, Piece::Named(_)) && pieces.contains(&piece) {
                wrong(
                    format!("`{{{name}}}` occurs twice"),
                    "write `{*}` where the text does not matter",
                );
            }
            if before.is_empty()
                && pieces.last().is_some_and(|last| !matches!(last, Piece::Text(_)))
            {
                let message = format!(
                    "`{{{name}}}` follows another placeholder directly, so the border between them is ambiguous"
                );
                wrong(message, "put the text between them that the file names have there");
            }
            pieces.push(piece);
        }
        if pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if text.contains('}'))) {
            wrong("a `}` closes no placeholder".to_owned(), "write placeholders as `{machine}`");
        }
        if let Some(code) = control(text) {
            wrong(format!("there is a control character ({code}) in it"), "leave it out");
        }
        if text.contains('\\') {
            wrong("it has a `\\`".to_owned(), "write `/` between folders");
        }
        if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
            let message = format!(
                "`{text}` is not a path below the root: it has an empty, a `.` or a `..` part"
            );
            wrong(
                message,
                "write the path from the root to the files, such as `{machine}/{split}/{label}_{*}.wav`",
            );
        }
        if stem(text).is_none() && !text.ends_with(".{*}") {
            wrong(
                format!("`{text}` does not end in `.wav`, `.flac` or `.ogg`"),
                "end it as the recordings do, or in `.{*}` where they have several formats",
            );
        }
        if problems.is_empty() { Ok(Self(pieces)) } else { Err(problems) }
    }

    /// The attributes that the pattern takes from paths.
    pub fn attributes(&self) -> BTreeSet<String> {
        let attribute = |piece: &Piece| match piece {
            Piece::Named(Field::Attribute(name)) => Some(name.clone()),
            _ => None,
        };
        self.0.iter().filter_map(attribute).collect()
    }

    /// Whether the pattern has a placeholder for `field`.
    pub fn has(&self, field: &Field) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Named(named) if named == field))
    }

    /// The number of folders above a file that fits.
    pub fn depth(&self) -> usize {
        let slashes = |piece: &Piece| {
            if let Piece::Text(text) = piece { text.matches('/').count() } else { 0 }
        };
        self.0.iter().map(slashes).sum()
    }

    /// The texts of the named placeholders, or `None` if the path does not fit.
    pub fn fit<'p>(&self, path: &'p str) -> Option<Vec<(Field, &'p str)>> {
        let mut found = Vec::new();
        self.search(0, path, 0, &mut BTreeSet::new(), &mut found).then(|| {
            found.reverse();
            found
        })
    }

    /// Matches the pieces from `piece` on with the path from `from` on. `dead` holds the places
    /// that failed before. So a path of n bytes costs n² steps per piece, and not n to the power of
    /// the number of pieces.
    fn search<'p>(
        &self,
        piece: usize,
        path: &'p str,
        from: usize,
        dead: &mut BTreeSet<(usize, usize)>,
        found: &mut Vec<(Field, &'p str)>,
    ) -> bool {
        let rest = &path[from..];
        let Some(current) = self.0.get(piece) else { return rest.is_empty() };
        if dead.contains(&(piece, from)) {
            return false;
        }
        let fits = match current {
            Piece::Text(text) if piece + 1 == self.0.len() => ends_alike(rest, text),
            Piece::Text(text) => {
                rest.starts_with(text.as_str())
                    && self.search(piece + 1, path, from + text.len(), dead, found)
            }
            Piece::Named(field) => ends(rest).skip(1).any(|end| {
                let fits = self.search(piece + 1, path, from + end, dead, found);
                if fits {
                    found.push((field.clone(), &rest[..end]));
                }
                fits
            }),
            Piece::Any => {
                let ends: Vec<usize> = ends(rest).collect();
                ends.into_iter()
                    .rev()
                    .any(|end| self.search(piece + 1, path, from + end, dead, found))
            }
        };
        if !fits {
            dead.insert((piece, from));
        }
        fits
    }
}

/// Whether a path ends in the last text of a pattern. Recorders write `.wav` and `.WAV`: both
/// match.
fn ends_alike(rest: &str, text: &str) -> bool {
    match (rest.rsplit_once('.'), text.rsplit_once('.')) {
        (Some((rest, ending)), Some((text, same))) => {
            rest == text && ending.eq_ignore_ascii_case(same)
        }
        _ => false,
    }
}

/// The places, from 0 on, where a text without `/` at the start of `rest` may end.
fn ends(rest: &str) -> impl Iterator<Item = usize> + '_ {
    let limit = rest.find('/').unwrap_or(rest.len());
    rest[..limit].char_indices().map(|(i, _)| i).chain([limit])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(pattern: &str, path: &str) -> Option<Vec<String>> {
        let fields = Pattern::parse(pattern).unwrap().fit(path)?;
        Some(fields.into_iter().map(|(field, text)| format!("{field:?}={text}")).collect())
    }

    #[test]
    fn named_placeholders_take_little_and_stars_take_much() {
        let pattern = "{machine}/{split}/{label}_{domain}_{section}_{*}_{attr.speed}.wav";
        let fields = fit(pattern, "my_pump/train/ok_day_00_a_b_1.5.wav").unwrap();
        let expected = [
            "Machine=my_pump",
            "Split=train",
            "Label=ok",
            "Domain=day",
            "Section=00",
            "Attribute(\"speed\")=1.5",
        ];
        assert_eq!(fields, expected);
        assert_eq!(fit(pattern, "pump/train/ok_day_00_1.5.wav"), None);
        assert_eq!(fit(pattern, "pump/ok_day_00_a_1.5.wav"), None);
        assert_eq!(
            fit("{machine}_{section}.wav", "a_b_c.wav").unwrap(),
            ["Machine=a", "Section=b_c"]
        );
        assert_eq!(fit("{*}_{section}.wav", "a_b_c.wav").unwrap(), ["Section=c"]);
        assert_eq!(fit("x{*}.wav", "x.wav").unwrap(), Vec::<String>::new());
        assert_eq!(fit("{machine}.wav", ".wav"), None);
        assert_eq!(fit("{machine}.wav", "größe.wav.wav").unwrap(), ["Machine=größe.wav"]);
    }

    #[test]
    fn an_extension_fits_in_either_case() {
        assert_eq!(fit("x_{machine}.wav", "x_a.WAV").unwrap(), ["Machine=a"]);
        assert_eq!(fit("x_{machine}_y.WAV", "x_a_y.wav").unwrap(), ["Machine=a"]);
        // The case of other parts of a name matters.
        assert_eq!(fit("x_{machine}_y.wav", "x_a_Y.wav"), None);
        assert_eq!(fit("{machine}ü.wav", "aü.Wav").unwrap(), ["Machine=a"]);
        assert_eq!(fit("{machine}_{*}.Flac", "a_1.flac").unwrap(), ["Machine=a"]);
        assert_eq!(fit("{machine}_{*}.flac", "a_1.wav"), None);
        for file in ["a_1.wav", "a_1.flac"] {
            assert_eq!(fit("{machine}_{*}.{*}", file).unwrap(), ["Machine=a"]);
        }
    }

    #[test]
    fn many_stars_do_not_take_forever() {
        let pattern = format!("{}b.wav", "{*}a".repeat(40));
        assert_eq!(fit(&pattern, &format!("{}.wav", "a".repeat(200))), None);
    }

    #[test]
    fn faults_are_all_told_with_hints() {
        let told = |pattern: &str| -> Vec<String> {
            let problems = Pattern::parse(pattern).unwrap_err();
            problems
                .into_iter()
                .map(|p| format!("{}: {} [{}]", p.field, p.message, p.hint.unwrap()))
                .collect()
        };
        assert_eq!(
            told("{machin}/{label}_{label}.wav"),
            [
                "pattern: `{machin}` is not a placeholder [did you mean `machine`?]",
                "pattern: `{label}` occurs twice [write `{*}` where the text does not matter]",
            ]
        );
        assert_eq!(
            told("{machine}{section}.wav"),
            [
                "pattern: `{section}` follows another placeholder directly, so the border between them is ambiguous \
              [put the text between them that the file names have there]"
            ]
        );
        assert_eq!(
            told("{machine"),
            [
                "pattern: `{machine` is not closed [write `}` after the name of the placeholder]",
                "pattern: `{machine` does not end in `.wav`, `.flac` or `.ogg` \
                 [end it as the recordings do, or in `.{*}` where they have several formats]",
            ]
        );
        assert_eq!(
            told("/{attr.}\\}.wav"),
            [
                "pattern: `{attr.}` is not a placeholder \
                 [did you mean `attr.NAME`?]",
                "pattern: a `}` closes no placeholder [write placeholders as `{machine}`]",
                "pattern: it has a `\\` [write `/` between folders]",
                "pattern: `/{attr.}\\}.wav` is not a path below the root: it has an empty, a `.` or a `..` part \
                 [write the path from the root to the files, such as `{machine}/{split}/{label}_{*}.wav`]",
            ]
        );
    }
}
