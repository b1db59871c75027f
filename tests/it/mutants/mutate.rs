//! Mutators of bytes, of text and of JSON.

use humshift::seed::Rng;
use serde_json::{Map, Number, Value, json};

/// Integers at which lengths, counts and offsets go wrong.
const INTEGERS: [u64; 16] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// Numbers as text, each extreme in its way.
pub const NUMBERS: [&str; 24] = [
    "0",
    "-0",
    "1",
    "-1",
    "2",
    "0.5",
    "1e-400",
    "-1e-320",
    "5e-324",
    "1e18",
    "1e19",
    "1e308",
    "1e309",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    ".nan",
    "-.inf",
];

/// Texts that parsers and terminals trip over.
const TEXTS: [&str; 28] = [
    "\0", "\u{feff}", "\u{200b}", "\u{202e}", "\u{301}", "\u{2028}", "\r", "\t", "\x1b[31m", "\"",
    "'", "{", "}", "[", "]", "&a", "*a", "<<", "!!int", "|", ">", "---", "%", "@", "`", ": ", "- ",
    ",",
];

/// One of several things.
pub fn pick<'a, T>(rng: &mut Rng, all: &'a [T]) -> &'a T {
    &all[rng.below(all.len())]
}

/// An integer at which something may go wrong.
pub fn integer(rng: &mut Rng) -> u64 {
    if rng.below(4) == 0 { rng.next_u64() } else { *pick(rng, &INTEGERS) }
}

/// A place in `0..=length`, and one behind it at most `most` away.
fn span(rng: &mut Rng, length: usize, most: usize) -> (usize, usize) {
    let from = rng.below(length + 1);
    (from, from + rng.below(most.min(length - from) + 1))
}

/// Changes bytes in one to four ways. `other` is a second base to take pieces from.
pub fn bytes(rng: &mut Rng, base: &[u8], other: &[u8]) -> Vec<u8> {
    let mut mutant = base.to_vec();
    for _ in 0..*pick(rng, &[1, 1, 2, 4]) {
        let length = mutant.len();
        match rng.below(9) {
            _ if length == 0 => mutant.push(rng.next_u64() as u8),
            0 => mutant[rng.below(length)] ^= 1 << rng.below(8),
            1 => mutant[rng.below(length)] = rng.next_u64() as u8,
            2 => mutant.truncate(rng.below(length + 1)),
            3 => {
                let (from, to) = span(rng, length, 64);
                mutant.drain(from..to);
            }
            4 => {
                let (at, count) = (rng.below(length + 1), rng.below(40));
                let fill = rng.next_u64() as u8;
                mutant.splice(at..at, std::iter::repeat_n(fill, count));
            }
            5 => {
                let ((from, to), at) = (span(rng, length, 64), rng.below(length + 1));
                let piece = mutant[from..to].to_vec();
                mutant.splice(at..at, piece);
            }
            6 => {
                let width = *pick(rng, &[1, 2, 4, 8]);
                // Headers are in front and decide most.
                let at =
                    if rng.below(2) == 0 { rng.below(length) } else { rng.below(length.min(64)) };
                let value = integer(rng).to_le_bytes();
                mutant[at..].iter_mut().zip(&value[..width]).for_each(|(old, new)| *old = *new);
            }
            7 => mutant.swap(rng.below(length), rng.below(length)),
            _ => {
                let at = rng.below(length + 1);
                mutant.truncate(at);
                mutant.extend_from_slice(&other[rng.below(other.len() + 1)..]);
            }
        }
    }
    mutant
}

/// Whether a character belongs to the token of its neighbour.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+')
}

/// Words, spaces at the beginning of lines, and all other characters one by one.
pub fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut before = '\n';
    for c in text.chars() {
        let joins = (is_word(c) && is_word(before)) || (c == ' ' && before == ' ');
        match tokens.last_mut() {
            Some(last) if joins => last.push(c),
            _ => tokens.push(c.to_string()),
        }
        before = c;
    }
    tokens
}

