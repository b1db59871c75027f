//! `humshift trust`: programs of specs that may be called without `--allow-commands`.
//!
//! A file in the configuration folder of the user has, for the path of each trusted spec, the
//! programs that it calls: their words, the variables that they see, and the digests of their files.
//! A run compares all of it with the bytes that it puts into the cache, so that what is compared is
//! what is called.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use super::given::unread;
use super::session::Session;
use super::view::mistake;
use super::{CliError, Exit, output};
use crate::command::Program;
use crate::digest::Digest;
use crate::reading;
use crate::shown::visible;
use crate::spec::{self, Point};

/// Examples of the command.
pub const EXAMPLES: &str = "\
Examples:
  humshift trust experiments/command.yaml && humshift run experiments/command.yaml
  humshift trust --list
  humshift trust --remove experiments/command.yaml

Read the programs first: they can do what your account can do. An entry holds the words of each program, the variables
of the environment that it sees, and the digests of its `files`. A run asks again when any of them changes.";

#[derive(Args)]
pub struct TrustArgs {
    /// The YAML file whose programs may be called
    #[arg(required_unless_present = "list")]
    spec: Option<PathBuf>,
    /// Change a setting, as for `run`
    #[arg(long = "set", value_name = "PATH=VALUE", conflicts_with_all = ["list", "remove"])]
    sets: Vec<String>,
    /// Show the specs that are trusted, and their programs
    #[arg(long, conflicts_with_all = ["spec", "remove"])]
    list: bool,
    /// Trust this spec no more
    #[arg(long)]
    remove: bool,
    /// One JSON document instead of lines
    #[arg(long)]
    json: bool,
}

/// A program of a user as it is known: what must stay the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    run: Vec<String>,
    environment: BTreeSet<String>,
    /// The digests of its files by name.
    files: BTreeMap<String, Digest>,
}

impl Known {
    /// A program, with the digests of its files in their order.
    pub fn of(program: &Program, digests: impl IntoIterator<Item = Digest>) -> Self {
        Self {
            run: program.run.to_vec(),
            environment: program.environment.iter().cloned().collect(),
            files: program.names().into_iter().zip(digests).collect(),
        }
    }

    /// Its call in words.
    pub fn line(&self) -> String {
        self.run.join(" ")
    }

    /// What is other than in the programs that were trusted.
    fn changes(&self, trusted: &BTreeSet<Known>) -> Vec<String> {
        let line = visible(&self.line()).into_owned();
        let Some(old) = trusted.iter().find(|old| old.run == self.run) else {
            return vec![format!("`{line}` is new")];
        };
        let mut told = Vec::new();
        for (name, digest) in &self.files {
            match old.files.get(name) {
                Some(known) if known == digest => {}
                Some(_) => told.push(format!("`{}` of `{line}` has other bytes", visible(name))),
                None => told.push(format!("`{}` of `{line}` is new", visible(name))),
            }
        }
        let gone = old.files.keys().filter(|name| !self.files.contains_key(*name));
        told.extend(gone.map(|name| format!("`{line}` has no `{}` any more", visible(name))));
        if old.environment != self.environment {
            let seen: Vec<String> = self.environment.iter().map(|v| format!("`{v}`")).collect();
            told.push(format!("`{line}` sees other variables: {}", seen.join(", ")));
        }
        told
    }

    fn tell(&self) {
        output::line(&format!("  {}", visible(&self.line())));
        for (name, digest) in &self.files {
            output::line(&format!("    {} {}", visible(name), digest.hex()));
        }
        if !self.environment.is_empty() {
            let seen: Vec<&str> = self.environment.iter().map(String::as_str).collect();
            output::line(&format!("    sees {}", visible(&seen.join(", "))));
        }
    }
}

/// The programs of users that a point calls.
pub fn programs(point: &Point) -> impl Iterator<Item = Program<'_>> {
    let detector = point.detector.backend().member().programs().into_iter();
    detector.map(|(_, program)| program).chain(point.features.member().program())
}

