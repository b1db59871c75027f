//! Attribute tables (`attributes_00.csv`) of DCASE task 2.
//!
//! Only the attributes `d1p,d1v,d2p,d2v,...` are read. The last column in the tables of evaluation
//! sets holds each clip's full name, with domain and label. It is ignored, because it contradicts
//! the published truth for two machines of 2022.

use std::collections::BTreeMap;

use crate::reading::{self, invisible, surplus};
use crate::shown::visible;

/// The attributes of the clips in a table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    rows: BTreeMap<String, Row>,
}

/// One row.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// Line number in the file, from 1.
    pub line: u64,
    pub attributes: BTreeMap<String, String>,
}

impl Table {
    /// Reads a table. Errors name the line.
    ///
    /// Rows may be shorter than the header: valve/attributes_05.csv of 2022 has rows of four fields
    /// under a header of six, whose last field is the column after the pairs. So a pair counts only
    /// if both its fields are there. A longer row is an error, because its values stand under wrong
    /// columns.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut rows = reading::rows(bytes)?.into_iter();
        let (line, header) = rows.next().unwrap_or((1, Vec::new()));
        let Some(file) = header.iter().position(|column| column == "file_name") else {
            let odd = header.iter().find(|column| invisible(column).is_some());
            let odd =
                odd.map_or(String::new(), |column| format!(" (`{}` is another)", visible(column)));
            return Err(format!("line {line}: the header has no column `file_name`{odd}"));
        };
        let whose = format!("the header has {}", header.len());
        let pairs: Vec<(usize, usize)> = header
            .iter()
            .enumerate()
            .filter(|(_, column)| is_pair(column, "p"))
            .filter_map(|(key, column)| {
                let value = format!("{}v", &column[..column.len() - 1]);
                Some((key, header.iter().position(|c| *c == value)?))
            })
            .collect();
        let mut table = BTreeMap::new();
        for (line, row) in rows {
            let Some(path) = row.get(file).filter(|path| !path.is_empty()) else {
                return Err(format!("line {line}: `file_name` is empty"));
            };
            if let Some(why) = surplus(&row, header.len(), &whose) {
                return Err(format!("line {line}: {why}"));
            }
            let attributes = pairs
                .iter()
                .filter_map(|&(key, value)| Some((row.get(key)?, row.get(value)?)))
                .filter(|(key, _)| !key.is_empty())
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect();
            let found = Row { line, attributes };
            match table.get(&key(path)) {
                Some(Row { attributes, line: first }) if *attributes != found.attributes => {
                    return Err(format!(
                        "line {line}: `{path}` has other attributes than in line {first}"
                    ));
                }
                Some(_) => {}
                None => {
                    table.insert(key(path), found);
                }
            }
        }
        Ok(Self { rows: table })
    }

    /// The row of the clip with this path.
    pub fn row(&self, path: &str) -> Option<&Row> {
        let key = key(path);
        self.rows.get(&key).or_else(|| self.rows.get(key.split_once('/')?.1))
    }

    /// The first row and the number of rows, if there are rows but none belongs to one of the
    /// clips.
    pub fn of_others<'c>(
        &self,
        mut clips: impl Iterator<Item = &'c str>,
    ) -> Option<(usize, &str, &Row)> {
        let (name, row) = self.rows.iter().min_by_key(|(_, row)| row.line)?;
        (!clips.any(|path| self.row(path).is_some())).then_some((self.rows.len(), name, row))
    }
}

/// The last folder and the name. The parts before differ between the tables and the folders
/// (`fan/test/..`, `dev_data/raw/fan/test/..`). A table may omit the folder, too, and a table from
/// Windows has `\` between them.
fn key(path: &str) -> String {
    let path = path.replace('\\', "/");
    let cut = path.rmatch_indices('/').nth(1).map_or(0, |(i, _)| i + 1);
    path[cut..].to_owned()
}

/// Whether a column name is `d`, a number and `suffix`.
fn is_pair(column: &str, suffix: &str) -> bool {
    let number = column.strip_prefix('d').and_then(|rest| rest.strip_suffix(suffix));
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(table: &str, path: &str) -> Vec<String> {
        let table = Table::parse(table.as_bytes()).unwrap();
        table.row(path).map_or(Vec::new(), |row| {
            row.attributes.iter().map(|(k, v)| format!("{k}={v}")).collect()
        })
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
        assert_eq!(
            why(b"file_name,d1p,d1v\na.wav,vel,1\n,vel,2\n"),
            "line 3: `file_name` is empty"
        );
        assert_eq!(
            why(b"file_name,d1p,d1v\na.wav,vel,1\nb.wav,vel,\xff\n"),
            "line 3: it is not UTF-8 text"
        );
        assert_eq!(
            why(b"file_name,d1p,d1v\na.wav,vel,1\nb.wav,vel,1\na.wav,vel,2\n"),
            "line 4: `a.wav` has other attributes than in line 2"
        );
        assert_eq!(
            why(b"file_name;d1p;d1v\na.wav;vel;0,5\n"),
            "its fields are separated by `;`: save it with commas"
        );
        assert_eq!(
            why("\u{200b}file_name,d1p\n".as_bytes()),
            "line 1: the header has no column `file_name` (`<U+200B>file_name` is another)"
        );
    }

    #[test]
    fn a_row_longer_than_the_header_is_refused() {
        let why = |row: &str| {
            Table::parse(format!("file_name,d1p,d1v,d2p,d2v\n{row}\n").as_bytes()).err()
        };
        assert_eq!(
            why("a.wav,vel,0,5,loc,A").unwrap(),
            "line 2: the row has 6 fields where the header has 5, and what follows the third looks like the decimals of a \
             number with a comma: write 0.5"
        );
        assert_eq!(
            why("a.wav,vel,5,loc,A,B").unwrap(),
            "line 2: the row has 6 fields where the header has 5"
        );
        assert_eq!(why("a.wav,vel,0.5,loc,A,,"), None);
    }

    #[test]
    fn rows_of_windows_are_found_and_those_of_other_clips_told() {
        let table = "file_name,d1p,d1v\ndev_data\\fan\\test\\a.wav,m-n,W\n";
        assert_eq!(attributes(table, "dev_data/fan/test/a.wav"), ["m-n=W"]);
        assert!(attributes(table, "dev_data/fan/train/a.wav").is_empty());
        let table = Table::parse(table.as_bytes()).unwrap();
        assert_eq!(table.of_others(["fan/train/b.wav", "fan/test/a.wav"].into_iter()), None);
        let (count, name, row) = table.of_others(["fan/train/b.wav"].into_iter()).unwrap();
        assert_eq!((count, name, row.line), (1, "test/a.wav", 2));
        assert_eq!(Table::parse(b"file_name,d1p\n").unwrap().of_others([].into_iter()), None);
    }
}
