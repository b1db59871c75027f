//! Bands of a vector: each is compared with the same band of the training clips alone.

use std::fmt;
use std::ops::Range;

use schemars::JsonSchema;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::detector::DetectorError;
use crate::diagnose::Problem;

/// More than any vector has.
const MOST_BANDS: usize = 10_000;

/// The bands of a vector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Bands {
    /// This number of equal bands.
    Count(#[schemars(range(min = 1, max = MOST_BANDS))] usize),
    /// The first value of each band but the first, counted from 0, such as `[8, 16, 32, 64]`.
    Edges(Vec<usize>),
}

impl<'de> Deserialize<'de> for Bands {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Bands;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a number of bands, or a list of places where a band begins")
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<Bands, E> {
                usize::try_from(count).map(Bands::Count).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut places: A) -> Result<Bands, A::Error> {
                let mut edges = Vec::new();
                while let Some(edge) = places.next_element()? {
                    edges.push(edge);
                }
                Ok(Bands::Edges(edges))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Bands {
    /// All settings that are out of range.
    pub(super) fn problem(&self) -> Option<Problem> {
        match self {
            Self::Count(count) => Problem::outside("bands", *count, 1, MOST_BANDS),
            Self::Edges(edges) => {
                let rising = edges.first() != Some(&0) && edges.is_sorted_by(|a, b| a < b);
                let message = || "a band begins at or before the band before it".to_owned();
                (!rising).then(|| {
                    Problem::new("bands", message())
                        .hint("write rising numbers without the 0, such as `[8, 16, 32, 64]`")
                })
            }
        }
    }

    /// The places of each band in vectors of `dims` values.
    ///
    /// Errors: the bands do not fit vectors of this length.
    pub(super) fn of(&self, dims: usize) -> Result<Vec<Range<usize>>, DetectorError> {
        match self {
            Self::Count(count) if *count == 0 || !dims.is_multiple_of(*count) => {
                Err(DetectorError::Data(format!(
                    "`bands` is {count}, and the vectors have {dims} values, no multiple of it"
                )))
            }
            Self::Count(count) => {
                let width = dims / count;
                Ok((0..*count).map(|band| band * width..(band + 1) * width).collect())
            }
            Self::Edges(edges) => {
                if let Some(beyond) = edges.iter().find(|edge| **edge >= dims) {
                    return Err(DetectorError::Data(format!(
                        "a band begins at value {beyond}, but the vectors have {dims} values"
                    )));
                }
                let begins = std::iter::once(0).chain(edges.iter().copied());
                let ends = edges.iter().copied().chain([dims]);
                Ok(begins.zip(ends).map(|(begin, end)| begin..end).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bands_are_equal_or_begin_where_a_list_says() {
        let of = |bands: serde_json::Value, dims| {
            let bands: Bands = serde_json::from_value(bands).unwrap();
            assert_eq!(bands.problem(), None);
            bands.of(dims).map_err(|error| error.to_string())
        };
        assert_eq!(of(json!(2), 6), Ok(vec![0..3, 3..6]));
        assert_eq!(of(json!([1, 4]), 6), Ok(vec![0..1, 1..4, 4..6]));
        assert_eq!(of(json!([]), 6), of(json!(1), 6));
        let uneven = "`bands` is 4, and the vectors have 6 values, no multiple of it";
        assert_eq!(of(json!(4), 6), Err(uneven.to_owned()));
        let beyond = "a band begins at value 6, but the vectors have 6 values";
        assert_eq!(of(json!([1, 6]), 6), Err(beyond.to_owned()));
    }

    #[test]
    fn bands_that_are_none_are_problems() {
        for wrong in [json!(0), json!([0, 4]), json!([4, 4]), json!([4, 2])] {
            let bands: Bands = serde_json::from_value(wrong.clone()).unwrap();
            assert_eq!(bands.problem().map(|p| p.field).as_deref(), Some("bands"), "{wrong}");
        }
    }
}
