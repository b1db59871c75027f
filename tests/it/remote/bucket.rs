//! A server of S3 on this machine (moto), and a door before it that can be faulty.
//!
//! `benches/peers/setup.sh s3` installs the server. Where it is not, tests say that they are
//! skipped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// What is wrong with the way to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Fault {
    #[default]
    None,
    /// One request in eight is answered by 500.
    Flaky,
    /// Every request is answered by 500.
    Broken,
    /// Every answer takes this many milliseconds.
    Slow(u64),
    /// Bodies of answers end in the middle.
    Cut,
    /// A bit of every body is another one.
    Wrong,
    /// Nothing can be written any more.
    Full,
    /// Only reading is allowed.
    ReadOnly,
}

/// A server with an empty bucket `lab`.
pub struct Bucket {
    server: Child,
    port: u16,
    pub fault: Arc<Mutex<Fault>>,
    pub requests: Arc<AtomicUsize>,
    _folder: TempDir,
}

impl Bucket {
    /// `None`, with a word, where there is no server.
    pub fn start(test: &str) -> Option<Self> {
        let program =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/.venv-s3/bin/moto_server");
        if !program.exists() {
            eprintln!("skipped: {test}: there is no server of S3 (benches/peers/setup.sh s3)");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let inner = free_port();
        let server = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &inner.to_string()])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let (fault, requests) = (Arc::default(), Arc::default());
        let bucket =
            Self { server, port: door(inner, &fault, &requests), fault, requests, _folder: folder };
        let made = (0..600).any(|_| {
            thread::sleep(Duration::from_millis(50));
            let request =
                b"PUT /lab HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            forward(inner, request).is_some_and(|answer| answer.starts_with(b"HTTP/1.1 200"))
        });
        assert!(made, "the server of S3 did not answer");
        Some(bucket)
    }

    /// The variables that lead to it.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", "somebody".into()),
            ("AWS_SECRET_ACCESS_KEY", "secret".into()),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_TIMEOUT", "1s".into()),
        ]
    }

    pub fn set(&self, fault: Fault) {
        *self.fault.lock().expect("nobody panics with it") = fault;
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it has one").port()
}

/// Hands requests on, and answers as the fault has it.
fn door(inner: u16, fault: &Arc<Mutex<Fault>>, requests: &Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it has one").port();
    let (fault, requests) = (fault.clone(), requests.clone());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (fault, requests) = (fault.clone(), requests.clone());
            thread::spawn(move || {
                while let Some(request) = request(&stream) {
                    let number = requests.fetch_add(1, Ordering::Relaxed);
                    let fault = *fault.lock().expect("nobody panics with it");
                    let Some(answer) = answer(inner, &request, number, fault) else { break };
                    if (&stream).write_all(&answer).is_err() || fault == Fault::Cut {
                        break;
                    }
                }
                let _ = stream.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    port
}

fn answer(inner: u16, request: &[u8], number: usize, fault: Fault) -> Option<Vec<u8>> {
    let says =
        |status: &str| Some(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").into_bytes());
    let reads = request.starts_with(b"GET") || request.starts_with(b"HEAD");
    match fault {
        Fault::Flaky if number.is_multiple_of(8) => return says("500 Internal Server Error"),
        Fault::Broken => return says("500 Internal Server Error"),
        Fault::Full if !reads => return says("507 Insufficient Storage"),
        Fault::ReadOnly if !reads => return says("403 Forbidden"),
        Fault::Slow(ms) => thread::sleep(Duration::from_millis(ms)),
        _ => {}
    }
    let mut answer = forward(inner, request)?;
    let body = answer.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    if request.starts_with(b"GET") && answer.len() > body {
        match fault {
            Fault::Cut => answer.truncate(body + (answer.len() - body) / 2),
            Fault::Wrong => {
                let middle = body + (answer.len() - body) / 2;
                answer[middle] ^= 1;
            }
            _ => {}
        }
    }
    Some(answer)
}

/// A whole request, or a whole answer that has a length.
fn request(stream: &TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let (mut bytes, mut length) = (Vec::new(), 0);
    loop {
        let start = bytes.len();
        if reader.read_until(b'\n', &mut bytes).ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&bytes[start..]).to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let start = bytes.len();
    bytes.resize(start + length, 0);
    reader.read_exact(&mut bytes[start..]).ok()?;
    Some(bytes)
}

/// The answer of the server.
fn forward(inner: u16, request: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", inner)).ok()?;
    stream.write_all(request).ok()?;
    if request.starts_with(b"HEAD") {
        // It says a length and has no body.
        let mut reader = BufReader::new(&stream);
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            (reader.read_until(b'\n', &mut bytes).ok()? > 0).then_some(())?;
        }
        return Some(bytes);
    }
    self::request(&stream)
}
