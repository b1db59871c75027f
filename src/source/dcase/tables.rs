//! The tables of a section: whether they belong to its clips, and what they add to the names.

use std::collections::BTreeMap;

use crate::source::table::{Form, Table};
use crate::source::{ListedFile, SectionId, SourceError};

/// Refuses a table none of whose rows is of a clip of the section. Of the two tables of hidden
/// attributes, one may be of clips that are not here.
pub(super) fn of_others(
    id: &SectionId,
    files: &[ListedFile],
    tables: &[Table],
) -> Result<(), SourceError> {
    let paths = || files.iter().map(|file| file.path.as_str());
    let (own, hidden): (Vec<&Table>, Vec<&Table>) =
        tables.iter().partition(|table| table.form == Form::Attributes);
    let hidden = if hidden.iter().all(|table| table.of_others(paths()).is_some()) {
        hidden.first()
    } else {
        None
    };
    for table in own.into_iter().chain(hidden.copied()) {
        if let Some((count, name, row)) = table.of_others(paths()) {
            let why = format!(
                "none of its {count} rows is of a clip of this section, such as `{name}` in line {} (correct the \
                 paths, or set `attributes: names` to leave the tables unread)",
                row.line
            );
            return Err(SourceError::File { path: table.form.name(id), why });
        }
    }
    Ok(())
}

/// Adds the attributes that the table has and the name lacks.
pub(super) fn complete(
    attributes: &mut BTreeMap<String, String>,
    table: &Table,
    path: &str,
    id: &SectionId,
) -> Result<(), SourceError> {
    let Some(row) = table.row(path) else { return Ok(()) };
    for (key, value) in &row.attributes {
        match attributes.get(key) {
            Some(named) if !same(named, value) => {
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
