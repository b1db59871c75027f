//! What stands for a bucket in a program that was built without the feature `remote`.

use std::io::{self, Read};

use super::{Refused, Seen};

/// There is none.
pub(super) enum Bucket {}

impl Bucket {
    pub fn open(_: &str) -> Result<Self, String> {
        Err("this humshift was built without the feature `remote`".to_owned())
    }

    pub fn length(&self, _: &str) -> Result<u64, Refused> {
        match *self {}
    }

    pub fn read(&self, _: &str, _: u64) -> Result<Vec<u8>, Refused> {
        match *self {}
    }

    pub fn stream(
        &self,
        _: &str,
        _: u64,
        _: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Refused> {
        match *self {}
    }

    pub fn write(&self, _: &str, _: Vec<u8>, _: bool) -> Result<bool, Refused> {
        match *self {}
    }

    pub fn write_parts(&self, _: &str, _: impl Read) -> Result<(), Refused> {
        match *self {}
    }

    pub fn list(&self, _: &str) -> Result<Vec<Seen>, Refused> {
        match *self {}
    }
}
