//! Metrics of one section, as JSON.

use serde::{Deserialize, Serialize};

use super::{Artifact, Blob, DecodeError, Kind};

/// One number of a table, or the reason why it is missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricRow {
    pub machine: String,
    pub section: String,
    /// `source` or `target`. Empty if a metric spans both or the data set has no domains.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// The attribute that selects the clips, such as `vel`. Empty for all clips.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub attribute: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value_of_attribute: String,
    /// `auc`, `pauc`, `threshold`, `precision`, `recall` or `f1`.
    pub metric: String,
    /// Between 0 and 1, except for a threshold. Absent if it cannot be computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The ends of an interval about the value, if requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// The reason why there is no value.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub missing: String,
    /// The reason why the value should not be trusted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// The metrics of one section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricTable {
    pub rows: Vec<MetricRow>,
}

impl Artifact for MetricTable {
    const KIND: Kind = Kind::Json;

    fn encode(&self) -> Vec<u8> {
        let mut text = crate::canon::to_string(self).expect("finite numbers and texts");
        text.push('\n');
        text.into_bytes()
    }

    fn decode(bytes: Blob) -> Result<Self, DecodeError> {
        serde_json::from_slice(&bytes).map_err(|e| DecodeError::new("metric table", e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_survives_its_bytes() {
        let row = MetricRow {
            machine: "fan".into(),
            section: "00".into(),
            domain: "source".into(),
            attribute: String::new(),
            value_of_attribute: String::new(),
            metric: "auc".into(),
            value: Some(0.1 + 0.2),
            low: Some(0.1),
            high: Some(0.7),
            missing: String::new(),
            note: String::new(),
        };
        let none = MetricRow {
            value: None,
            low: None,
            high: None,
            missing: "no target normals".into(),
            ..row.clone()
        };
        let table = MetricTable { rows: vec![row, none] };
        assert_eq!(MetricTable::decode(Blob::new(table.encode())).unwrap(), table);
    }
}
