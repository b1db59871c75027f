//! Spectrograms side by side, as in figure 1 of the MIMII DG paper (Dohi et al. 2022): one row per
//! machine, one column per domain, one colour scale for all.
//!
//! The output is one self-contained SVG of version 1.1, which browsers, LaTeX tool chains and
//! office programs read. Images are embedded PNGs with one pixel per value, and words are text. It
//! draws nothing beyond the matrices.

use ndarray::{Array2, ArrayView2};

use super::axis::{Axis, label, round_numbers};
use super::image::{Scale, png};
use super::svg::Svg;

/// The spectrogram of one clip.
#[derive(Clone, Debug)]
pub struct Panel<'a> {
    /// Its title, such as `fan 00 source`.
    pub title: String,
    /// Values in dB, (frames, bins).
    pub matrix: ArrayView2<'a, f32>,
    pub time: Axis,
}

/// The clips of one machine, one column per domain; `None` without a clip.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    pub frequency: Axis,
    pub panels: Vec<Option<Panel<'a>>>,
}

// Lengths in pixels of the SVG.
pub(super) const WIDTH: f64 = 300.0;
pub(super) const HEIGHT: f64 = 120.0;
/// Left of the first column: the title and labels of the frequency axis.
pub(super) const LEFT: f64 = 56.0;
/// Between two columns.
pub(super) const GAP: f64 = 22.0;
/// Above an image: its title.
pub(super) const ABOVE: f64 = 24.0;
/// Below an image: labels of the time axis, and below the last row its title.
pub(super) const LABELS: f64 = 17.0;
pub(super) const TITLE: f64 = 20.0;
/// The gap before the colour scale, the width of the scale, and the width of its labels.
pub(super) const BAR: (f64, f64, f64) = (20.0, 12.0, 58.0);
/// Length of a mark on an axis.
const MARK: f64 = 4.0;

/// The figure. The last row has the title of the time axis. Labels of the time stand below every
/// image, or only below the lowest image of a column if all clips have the same length.
pub fn spectrograms(rows: &[Row], scale: Scale) -> String {
    let columns = rows.iter().map(|row| row.panels.len()).max().unwrap_or(0).max(1) as f64;
    let panels: Vec<&Panel> = rows.iter().flat_map(|row| row.panels.iter().flatten()).collect();
    let alike = panels.windows(2).all(|two| two[0].time == two[1].time);
    let pitch = ABOVE + HEIGHT + if alike { 0.0 } else { LABELS };
    let bottom = pitch * rows.len() as f64 + if alike { LABELS } else { 0.0 };
    let width = LEFT + columns * (WIDTH + GAP) - GAP + BAR.0 + BAR.1 + BAR.2;
    let mut svg = Svg::new(width, bottom + TITLE);
    for (number, row) in rows.iter().enumerate() {
        let top = ABOVE + pitch * number as f64;
        frequencies(&mut svg, &row.frequency, top);
        for (column, panel) in row.panels.iter().enumerate() {
            let left = LEFT + (WIDTH + GAP) * column as f64;
            let Some(panel) = panel else {
                svg.frame(left, top, WIDTH, HEIGHT, "#eee");
                svg.text(
                    left + WIDTH / 2.0,
                    top + HEIGHT / 2.0 + 4.0,
                    "middle",
                    "",
                    "no normal clip",
                );
                continue;
            };
            svg.text(left, top - 7.0, "start", "font-weight=\"bold\"", &panel.title);
            svg.image(left, top, WIDTH, HEIGHT, &png(panel.matrix, scale));
            let below = rows[number + 1..]
                .iter()
                .any(|row| row.panels.get(column).is_some_and(Option::is_some));
            times(&mut svg, &panel.time, left, top + HEIGHT, !alike || !below);
            if !below {
                let at = top + HEIGHT + LABELS + 14.0;
                svg.text(left + WIDTH / 2.0, at, "middle", "", &panel.time.title);
            }
        }
    }
    let bottom = pitch * rows.len() as f64 - if alike { 0.0 } else { LABELS };
    bar(&mut svg, scale, width - BAR.1 - BAR.2, bottom, "Level (dB)");
    svg.finish()
}

pub(super) fn frequencies(svg: &mut Svg, axis: &Axis, top: f64) {
    for (at, label) in &axis.marks {
        let y = top + HEIGHT * (1.0 - at / axis.cells as f64);
        svg.line((LEFT - MARK, y), (LEFT, y));
        svg.text(LEFT - MARK - 3.0, y + 4.0, "end", "", label);
    }
    let middle = top + HEIGHT / 2.0;
    svg.text(
        14.0,
        middle,
        "middle",
        &format!("transform=\"rotate(-90 14 {middle})\""),
        &axis.title,
    );
}

