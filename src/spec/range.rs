//! `range: [first, end]` and `[first, end, step]`: a short form for lists of numbers. The end is
//! excluded, so `[0, 3]` gives three seeds.

use serde_json::{Number, Value};

use super::mistakes::wrong_type;
use super::node::{Kind, Node};
use crate::diagnose::Diagnostic;

/// A range with at least one number, not expanded.
#[derive(Clone, Copy)]
pub enum Range {
    Whole { first: i128, step: i128, len: u64 },
    Real { first: f64, step: f64, len: u64 },
}

impl Range {
    /// `[first, end]` or `[first, end, step]`; the end is excluded.
    pub fn parse(path: &str, node: &Node) -> Result<Self, Diagnostic> {
        let path = format!("sweep.{path}.range");
        let bad = |node: &Node, message: String| {
            Diagnostic::new("E0403", message)
                .at(node.place())
                .hint("`range: [first, end]` or `[first, end, step]`; the end is not in it")
        };
        let items = match node.as_list() {
            Some(items) if (2..=3).contains(&items.len()) => items,
            Some(items) => {
                return Err(bad(
                    node,
                    format!("`{path}` takes 2 or 3 numbers, not {}", items.len()),
                ));
            }
            None => {
                return Err(bad(
                    node,
                    format!("`{path}` must be a list of 2 or 3 numbers, not {}", node.shown()),
                ));
            }
        };
        let mut numbers = Vec::new();
        for (i, item) in items.iter().enumerate() {
            match &item.kind {
                Kind::Scalar(Value::Number(n)) => numbers.push(n),
                _ => return Err(wrong_type(item, &format!("{path}[{i}]"), "f64")),
            }
        }
        let whole: Option<Vec<i128>> = numbers.iter().map(|n| n.as_i128()).collect();
        let real = |n: &Number| n.as_f64().unwrap_or(0.0);
        let (first, end) = (real(numbers[0]), real(numbers[1]));
        let step = numbers.get(2).map_or(1.0, |n| real(n));
        if step <= 0.0 {
            return Err(bad(
                &items[2],
                format!("the step of `{path}` is {}; it must be above 0", numbers[2]),
            ));
        }
        // Whole numbers are compared as such, because an f64 cannot tell neighbouring large seeds
        // apart.
        if whole.as_deref().map_or(first >= end, |w| w[0] >= w[1]) {
            return Err(bad(
                node,
                format!(
                    "`{path}` is empty: it goes from {} up to, but not including, {}",
                    numbers[0], numbers[1]
                ),
            ));
        }
        Ok(match whole.as_deref() {
            Some([first, end, more @ ..]) => {
                let step = more.first().copied().unwrap_or(1);
                Range::Whole {
                    first: *first,
                    step,
                    len: u64::try_from((end - first + step - 1) / step).unwrap_or(u64::MAX),
                }
            }
            // A remainder from rounding errors is not another step.
            _ => Range::Real {
                first,
                step,
                len: ((end - first) / step - 1e-9).ceil().max(1.0) as u64,
            },
        })
    }

    pub fn len(&self) -> u64 {
        match self {
            Range::Whole { len, .. } | Range::Real { len, .. } => *len,
        }
    }

    /// The numbers. Each is computed from the first, so rounding errors do not add up.
    pub fn numbers(self) -> impl Iterator<Item = Number> {
        (0..self.len()).filter_map(move |i| match self {
            Range::Whole { first, step, .. } => Number::from_i128(first + i128::from(i) * step),
            Range::Real { first, step, .. } => tidy(first + i as f64 * step),
        })
    }
}

/// 0.30000000000000004 is written 0.3: repeated steps are not more exact than twelve digits.
fn tidy(x: f64) -> Option<Number> {
    let x = format!("{x:.12e}").parse().unwrap_or(x);
    if x.fract() == 0.0 && x.abs() < 1e15 { Some((x as i64).into()) } else { Number::from_f64(x) }
}

#[cfg(test)]
mod tests {
    use super::super::yaml::parse_text;
    use super::*;

    fn numbers(text: &str) -> String {
        let range = Range::parse("seed", &parse_text("t.yaml", text).unwrap()).unwrap();
        let numbers: Vec<String> = range.numbers().map(|n| n.to_string()).collect();
        assert_eq!(range.len(), numbers.len() as u64);
        numbers.join(" ")
    }

    #[test]
    fn the_end_is_left_out() {
        assert_eq!(numbers("[0, 3]"), "0 1 2");
        assert_eq!(numbers("[1, 8, 3]"), "1 4 7");
        assert_eq!(numbers("[1, 7, 3]"), "1 4");
        assert_eq!(numbers("[-2, 1]"), "-2 -1 0");
        assert_eq!(numbers("[18446744073709551614, 18446744073709551615]"), "18446744073709551614");
    }

    #[test]
    fn fractions_neither_drift_nor_gain_a_step() {
        assert_eq!(numbers("[0.1, 0.4, 0.1]"), "0.1 0.2 0.3");
        assert_eq!(numbers("[0, 2, 0.5]"), "0 0.5 1 1.5");
        assert_eq!(numbers("[0.5, 0.6, 5]"), "0.5");
    }
}
