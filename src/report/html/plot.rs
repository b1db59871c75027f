//! What plots share: a frame with two axes, and where values stand in it.

use super::super::scale::{Scale, number};
use super::super::svg::Svg;

/// Length of a mark on an axis.
const MARK: f64 = 4.0;

/// The inner rectangle of a plot, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Frame {
    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }

    pub fn x(&self, scale: &Scale, value: f64) -> f64 {
        self.left + self.width * scale.place(value).clamp(0.0, 1.0)
    }

    pub fn y(&self, scale: &Scale, value: f64) -> f64 {
        self.bottom() - self.height * scale.place(value).clamp(0.0, 1.0)
    }

    /// Lines across the plot at the marks of an axis that stands elsewhere.
    pub fn across(&self, svg: &mut Svg, scale: &Scale) {
        for value in scale.marks() {
            let x = self.x(scale, value);
            svg.rule("grid", (x, self.top), (x, self.bottom()));
        }
    }

    /// The axis below, with lines across the plot; `show` writes the marks.
    pub fn below(&self, svg: &mut Svg, scale: &Scale, title: &str, show: impl Fn(f64) -> String) {
        self.across(svg, scale);
        for value in scale.marks() {
            let x = self.x(scale, value);
            svg.text(x, self.bottom() + 15.0, "middle", "class=\"mark\"", &show(value));
        }
        svg.rule("axis", (self.left, self.bottom()), (self.right(), self.bottom()));
        svg.text(self.left + self.width / 2.0, self.bottom() + 31.0, "middle", "", title);
    }

    /// The axis to the left, with lines across the plot.
    pub fn beside(&self, svg: &mut Svg, scale: &Scale, title: &str, show: impl Fn(f64) -> String) {
        for value in scale.marks() {
            let y = self.y(scale, value);
            svg.rule("grid", (self.left, y), (self.right(), y));
            svg.text(self.left - MARK - 2.0, y + 4.0, "end", "class=\"mark\"", &show(value));
        }
        svg.rule("axis", (self.left, self.top), (self.left, self.bottom()));
        svg.upright(12.0, self.top + self.height / 2.0, title);
    }
}

/// A number with four digits, as a score is told.
pub(super) fn short(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        size if size >= 1.0 || size == 0.0 => 3,
        size if size >= 0.1 => 4,
        size if size >= 0.001 => 6,
        _ => return number(value),
    };
    format!("{value:.digits$}").replace('-', "\u{2212}")
}

/// A share as the mark of an axis in per cent.
pub(super) fn percent_mark(value: f64) -> String {
    number(100.0 * value)
}

/// The scale of shares, with a little room at either end.
pub(super) fn shares(values: impl Iterator<Item = f64>) -> Scale {
    let scale = Scale::of(values);
    // Shares are never shown on a logarithmic axis: a difference of one per cent is as long
    // everywhere.
    let (low, high) = if scale.logarithmic { (0.0, scale.high) } else { (scale.low, scale.high) };
    // Equal ones get room that suits shares.
    let (low, high) = if high - low < 1e-9 { (low - 0.01, high + 0.01) } else { (low, high) };
    Scale::linear(low, high)
}

/// The value below which a part of sorted values lies, between neighbours in proportion.
pub(super) fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = part * (sorted.len() as f64 - 1.0);
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

/// A figure with what it shows, in one sentence of plain text.
pub(super) fn figure(svg: &str, caption: &str) -> String {
    format!("<figure>{svg}<figcaption>{}</figcaption></figure>\n", crate::shown::html(caption))
}
