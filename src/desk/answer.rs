//! The memory of answered questions.

use std::path::PathBuf;

use super::Desk;
use crate::digest::Digest;
use crate::disk::{self, Unusable};

/// An entry has some hundred bytes for each source of a spec.
const LONGEST: u64 = 64 << 20;

impl Desk {
    fn answer_path(&self, question: &Digest) -> PathBuf {
        self.folder.path("memo").join(format!("{}.json", question.hex()))
    }

    /// The remembered answer to a question. It may be deleted at any time.
    pub fn answer(&self, question: &Digest) -> Option<Vec<u8>> {
        let bytes = disk::read(&self.answer_path(question), LONGEST).ok()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (check, rest) = (&bytes[..end], &bytes[end + 1..]);
        (Digest::of(rest).hex().as_bytes() == check).then(|| rest.to_vec())
    }

    pub fn keep_answer(&self, question: &Digest, answer: &[u8]) -> Result<(), Unusable> {
        let text = [Digest::of(answer).hex().as_bytes(), b"\n", answer].concat();
        self.folder.publish(&self.answer_path(question), &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_answer_is_none() {
        let home = tempfile::tempdir().unwrap();
        let desk = Desk::open(home.path()).unwrap();
        let question = Digest::of(b"?");
        desk.keep_answer(&question, b"yes").unwrap();
        assert_eq!(desk.answer(&question).as_deref(), Some(&b"yes"[..]));
        std::fs::write(desk.answer_path(&question), b"no\nyes").unwrap();
        assert_eq!(desk.answer(&question), None);
    }
}
