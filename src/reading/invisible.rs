//! Invisible characters: unusual spaces and characters without width.

/// The first invisible character of a text, in words: `a no-break space (U+00A0)`.
pub fn invisible(text: &str) -> Option<String> {
    let c = text.chars().find(|c| is_invisible(*c))?;
    let name = match c {
        '\u{a0}' | '\u{202f}' => "a no-break space",
        '\u{ad}' => "a soft hyphen",
        '\u{200b}' => "a zero-width space",
        '\u{200c}' | '\u{200d}' | '\u{2060}' => "a character without width",
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "a mark of writing direction"
        }
        '\u{feff}' => "a byte-order mark",
        _ => "a space of another width",
    };
    Some(format!("{name} (U+{:04X})", u32::from(c)))
}

fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{ad}' | '\u{2000}'..='\u{200f}' | '\u{202a}'..='\u{202f}' | '\u{205f}'..='\u{2069}' | '\u{3000}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_named() {
        assert_eq!(invisible("knn\u{a0}").unwrap(), "a no-break space (U+00A0)");
        assert_eq!(invisible("\u{feff}knn").unwrap(), "a byte-order mark (U+FEFF)");
        assert_eq!(invisible("größe 1, 日本"), None);
    }
}
