//! Golden rows: which versions gave which bytes.

use std::collections::BTreeMap;
use std::fmt;

use humshift::artifact::{Artifact, Blob, Kind, Matrix, Tensor, Tensors};
use humshift::digest::Digest;
use serde::{Deserialize, Serialize};

/// Values of a row that are kept for people.
const SHOWN: usize = 4;

/// The golden rows of a family, by member and settings.
pub type Rows = BTreeMap<String, Row>;

/// The rows of a family as the program gives them now, or why it gives none.
pub type Now = BTreeMap<String, Result<Row, String>>;

/// What some code makes of its fixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Versions of the code by name, as they are in a key.
    pub versions: BTreeMap<String, u32>,
    /// SHA-256 of all bytes.
    pub digest: Digest,
    /// Some of the values, evenly spread, to see how far they moved; not compared.
    pub shows: Vec<f64>,
}

impl Row {
    /// The row of `parts`, one after the other, each with its length. Errors: a value of `shows`
    /// that is not finite.
    pub fn new(
        versions: BTreeMap<String, u32>,
        parts: &[Vec<u8>],
        shows: &[f64],
    ) -> Result<Self, String> {
        if let Some(value) = shows.iter().find(|x| !x.is_finite()) {
            return Err(format!("one of its values is {value}"));
        }
        let whole: Vec<u8> =
            parts.iter().flat_map(|part| [&part.len().to_le_bytes()[..], part].concat()).collect();
        let shows = shows.iter().step_by(shows.len().div_ceil(SHOWN).max(1)).copied().collect();
        Ok(Self { versions, digest: Digest::of(&whole), shows })
    }

    /// The row of values, by one member of a family.
    pub fn of(name: &str, version: u32, values: &[f64]) -> Result<Self, String> {
        Self::new([(name.to_owned(), version)].into(), &[bytes(values)], values)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions: Vec<String> =
            self.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        write!(
            f,
            "digest {}, version {}, values {:?}",
            self.digest,
            versions.join(", "),
            self.shows
        )
    }
}

/// The values as little-endian f64.
pub fn bytes(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// The numbers of an artifact, in its order.
pub fn numbers(kind: Kind, bytes: &[u8]) -> Vec<f64> {
    let blob = Blob::new(bytes.to_vec());
    match kind {
        Kind::Npy => {
            Matrix::decode(blob).expect("a matrix").view().iter().map(|&x| f64::from(x)).collect()
        }
        Kind::Safetensors => {
            let tensors = Tensors::decode(blob).expect("tensors").0.into_values();
            tensors
                .flat_map(|tensor| match tensor {
                    Tensor::F32(array) => array.iter().map(|&x| f64::from(x)).collect::<Vec<_>>(),
                    Tensor::F64(array) => array.iter().copied().collect(),
                })
                .collect()
        }
        Kind::Onnx => unreachable!("no stage makes one"),
        Kind::Csv | Kind::Json => {
            let text = String::from_utf8(bytes.to_vec()).expect("text");
            let words = text.split([',', ':', '\n', '{', '}', '"']);
            words.filter(|word| !word.is_empty()).filter_map(|word| word.parse().ok()).collect()
        }
    }
}

/// How the versions of a row stand to those before.
#[derive(PartialEq)]
enum Versions {
    Same,
    /// One is raised or there is one more, and none is less.
    Raised,
    Lowered,
}

fn versions(old: &Row, new: &Row) -> Versions {
    let before = |name: &String| old.versions.get(name).copied();
    let lowered =
        new.versions.iter().any(|(name, version)| before(name).is_some_and(|old| *version < old));
    let raised =
        new.versions.iter().any(|(name, version)| before(name).is_none_or(|old| *version > old));
    match (old.versions == new.versions, raised && !lowered) {
        (true, _) => Versions::Same,
        (false, true) => Versions::Raised,
        (false, false) => Versions::Lowered,
    }
}

/// What is wrong with a family, one message a row; `golden` takes the rows that may be accepted.
pub fn compare(now: Now, golden: &mut Rows, accept: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    golden.retain(|name, _| {
        let known = now.contains_key(name);
        if !known && !accept {
            wrong.push(format!(
                "{name}: a golden row of nobody: run with HUMSHIFT_ACCEPT_GOLDEN=1 to drop it"
            ));
        }
        known
    });
    for (name, row) in now {
        let row = match row {
            Ok(row) => row,
            Err(why) => {
                wrong.push(format!("{name}: {why}"));
                continue;
            }
        };
        let Some(old) = golden.get(&name) else {
            match accept {
                true => drop(golden.insert(name, row)),
                false => wrong.push(format!(
                    "{name}: no golden row: run with HUMSHIFT_ACCEPT_GOLDEN=1 to accept"
                )),
            }
            continue;
        };
        let both = format!("\n  before: {old}\n  now:    {row}\n  ");
        match versions(old, &row) {
            Versions::Same if old.digest == row.digest => {}
            Versions::Same => wrong.push(format!(
                "{name}: its bytes changed and no version did{both}raise the version of the code that changed and run with \
                 HUMSHIFT_ACCEPT_GOLDEN=1, or undo the change; if the fixture changed, delete the row and accept the new one"
            )),
            Versions::Raised if accept => drop(golden.insert(name, row)),
            Versions::Raised => wrong
                .push(format!("{name}: its version is raised{both}run with HUMSHIFT_ACCEPT_GOLDEN=1 to accept its row")),
            Versions::Lowered => wrong.push(format!(
                "{name}: its version is lowered{both}a cache may hold other bytes of that version: raise it instead"
            )),
        }
    }
    wrong
}

/// JSON with a line a row.
pub fn write(golden: &BTreeMap<String, Rows>) -> String {
    let line = |(name, row): (&String, &Row)| {
        let text = serde_json::to_string(row).expect("rows are JSON");
        format!("    {}: {text}", serde_json::to_string(name).expect("a text"))
    };
    let family = |(name, rows): (&String, &Rows)| {
        format!("  \"{name}\": {{\n{}\n  }}", rows.iter().map(line).collect::<Vec<_>>().join(",\n"))
    };
    format!("{{\n{}\n}}\n", golden.iter().map(family).collect::<Vec<_>>().join(",\n"))
}

#[test]
fn rows_survive_their_file() {
    let rows: Rows = [("a \"b\"".to_owned(), Row::of("a", 1, &[0.1]).expect("finite"))].into();
    let golden = BTreeMap::from([("x".to_owned(), rows.clone()), ("y".to_owned(), rows)]);
    let read: BTreeMap<String, Rows> = serde_json::from_str(&write(&golden)).expect("JSON");
    assert_eq!(read, golden);
}
