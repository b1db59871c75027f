//! Rows of CSV tables of users: scores, decisions, truth, attributes.

/// The rows of a CSV text, each with its line number. Rows may differ in length, and fields are
/// trimmed. Empty lines and a byte-order mark, which spreadsheets write, are skipped.
///
/// # Errors
/// The reason and its line, if the text is not UTF-8 or its fields are not separated by commas.
pub fn rows(bytes: &[u8]) -> Result<Vec<(u64, Vec<String>)>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    // The reader reports the line before preceding empty lines and mistakes a CRLF for the start of
    // the row.
    let (mut at, mut line, mut rows) = (0, 1, Vec::new());
    for record in reader.records() {
        let place = record.as_ref().map_or_else(csv::Error::position, csv::StringRecord::position);
        if let Some(begin) = place.map(|place| usize::try_from(place.byte()).unwrap_or(at)) {
            let empty = bytes[begin..].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
            line += line_ends(bytes, at, begin + empty);
            at = begin + empty;
        }
        let record = record.map_err(|error| match error.kind() {
            csv::ErrorKind::Utf8 { .. } => format!("line {line}: it is not UTF-8 text"),
            _ => format!("line {line}: {error}"),
        })?;
        rows.push((line, record.iter().map(str::to_owned).collect::<Vec<_>>()));
    }
    match separator(&rows) {
        Some(separator) => {
            Err(format!("its fields are separated by {separator}: save it with commas"))
        }
        None => Ok(rows),
    }
}

/// The number of line ends (LF, CRLF or CR) in `from..to`.
fn line_ends(bytes: &[u8], from: usize, to: usize) -> u64 {
    (from..to)
        .filter(|i| bytes[*i] == b'\n' || (bytes[*i] == b'\r' && bytes.get(i + 1) != Some(&b'\n')))
        .count() as u64
}

/// The separator of a table that does not use commas. A row counts for a separator if it stands
/// before the first comma, because later commas may be decimal commas. The separator must win in
/// more rows than the comma.
fn separator(rows: &[(u64, Vec<String>)]) -> Option<&'static str> {
    let is_file = |field: &str| {
        let field = field.to_ascii_lowercase();
        [".wav", ".flac", ".ogg"].iter().any(|ending| field.ends_with(ending))
    };
    [(';', "`;`"), ('\t', "tabs")].into_iter().find_map(|(separator, shown)| {
        let other = |row: &&Vec<String>| {
            row[0].contains(separator) && (row.len() == 1 || !is_file(&row[0]))
        };
        let others = rows.iter().filter(|(_, row)| other(&row)).count();
        let comma = rows.iter().filter(|(_, row)| row.len() > 1 && !other(&row)).count();
        (others > comma).then_some(shown)
    })
}

/// A message about a row with more than `most` fields. `whose` ends the phrase "where ...", such as
/// `a score has 2`. Empty fields at the end of a row do not count, because spreadsheets write them.
pub fn surplus(row: &[String], most: usize, whose: &str) -> Option<String> {
    let count = row.iter().rposition(|field| !field.is_empty()).map_or(0, |last| last + 1);
    if count <= most {
        return None;
    }
    let count_told = format!("the row has {count} fields where {whose}");
    let number = (1..count.saturating_sub(1))
        .find_map(|i| Some((i, with_point(&row[i..=i + 1].join(","))?)));
    Some(match number {
        Some((i, number)) => format!(
            "{count_told}, and what follows the {} looks like the decimals of a number with a comma: write {number}",
            ordinal(i + 1)
        ),
        None => count_told,
    })
}

/// Writes a number with a decimal point instead of a comma: `9,2345` becomes 9.2345.
pub fn with_point(text: &str) -> Option<String> {
    let (whole, rest) = text.split_once(',')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let decimals = rest.find(['e', 'E']).map_or(rest, |at| &rest[..at]);
    let number = format!("{whole}.{rest}");
    let sound = digits(whole.trim_start_matches(['-', '+']))
        && digits(decimals)
        && number.parse::<f64>().is_ok();
    sound.then_some(number)
}

fn ordinal(number: usize) -> String {
    const WORDS: [&str; 6] = ["first", "second", "third", "fourth", "fifth", "sixth"];
    WORDS.get(number - 1).map_or_else(|| format!("{number}th"), |word| (*word).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Vec<String> {
        rows(text.as_bytes()).unwrap().remove(0).1
    }

    #[test]
    fn rows_have_their_lines_whatever_ends_them() {
        for end in ["\n", "\r\n", "\r"] {
            let text = "\u{feff}\nname, score\n\n\"a,1\",2\n".replace('\n', end);
            let found = rows(text.as_bytes()).unwrap();
            assert_eq!(
                found,
                [(2, row("name,score")), (4, vec!["a,1".into(), "2".into()])],
                "{end:?}"
            );
        }
        assert_eq!(rows(b"a,1\nb,2\nc,\xff\n").unwrap_err(), "line 3: it is not UTF-8 text");
    }

    #[test]
    fn other_separators_are_told() {
        let told = |text: &str| rows(text.as_bytes()).err();
        let semicolons = Some("its fields are separated by `;`: save it with commas".to_owned());
        assert_eq!(told("a.wav;9\nb.wav;8\n"), semicolons);
        // The numbers have decimal commas, and a header comes first.
        assert_eq!(told("name,score\na.wav;9,25\nb.wav;8,5\n"), semicolons);
        assert_eq!(told("file_name;d1p;d1v\nfan/a.wav;m-n;0,5\n"), semicolons);
        assert_eq!(told("fan/a.wav;m-n;W;fan/a_m-n_W.wav\n"), semicolons);
        let tabs = Some("its fields are separated by tabs: save it with commas".to_owned());
        assert_eq!(told("a.wav\t9.5\nb.wav\t8\n"), tabs);
        for right in ["a;b.wav,1\n", "a.wav,x;y\n", "fan\na.wav,normal;1\n", "", "a\tb.wav,2\n"] {
            assert_eq!(told(right), None, "{right}");
        }
    }

    #[test]
    fn decimal_commas_are_told() {
        let told = |text: &str| surplus(&row(text), 2, "a score has 2");
        assert_eq!(told("a.wav,9.5"), None);
        assert_eq!(told("a.wav,9.5,,"), None);
        let decimals =
            "and what follows the second looks like the decimals of a number with a comma: write";
        assert_eq!(
            told("a.wav,9,2345").unwrap(),
            format!("the row has 3 fields where a score has 2, {decimals} 9.2345")
        );
        assert_eq!(
            told("a.wav,-0,5e-3").unwrap(),
            format!("the row has 3 fields where a score has 2, {decimals} -0.5e-3")
        );
        assert_eq!(told("a.wav,0.5,fan").unwrap(), "the row has 3 fields where a score has 2");
        assert_eq!(with_point("9,2345").unwrap(), "9.2345");
        for text in ["9.2345", "a,b", "1,000.5", ",5", "5,", "1,2,3"] {
            assert_eq!(with_point(text), None, "{text}");
        }
    }
}
