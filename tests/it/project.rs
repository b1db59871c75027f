//! A user's folder with specs, recordings and a cache, in which the real program is run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A checkout and, outside of it, a cache. Both are gone when this is dropped.
pub struct Project {
    outer: TempDir,
    checkout: String,
}

/// What the program said and ended with.
#[derive(Debug)]
pub struct Output {
    /// The exit code; of a killed process 128 and its signal.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Project {
    pub fn new() -> Self {
        let outer =
            tempfile::Builder::new().prefix("humshift-").tempdir().expect("a temporary folder");
        fs::create_dir(outer.path().join("checkout")).expect("the folder is empty");
        Self { outer, checkout: "checkout".into() }
    }

    /// A project whose `spec.yaml` is `text`.
    pub fn with(text: &str) -> Self {
        let project = Self::new();
        project.spec(text);
        project
    }

    pub fn dir(&self) -> PathBuf {
        self.outer.path().join(&self.checkout)
    }

    pub fn cache(&self) -> PathBuf {
        self.outer.path().join("cache")
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir().join(path)
    }

    pub fn spec(&self, text: &str) {
        self.write("spec.yaml", text);
    }

    /// Writes a file of the checkout, and its folders.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a path in the checkout"))
            .expect("folders can be made");
        fs::write(path, bytes).expect("the checkout can be written");
    }

    pub fn write_all(&self, files: &BTreeMap<String, Vec<u8>>) {
        files.iter().for_each(|(path, bytes)| self.write(path, bytes));
    }

    /// Replaces the one occurrence of `old` in a text file.
    pub fn edit(&self, path: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.path(path)).expect("a text file of the checkout");
        assert_eq!(text.matches(old).count(), 1, "`{old}` in {path}:\n{text}");
        self.write(path, text.replace(old, new));
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).expect("a file of the checkout");
    }

    pub fn rename(&self, old: &str, new: &str) {
        fs::rename(self.path(old), self.path(new)).expect("a file of the checkout");
    }

    /// Moves the checkout to another path. The cache stays where it is.
    pub fn move_away(&mut self) {
        fs::rename(self.dir(), self.outer.path().join("elsewhere")).expect("nobody else is there");
        self.checkout = "elsewhere".into();
    }

    /// The program with arguments given as one text. Commands that have a cache use that of the
    /// project.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_humshift"));
        command.args(arguments.split_whitespace()).current_dir(self.dir());
        // What the user of this machine trusts is no matter of a test.
        command.env("XDG_CONFIG_HOME", self.outer.path().join("config"));
        // The tests may themselves run there.
        command.env_remove("GITHUB_ACTIONS").env_remove("GITHUB_STEP_SUMMARY");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let word = arguments.split_whitespace().next().unwrap_or_default();
        if [
            "run", "plan", "report", "explain", "dataset", "export", "cache", "show", "diff",
            "publish", "score", "lock",
        ]
        .contains(&word)
            && !arguments.contains("--cache")
        {
            command.arg("--cache").arg(self.cache());
        }
        command
    }

    /// Runs the program: `project.run("run spec.yaml --jobs 1")`.
    pub fn run(&self, arguments: &str) -> Output {
        let output = self.command(arguments).output().expect("the program starts");
        Output::new(output)
    }

    /// Forgets which questions were answered, so that the next run looks at every record.
    pub fn forget(&self) {
        for (name, path) in tree(&self.cache().join("memo")) {
            if name.ends_with(".json") {
                std::fs::remove_file(path).expect("it was there");
            }
        }
    }

    /// Runs `spec.yaml`, which must succeed; the labels that ran.
    pub fn ran(&self) -> BTreeSet<String> {
        self.run("run spec.yaml").done().ran()
    }

    /// The tidy report of `spec.yaml` from what is cached.
    pub fn report(&self) -> String {
        self.run("report spec.yaml --format csv").done().stdout
    }

    /// The tidy report that an empty cache gives.
    pub fn report_of_an_empty_cache(&self) -> String {
        let cache = tempfile::tempdir().expect("a temporary folder");
        let cache = cache.path().display();
        self.run(&format!("run spec.yaml --quiet --cache {cache}")).done();
        self.run(&format!("report spec.yaml --format csv --cache {cache}")).done().stdout
    }

    /// Label and standing of every stage.
    pub fn plan(&self) -> BTreeMap<String, String> {
        let plan = self.run("plan spec.yaml --json").done().json();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let stages = plan["stages"].as_array().expect("a list of stages");
        stages.iter().map(|stage| (text(&stage["label"]), text(&stage["standing"]))).collect()
    }
}

impl Output {
    pub fn new(output: std::process::Output) -> Self {
        #[cfg(unix)]
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status).unwrap_or(0);
        #[cfg(not(unix))]
        let signal = 0;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
        Self {
            code: output.status.code().unwrap_or(128 + signal),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Fails the test unless the exit code is `code`.
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    pub fn done(self) -> Self {
        self.exits(0)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}:\n{}", self.stdout))
    }

    /// The labels of the stages that ran, from the lines of progress: `[ 3/40] training/fan/00 12
    /// ms`, or `again training/fan/00 12 ms` where only bytes were gone.
    pub fn ran_in_order(&self) -> Vec<String> {
        let counted = |line: &'_ str| Some(line.strip_prefix('[')?.find("] ")? + 3);
        let start = |line: &'_ str| counted(line).or(line.starts_with("again ").then_some(6));
        let words = self.stderr.lines().filter_map(|line| line[start(line)?..].split_once(' '));
        words
            .filter(|(_, rest)| !rest.starts_with(['F', 's']))
            .map(|(label, _)| label.to_owned())
            .collect()
    }

    /// The same without order. A stage that ran twice fails the test.
    pub fn ran(&self) -> BTreeSet<String> {
        let labels = self.ran_in_order();
        let set: BTreeSet<String> = labels.iter().cloned().collect();
        assert_eq!(set.len(), labels.len(), "a stage ran twice:\n{}", self.stderr);
        set
    }
}

/// Waits until something holds; false if it does not within so many seconds.
#[expect(clippy::disallowed_methods, reason = "waits for the program")]
pub fn within(seconds: u64, mut what: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds) {
        if what() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    false
}

/// All files below `folder` by relative path.
pub fn tree(folder: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let mut stack = vec![folder.to_owned()];
    while let Some(at) = stack.pop() {
        for entry in fs::read_dir(&at).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                stack.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("it is below");
                found.insert(name.to_string_lossy().replace('\\', "/"), path);
            }
        }
    }
    found
}

/// Whether a label matches a pattern in which `*` stands for any text.
pub fn matches(pattern: &str, label: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == label,
        Some((head, rest)) => label.strip_prefix(head).is_some_and(|tail| {
            (0..=tail.len()).any(|n| tail.is_char_boundary(n) && matches(rest, &tail[n..]))
        }),
    }
}
