//! The tables of a section: whether they belong to its clips, and what they add to the names.

use std::collections::BTreeMap;

use crate::artifact::Split;
use crate::source::layout::place;
use crate::source::table::{Form, Table};
use crate::source::{ListedFile, SectionId, SourceError};

/// Refuses a table none of whose rows is of a clip of the section. A table of hidden attributes may
/// be of a split that is not here. Of the two splits, that of training must be in a table of
/// attributes that its names lack: evaluation data hide those of the test.
pub(super) fn of_others(
    id: &SectionId,
    files: &[ListedFile],
    tables: &[Table],
) -> Result<(), SourceError> {
    let of = |split: Option<Split>| {
        let paths = files.iter().map(|file| file.path.as_str());
        let (train, test): (Vec<&str>, Vec<&str>) =
            paths.partition(|path| path.split('/').rev().nth(1) == Some("train"));
        match split {
            Some(Split::Train) => train,
            Some(Split::Test) => test,
            None => [train, test].concat(),
        }
    };
    let bare = |path: &&str| place(path).is_ok_and(|placed| placed.name.attributes.is_empty());
    for table in tables {
        let (clips, whose) = match table.form {
            Form::Correspondence(Split::Train) => (of(Some(Split::Train)), "training "),
            Form::Correspondence(Split::Test) => (of(Some(Split::Test)), "test "),
            Form::Attributes if table.of_others(of(None).into_iter()).is_some() => (of(None), ""),
            Form::Attributes => {
                (of(Some(Split::Train)).into_iter().filter(bare).collect(), "training ")
            }
        };
        if clips.is_empty() {
            continue;
        }
        if let Some((count, name, row)) = table.of_others(clips.into_iter()) {
            let why = format!(
                "none of its {count} rows is of a {whose}clip of this section, such as `{name}` in line {} (correct the \
                 paths, or set `attributes: names` to leave the tables unread)",
                row.line
            );
            return Err(SourceError::File { path: table.form.name(id), why });
        }
    }
    Ok(())
}

/// Adds the attributes that the table has and the name lacks. A key without a value is a word such as
/// `ambient`, or a field that was left empty, which contradicts no name.
pub(super) fn complete(
    attributes: &mut BTreeMap<String, String>,
    table: &Table,
    path: &str,
    id: &SectionId,
) -> Result<(), SourceError> {
    let Some(row) = table.row(path) else { return Ok(()) };
    for (key, value) in &row.attributes {
        match attributes.get(key) {
            Some(named) if !value.is_empty() && !same(named, value) => {
                let why = format!(
                    "line {}: `{key}` is `{value}`, but the name of `{path}` says `{named}` \
                     (correct one of them, or set `attributes: names` to leave the tables unread)",
                    row.line
                );
                return Err(SourceError::File { path: table.form.name(id), why });
            }
            Some(_) => {}
            None => {
                attributes.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(())
}

/// Equal as text or as numbers: a table may say 0.1 and a name 0.10.
pub(super) fn same(a: &str, b: &str) -> bool {
    a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
}