/// Changes tokens of a text in one to four ways. `other` is a second base to take tokens from.
pub fn text(rng: &mut Rng, base: &str, other: &str) -> String {
    let mut all = tokens(base);
    let strange = tokens(other);
    for _ in 0..*pick(rng, &[1, 1, 2, 4]) {
        let length = all.len();
        match rng.below(11) {
            _ if length == 0 => all.push((*pick(rng, &TEXTS)).to_owned()),
            0 => {
                all.remove(rng.below(length));
            }
            1 => {
                let token = all[rng.below(length)].clone();
                all.insert(rng.below(length + 1), token);
            }
            2 => all.swap(rng.below(length), rng.below(length)),
            3 | 4 => {
                let numbers: Vec<usize> =
                    (0..length).filter(|i| all[*i].parse::<f64>().is_ok()).collect();
                if !numbers.is_empty() {
                    // One of the text's own numbers is in its range more often than an extreme.
                    let own = all[*pick(rng, &numbers)].clone();
                    let number =
                        if rng.below(2) == 0 { own } else { (*pick(rng, &NUMBERS)).to_owned() };
                    all[*pick(rng, &numbers)] = number;
                }
            }
            5 => all.insert(rng.below(length + 1), (*pick(rng, &TEXTS)).to_owned()),
            6 => {
                let lines: Vec<usize> = (0..length).filter(|i| all[*i] == "\n").collect();
                if !lines.is_empty() {
                    all.insert(*pick(rng, &lines) + 1, " ".repeat(1 + rng.below(4)));
                }
            }
            7 if !strange.is_empty() => all[rng.below(length)] = pick(rng, &strange).clone(),
            8 => {
                let quote = *pick(rng, &["\"", "'"]);
                let token = &mut all[rng.below(length)];
                *token = format!("{quote}{token}{quote}");
            }
            9 => {
                let ((from, to), at) = (span(rng, length, 24), rng.below(length + 1));
                let piece = all[from..to].to_vec();
                all.splice(at..at, piece);
            }
            _ => {
                let count = *pick(rng, &[1, 3, 70, 300]);
                let token = &mut all[rng.below(length)];
                *token = token.repeat(count);
            }
        }
    }
    all.concat()
}

/// Changes one value somewhere in a JSON document, or the keys of a map.
pub fn value(rng: &mut Rng, document: &mut Value) {
    let all = places(document);
    let place = pick(rng, &all).clone();
    let other = pick(rng, &all).clone();
    let donor = document.pointer(&other).cloned().unwrap_or_default();
    let Some(target) = document.pointer_mut(&place) else { return };
    match (rng.below(6), &mut *target) {
        (0, _) => *target = donor,
        (1, _) => {
            *target = pick(
                rng,
                &[json!(null), json!([]), json!({}), json!(""), json!(true), json!("../../x")],
            )
            .clone()
        }
        (2 | 3, Value::Object(map)) => entries(rng, map),
        (2 | 3, Value::Array(list)) if !list.is_empty() => {
            let at = rng.below(list.len());
            if rng.below(2) == 0 {
                list.remove(at);
            } else {
                list.push(list[at].clone());
            }
        }
        (_, Value::String(text)) => *text = self::text(rng, text, "a/../b"),
        (_, Value::Number(number)) => {
            let text = *pick(rng, &NUMBERS);
            *number = text
                .parse::<u64>()
                .map(Number::from)
                .ok()
                .or_else(|| Number::from_f64(text.parse().ok()?))
                .unwrap_or_else(|| Number::from(0));
        }
        _ => *target = json!(integer(rng)),
    }
}

fn entries(rng: &mut Rng, map: &mut Map<String, Value>) {
    let keys: Vec<String> = map.keys().cloned().collect();
    let Some(key) = keys.get(rng.below(keys.len().max(1))) else { return };
    let value = map.remove(key).unwrap_or_default();
    if rng.below(2) == 0 {
        map.insert(text(rng, key, "x"), value);
    }
}

/// Pointers to all values of a document.
fn places(document: &Value) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut next = 0;
    while let Some(at) = found.get(next).cloned() {
        let below: Vec<String> = match document.pointer(&at) {
            Some(Value::Object(map)) => {
                map.keys().map(|key| key.replace('~', "~0").replace('/', "~1")).collect()
            }
            Some(Value::Array(list)) => (0..list.len()).map(|i| i.to_string()).collect(),
            _ => Vec::new(),
        };
        found.extend(below.into_iter().map(|key| format!("{at}/{key}")));
        next += 1;
    }
    found
}
