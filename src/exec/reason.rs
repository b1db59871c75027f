//! Why a stage ran: the difference of two key documents.

use serde_json::Value;

use super::keys::Keyed;
use crate::desk::Pointer;
use crate::store::{Found, Store};

/// One difference between two keys.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// Path into the key document, such as `config.detector.knn.k`.
    pub path: String,
    /// Values as JSON; `None` if the path does not exist.
    pub old: Option<String>,
    pub new: Option<String>,
}

/// The differences between two key documents, in order of their paths.
pub fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    compare(Some(old), Some(new), String::new(), &mut found);
    found
}

fn compare(old: Option<&Value>, new: Option<&Value>, path: String, found: &mut Vec<Change>) {
    if old == new {
        return;
    }
    if let (Some(Value::Object(a)), Some(Value::Object(b))) = (old, new) {
        let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            compare(a.get(key), b.get(key), inner, found);
        }
        return;
    }
    found.push(Change { path, old: old.map(Value::to_string), new: new.map(Value::to_string) });
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path.strip_prefix("config.").unwrap_or(&self.path);
        let path = match path.strip_prefix("code.") {
            Some(name) => format!("version of {name}"),
            None => path.to_owned(),
        };
        match (path.strip_prefix("inputs."), &self.old, &self.new) {
            (Some(role), Some(_), Some(_)) => write!(f, "input {role} changed"),
            (Some(role), None, _) => write!(f, "input {role} is new"),
            (Some(role), _, None) => write!(f, "input {role} is gone"),
            (None, Some(old), Some(new)) => write!(f, "{path}: {old} -> {new}"),
            (None, None, Some(new)) => write!(f, "{path}: {new} is new"),
            (None, Some(old), None) => write!(f, "{path}: {old} is gone"),
            (None, None, None) => f.write_str(&path),
        }
    }
}

/// All differences in one line.
pub fn summary(changes: &[Change]) -> String {
    changes.iter().map(Change::to_string).collect::<Vec<_>>().join(", ")
}

/// Why a node runs: its bytes are gone, or what changed.
pub(super) fn why(keyed: &Keyed, last: Option<&Pointer>, store: &Store) -> String {
    if matches!(store.lookup(&keyed.key), Found::Sound(_)) {
        return "its output is gone from the cache".into();
    }
    since_last(keyed, last, store)
}

/// The changes of a node since the last run of its label.
pub(super) fn since_last(keyed: &Keyed, last: Option<&Pointer>, store: &Store) -> String {
    let Some(last) = last else { return "first run".into() };
    match store.record(&last.key).sound() {
        Some(old) => summary(&changes(&old.material, &keyed.material)),
        None => "its last record is gone".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reasons_name_the_setting_with_old_and_new_value() {
        let old = json!({"config": {"knn": {"k": 1}}, "inputs": {"features": "aa", "clips": "x"}});
        let new =
            json!({"config": {"knn": {"k": 3, "metric": "cosine"}}, "inputs": {"features": "bb"}});
        let text = summary(&changes(&old, &new));
        assert_eq!(
            text,
            "knn.k: 1 -> 3, knn.metric: \"cosine\" is new, input clips is gone, input features changed"
        );
        assert!(changes(&old, &old).is_empty());
        let (old, new) =
            (json!({"code": {"training": 1}}), json!({"code": {"training": 2, "smote": 1}}));
        assert_eq!(
            summary(&changes(&old, &new)),
            "version of smote: 1 is new, version of training: 1 -> 2"
        );
    }
}
