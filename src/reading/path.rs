//! Hints for missing paths with parts that a shell would have replaced.

use std::path::Path;

use super::invisible;

/// A hint about a missing path: it finds text that a shell or another system would replace but this
/// program does not. `setting` is the name for `--set` on the command line, where a shell does
/// replace it.
pub fn unexpanded(path: &Path, setting: Option<&str>) -> Option<String> {
    let text = path.to_string_lossy();
    let parts: Vec<&str> = text.split('/').collect();
    let set = |value: String| match setting {
        Some(setting) => format!(", or --set {setting}=\"{value}\", where the shell replaces it"),
        None => String::new(),
    };
    for (i, part) in parts.iter().enumerate() {
        if part.starts_with('~') {
            // Shells do not replace `~` behind a `=`.
            let home = parts[i..].join("/").replacen('~', "$HOME", 1);
            let set = if *part == "~" { set(home) } else { String::new() };
            return Some(format!(
                "`{part}` is not replaced by a home folder here: write the whole path{set}"
            ));
        }
        if let Some(variable) = variable(part) {
            let set =
                if variable.starts_with('$') { set(parts[i..].join("/")) } else { String::new() };
            return Some(format!(
                "`{variable}` is not replaced by its value here: write the whole path{set}"
            ));
        }
        if let Some(drive) = drive(part, i + 1 < parts.len()) {
            return Some(format!(
                "`{drive}` is a drive of Windows, and this is another system: write the path that the folder has here, \
                 with `/` between names (in WSL `/mnt/{}/..`)",
                drive[..1].to_lowercase()
            ));
        }
        if cfg!(not(windows)) && part.contains('\\') {
            return Some("`\\` does not separate folders on this system: write `/`".to_owned());
        }
    }
    invisible(&text).map(|what| format!("the path has {what} in it"))
}

/// The first `$NAME`, `${NAME}` or `%NAME%` in a text.
fn variable(text: &str) -> Option<&str> {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    if let Some(at) = text.find('$') {
        let rest = &text[at + 1..];
        if let Some((name, _)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            return is_name(name).then(|| &text[at..at + name.len() + 3]);
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        return is_name(&rest[..end]).then(|| &text[at..=at + end]);
    }
    let at = text.find('%')?;
    let (name, _) = text[at + 1..].split_once('%')?;
    is_name(name).then(|| &text[at..at + name.len() + 2])
}

/// `C:\`, or `C:` before a `/`, at the start of a path.
fn drive(part: &str, followed: bool) -> Option<&str> {
    let letter = part.starts_with(|c: char| c.is_ascii_alphabetic()) && part[1..].starts_with(':');
    let end = match part.get(2..) {
        _ if cfg!(windows) || !letter => return None,
        Some("") if followed => 2,
        Some(rest) if rest.starts_with('\\') => 3,
        _ => return None,
    };
    Some(&part[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(windows))]
    #[test]
    fn what_a_shell_would_have_replaced_is_told() {
        let told = |path: &str| unexpanded(Path::new(path), Some("data.dcase.root"));
        assert_eq!(
            told("specs/~/asd_data").unwrap(),
            "`~` is not replaced by a home folder here: write the whole path, \
             or --set data.dcase.root=\"$HOME/asd_data\", where the shell replaces it"
        );
        assert_eq!(
            told("~kim/x").unwrap(),
            "`~kim` is not replaced by a home folder here: write the whole path"
        );
        assert_eq!(
            told("${ASD_DATA}/dev").unwrap(),
            "`${ASD_DATA}` is not replaced by its value here: write the whole path, \
             or --set data.dcase.root=\"${ASD_DATA}/dev\", where the shell replaces it"
        );
        let told = |path: &str| unexpanded(Path::new(path), None);
        assert_eq!(
            told("a/x$DATA-1/b").unwrap(),
            "`$DATA` is not replaced by its value here: write the whole path"
        );
        assert_eq!(
            told("%HOME%/b").unwrap(),
            "`%HOME%` is not replaced by its value here: write the whole path"
        );
        for path in ["specs/C:\\data\\dcase", "C:/data"] {
            let told = told(path).unwrap();
            assert!(told.starts_with("`C:") && told.ends_with("(in WSL `/mnt/c/..`)"), "{told}");
        }
        assert_eq!(
            told("data\\dcase").unwrap(),
            "`\\` does not separate folders on this system: write `/`"
        );
        assert_eq!(told("my\u{a0}data").unwrap(), "the path has a no-break space (U+00A0) in it");
        for path in ["data/größe", "100%/x", "a$/b", "a~b", "5%x", "c:"] {
            assert_eq!(told(path), None, "{path}");
        }
    }
}
