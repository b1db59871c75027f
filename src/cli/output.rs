//! Writing the product to stdout. A reader that went away (`| head`) is no error.

use std::io::Write;

use serde::Serialize;

/// Writes text as it is.
pub fn text(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
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
    let factor = match text[digits..].trim().to_ascii_uppercase().trim_end_matches('B') {
        "" => 1.0,
        "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        _ => return Err(wrong()),
    };
    Ok((number * factor) as u64)
}

/// Seconds of `30d`, `12h`, `90m`, `45s`.
pub fn parse_age(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("`{text}` is no age; write 30d or 12h");
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        _ => return Err(wrong()),
    };
    Ok(std::time::Duration::from_secs(number.saturating_mul(seconds)))
}

/// Whether `label` matches a pattern in which `*` stands for any text and `?` for any one character.
pub fn glob(pattern: &str, label: &str) -> bool {
    fn matches(p: &[char], l: &[char]) -> bool {
        match p.first() {
            None => l.is_empty(),
            Some('*') => (0..=l.len()).any(|n| matches(&p[1..], &l[n..])),
            Some('?') => !l.is_empty() && matches(&p[1..], &l[1..]),
            Some(c) => l.first() == Some(c) && matches(&p[1..], &l[1..]),
        }
    }
    matches(&pattern.chars().collect::<Vec<_>>(), &label.chars().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages_are_read_and_written() {
        assert_eq!(parse_size("2G"), Ok(2_000_000_000));
        assert_eq!(parse_size("1.5 MB"), Ok(1_500_000));
        assert!(parse_size("many").is_err() && parse_age("").is_err());
        assert_eq!(parse_age("2h").unwrap().as_secs(), 7200);
        assert_eq!(size(1_234_567), "1.2 MB");
    }

    #[test]
    fn globs_match_labels() {
        assert!(glob("training/*", "training/fan/00/detector=knn"));
        assert!(glob("*/fan/0?", "metrics/fan/02"));
        assert!(!glob("training/*", "scoring/fan"));
    }
}
