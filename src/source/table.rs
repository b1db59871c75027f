//! Attribute tables (`attributes_00.csv`) of DCASE task 2.
//!
//! Only the attributes `d1p,d1v,d2p,d2v,...` are read. The last column of the evaluation sets' tables holds
//! each clip's full name, with domain and label; it is left alone, because for two machines of 2022 it
//! contradicts the published truth.

use std::collections::BTreeMap;

/// The attributes of the clips a table speaks of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    rows: BTreeMap<String, Row>,
}

/// One row.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// Line of the file, from 1.
    pub line: u64,
    pub attributes: BTreeMap<String, String>,
}

impl Table {
    /// Reads a table. Errors name the line.
    ///
    /// Rows may be ragged: valve/attributes_05.csv of 2022 has rows of four fields under a header of six,
    /// whose last field is the column after the pairs. So a pair counts only if both its fields are there.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
        let header = reader.headers().map_err(|e| format!("line 1: {}", plain(&e)))?.clone();
        let Some(file) = header.iter().position(|column| column == "file_name") else {
            return Err("line 1: the header has no column `file_name`".into());
        };
        let pairs: Vec<(usize, usize)> = header
            .iter()
            .enumerate()
            .filter(|(_, column)| is_pair(column, "p"))
            .filter_map(|(key, column)| {
                let value = format!("{}v", &column[..column.len() - 1]);
                Some((key, header.iter().position(|c| c == value)?))
            })
            .collect();
        let mut rows = BTreeMap::new();
        for record in reader.records() {
            let record = record.map_err(|e| at(e.position(), &plain(&e)))?;
            let line = record.position().map_or(0, csv::Position::line);
            let Some(path) = record.get(file).filter(|path| !path.is_empty()) else {
                return Err(at(record.position(), "`file_name` is empty"));
            };
            let attributes = pairs
                .iter()
                .filter_map(|&(key, value)| Some((record.get(key)?, record.get(value)?)))
                .filter(|(key, _)| !key.is_empty())
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect();
            let row = Row { line, attributes };
            match rows.get(&key(path)) {
                Some(Row { attributes, line: first }) if *attributes != row.attributes => {
                    return Err(format!("line {line}: `{path}` has other attributes than in line {first}"));
                }
                Some(_) => {}
                None => {
                    rows.insert(key(path), row);
                }
            }
        }
        Ok(Self { rows })
    }

    /// The row about the clip with this path.
    pub fn row(&self, path: &str) -> Option<&Row> {
        let key = key(path);
        self.rows.get(&key).or_else(|| self.rows.get(key.split_once('/')?.1))
    }
}

/// The last folder and the name: what stands before differs between the tables and the folders
/// (`fan/test/..`, `dev_data/raw/fan/test/..`). A table may leave out the folder, too.
fn key(path: &str) -> String {
    let cut = path.rmatch_indices('/').nth(1).map_or(0, |(i, _)| i + 1);
    path[cut..].to_owned()
}

/// Whether a column is `d`, a number, `suffix`.
fn is_pair(column: &str, suffix: &str) -> bool {
    let number = column.strip_prefix('d').and_then(|rest| rest.strip_suffix(suffix));
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn at(place: Option<&csv::Position>, why: &str) -> String {
    match place {
        Some(place) => format!("line {}: {why}", place.line()),
        None => why.to_owned(),
    }
}

/// The library's words for a fault of the text, which say the place once more.
fn plain(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8 text".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(table: &str, path: &str) -> Vec<String> {
        let table = Table::parse(table.as_bytes()).unwrap();
        table.row(path).map_or(Vec::new(), |row| row.attributes.iter().map(|(k, v)| format!("{k}={v}")).collect())
    }

    #[test]
    fn both_headers_and_columns_of_others() {
        let wide = "file_name,d1p,d1v,d2p,d2v,recording\nfan/test/a.wav,vel,12,loc, A ,x\n";
        assert_eq!(attributes(wide, "dev_data/raw/fan/test/a.wav"), ["loc=A", "vel=12"]);
        assert!(attributes(wide, "fan/train/a.wav").is_empty());
        let full = "\u{feff}file_name,d1p,d1v,file_name_with_full_attributes\r\nb.wav,m-n,W,fan/test/c_m-n_W.wav\r\n";
        assert_eq!(attributes(full, "fan/test/b.wav"), ["m-n=W"]);
    }

    #[test]
    fn ragged_rows_keep_their_pairs() {
        let ragged = "file_name,d1p,d1v,d2p,d2v,file_name_with_full_attributes\n\
            valve/test/section_05_0000.wav,v1pat,05,v2pat,05,valve/test/x.wav\n\
            valve/test/section_05_0001.wav,v1pat,05,valve/test/y.wav\n\
            valve/test/section_05_0002.wav\n";
        assert_eq!(attributes(ragged, "valve/test/section_05_0000.wav"), ["v1pat=05", "v2pat=05"]);
        assert_eq!(attributes(ragged, "valve/test/section_05_0001.wav"), ["v1pat=05"]);
        assert!(attributes(ragged, "valve/test/section_05_0002.wav").is_empty());
    }

    #[test]
    fn faults_name_their_line() {
        let why = |bytes: &[u8]| Table::parse(bytes).unwrap_err();
        assert_eq!(why(b"name,d1p\n"), "line 1: the header has no column `file_name`");
        assert_eq!(why(b""), "line 1: the header has no column `file_name`");
        assert_eq!(why(b"file_name,d1p,d1v\na.wav,vel,1\n,vel,2\n"), "line 3: `file_name` is empty");
        assert_eq!(why(b"file_name,d1p,d1v\na.wav,vel,1\nb.wav,vel,\xff\n"), "line 3: it is not UTF-8 text");
        assert_eq!(
            why(b"file_name,d1p,d1v\na.wav,vel,1\nb.wav,vel,1\na.wav,vel,2\n"),
            "line 4: `a.wav` has other attributes than in line 2"
        );
    }
}
