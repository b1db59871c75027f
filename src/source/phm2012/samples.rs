//! The samples of a clip: one column of its files.
//!
//! A file has a row for each of its 2560 samples: hour, minute, second, microsecond, horizontal and
//! vertical acceleration in g. Most files have commas between the columns, those of some bearings
//! semicolons.

use std::path::Path;

use super::select::JOINED;
use crate::artifact::{Axis, Snapshots};
use crate::digest::Digest;
use crate::reading;
use crate::source::{SourceError, Wave};

/// Samples per second.
pub const RATE: u32 = 25_600;
/// Samples of a snapshot: a tenth of a second.
pub const ROWS: usize = 2560;
/// Samples of a clip.
pub const LENGTH: usize = JOINED * ROWS;
/// The acceleration in g that is a sample of 1.
const FULL_SCALE: f64 = 50.0;
const COLUMNS: usize = 6;

/// The samples of a clip, rounded to 16 bits.
///
/// Errors: a file cannot be read, changed since it was listed, or is no snapshot.
pub fn read(root: &Path, snapshots: &Snapshots) -> Result<Wave, SourceError> {
    let mut steps = Vec::with_capacity(LENGTH);
    for (path, sha256) in &snapshots.files {
        let bytes = loaded(root, path)?;
        if Digest::of(&bytes) != *sha256 {
            return Err(wrong(path, "changed since it was listed".into()));
        }
        steps.extend(parse(&bytes, snapshots.axis).map_err(|why| wrong(path, why))?);
    }
    Ok(Wave::of_steps(RATE, &steps))
}

/// Looks at the file at this path below the root.
///
/// Errors: it cannot be read, or is no snapshot.
pub fn look(root: &Path, path: &str) -> Result<(), SourceError> {
    let bytes = loaded(root, path)?;
    for axis in [Axis::Horizontal, Axis::Vertical] {
        parse(&bytes, axis).map_err(|why| wrong(path, why))?;
    }
    Ok(())
}

fn loaded(root: &Path, path: &str) -> Result<Vec<u8>, SourceError> {
    let bytes = reading::read(&root.join(path), reading::TEXT);
    bytes.map_err(|e| wrong(path, e.to_string()))
}

fn wrong(path: &str, why: String) -> SourceError {
    SourceError::File { path: path.to_owned(), why }
}

/// The samples of a file.
fn parse(bytes: &[u8], axis: Axis) -> Result<Vec<i16>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?;
    let column = match axis {
        Axis::Horizontal => 4,
        Axis::Vertical => 5,
    };
    let sample = |(i, row): (usize, &str)| {
        let separator = if row.contains(';') { ';' } else { ',' };
        let cells: Vec<&str> = row.split(separator).map(str::trim).collect();
        if cells.len() != COLUMNS {
            return Err(format!(
                "row {} has {} columns, not {COLUMNS} (hour, minute, second, microsecond, horizontal and \
                 vertical acceleration)",
                i + 1,
                cells.len()
            ));
        }
        match cells[column].parse::<f64>() {
            // A cast saturates.
            Ok(g) if g.is_finite() => Ok((g / FULL_SCALE * 32_768.0).round() as i16),
            _ => Err(format!(
                "row {} has the acceleration `{}`, which is no number",
                i + 1,
                cells[column]
            )),
        }
    };
    let samples = text.trim_end().lines().enumerate().map(sample).collect::<Result<Vec<_>, _>>()?;
    match samples.len() {
        ROWS => Ok(samples),
        n => Err(format!("it has {n} rows, and a snapshot has {ROWS}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(form: impl Fn(usize) -> String) -> Vec<u8> {
        (0..ROWS).map(form).collect::<String>().into_bytes()
    }

    #[test]
    fn both_forms_give_the_accelerations_of_an_axis() {
        let g = |i: usize| (i as f64 - 1280.0) / 100.0;
        let comma = rows(|i| format!("9,39,39,{}e+004,{:.3},{:.3}\n", 6.5664, g(i), -0.5));
        let other = rows(|i| format!("8;15;0;5.193e+05;{};{}\r\n", 1.0, g(i)));
        let of_comma = parse(&comma, Axis::Horizontal).unwrap();
        assert_eq!(of_comma, parse(&other, Axis::Vertical).unwrap());
        for (i, step) in of_comma.iter().enumerate() {
            assert!(
                (f64::from(*step) / 32_768.0 * 50.0 - g(i)).abs() < 0.5 * 50.0 / 32_768.0 + 1e-9
            );
        }
        // -0.5 g and 1 g, of 50.
        assert!(parse(&comma, Axis::Vertical).unwrap().iter().all(|step| *step == -328));
        assert!(parse(&other, Axis::Horizontal).unwrap().iter().all(|step| *step == 655));
    }

    #[test]
    fn rows_of_published_files_give_the_samples_of_their_clips() {
        // The ends of Learning_set/Bearing1_1/acc_00085.csv and of
        // Full_Test_Set/Bearing1_4/acc_00043.csv, and what 16 bits make of them.
        let ends = "9,53,39,1.6555e+005,-0.59,-0.435\n9,53,39,1.6558e+005,0.134,0.087\n\
                    9,53,39,1.6562e+005,0.629,-0.83\n8;15;0;5.2492e+05;-0.499;0.815\n\
                    8;15;0;5.2496e+05;-0.51;0.281\n8;15;0;5.25e+05;-0.587;-0.536\n";
        let all =
            [rows(|_| "0,0,0,0,0,0\n".into())[..12 * (ROWS - 6)].to_vec(), ends.into()].concat();
        let steps = parse(&all, Axis::Horizontal).unwrap();
        assert_eq!(steps[ROWS - 6..], [-387, 88, 412, -327, -334, -385]);
    }

    #[test]
    fn whatever_is_wrong_with_a_file_is_said() {
        let why = |bytes: &[u8]| parse(bytes, Axis::Vertical).unwrap_err();
        assert_eq!(why(b""), "it has 0 rows, and a snapshot has 2560");
        assert_eq!(why(b"1,2,3,4,5,6\n"), "it has 1 rows, and a snapshot has 2560");
        assert!(why(b"1,2,3,4,5,6\n1,2,3\n").starts_with("row 2 has 3 columns, not 6"));
        assert!(why(b"1;2;3;4;5;x\n").starts_with("row 1 has the acceleration `x`"));
        assert!(why(b"1;2;3;4;5;nan\n").starts_with("row 1 has the acceleration `nan`"));
        assert_eq!(why(&[0xff, 0xfe]), "it is no text");
        let loud = rows(|_| "1,2,3,4,5,-60\n".into());
        assert!(parse(&loud, Axis::Vertical).unwrap().iter().all(|step| *step == i16::MIN));
    }
}
