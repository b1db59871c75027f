//! Writing results to stdout and messages to stderr.

use std::io::{ErrorKind, Write};

use super::Exit;

use serde::Serialize;

use crate::math;
use crate::shown::shown_lines;

/// Writes text unchanged. A closed pipe (`| head`) is no error, but any other failure is.
pub fn text(text: &str) {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            tell(&format!("error: stdout cannot be written: {error}"));
            std::process::exit(Exit::StageFailed as i32);
        }
        _ => {}
    }
}

/// Writes lines to stderr and escapes untrusted names. If nobody reads stderr, the work goes on.
pub fn tell(lines: &str) {
    tell_styled(&shown_lines(lines));
}

/// Writes our own coloured text to stderr.
pub fn tell_styled(lines: &str) {
    let _ = std::io::stderr().write_all(format!("{lines}\n").as_bytes());
}

/// Writes a line.
pub fn line(line: &str) {
    text(&format!("{line}\n"));
}

/// Writes a JSON document.
pub fn json<T: Serialize>(value: &T) {
    line(&serde_json::to_string_pretty(value).expect("documents are JSON"));
}

/// `1.4 GB`, `12 kB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// Bytes of `2G`, `500M`, `1.5 GB`, `4096`.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size; write 500M or 2G");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..digits].parse().map_err(|_| wrong())?;
    let factor = match text[digits..].trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1.0,
        "K" | "KB" => 1e3,
        "M" | "MB" => 1e6,
        "G" | "GB" => 1e9,
        "T" | "TB" => 1e12,
        "KIB" => 1024.0,
        "MIB" => math::square(1024f64),
        "GIB" => math::powi(1024f64, 3),
        "TIB" => math::powi(1024f64, 4),
        _ => return Err(wrong()),
    };
    Ok((number * factor) as u64)
}

/// Seconds of `30d`, `12h`, `90m`, `45s`.
pub fn parse_age(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("`{text}` is no age; write 30d or 12h");
    let units = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
    let found =
        units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)));
    let (number, seconds) = found.ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    Ok(std::time::Duration::from_secs(number.saturating_mul(seconds)))
}

/// Whether `label` matches a pattern: `*` stands for any text and `?` for any one character.
pub fn glob(pattern: &str, label: &str) -> bool {
    let (p, l): (Vec<char>, Vec<char>) = (pattern.chars().collect(), label.chars().collect());
    let (mut i, mut j) = (0, 0);
    // The position of the last star, and the end of its match. After a mismatch it takes one
    // character more.
    let mut star: Option<(usize, usize)> = None;
    while j < l.len() {
        match p.get(i) {
            Some('*') => {
                star = Some((i, j));
                i += 1;
            }
            Some(c) if *c == '?' || *c == l[j] => (i, j) = (i + 1, j + 1),
            _ => {
                let Some((at, reach)) = star else { return false };
                star = Some((at, reach + 1));
                (i, j) = (at + 1, reach + 1);
            }
        }
    }
    p[i..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages_are_read_and_written() {
        assert_eq!(parse_size("2G"), Ok(2_000_000_000));
        assert_eq!((parse_size("1.5 MB"), parse_size("1KiB")), (Ok(1_500_000), Ok(1024)));
        assert!(parse_size("many").is_err() && parse_size("2GBB").is_err());
        assert!(parse_age("").is_err() && parse_age("5é").is_err());
        assert_eq!(parse_age("2h").unwrap().as_secs(), 7200);
        assert_eq!(size(1_234_567), "1.2 MB");
    }

    #[test]
    fn globs_match_labels() {
        assert!(glob("training/*", "training/fan/00/detector=knn"));
        assert!(glob("*/fan/0?", "metrics/fan/02"));
        assert!(!glob("training/*", "scoring/fan"));
        assert!(!glob(&format!("{}z", "*".repeat(40)), &"a".repeat(200)));
    }
}
