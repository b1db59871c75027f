//! A Markdown file, and the requests of its markers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, FromArgMatches, Parser};

use crate::cli::view::View;
use crate::cli::{CliError, SpecArgs};
use crate::diagnose::{Diagnostic, Place};
use crate::reading;
use crate::report::{Marker, Template};

/// The words of a marker.
#[derive(Parser)]
#[command(name = "marker", no_binary_name = true, disable_help_flag = true)]
pub struct Request {
    #[command(flatten)]
    pub spec: SpecArgs,
    #[command(flatten)]
    pub view: View,
    /// Not made anew unless `--costly` is given
    #[arg(long)]
    pub costly: bool,
}

/// A file, its markers and, in the same order, their requests.
pub struct File {
    pub path: PathBuf,
    pub template: Template,
    pub requests: Vec<Request>,
}

impl File {
    /// Reads a file. The paths of specs in its markers are relative to its folder.
    pub fn read(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let cannot = |why: String| {
            vec![Diagnostic::new("E0705", format!("`{}` cannot be read: {why}", path.display()))]
        };
        let bytes =
            reading::read(path, reading::TEXT).map_err(|error| cannot(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| cannot("it is not UTF-8".into()))?;
        let template = Template::parse(&path.display().to_string(), text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let (mut requests, mut mistakes) = (Vec::new(), Vec::new());
        for marker in template.markers() {
            match request(marker, folder) {
                Ok(request) => requests.push(request),
                Err(diagnostic) => mistakes.push(diagnostic),
            }
        }
        if template.markers().is_empty() {
            let hint = "`<!-- humshift: SPEC --table means -->` and `<!-- /humshift -->`, each on a line of its own";
            mistakes.push(
                Diagnostic::new("E0713", format!("`{}` has no markers", path.display())).hint(hint),
            );
        }
        if mistakes.is_empty() {
            Ok(Self { path: path.to_owned(), template, requests })
        } else {
            Err(mistakes)
        }
    }

    /// The markers whose text would change.
    pub fn changed(&self, contents: &BTreeMap<usize, String>) -> BTreeSet<usize> {
        let alone = |(number, text): (&usize, &String)| {
            let made = self.template.with(&BTreeMap::from([(*number, text.clone())]));
            (made != self.template.text()).then_some(*number)
        };
        contents.iter().filter_map(alone).collect()
    }

    /// The first lines in which a content differs from the file's.
    pub fn difference(&self, number: usize, made: &str, most: usize) -> String {
        let old = self.template.content(number).unwrap_or_default();
        let (old, new): (Vec<&str>, Vec<&str>) =
            (old.lines().collect(), made.trim_matches('\n').lines().collect());
        let mut lines = Vec::new();
        for row in 0..old.len().max(new.len()) {
            let (before, after) = (old.get(row), new.get(row));
            if before != after {
                lines.extend(before.map(|line| format!("-{line}\n")));
                lines.extend(after.map(|line| format!("+{line}\n")));
            }
        }
        let more = lines.len().saturating_sub(most);
        lines.truncate(most);
        if more > 0 {
            lines.push(format!("and {more} more lines\n"));
        }
        if lines.is_empty() {
            "blank lines, or another place of the same number\n".into()
        } else {
            lines.concat()
        }
    }

    /// Writes the file with these contents, completely or not at all. An unchanged file is not
    /// touched.
    pub fn write(&self, contents: &BTreeMap<usize, String>) -> Result<(), CliError> {
        let text = self.template.with(contents);
        if text == self.template.text() {
            return Ok(());
        }
        let written = fs::canonicalize(&self.path).and_then(|path| {
            let mut part = path.clone().into_os_string();
            part.push(".part");
            fs::write(&part, text)?;
            fs::set_permissions(&part, fs::metadata(&path)?.permissions())?;
            fs::rename(&part, &path)
        });
        written.map_err(|e| {
            CliError::usage("E0705", format!("`{}` cannot be written: {e}", self.path.display()))
        })
    }
}

/// The request of a marker.
fn request(marker: &Marker, folder: &Path) -> Result<Request, Diagnostic> {
    let words = marker.words.iter().map(|(word, _)| word);
    let parsed =
        Request::command().try_get_matches_from(words).and_then(|m| Request::from_arg_matches(&m));
    let mut request = parsed.map_err(|error| wrong_words(&error, marker))?;
    let written = request.spec.spec.display().to_string();
    request.spec.spec = folder.join(&request.spec.spec);
    if !request.spec.spec.is_file() {
        let hint = "the path starts from the folder of this file";
        return Err(Diagnostic::new("E0713", format!("there is no spec `{written}`"))
            .at(place(marker, &written))
            .hint(hint));
    }
    if marker.is_value != request.view.is_value() {
        let (message, hint) = match marker.is_value {
            true => {
                ("this marker names a number, but its words make none", "add `--value official`")
            }
            false => (
                "a number is no block",
                "`<!-- humshift-value NAME: SPEC --value official -->` names a number",
            ),
        };
        return Err(Diagnostic::new("E0713", message).at(Some(marker.place.clone())).hint(hint));
    }
    Ok(request)
}

/// An error of clap, as a mistake in the file.
fn wrong_words(error: &clap::Error, marker: &Marker) -> Diagnostic {
    let text = error.render().to_string();
    let plain = |line: &str| line.trim().replace('\'', "`");
    let mut lines = text.lines().take_while(|line| !line.starts_with("Usage"));
    let first = plain(lines.next().unwrap_or_default().trim_start_matches("error: "))
        .trim_end_matches(':')
        .to_owned();
    let rest: Vec<String> =
        lines.map(|line| plain(line.trim_start().trim_start_matches("tip: "))).collect();
    let rest: Vec<&str> = rest
        .iter()
        .map(String::as_str)
        .filter(|line| !line.is_empty() && !line.contains("as a value"))
        .collect();
    let told = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => place(marker, word),
        _ => None,
    };
    let at = told(ContextKind::InvalidValue).or_else(|| told(ContextKind::InvalidArg));
    let hint = if rest.is_empty() {
        "a marker has the words of `humshift report` that name a spec and a table".into()
    } else {
        rest.join("; ")
    };
    Diagnostic::new("E0713", first).at(at.or(Some(marker.place.clone()))).hint(hint)
}

fn place(marker: &Marker, word: &str) -> Option<Place> {
    marker.words.iter().find(|(known, _)| known == word).map(|(_, place)| place.clone())
}
