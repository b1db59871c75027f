//! Decoding a value into a config. It reports all mistakes, not only the first.
//!
//! serde stops at the first mistake. So each mistake is noted and removed, and the rest is decoded
//! again until it fits. Then the config checks the ranges of its settings. The messages use our own
//! words for types instead of serde's, and say what to write.

use serde::Serialize;
use serde_json::Value;

use super::mistakes::{problem, translate};
use super::node::{Node, Step, shorten, steps};
use super::{label, wire};
use crate::detector::{DetectorSpec, EmbedderSpec};
use crate::diagnose::{Diagnostic, Problem, closest, suggest};
use crate::family::{Described, MemberError};
use crate::feature::FeatureSpec;
use crate::pool::PoolSpec;
use crate::source::SourceSpec;
use crate::threshold::ThresholdSpec;

/// A family of variants, as decoding sees it.
pub trait Family: Sized + Clone + Serialize {
    const NAMES: &'static [&'static str];
    /// The word of the spec that holds it, and its name in messages.
    const WORD: &'static str;
    const NOUN: &'static str;
    fn described(name: &str) -> Option<&'static Described>;
    fn parse(name: &str, settings: &Value) -> Result<Self, MemberError>;
    fn problems(&self) -> Vec<Problem>;
}

/// A family as a value, for code that knows only the name of the type, as in a schema.
pub struct Kin {
    /// The enum of the family.
    pub name: &'static str,
    pub word: &'static str,
    pub noun: &'static str,
    pub names: &'static [&'static str],
    pub described: fn(&str) -> Option<&'static Described>,
    /// The labels of several values.
    pub labels: fn(&[Node]) -> Vec<String>,
    inside: Inside,
}

/// Decodes a nested variant. Returns `true` if it is valid, else `false` and any valid value.
type Inside = fn(&Node, &str, Look, &mut Vec<Diagnostic>) -> (Value, bool);

macro_rules! families {
    ($($spec:ident: $word:literal, $noun:literal;)+) => {
        $(impl Family for $spec {
            const NAMES: &'static [&'static str] = $spec::NAMES;
            const WORD: &'static str = $word;
            const NOUN: &'static str = $noun;
            fn described(name: &str) -> Option<&'static Described> {
                $spec::described(name)
            }
            fn parse(name: &str, settings: &Value) -> Result<Self, MemberError> {
                $spec::parse(name, settings)
            }
            fn problems(&self) -> Vec<Problem> {
                self.member().problems()
            }
        })+

        /// All families of a spec.
        pub const KIN: &[Kin] = &[$(Kin {
            name: stringify!($spec),
            word: $word,
            noun: $noun,
            names: $spec::NAMES,
            described: $spec::described,
            labels: label::variants::<$spec>,
            inside: inside::<$spec>,
        }),+];
    };
}

families! {
    SourceSpec: "data", "source";
    FeatureSpec: "features", "feature";
    PoolSpec: "pool", "pool";
    DetectorSpec: "detector", "detector";
    ThresholdSpec: "threshold", "threshold";
    EmbedderSpec: "network", "network";
}

/// The family whose enum has this name.
pub fn kin(name: &str) -> Option<&'static Kin> {
    KIN.iter().find(|family| family.name == name)
}

fn inside<F: Family>(
    node: &Node,
    path: &str,
    look: Look,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Value, bool) {
    match variant_at::<F>(node, path, look, diagnostics) {
        Some(config) => (serde_json::to_value(config).expect("settings are JSON"), true),
        None => (serde_json::json!({ F::NAMES[0]: {} }), false),
    }
}

/// How strictly a section is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The section of a point: everything must be valid.
    Whole,
    /// A sweep fills in the rest: existing settings must be known and of the right type.
    Part,
}

/// The variant in `node`; `None` if there are mistakes, which go to `diagnostics`.
pub fn variant<F: Family>(node: &Node, look: Look, diagnostics: &mut Vec<Diagnostic>) -> Option<F> {
    variant_at(node, F::WORD, look, diagnostics)
}

