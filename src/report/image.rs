//! Matrices in dB as PNG images: one pixel per value, time to the right, frequency upwards.

use ndarray::ArrayView2;

use super::colour::palette;

/// Values this far below the loudest are shown as silence; digital silence lies at -150 dB.
const DEPTH: f64 = 80.0;
/// The least span of a scale, so that a constant matrix does not show its rounding errors.
const SPAN: f64 = 10.0;
/// Ends of a scale are multiples of this.
const STEP: f64 = 5.0;

/// The values in dB of the first and the last colour. Values beyond them get the same colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    pub low: f64,
    pub high: f64,
}

impl Scale {
    /// One scale for matrices that are compared with each other, from their lowest hundredth to
    /// their highest thousandth. Single loud values above it would take the contrast from all
    /// others.
    pub fn of<'a>(matrices: impl IntoIterator<Item = ArrayView2<'a, f32>>) -> Self {
        let mut values: Vec<f32> = matrices
            .into_iter()
            .flat_map(|m| m.into_iter().copied().filter(|x| x.is_finite()))
            .collect();
        let Some(last) = values.len().checked_sub(1) else { return Self { low: -SPAN, high: 0.0 } };
        let mut quantile = |q: f64| {
            f64::from(
                *values
                    .select_nth_unstable_by((q * last as f64).round() as usize, f32::total_cmp)
                    .1,
            )
        };
        let (low, high) = (quantile(0.01), (quantile(0.999) / STEP).ceil() * STEP);
        let low = (low.max(high - DEPTH) / STEP).floor() * STEP;
        Self { low: low.min(high - SPAN), high }
    }

    /// The colour of a value, 0..=255. NaN gets the lowest.
    pub fn level(self, db: f32) -> u8 {
        // A cast of NaN gives 0.
        (255.0 * (f64::from(db) - self.low) / (self.high - self.low)).round().clamp(0.0, 255.0)
            as u8
    }
}

/// A matrix (frames, bins) as a PNG `frames` wide and `bins` high, lowest bin at the bottom, with a
/// palette.
///
/// Panics if the matrix is empty or exceeds the size of a PNG. Features of a clip do neither.
pub fn png(matrix: ArrayView2<f32>, scale: Scale) -> Vec<u8> {
    let (frames, bins) = matrix.dim();
    let pixels: Vec<u8> = (0..bins)
        .rev()
        .flat_map(|b| matrix.column(b).into_iter().map(|db| scale.level(*db)))
        .collect();
    let mut bytes = Vec::new();
    let size = |n: usize| u32::try_from(n).expect("a clip has fewer frames and bins");
    let mut encoder = ::png::Encoder::new(&mut bytes, size(frames), size(bins));
    encoder.set_color(::png::ColorType::Indexed);
    encoder.set_depth(::png::BitDepth::Eight);
    encoder.set_palette(palette().as_flattened().to_vec());
    encoder.set_compression(::png::Compression::High);
    let mut writer = encoder.write_header().expect("writing to memory");
    writer.write_image_data(&pixels).expect("a pixel a value");
    writer.finish().expect("writing to memory");
    bytes
}

/// Base64 of RFC 4648, with padding.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits =
            (0..3).fold(0, |bits, i| bits << 8 | u32::from(three.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    /// Width, height and rows of colours of a PNG.
    fn decode(bytes: &[u8]) -> (u32, u32, Vec<[u8; 3]>) {
        let mut decoder = ::png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(::png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(info.color_type, ::png::ColorType::Rgb);
        (info.width, info.height, pixels.as_chunks().0.to_vec())
    }

    #[test]
    fn a_png_has_a_pixel_a_value_and_the_lowest_bin_at_the_bottom() {
        let matrix = array![[-80.0, -60.0], [-40.0, -20.0], [f32::NAN, 10.0]];
        let scale = Scale { low: -80.0, high: 0.0 };
        let colours = palette();
        let expected = [64, 191, 255, 0, 128, 0].map(|level: usize| colours[level]);
        assert_eq!(decode(&png(matrix.view(), scale)), (3, 2, expected.to_vec()));
    }

    #[test]
    fn narrow_and_constant_matrices_have_an_image() {
        for (frames, bins) in [(1, 1), (1, 128), (313, 1)] {
            let matrix = Array2::from_elem((frames, bins), -156.5_f32);
            let scale = Scale::of([matrix.view()]);
            assert_eq!(scale, Scale { low: -165.0, high: -155.0 });
            let (width, height, pixels) = decode(&png(matrix.view(), scale));
            assert_eq!(
                (width as usize, height as usize, pixels.len()),
                (frames, bins, frames * bins)
            );
            assert!(pixels.iter().all(|p| *p == pixels[0]));
        }
    }

    #[test]
    fn a_scale_holds_what_is_heard() {
        // Two in a hundred values are digital silence, and one in a hundred thousand is a click.
        let values = |i: usize| match i {
            7 => 40.0,
            i if i % 50 == 0 => -156.0,
            i => -72.0 + (i % 61) as f32,
        };
        let matrix = Array2::from_shape_fn((1000, 100), |(frame, bin)| values(100 * frame + bin));
        assert_eq!(Scale::of([matrix.view()]), Scale { low: -90.0, high: -10.0 });
        assert_eq!(Scale::of([]), Scale { low: -10.0, high: 0.0 });
    }

    #[test]
    fn base64_of_rfc_4648_section_10() {
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in vectors {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }
}
