//! SpecAugment: frames and bands of training images are masked (Park et al. 2019, arXiv 1904.08779).
//!
//! A mask has f bands, where f is drawn from 0 to the width with equal chances, and begins at a band
//! drawn from 0 to bands - f, the end left out. Masks of frames are drawn the same way. Each band of
//! the scaled images has mean 0 over the training clips, so a masked value is 0. The warping of time
//! of the paper is left out.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diagnose::Problem;
use crate::seed::Rng;

/// Masks over frames and bands of the training images (SpecAugment, Park et al. 2019). The defaults
/// are the paper's basic policy for LibriSpeech.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpecAugment {
    /// Masks over frames in an image.
    #[schemars(range(min = 0, max = 100))]
    pub time_masks: usize,
    /// The most frames of a mask.
    #[schemars(range(min = 1, max = 65_536))]
    pub time_width: usize,
    /// Masks over bands in an image.
    #[schemars(range(min = 0, max = 100))]
    pub frequency_masks: usize,
    /// The most bands of a mask.
    #[schemars(range(min = 1, max = 65_536))]
    pub frequency_width: usize,
}

impl Default for SpecAugment {
    fn default() -> Self {
        Self { time_masks: 1, time_width: 100, frequency_masks: 1, frequency_width: 27 }
    }
}

impl SpecAugment {
    /// All settings that are out of range.
    pub fn problems(&self) -> Vec<Problem> {
        let Self { time_masks, time_width, frequency_masks, frequency_width } = *self;
        let all = [
            ("time_masks", time_masks, 0, 100),
            ("time_width", time_width, 1, 65_536),
            ("frequency_masks", frequency_masks, 0, 100),
            ("frequency_width", frequency_width, 1, 65_536),
        ];
        let mut problems: Vec<Problem> = all
            .into_iter()
            .filter_map(|(field, value, from, to)| {
                Problem::outside(&format!("spec_augment.{field}"), value, from, to)
            })
            .collect();
        if (time_masks, frequency_masks) == (0, 0) {
            let message = "`spec_augment` without masks changes nothing".to_owned();
            problems.push(
                Problem::new("spec_augment", message)
                    .hint("write `frequency_masks: 1`, or leave `spec_augment` out"),
            );
        }
        problems
    }

    /// Masks each of the images, (frames, bands), by itself.
    pub fn mask(&self, images: &mut [f32], [frames, bands]: [usize; 2], rng: &mut Rng) {
        for image in images.chunks_exact_mut(frames * bands) {
            for _ in 0..self.time_masks {
                mask_frames(image, bands, drawn(self.time_width, frames, rng));
            }
            for _ in 0..self.frequency_masks {
                mask_bands(image, bands, drawn(self.frequency_width, bands, rng));
            }
        }
    }
}

/// The places of a mask of at most `width`, among `count`.
fn drawn(width: usize, count: usize, rng: &mut Rng) -> Range<usize> {
    let length = rng.below(width.min(count) + 1);
    let start = rng.below((count - length).max(1));
    start..start + length
}

fn mask_frames(image: &mut [f32], bands: usize, which: Range<usize>) {
    image[which.start * bands..which.end * bands].fill(0.0);
}

fn mask_bands(image: &mut [f32], bands: usize, which: Range<usize>) {
    image.chunks_exact_mut(bands).for_each(|frame| frame[which.clone()].fill(0.0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::oracle::{assert_near, floats, number, parts};
    use crate::seed::Seed;

    #[test]
    fn masks_are_those_of_numpy() {
        let case = &parts()["masks"];
        let (mut image, bands) = (floats(&case["image"]), number(&case["bands"]) as usize);
        let span =
            |value: &serde_json::Value| number(&value[0]) as usize..number(&value[1]) as usize;
        for which in case["frames"].as_array().unwrap() {
            mask_frames(&mut image, bands, span(which));
        }
        for which in case["of_bands"].as_array().unwrap() {
            mask_bands(&mut image, bands, span(which));
        }
        assert_near(&image, &case["masked"], 0.0);
    }

    #[test]
    fn widths_and_places_have_equal_chances_and_fit() {
        let mut rng = Seed(4).rng();
        let (mut widths, mut starts) = ([0usize; 6], [0usize; 20]);
        for _ in 0..12_000 {
            let which = drawn(5, 20, &mut rng);
            assert!(which.end <= 20);
            widths[which.len()] += 1;
            if which.len() == 3 {
                starts[which.start] += 1;
            }
        }
        assert!(widths.iter().all(|&n| (1800..2200).contains(&n)), "{widths:?}");
        assert!(starts[..17].iter().all(|&n| (75..165).contains(&n)), "{starts:?}");
        assert_eq!(starts[17..], [0; 3]);
        // A mask may be as wide as the image.
        assert!((0..50).all(|_| drawn(100, 4, &mut rng).end <= 4));
    }

    #[test]
    fn the_rng_decides_and_each_image_has_masks_of_its_own() {
        let augment = SpecAugment { time_width: 4, frequency_width: 3, ..SpecAugment::default() };
        let masked = |seed| {
            let mut images = vec![1.0; 2 * 12 * 8];
            augment.mask(&mut images, [12, 8], &mut Seed(seed).rng());
            images
        };
        assert_eq!(masked(1), masked(1));
        assert_ne!(masked(1), masked(2));
        assert!((1..9).any(|seed| masked(seed)[..96] != masked(seed)[96..]));
    }
}
