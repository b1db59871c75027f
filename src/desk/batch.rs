//! Batches of stages for a cluster, and what their workers report.
//!
//! ```text
//! batches/<run>/<number>.json         the stages of a job array
//! batches/<run>/<number>.array        the number of the array in Slurm
//! batches/<run>/<number>.<task>.jsonl reports of the worker of a task, one a line
//! batches/<run>/<number>.<task>.log   other output of that worker
//! ```
//!
//! Head and workers share these files, so the folder of the cache must be shared, too.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::Duration;

use super::Desk;
use crate::digest::Digest;
use crate::disk::{self, Unusable, age};

/// A cluster may keep a task waiting for weeks. No file of a batch is needed for longer.
const FORGOTTEN: Duration = Duration::from_secs(60 * 24 * 3600);

/// Lines that are read of what a worker printed last.
const WORDS: usize = 5;

/// The most bytes of a batch.
const LONGEST: u64 = 64 << 20;

impl Desk {
    /// The folder of the batches of a run.
    pub fn batches(&self, run: &Digest) -> PathBuf {
        self.folder.path("batches").join(run.hex())
    }

    /// The numbers of the batches of a run.
    pub fn batch_numbers(&self, run: &Digest) -> Vec<u32> {
        let entries = std::fs::read_dir(self.batches(run)).into_iter().flatten().flatten();
        let number = |name: String| name.strip_suffix(".json")?.parse().ok();
        let mut numbers: Vec<u32> =
            entries.filter_map(|entry| number(entry.file_name().into_string().ok()?)).collect();
        numbers.sort_unstable();
        numbers
    }

    /// A batch by its number.
    pub fn batch(&self, run: &Digest, number: u32) -> Result<Vec<u8>, Unusable> {
        let path = self.batches(run).join(format!("{number}.json"));
        disk::read(&path, LONGEST).map_err(Unusable::at(&path))
    }

    /// Leaves a batch for workers. Returns its number, which no other batch of the run has.
    pub fn leave_batch(&self, run: &Digest, batch: &[u8]) -> Result<u32, Unusable> {
        let folder = self.batches(run);
        std::fs::create_dir_all(&folder).map_err(Unusable::at(&folder))?;
        let mut number = self.batch_numbers(run).last().map_or(0, |last| last + 1);
        loop {
            let path = folder.join(format!("{number}.json"));
            match disk::options().write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    file.write_all(batch).map_err(Unusable::at(&path))?;
                    return Ok(number);
                }
                // Another head of this run was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(Unusable::at(&path)(error)),
            }
        }
    }

    /// Writes down which array of Slurm runs a batch.
    pub fn leave_array(&self, run: &Digest, number: u32, array: u64) -> Result<(), Unusable> {
        let path = self.batches(run).join(format!("{number}.array"));
        self.folder.publish(&path, array.to_string().as_bytes())
    }

    /// The array of Slurm that runs a batch, if it was written down.
    pub fn array(&self, run: &Digest, number: u32) -> Option<u64> {
        let path = self.batches(run).join(format!("{number}.array"));
        std::fs::read_to_string(path).ok()?.trim().parse().ok()
    }

    /// The file for the reports of a task. A worker that starts again appends to it.
    pub fn append_reports(&self, run: &Digest, number: u32, task: u32) -> io::Result<File> {
        let path = self.batches(run).join(format!("{number}.{task}.jsonl"));
        let mut file = disk::options().append(true).create(true).open(path)?;
        if file.metadata()?.len() > 0 {
            // The first worker may have been killed within a line.
            file.write_all(b"\n")?;
        }
        Ok(file)
    }

    /// The reports of a task after the first `from` bytes, as whole lines. Moves `from` behind
    /// them.
    pub fn reports(&self, run: &Digest, number: u32, task: u32, from: &mut u64) -> Vec<String> {
        let read = || -> io::Result<Vec<u8>> {
            let path = self.batches(run).join(format!("{number}.{task}.jsonl"));
            let mut file = File::open(path)?;
            let mut bytes = Vec::new();
            if file.metadata()?.len() > *from {
                file.seek(SeekFrom::Start(*from))?;
                file.take(LONGEST).read_to_end(&mut bytes)?;
            }
            Ok(bytes)
        };
        let bytes = read().unwrap_or_default();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        *from += whole as u64;
        String::from_utf8_lossy(&bytes[..whole]).lines().map(str::to_owned).collect()
    }

    /// The last lines that a worker, or Slurm about it, printed beside its reports.
    pub fn last_words(&self, run: &Digest, number: u32, task: u32) -> Vec<String> {
        let path = self.batches(run).join(format!("{number}.{task}.log"));
        let bytes = disk::read(&path, LONGEST).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(WORDS)..].iter().map(|line| line.to_string()).collect()
    }

    /// Removes the batches of runs that no head and no worker touched for long.
    pub(super) fn clear_batches(&self) {
        let entries =
            std::fs::read_dir(self.folder.path("batches")).into_iter().flatten().flatten();
        for entry in entries {
            let run = entry.file_name().to_str().and_then(|name| name.parse::<Digest>().ok());
            let old = entry.metadata().is_ok_and(|meta| meta.is_dir() && age(&meta) > FORGOTTEN);
            if run.is_some() && old {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Removes a batch and what its workers wrote.
    pub fn drop_batch(&self, run: &Digest, number: u32) {
        let folder = self.batches(run);
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let own = format!("{number}.");
        for entry in entries.filter(|e| e.file_name().to_string_lossy().starts_with(&own)) {
            let _ = std::fs::remove_file(entry.path());
        }
        // Another head of the run may have batches there.
        let _ = std::fs::remove_dir(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_have_numbers_and_reports_come_as_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::open(folder.path()).unwrap();
        let run = Digest::of(b"run");
        let leave = |text: &[u8]| desk.leave_batch(&run, text).unwrap();
        assert_eq!([leave(b"batch 0"), leave(b"batch 1")], [0, 1]);
        assert_eq!((desk.batch_numbers(&run), desk.array(&run, 1)), (vec![0, 1], None));
        assert_eq!(desk.batch(&run, 1).unwrap(), b"batch 1");
        desk.leave_array(&run, 1, 77).unwrap();
        assert_eq!(desk.array(&run, 1), Some(77));
        let mut from = 0;
        assert!(desk.reports(&run, 1, 4, &mut from).is_empty());
        let write = |text: &[u8]| desk.append_reports(&run, 1, 4).unwrap().write_all(text).unwrap();
        write(b"one\ntw");
        assert_eq!(desk.reports(&run, 1, 4, &mut from), ["one"]);
        write(b"o\nthree\n");
        assert_eq!(desk.reports(&run, 1, 4, &mut from), ["tw", "o", "three"]);
        assert!(desk.reports(&run, 1, 4, &mut from).is_empty());
        std::fs::write(desk.batches(&run).join("1.4.log"), "first\nno memory\n\n").unwrap();
        assert_eq!(desk.last_words(&run, 1, 4), ["first", "no memory"]);
        assert!(desk.last_words(&run, 1, 5).is_empty());
        desk.drop_batch(&run, 1);
        assert_eq!(desk.batch_numbers(&run), [0]);
        desk.drop_batch(&run, 0);
        assert!(!desk.batches(&run).exists());
    }
}