impl Session {
    /// The programs of users that it calls, with the content that their files had when it was
    /// opened.
    pub fn programs(&self) -> BTreeSet<Known> {
        let known: BTreeMap<&PathBuf, Digest> =
            self.given.files().iter().map(|(path, digest)| (path, *digest)).collect();
        // A spec whose files cannot be read was not opened.
        let digest = |path: &PathBuf| known.get(path).copied().unwrap_or(Digest::of(b"unread"));
        let own = |program: Program| Known::of(&program, program.files.iter().map(digest));
        self.experiment.points.iter().flat_map(programs).map(own).collect()
    }
}

/// The programs that are trusted, by the path of their spec.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trusted {
    specs: BTreeMap<String, BTreeSet<Known>>,
}

impl Trusted {
    /// Its file: `humshift/trust` in the configuration folder of the user.
    fn place() -> Result<PathBuf, CliError> {
        let absolute = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
        };
        let own = || Some(absolute("HOME")?.join(".config"));
        let folder = absolute("XDG_CONFIG_HOME").or_else(own).or_else(|| absolute("APPDATA"));
        let nowhere = || {
            let message = "there is no folder for the configuration of this user";
            mistake("E0732", message, "set HOME or XDG_CONFIG_HOME to an absolute path")
        };
        Ok(folder.ok_or_else(nowhere)?.join("humshift").join("trust"))
    }

    fn wrong(path: &Path, does: &str, why: &dyn std::fmt::Display) -> CliError {
        let message = format!("what is trusted cannot be {does}: `{}`: {why}", path.display());
        CliError::usage("E0732", message)
    }

    fn read() -> Result<Self, CliError> {
        let path = Self::place()?;
        match reading::read(&path, reading::TEXT) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| Self::wrong(&path, "read", &e)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Self::wrong(&path, "read", &error)),
        }
    }

    fn write(&self) -> Result<(), CliError> {
        let path = Self::place()?;
        let folder = path.parent().expect("it is in a folder");
        let text = serde_json::to_string_pretty(self).expect("names are JSON") + "\n";
        let write = || {
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.persist(&path).map(drop).map_err(|error| error.error)
        };
        write().map_err(|e| Self::wrong(&path, "written", &e))
    }
}

/// The name of a spec among those that are trusted: its whole path.
fn name(spec: &Path) -> Option<String> {
    let path = std::fs::canonicalize(spec).or_else(|_| std::path::absolute(spec)).ok()?;
    path.to_str().map(str::to_owned)
}

pub fn run(args: &TrustArgs) -> Result<Exit, CliError> {
    let mut trusted = Trusted::read()?;
    let Some(spec) = &args.spec else {
        tell(&trusted.specs, args.json);
        return Ok(Exit::Done);
    };
    let unnamed = || CliError::usage("E0732", format!("`{}` is no UTF-8 path", spec.display()));
    let name = name(spec).ok_or_else(unnamed)?;
    if args.remove {
        let Some(programs) = trusted.specs.remove(&name) else {
            let message = format!("`{}` is not trusted", spec.display());
            return Err(mistake("E0732", message, "`humshift trust --list` shows what is"));
        };
        trusted.write()?;
        match args.json {
            true => output::json(&BTreeMap::from([(&name, &programs)])),
            false => output::line(&format!("{}: trusted no more", visible(&name))),
        }
        return Ok(Exit::Done);
    }
    let experiment = spec::load(spec, &args.sets)?;
    let (mut found, mut mistakes) = (BTreeSet::new(), Vec::new());
    for program in experiment.points.iter().flat_map(programs) {
        match program.read() {
            Ok(contents) => {
                found.insert(Known::of(&program, contents.iter().map(|bytes| Digest::of(bytes))));
            }
            Err(why) => mistakes.push(unread(&why)),
        }
    }
    if !mistakes.is_empty() {
        mistakes.dedup();
        return Err(mistakes.into());
    }
    if found.is_empty() {
        let message = format!("`{}` calls no programs", spec.display());
        return Err(mistake("E0732", message, "a spec without `command:` runs as it is"));
    }
    trusted.specs.insert(name.clone(), found.clone());
    trusted.write()?;
    tell(&BTreeMap::from([(name, found)]), args.json);
    Ok(Exit::Done)
}

