//! Axes of figures: the places and labels of their marks.

use crate::math;

/// The axis of an image side of `cells` cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub title: String,
    pub cells: usize,
    /// Distance from the edge of the first cell, in cells, and label; ascending.
    pub marks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis on which the middle of cell `i` is at `first + i * step`, with about five round
    /// marks.
    pub fn linear(title: &str, cells: usize, first: f64, step: f64) -> Self {
        let values = round_numbers(first, first + (cells as f64 - 0.5) * step);
        Self::new(title, cells, &values, |value| (value - first) / step)
    }

    /// An axis that counts its cells from 0.
    pub fn counted(title: &str, cells: usize) -> Self {
        let mut values = round_numbers(0.0, cells as f64 - 0.5);
        values.retain(|value| value.fract() == 0.0);
        Self::new(title, cells, &values, |value| value)
    }

    /// An axis with marks at those `values` that lie on it. `place` gives the cell whose centre is
    /// at a value.
    pub fn new(title: &str, cells: usize, values: &[f64], place: impl Fn(f64) -> f64) -> Self {
        let edge = cells as f64;
        // The limits of a filter bank or of a padded clip may lie up to half a cell outside the
        // edges.
        let on_it = |at: f64| (-0.501..=edge + 0.501).contains(&at).then(|| at.clamp(0.0, edge));
        let marks =
            values.iter().filter_map(|value| Some((on_it(place(*value) + 0.5)?, label(*value))));
        Self { title: title.to_owned(), cells, marks: marks.collect() }
    }
}

/// About four to six multiples of 1, 2 or 5 times a power of ten in `low..=high`.
pub fn round_numbers(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    if !(rough.is_finite() && rough > 0.0) {
        return Vec::new();
    }
    let power = math::powf(10f64, math::log10(rough).floor());
    let step = power
        * [1.0, 2.0, 5.0, 10.0].into_iter().find(|f| f * power >= 0.8 * rough).unwrap_or(10.0);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|i| i as f64 * step).collect()
}

/// A number without rounding errors: `0.3`, not `0.30000000000000004`.
pub fn label(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.replace('-', "\u{2212}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_numbers_at_the_middle_of_their_cells() {
        // 313 frames with a hop of 512 samples at 16 kHz: ten seconds.
        let axis = Axis::linear("Time (s)", 313, 0.0, 0.032);
        let labels: Vec<&str> = axis.marks.iter().map(|m| m.1.as_str()).collect();
        assert_eq!(labels, ["0", "2", "4", "6", "8", "10"]);
        assert!(
            (axis.marks[1].0 - 63.0).abs() < 1e-9,
            "frame 62.5 begins at its middle: {:?}",
            axis.marks
        );
        assert_eq!(
            round_numbers(0.0, 1.0).into_iter().map(label).collect::<Vec<_>>().join(" "),
            "0 0.2 0.4 0.6 0.8 1"
        );
        assert_eq!(label(-80.0), "−80");
    }

    #[test]
    fn values_off_the_axis_have_no_mark() {
        let axis = Axis::new("kHz", 10, &[-1.0, 0.0, 4.0, 10.0, 11.0], |value| value - 0.5);
        assert_eq!(axis.marks, [(0.0, "0".into()), (4.0, "4".into()), (10.0, "10".into())]);
        let half = Axis::new("kHz", 10, &[0.0, 8.0], |value| value * 11.0 / 8.0 - 1.0);
        assert_eq!(half.marks, [(0.0, "0".into()), (10.0, "8".into())]);
    }

    #[test]
    fn an_axis_without_length_has_no_numbers() {
        assert!(round_numbers(1.0, 1.0).is_empty() && round_numbers(0.0, f64::INFINITY).is_empty());
        assert_eq!(Axis::counted("frame", 1).marks, [(0.5, "0".into())]);
        assert_eq!(Axis::counted("frame", 0).marks, []);
    }
}
