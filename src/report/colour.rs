//! The colours of spectrograms: from dark violet for quiet parts, over red, to light yellow for
//! loud parts.
//!
//! The colours follow a path through OKLab (Ottosson 2020, "A perceptual color space for image
//! processing") with equal steps of lightness. So equal differences in dB look equally large, the
//! order survives a print in grey, and no hue shows an edge that is not in the sound.

use crate::math;

/// Lightness of the quietest and the loudest colour; 0 is black, 1 white.
const LIGHTNESS: (f64, f64) = (0.16, 0.97);
/// Hue angle at both ends in degrees, beyond 360 for the short way round over red.
const HUE: (f64, f64) = (285.0, 465.0);
/// Chroma at both ends, and the amount added in the middle, where sRGB has room for stronger
/// colours.
const CHROMA: (f64, f64) = (0.088, 0.098);

/// Red, green and blue of 256 levels, from quiet to loud.
pub fn palette() -> [[u8; 3]; 256] {
    std::array::from_fn(|level| {
        let t = level as f64 / 255.0;
        let chroma = CHROMA.0 + CHROMA.1 * math::sin(std::f64::consts::PI * t);
        let (sin, cos) = math::sin_cos(between(HUE, t).to_radians());
        srgb(between(LIGHTNESS, t), chroma * cos, chroma * sin)
    })
}

fn between((low, high): (f64, f64), t: f64) -> f64 {
    low + (high - low) * t
}

/// OKLab to 8-bit sRGB, with the matrices of Ottosson 2020 and the transfer curve of IEC 61966-2-1.
fn srgb(lightness: f64, a: f64, b: f64) -> [u8; 3] {
    let l = math::powi(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
    let m = math::powi(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
    let s = math::powi(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
    let linear = [
        4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
        -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
        -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
    ];
    linear.map(|x| {
        let x = x.clamp(0.0, 1.0);
        let x = if x <= 0.0031308 { 12.92 * x } else { 1.055 * math::powf(x, 1.0 / 2.4) - 0.055 };
        (255.0 * x).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Luminance after IEC 61966-2-1, 0..1.
    fn luminance([red, green, blue]: [u8; 3]) -> f64 {
        let linear = |x: u8| {
            let x = f64::from(x) / 255.0;
            if x <= 0.04045 { x / 12.92 } else { math::powf((x + 0.055) / 1.055, 2.4) }
        };
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    #[test]
    fn louder_is_lighter_in_print_too() {
        let palette = palette();
        let light: Vec<f64> = palette.iter().map(|rgb| luminance(*rgb)).collect();
        assert!(light[0] < 0.01 && light[255] > 0.85, "{} {}", light[0], light[255]);
        // With 8 bits per channel, neighbours may be equal, but never decrease.
        assert!(light.windows(4).all(|w| w[0] < w[3]), "{light:?}");
        let distinct: std::collections::BTreeSet<[u8; 3]> = palette.into_iter().collect();
        assert_eq!(distinct.len(), 256);
    }

    #[test]
    fn white_grey_and_black_are_themselves() {
        assert_eq!([srgb(0.0, 0.0, 0.0), srgb(1.0, 0.0, 0.0)], [[0; 3], [255; 3]]);
        let [red, green, blue] = srgb(0.6, 0.0, 0.0);
        assert!(red.abs_diff(green) <= 1 && green.abs_diff(blue) <= 1, "{red} {green} {blue}");
    }
}