fn tell(specs: &BTreeMap<String, BTreeSet<Known>>, json: bool) {
    if json {
        return output::json(specs);
    }
    if specs.is_empty() {
        output::tell("no spec is trusted");
    }
    for (spec, programs) in specs {
        output::line(&format!("{} may call", visible(spec)));
        programs.iter().for_each(Known::tell);
    }
}

/// Asks whether the programs of a spec were trusted as they are; those of no spec never are.
/// `command` would call them, and is named in what is told.
///
/// Errors (E0730): they were not, or they have changed since.
pub fn needed(
    spec: Option<&Path>,
    programs: &BTreeSet<Known>,
    command: &str,
) -> Result<(), CliError> {
    if programs.is_empty() {
        return Ok(());
    }
    let trusted = Trusted::read()?;
    let Some(trusted) = spec.and_then(name).and_then(|name| trusted.specs.get(&name)) else {
        let lines = programs.iter().map(Known::line).collect();
        return Err(unasked(&lines, &format!("{command} --allow-commands")));
    };
    let untrusted: Vec<&Known> =
        programs.iter().filter(|program| !trusted.contains(program)).collect();
    if untrusted.is_empty() {
        return Ok(());
    }
    let changes: Vec<String> =
        untrusted.iter().flat_map(|program| program.changes(trusted)).collect();
    let message = format!(
        "the spec was trusted and has changed since, and nothing was run: {}",
        changes.join("; ")
    );
    let hint = format!(
        "read what changed; then `humshift trust SPEC` trusts it anew, or `{command} --allow-commands` calls it this \
         once"
    );
    Err(mistake("E0730", message, hint))
}

/// The refusal to call programs that nobody allowed. `command` allows them once.
pub fn unasked(programs: &BTreeSet<String>, command: &str) -> CliError {
    let programs: Vec<String> =
        programs.iter().map(|line| format!("`{}`", visible(line))).collect();
    let message = format!("the spec calls programs, and nothing was run: {}", programs.join(", "));
    let hint = format!(
        "read them and their `files`; then `{command}` calls them with the rights of your account, and `humshift \
         trust SPEC` lets `run` and `features` call them until they change"
    );
    mistake("E0730", message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(line: &str, files: &[(&str, &str)], environment: &[&str]) -> Known {
        Known {
            run: line.split(' ').map(str::to_owned).collect(),
            environment: environment.iter().map(|v| (*v).to_owned()).collect(),
            files: files.iter().map(|(n, b)| ((*n).to_owned(), Digest::of(b.as_bytes()))).collect(),
        }
    }

    #[test]
    fn what_changed_is_told() {
        let trusted = BTreeSet::from([
            known("python3 a.py", &[("a.py", "1"), ("b.py", "2")], &[]),
            known("python3 c.py", &[("c.py", "3")], &["HOME"]),
        ]);
        let told = |program: Known| program.changes(&trusted);
        assert_eq!(told(known("python3 a.py", &[("a.py", "1"), ("b.py", "2")], &[])), [""; 0]);
        assert_eq!(
            told(known("python3 a.py", &[("a.py", "9"), ("d.py", "4")], &[])),
            [
                "`a.py` of `python3 a.py` has other bytes",
                "`d.py` of `python3 a.py` is new",
                "`python3 a.py` has no `b.py` any more",
            ]
        );
        assert_eq!(told(known("sh a.py", &[], &[])), ["`sh a.py` is new"]);
        assert_eq!(
            told(known("python3 c.py", &[("c.py", "3")], &["HOME", "TOKEN"])),
            ["`python3 c.py` sees other variables: `HOME`, `TOKEN`"]
        );
    }
}
