//! Attribute tables of DCASE task 2.
//!
//! ```text
//! attributes_00.csv                                 file_name,d1p,d1v,d2p,d2v,...
//! attributes_00_{train,test}_correspondence.csv     source_file_name,target_file_name
//! ```
//!
//! Of the first, only the attributes `d1p,d1v,d2p,d2v,...` are read. The last column in the tables
//! of evaluation sets holds each clip's full name, with domain and label. It is ignored, because it
//! contradicts the published truth for two machines of 2022.
//!
//! The second came after the challenges of 2024 and 2025 for machines with hidden attributes: the
//! name with the attributes, and the name of the clip in the data set (with `noAttribute`, or
//! `section_00_0095.wav`). Only the attributes are taken from it, never domain and label.

use std::collections::BTreeMap;

use super::SectionId;
use super::names::{self, keep};
use crate::artifact::{Split, clip_id};
use crate::reading::{self, invisible, surplus};
use crate::shown::visible;

/// The word for no attribute, in names and tables.
const NONE: &str = "noAttribute";

/// The attributes of the clips in a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub form: Form,
    rows: BTreeMap<String, Row>,
}

/// The form of a table, by its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Attributes,
    /// Of clips for training, or of those for testing.
    Correspondence(Split),
}

/// One row.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// Line number in the file, from 1.
    pub line: u64,
    pub attributes: BTreeMap<String, String>,
}