/// The variant in a node at any path of the spec.
fn variant_at<F: Family>(
    node: &Node,
    at: &str,
    look: Look,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<F> {
    let (name, inner) = match form_at::<F>(node, at) {
        Ok(found) => found,
        Err(diagnostic) => {
            diagnostics.push(diagnostic);
            return None;
        }
    };
    let path = format!("{at}.{name}");
    let (mut settings, nested) = wire::settings::<F>(name, inner);
    let mut sound = true;
    for (field, family) in nested {
        let Some(node) = inner.get(field) else { continue };
        let (value, ok) = (family.inside)(node, &format!("{path}.{field}"), look, diagnostics);
        settings[field] = value;
        sound &= ok;
    }
    let config =
        strike_and_retry(|v| F::parse(name, v), settings, inner, &path, look, diagnostics)?;
    if !sound {
        return None;
    }
    if look == Look::Whole {
        let problems = config.problems();
        if !problems.is_empty() {
            diagnostics.extend(problems.into_iter().map(|p| problem(p, inner, &path)));
            return None;
        }
    }
    Some(config)
}

/// The name and the settings of a variant: a map with one known key that holds a map or nothing.
pub fn form<F: Family>(node: &Node) -> Result<(&str, &Node), Diagnostic> {
    form_at::<F>(node, F::WORD)
}

fn form_at<'n, F: Family>(node: &'n Node, word: &str) -> Result<(&'n str, &'n Node), Diagnostic> {
    let noun = F::NOUN;
    // A hint shows the key at this place, not its whole path.
    let key = word.rsplit('.').next().unwrap_or(word);
    let wrong = |message: String| Diagnostic::new("E0205", message).at(node.place());
    let unknown = |name: &str, at| {
        let message = format!("unknown {noun} `{}`", shorten(name));
        Diagnostic::new("E0203", message).at(at).hint(suggest(name, F::NAMES.iter().copied()))
    };
    if let Some(name) = node.as_str() {
        return Err(match F::NAMES.contains(&name) {
            true => wrong(format!(
                "`{word}` must be a map with one key, the {noun}, not the bare name `{name}`"
            ))
            .hint(write_bare(node, word, name)),
            false if name.contains(['/', '\\']) && F::NAMES.contains(&"dcase") => {
                unknown(name, node.place())
                    .hint(format!("write `data: {{ dcase: {{ root: {name} }} }}`"))
            }
            false => unknown(name, node.place()),
        });
    }
    let example = F::NAMES[0];
    let Some(entries) = node.as_map() else {
        return Err(wrong(format!(
            "`{word}` must be a map with one key, the {noun}, not {}",
            node.shown()
        ))
        .hint(match node.as_list() {
            Some(_) => format!(
                "to try several, list them under `sweep:`; one is `{key}: {{ {example}: {{}} }}`"
            ),
            None => format!("write `{key}: {{ {example}: {{}} }}`"),
        }));
    };
    match entries {
        [] => {
            Err(wrong(format!("`{word}` names no {noun}"))
                .hint(suggest("", F::NAMES.iter().copied())))
        }
        [(name, inner)] => {
            if !F::NAMES.contains(&name.as_str()) {
                return Err(unknown(name, inner.key_place()));
            }
            if inner.as_map().is_none() && !inner.is_null() {
                let message =
                    format!("`{word}.{name}` must be a map of settings, not {}", inner.shown());
                let of_folder = F::described(name).is_some_and(|own| own.fields.contains(&"root"));
                let hint = match inner.as_str().filter(|_| of_folder) {
                    Some(root) => format!("write `{name}: {{ root: {} }}`", shorten(root)),
                    None => format!("write `{name}: {{}}` for its defaults"),
                };
                return Err(wrong(message).at(inner.place()).hint(hint));
            }
            Ok((name, inner))
        }
        [(first, _), (second, other), ..] => {
            Err(several::<F>(word, entries, first, second).at(other.key_place()))
        }
    }
}

