//! The years of DCASE task 2: each has its names of files and its official score.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diagnose::suggest;

/// A year of DCASE task 2.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// 2020: machine ids in place of sections, and no domains.
    Dcase2020,
    /// 2021: a file for each domain.
    Dcase2021,
    /// 2022: three sections of each machine in a test set.
    Dcase2022,
    /// 2023: one section of each machine, as in all later years.
    Dcase2023,
    /// 2024: names may hide the attributes.
    Dcase2024,
    /// 2025.
    Dcase2025,
    /// 2026.
    #[default]
    Dcase2026,
}

impl Protocol {
    /// All of them, from the first year to the last.
    pub const ALL: [Protocol; 7] = [
        Self::Dcase2020,
        Self::Dcase2021,
        Self::Dcase2022,
        Self::Dcase2023,
        Self::Dcase2024,
        Self::Dcase2025,
        Self::Dcase2026,
    ];

    /// The word in specs, options and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dcase2020 => "dcase2020",
            Self::Dcase2021 => "dcase2021",
            Self::Dcase2022 => "dcase2022",
            Self::Dcase2023 => "dcase2023",
            Self::Dcase2024 => "dcase2024",
            Self::Dcase2025 => "dcase2025",
            Self::Dcase2026 => "dcase2026",
        }
    }
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|p| p.name() == word).ok_or_else(|| {
            format!("`{word}` is not a protocol; {}", suggest(word, Self::ALL.map(Self::name)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_is_its_word() {
        for protocol in Protocol::ALL {
            assert_eq!(serde_json::to_value(protocol).unwrap(), protocol.name());
            assert_eq!(protocol.name().parse::<Protocol>(), Ok(protocol));
        }
        assert_eq!(Protocol::default(), Protocol::ALL[Protocol::ALL.len() - 1]);
        let wrong = "dcase202".parse::<Protocol>().unwrap_err();
        assert!(wrong.starts_with("`dcase202` is not a protocol; did you mean"), "{wrong}");
    }
}