impl Form {
    /// The form that a table seems to have, for a word about it even if it cannot be read.
    pub fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        match text.lines().next().is_some_and(|header| header.contains("target_file_name")) {
            false => Self::Attributes,
            true if text.contains("_train_") => Self::Correspondence(Split::Train),
            true => Self::Correspondence(Split::Test),
        }
    }

    /// The name of the table of a section. Only the contents of tables are given to a source, not
    /// their paths.
    pub fn name(self, id: &SectionId) -> String {
        let SectionId { machine, section } = id;
        match self {
            Self::Attributes => format!("{machine}/attributes_{section}.csv"),
            Self::Correspondence(split) => {
                format!("{machine}/attributes_{section}_{split}_correspondence.csv")
            }
        }
    }
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
        let column = |name: &str| header.iter().position(|column| column == name);
        if let (Some(full), Some(hidden)) = (column("source_file_name"), column("target_file_name"))
        {
            return Self::correspondence(Form::of(bytes), rows, header.len(), full, hidden);
        }
        let Some(file) = column("file_name") else {
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
        let mut table = Self { form: Form::Attributes, rows: BTreeMap::new() };
        for (line, row) in rows {
            let Some(path) = row.get(file).filter(|path| !path.is_empty()) else {
                return Err(format!("line {line}: `file_name` is empty"));
            };
            if let Some(why) = surplus(&row, header.len(), &whose) {
                return Err(format!("line {line}: {why}"));
            }
            let mut attributes = BTreeMap::new();
            for &(key, value) in &pairs {
                if let (Some(key), Some(value)) = (row.get(key), row.get(value))
                    && !["", NONE].contains(&key.as_str())
                    && value != NONE
                {
                    keep(&mut attributes, key, value);
                }
            }
            table.add(path, Row { line, attributes })?;
        }
        Ok(table)
    }

    /// Reads the rows of a table of names, with full names and hidden ones in these two columns.
    fn correspondence(
        form: Form,
        rows: impl Iterator<Item = (u64, Vec<String>)>,
        columns: usize,
        full: usize,
        hidden: usize,
    ) -> Result<Self, String> {
        let mut table = Self { form, rows: BTreeMap::new() };
        let mut names = BTreeMap::new();
        for (line, row) in rows {
            if let Some(why) = surplus(&row, columns, &format!("the header has {columns}")) {
                return Err(format!("line {line}: {why}"));
            }
            let get = |column: usize| row.get(column).filter(|name| !name.is_empty());
            let (Some(full), Some(hidden)) = (get(full), get(hidden)) else {
                return Err(format!("line {line}: one of the two names is empty"));
            };
            let full = key(full);
            let name = names::parse(full.rsplit('/').next().unwrap_or_default())
                .map_err(|why| format!("line {line}: `{full}`: {why}"))?;
            names.insert(full, Row { line, attributes: name.attributes.clone() });
            table.add(hidden, Row { line, attributes: name.attributes })?;
        }
        // A clip that was renamed to its full name is the same one.
        for (full, row) in names {
            table.rows.entry(full).or_insert(row);
        }
        Ok(table)
    }

    fn add(&mut self, path: &str, row: Row) -> Result<(), String> {
        match self.rows.get(&key(path)) {
            Some(Row { attributes, line: first }) if *attributes != row.attributes => Err(format!(
                "line {}: `{path}` has other attributes than in line {first}",
                row.line
            )),
            Some(_) => Ok(()),
            None => {
                self.rows.insert(key(path), row);
                Ok(())
            }
        }
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
/// (`fan/test/..`, `dev_data/raw/fan/test/..`). A table may omit the folder and `.wav`, too, and a
/// table from Windows has `\` between them. The format of the files is no matter.
fn key(path: &str) -> String {
    let path = clip_id(&path.replace('\\', "/"));
    let cut = path.rmatch_indices('/').nth(1).map_or(0, |(i, _)| i + 1);
    let end = if names::stem(&path).is_none() { ".wav" } else { "" };
    format!("{}{end}", &path[cut..])
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
    fn names_without_folders_and_ends_and_tables_without_columns() {
        let short = "file_name,d1p,d1v,d2p,d2v\nsection_00_source_train_normal_0000_vel_0.5,vel,0.5,mic,2\n";
        let path = "dev_data/raw/fan/train/section_00_source_train_normal_0000_vel_0.5.wav";
        assert_eq!(attributes(short, path), ["mic=2", "vel=0.5"]);
        let hidden = "file_name\nfan/train/a.wav\n";
        assert!(attributes(hidden, "fan/train/a.wav").is_empty());
        let table = Table::parse(hidden.as_bytes()).unwrap();
        assert_eq!(table.of_others(["fan/train/a.wav"].into_iter()), None);
        for none in ["noAttribute,,vel", "noAttribute,noAttribute", "pro,noAttribute"] {
            let none = format!("file_name,d1p,d1v,d2p\nfan/train/a.wav,{none}\n");
            assert!(attributes(&none, "fan/train/a.wav").is_empty(), "{none}");
        }
        let twice = "file_name,d1p,d1v,d2p,d2v\na.wav,mic,2,mic,1\n";
        assert_eq!(attributes(twice, "fan/train/a.wav"), ["mic=2", "mic#2=1"]);
    }

    #[test]
    fn hidden_attributes_come_from_the_other_name() {
        let text = "source_file_name,target_file_name\n\
            section_00_source_test_anomaly_0001_id_A1_mic_2.wav,section_00_0095.wav\n\
            section_00_source_test_normal_0002_id_B1_.wav,section_00_source_test_normal_0002_noAttribute.wav\n";
        for same in ["section_00_0095", "section_00_source_test_anomaly_0001_id_A1_mic_2"] {
            assert_eq!(attributes(text, &format!("fan/test/{same}.wav")), ["id=A1", "mic=2"]);
        }
        let clip = "fan/test/section_00_source_test_normal_0002_noAttribute.wav";
        assert_eq!(attributes(text, clip), ["id=B1"]);
        let id = SectionId { machine: "fan".into(), section: "00".into() };
        let named = |text: &str| Form::of(text.as_bytes()).name(&id);
        assert_eq!(named(text), "fan/attributes_00_test_correspondence.csv");
        assert_eq!(
            named(&text.replace("_test_", "_train_")),
            "fan/attributes_00_train_correspondence.csv"
        );
        let why = |row: &str| {
            let text = format!("source_file_name,target_file_name\n{row}\n");
            Table::parse(text.as_bytes()).unwrap_err()
        };
        assert_eq!(why("section_00_0001.wav,"), "line 2: one of the two names is empty");
        assert_eq!(
            why("fan.wav,section_00_0001.wav"),
            "line 2: `fan.wav`: its name starts with none of `section_`, `normal_id_`, `anomaly_id_`, `id_`"
        );
        assert_eq!(
            why("section_00_0001_id_A.wav,x.wav\nsection_00_0001_id_B.wav,x.wav"),
            "line 3: `x.wav` has other attributes than in line 2"
        );
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
