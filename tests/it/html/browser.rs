//! A headless Chromium, spoken to through pipes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A running browser with one page. It ends when this is dropped.
pub struct Browser {
    child: Child,
    stdin: ChildStdin,
    heard: Receiver<Value>,
    session: Value,
    requests: u64,
    /// What was asked for, the page itself aside.
    pub asked: Vec<String>,
    /// Errors, lines of the console, windows that opened.
    pub complaints: Vec<String>,
    /// Holds the profile.
    _folder: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.send("Browser.close", json!({}));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Browser {
    /// Starts the browser; none if there is none.
    pub fn start() -> Option<Self> {
        let path = std::env::var_os("PATH")?;
        let programs =
            std::env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
        let program = programs.into_iter().find(|program| program.is_file())?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        // It reads commands from file 3 and writes answers to file 4.
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg("exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null")
            .arg(program);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-dev-shm-usage",
        ]);
        command.args(["--remote-debugging-pipe", "--window-size=1280,1000"]);
        command.arg(format!("--user-data-dir={}", folder.path().display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let stdin = child.stdin.take()?;
        let mut stdout = BufReader::new(child.stdout.take()?);
        let (tell, heard) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while stdout.read_until(0, &mut message).is_ok_and(|length| length > 0) {
                message.pop();
                let sent = serde_json::from_slice(&message).map(|message| tell.send(message));
                if !matches!(sent, Ok(Ok(()))) {
                    break;
                }
                message.clear();
            }
        });
        let (asked, complaints) = (Vec::new(), Vec::new());
        let mut browser = Self {
            child,
            stdin,
            heard,
            session: Value::Null,
            requests: 0,
            asked,
            complaints,
            _folder: folder,
        };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }));
        let attached = json!({ "targetId": target["targetId"], "flatten": true });
        browser.session = browser.ask("Target.attachToTarget", attached)["sessionId"].clone();
        for domain in ["Page", "Network", "Runtime", "Log"] {
            browser.ask(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Opens a file and waits until it is loaded.
    pub fn open(&mut self, file: &Path) {
        self.ask("Page.navigate", json!({ "url": format!("file://{}", file.display()) }));
        while self.next()["method"] != "Page.loadEventFired" {}
    }

    /// The value of an expression.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let answer = self
            .ask("Runtime.evaluate", json!({ "expression": expression, "returnByValue": true }));
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    fn send(&mut self, method: &str, params: Value) {
        self.requests += 1;
        let mut message = json!({ "id": self.requests, "method": method, "params": params });
        if self.session.is_string() {
            message["sessionId"] = self.session.clone();
        }
        let _ = self.stdin.write_all(format!("{message}\0").as_bytes());
        let _ = self.stdin.flush();
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.send(method, params);
        let id = self.requests;
        loop {
            let message = self.next();
            if message["id"] == id {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    /// The next message, whose complaints are noted.
    fn next(&mut self) -> Value {
        let message =
            self.heard.recv_timeout(Duration::from_secs(60)).expect("the browser answers");
        match message["method"].as_str().unwrap_or_default() {
            "Network.requestWillBeSent" if message["params"]["type"] != "Document" => {
                let url = message["params"]["request"]["url"].as_str().unwrap_or_default();
                // Pictures that stand in the page are no requests, though the browser lists them.
                if !url.starts_with("data:") {
                    self.asked.push(url.to_owned());
                }
            }
            "Runtime.consoleAPICalled"
            | "Runtime.exceptionThrown"
            | "Log.entryAdded"
            | "Page.javascriptDialogOpening" => {
                self.complaints.push(message.to_string());
            }
            _ => {}
        }
        message
    }
}
