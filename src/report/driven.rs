//! The parts of a score: the spectrogram of each clip, and beside it the contribution of each
//! value.

use ndarray::ArrayView2;

use super::axis::Axis;
use super::image::{Scale, png};
use super::spectrogram::{
    ABOVE, BAR, GAP, HEIGHT, LABELS, LEFT, TITLE, WIDTH, bar, frequencies, times,
};
use super::svg::Svg;

/// A clip and the parts of its score.
#[derive(Clone, Debug)]
pub struct Driven<'a> {
    /// Its title: name and score.
    pub title: String,
    pub time: Axis,
    pub frequency: Axis,
    /// Values in dB, (frames, bins).
    pub level: ArrayView2<'a, f32>,
    /// The contribution of each value to the score, 0 or more, (frames, bins).
    pub part: ArrayView2<'a, f32>,
}

/// The share of contributions below the upper end of the scale. A few large ones would take the
/// contrast from all others.
const SHARE: f64 = 0.999;

/// One row per clip: its levels on the left, its contributions on the right. `unit` is the unit of
/// the contributions.
pub fn driven(rows: &[Driven], unit: &str) -> String {
    let levels = Scale::of(rows.iter().map(|row| row.level));
    let parts = from_zero(rows.iter().map(|row| row.part));
    let pitch = ABOVE + HEIGHT + LABELS;
    let column = WIDTH + BAR.0 + BAR.1 + BAR.2 + GAP;
    let bottom = pitch * rows.len() as f64;
    let mut svg = Svg::new(LEFT + 2.0 * column - GAP, bottom + TITLE);
    for (number, row) in rows.iter().enumerate() {
        let top = ABOVE + pitch * number as f64;
        frequencies(&mut svg, &row.frequency, top);
        svg.text(LEFT, top - 7.0, "start", "font-weight=\"bold\"", &row.title);
        for (left, matrix, scale) in [(LEFT, row.level, levels), (LEFT + column, row.part, parts)] {
            svg.image(left, top, WIDTH, HEIGHT, &png(matrix, scale));
            times(&mut svg, &row.time, left, top + HEIGHT, true);
            if number + 1 == rows.len() {
                svg.text(
                    left + WIDTH / 2.0,
                    top + HEIGHT + LABELS + 14.0,
                    "middle",
                    "",
                    &row.time.title,
                );
            }
        }
    }
    for (left, scale, title) in [(LEFT, levels, "Level (dB)"), (LEFT + column, parts, unit)] {
        bar(&mut svg, scale, left + WIDTH + BAR.0, bottom - LABELS, title);
    }
    svg.finish()
}

fn from_zero<'a>(matrices: impl Iterator<Item = ArrayView2<'a, f32>>) -> Scale {
    let mut values: Vec<f32> =
        matrices.flat_map(|m| m.into_iter().copied().filter(|x| x.is_finite())).collect();
    values.sort_by(f32::total_cmp);
    let place = (SHARE * values.len().saturating_sub(1) as f64).round() as usize;
    let high = values.get(place).copied().map_or(0.0, f64::from);
    Scale { low: 0.0, high: if high > 0.0 { high } else { 1.0 } }
}

#[cfg(test)]
mod tests {
    use super::super::svg::texts;
    use super::*;
    use ndarray::Array2;

    #[test]
    fn each_clip_has_its_levels_and_its_parts() {
        let level = Array2::from_shape_fn((20, 8), |(frame, bin)| -60.0 + (frame + bin) as f32);
        let part = Array2::from_shape_fn((20, 8), |(frame, _)| if frame == 3 { 2.5 } else { 0.0 });
        let row = |title: &str| Driven {
            title: title.into(),
            time: Axis::linear("Time (s)", 20, 0.0, 0.1),
            frequency: Axis::counted("Mel band", 8),
            level: level.view(),
            part: part.view(),
        };
        let svg = driven(&[row("a<b 0.5"), row("c")], "Squared error");
        let texts = texts(&svg);
        let count = |word: &str| texts.iter().filter(|text| *text == word).count();
        assert_eq!(
            ["a&lt;b 0.5", "c", "Level (dB)", "Squared error", "2.5"].map(count),
            [1; 5],
            "{texts:?}"
        );
        assert_eq!(
            (count("Time (s)"), count("Mel band"), svg.matches("<image ").count()),
            (2, 2, 6)
        );
        let silence = Array2::zeros((1, 1));
        let row = Driven { level: silence.view(), part: silence.view(), ..row("silence") };
        assert!(!driven(&[row], "x").contains("NaN"));
    }
}