fn write_bare(node: &Node, word: &str, name: &str) -> String {
    match node.source.name.as_str() {
        "--set" => format!("write `--set '{word}={{{name}: {{}}}}'`"),
        _ => {
            let key = word.rsplit('.').next().unwrap_or(word);
            format!("write `{key}: {{ {name}: {{}} }}` for its defaults")
        }
    }
}

fn several<F: Family>(
    word: &str,
    entries: &[(String, Node)],
    first: &str,
    second: &str,
) -> Diagnostic {
    let noun = F::NOUN;
    let named = entries.iter().filter_map(|(_, n)| n.as_str()).find(|s| F::NAMES.contains(s));
    let diagnostic = Diagnostic::new(
        "E0205",
        format!(
            "`{word}` has {} keys, `{first}` and `{second}`; it takes one, the {noun}",
            entries.len()
        )
        .replacen(
            " keys, ",
            if entries.len() > 2 { " keys, among them " } else { " keys, " },
            1,
        ),
    );
    diagnostic.hint(match named {
        Some(name) => format!("write the settings under the name: `{name}: {{ ... }}`"),
        None if word == "pool" => "to join pools end to end write a list: `pool: [ { mean: {} }, ... ]`".into(),
        None if !F::NAMES.contains(&second) && F::NAMES.contains(&first) => {
            format!("if `{second}` is a setting of `{first}`, indent it under `{first}:`")
        }
        None => format!(
            "keep one, or sweep over both: `sweep: {{ {word}: [ {{ {first}: {{}} }}, {{ {second}: {{}} }} ] }}`"
        ),
    })
}

/// Decodes `value`. Each mistake is noted and removed until the rest fits.
///
/// `None` if there was any mistake. `node` is the same value with places in the file, and `path` is
/// its path in the file.
pub fn strike_and_retry<T>(
    decode: impl Fn(&Value) -> Result<T, MemberError>,
    mut value: Value,
    node: &Node,
    path: &str,
    look: Look,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<T> {
    let mut struck: Vec<String> = Vec::new();
    // Each round removes one key, and a spec has a limited number of keys. The limit guards against
    // configs whose own decoding reports a field that does not exist.
    for _ in 0..256 {
        let (field, message) = match decode(&value) {
            Ok(config) => return struck.is_empty().then_some(config),
            Err(MemberError::Settings { field, message }) => (field, message),
            Err(MemberError::Unknown) => return None,
        };
        if let Some(missing) = missing_field(&message) {
            let name =
                if field.is_empty() { missing.to_owned() } else { format!("{field}.{missing}") };
            // If `rot:` is reported as unknown, a missing `root` would be the same mistake again.
            let meant = struck.iter().any(|s| *s == name || closest(s, [name.as_str()]).is_some());
            if !meant && look == Look::Whole {
                let message = format!("`{path}.{name}` is missing");
                let at = node.nearest(&field).key_place();
                diagnostics.push(
                    Diagnostic::new("E0207", message)
                        .at(at)
                        .hint(format!("write `{missing}:` under it")),
                );
            }
            return None;
        }
        let field = with_unknown(field, &message);
        diagnostics.push(translate(&message, node, path, &field));
        // Removing an item of a list would shift the places of the others, so the whole list is
        // removed.
        let key = field.split('[').next().unwrap_or("").to_owned();
        if !strike(&mut value, &key) {
            return None;
        }
        struck.push(key);
    }
    None
}

fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

/// serde names an unknown field in its message, but reports the path of the map or of the field.
fn with_unknown(field: String, message: &str) -> String {
    let Some(name) = message.strip_prefix("unknown field `").and_then(|m| m.split('`').next())
    else {
        return field;
    };
    let last = steps(&field).last().copied();
    match last {
        Some(Step::Key(key)) if key == name => field,
        _ if field.is_empty() => name.to_owned(),
        _ => format!("{field}.{name}"),
    }
}

fn strike(value: &mut Value, field: &str) -> bool {
    let keys: Vec<&str> = field.split('.').collect();
    let Some((last, way)) = keys.split_last() else { return false };
    let parent = way.iter().try_fold(value, |v, key| v.get_mut(key));
    parent.and_then(Value::as_object_mut).is_some_and(|map| map.remove(*last).is_some())
}
