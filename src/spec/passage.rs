//! Where the text of a spec says a section, for mistakes that only the data set shows.

use super::node::Node;
use crate::diagnose::Place;

/// The text of a section of a point, with the values of its sweep. It is no part of what a point
/// says, so any two are equal.
#[derive(Clone, Debug, Default)]
pub struct Passage(Option<Node>);

impl PartialEq for Passage {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Passage {
    /// The passage of a section; `None` if the text lacks it.
    pub(super) fn of(section: Option<Node>) -> Self {
        Self(section)
    }

    /// The place of a setting of the section, such as `layers[1].snr_db`, or of the nearest around
    /// it. `None` if the text lacks the section.
    pub fn place(&self, setting: &str) -> Option<Place> {
        self.0.as_ref()?.nearest(setting).place()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Point, load_text};

    #[test]
    fn a_setting_is_found_in_the_file_in_its_sweep_and_in_an_argument() {
        let text = "\
data: { synthetic: {} }
mix: { noise: { factory: {} }, snr_db: { lv: { L1: 3 } } }
features: { log_mel: {} }
pool: { mean: {} }
detector: { knn: {} }
";
        let swept = format!(
            "{text}sweep: {{ mix.snr_db: [{{ lv: {{ L5: 0 }} }}, {{ lv: {{ L2: 6 }} }}] }}\n"
        );
        let said = |text: &str, sets: &[String]| -> Vec<String> {
            let of = |point: &Point| {
                let place = point.mix_at.place("snr_db.lv").unwrap();
                format!("{}: {}", place.source.name, &place.source.text[place.bytes])
            };
            load_text("t.yaml", text, sets).unwrap().points.iter().map(of).collect()
        };
        assert_eq!(said(text, &[]), ["t.yaml: { L1: 3 }"]);
        assert_eq!(said(&swept, &[]), ["t.yaml: { L5: 0 }", "t.yaml: { L2: 6 }"]);
        let set = "mix.snr_db={ lv: { L3: 9 } }".to_owned();
        assert_eq!(said(text, &[set]), ["--set: { L3: 9 }"]);
        let without = load_text("t.yaml", &text.replace("mix: ", "# "), &[]).unwrap();
        assert_eq!(without.points[0].mix_at.place("snr_db"), None);
    }
}