pub(super) fn times(svg: &mut Svg, axis: &Axis, left: f64, bottom: f64, labelled: bool) {
    for (at, label) in &axis.marks {
        let x = left + WIDTH * at / axis.cells as f64;
        svg.line((x, bottom), (x, bottom + MARK));
        if labelled {
            svg.text(x, bottom + LABELS - 1.0, "middle", "", label);
        }
    }
}

/// The colour scale, as high as all rows together.
pub(super) fn bar(svg: &mut Svg, scale: Scale, left: f64, bottom: f64, title: &str) {
    let (top, height) = (ABOVE, (bottom - ABOVE).max(HEIGHT));
    let ramp = Array2::from_shape_fn((1, 256), |(_, i)| {
        (scale.low + (scale.high - scale.low) * i as f64 / 255.0) as f32
    });
    svg.image(left, top, BAR.1, height, &png(ramp.view(), scale));
    let right = left + BAR.1;
    for value in round_numbers(scale.low, scale.high) {
        let y = top + height * (scale.high - value) / (scale.high - scale.low);
        svg.line((right, y), (right + MARK, y));
        svg.text(right + MARK + 3.0, y + 4.0, "start", "", &label(value));
    }
    let (x, middle) = (right + BAR.2 - 10.0, top + height / 2.0);
    svg.text(x, middle, "middle", &format!("transform=\"rotate(-90 {x} {middle})\""), title);
}

#[cfg(test)]
mod tests {
    use super::super::image::base64;
    use super::super::svg::texts;
    use super::*;

    fn panel<'a>(title: &str, matrix: &'a Array2<f32>, seconds: f64) -> Panel<'a> {
        let frames = matrix.nrows();
        let time = Axis::linear("Time (s)", frames, 0.0, seconds / frames as f64);
        Panel { title: title.into(), matrix: matrix.view(), time }
    }

    fn row<'a>(panels: Vec<Option<Panel<'a>>>, bins: usize) -> Row<'a> {
        Row { frequency: Axis::counted("Mel band", bins), panels }
    }

    #[test]
    fn every_clip_is_there_with_its_name_its_axes_and_one_scale() {
        let [a, b, c] = [-60.0, -30.0, -20.0].map(|top| {
            Array2::from_shape_fn((40, 16), |(frame, bin)| {
                top - ((3 * frame + 5 * bin) % 31) as f32
            })
        });
        let rows = [
            row(
                vec![
                    Some(panel("fan 00 source", &a, 10.0)),
                    Some(panel("fan 00 target", &b, 10.0)),
                ],
                16,
            ),
            row(vec![Some(panel("a<b & c 00 source", &c, 10.0)), None], 16),
        ];
        let scale = Scale::of([a.view(), b.view(), c.view()]);
        let svg = spectrograms(&rows, scale);
        let texts = texts(&svg);
        let count = |word: &str| texts.iter().filter(|text| *text == word).count();
        let once = [
            "fan 00 source",
            "fan 00 target",
            "a&lt;b &amp; c 00 source",
            "Level (dB)",
            "no normal clip",
            "−60",
        ];
        assert_eq!(once.map(count), [1; 6], "{texts:?}");
        // The time stands below the lowest image of each column, the bands beside each row.
        assert_eq!((count("Time (s)"), count("4"), count("Mel band")), (2, 2, 2), "{texts:?}");
        for matrix in [&a, &b, &c] {
            assert_eq!(svg.matches(&base64(&png(matrix.view(), scale))).count(), 1);
        }
        assert_eq!(svg.matches("<image ").count(), 4);
    }

    #[test]
    fn clips_of_different_length_have_axes_of_their_own() {
        let (long, short) = (Array2::zeros((40, 4)), Array2::zeros((20, 4)));
        let sixes = |second: &Array2<f32>, seconds: f64| {
            let second = row(vec![Some(panel("b", second, seconds))], 4);
            let rows = [row(vec![Some(panel("a", &long, 10.0))], 4), second];
            let svg = spectrograms(&rows, Scale { low: -10.0, high: 0.0 });
            texts(&svg).iter().filter(|text| *text == "6").count()
        };
        assert_eq!((sixes(&long, 10.0), sixes(&long, 8.0), sixes(&short, 10.0)), (1, 2, 2));
    }

    #[test]
    fn silence_and_single_values_and_nothing_at_all_are_drawn() {
        for (frames, bins) in [(1, 1), (1, 128), (313, 1), (313, 128)] {
            let silence = Array2::from_elem((frames, bins), -156.5);
            let rows = [row(vec![Some(panel("silence", &silence, 1.0))], bins)];
            let svg = spectrograms(&rows, Scale::of([silence.view()]));
            assert!(texts(&svg).contains(&"silence".to_owned()));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{frames} x {bins}");
        }
        assert!(texts(&spectrograms(&[], Scale::of([]))).contains(&"Level (dB)".to_owned()));
    }
}
