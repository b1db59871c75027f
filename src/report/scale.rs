//! Scales of axes: they convert values to places, linearly or logarithmically.

use super::axis::{label, round_numbers};
use crate::math;

/// The margin of an axis beyond its values at each end, as a fraction of its length.
const MARGIN: f64 = 0.04;

/// Converts values to places on an axis.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    pub low: f64,
    pub high: f64,
    pub logarithmic: bool,
    /// The only value, if all points have the same.
    constant: Option<f64>,
}

impl Scale {
    /// A linear scale.
    pub fn linear(low: f64, high: f64) -> Self {
        Self { low, high, logarithmic: false, constant: None }
    }

    /// The scale for all values, with a small margin. It is logarithmic if they span more than a
    /// factor of ten.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        if low > high {
            return Self::linear(0.0, 1.0);
        }
        if low == high {
            let around = if low == 0.0 { 1.0 } else { 0.5 * low.abs() };
            let constant = Some(low);
            return Self { constant, ..Self::linear(low - around, high + around) };
        }
        if low > 0.0 && high / low > 10.0 {
            let margin = math::powf(high / low, MARGIN);
            let (low, high) = (low / margin, high * margin);
            return Self { low, high, logarithmic: true, constant: None };
        }
        let margin = MARGIN * (high - low);
        Self::linear(low - margin, high + margin)
    }

    /// Whether a value has a place.
    pub fn shows(&self, value: f64) -> bool {
        value.is_finite() && (self.low..=self.high).contains(&value)
    }

    /// 0 at the lower end, 1 at the upper one.
    pub fn place(&self, value: f64) -> f64 {
        match self.logarithmic {
            true => math::ln(value / self.low) / math::ln(self.high / self.low),
            false => (value - self.low) / (self.high - self.low),
        }
    }

    /// At most this many round values.
    pub fn few_marks(&self, most: usize) -> Vec<f64> {
        let marks = self.marks();
        let every = marks.len().div_ceil(most).max(1);
        marks.into_iter().step_by(every).collect()
    }

    /// A few round values; for a constant, the constant itself.
    pub fn marks(&self) -> Vec<f64> {
        if let Some(constant) = self.constant {
            return vec![constant];
        }
        if !self.logarithmic {
            return round_numbers(self.low, self.high);
        }
        let powers = math::log10(self.low).floor() as i32..=math::log10(self.high).ceil() as i32;
        let of = |factors: &[f64]| -> Vec<f64> {
            let all = powers
                .clone()
                .flat_map(|power| factors.iter().map(move |f| f * math::powi(10f64, power)));
            all.filter(|value| self.shows(*value)).collect()
        };
        let (fine, coarse) = (of(&[1.0, 2.0, 5.0]), of(&[1.0]));
        let mut marks = if fine.len() > 7 { coarse } else { fine };
        let every = marks.len().div_ceil(7).max(1);
        marks = marks.into_iter().step_by(every).collect();
        marks
    }
}

/// A number as short as possible: `0.05`, `1e−7`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e6).contains(&size) {
        return label(value);
    }
    // Two digits are enough for round numbers and hide rounding errors.
    let text = format!("{value:.1e}");
    text.replace(".0e", "e").replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_an_axis_are_few_and_short() {
        let marks = |low: f64, high: f64| {
            let marks = Scale::of([low, high].into_iter()).marks();
            marks.into_iter().map(number).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(marks(3.0, 40.0), "5 10 20");
        assert_eq!(marks(1e-7, 0.02), "1e\u{2212}7 1e\u{2212}6 1e\u{2212}5 1e\u{2212}4 0.001 0.01");
        assert_eq!(marks(1.0, 2.0), "1 1.2 1.4 1.6 1.8 2");
        assert_eq!(marks(0.001, 0.001), "0.001");
        let few = Scale::of([1.0, 2.0].into_iter()).few_marks(3);
        assert_eq!(few.len(), 3);
        assert!(Scale::of([1e-30, 1e30].into_iter()).marks().len() <= 7);
    }
}
