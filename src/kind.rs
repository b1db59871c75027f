//! The types of the files that stages exchange: a closed set of words.
//!
//! A kind is part of a file's name in the cache. It is a type and not a text, so a record with
//! another word cannot be read, and no record can form a path.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The file type of an artifact: its extension in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Csv,
    Npy,
    Safetensors,
    Json,
    Onnx,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 5] = [Kind::Csv, Kind::Npy, Kind::Safetensors, Kind::Json, Kind::Onnx];

    /// The extension, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Kind::Csv => "csv",
            Kind::Npy => "npy",
            Kind::Safetensors => "safetensors",
            Kind::Json => "json",
            Kind::Onnx => "onnx",
        }
    }

    /// The kind with this extension.
    pub fn named(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.extension() == extension)
    }
}

/// A file of the store, by its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    pub digest: Digest,
    pub kind: Kind,
    pub bytes: u64,
}

impl ObjectRef {
    /// The reference for these bytes in the store.
    pub fn of(kind: Kind, bytes: &[u8]) -> Self {
        Self { digest: Digest::of(bytes), kind, bytes: bytes.len() as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_its_extension_in_json_and_nothing_else_is_one() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("{:?}", kind.extension()));
            assert_eq!(Kind::named(kind.extension()), Some(kind));
        }
        for other in ["", "NPY", "x/../../victim", "npy.npy", "wav"] {
            assert_eq!(Kind::named(other), None);
            assert!(serde_json::from_value::<Kind>(other.into()).is_err(), "{other}");
        }
    }
}
