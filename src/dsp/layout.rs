//! The places of a clip's spectrum and of its further spectrograms in one row of numbers.

use std::ops::Range;

/// A row: the bins of the spectrum of the whole clip, then for each STFT its frames, one after
/// another. An STFT of `frame` samples has a hop of half a frame and is padded at both ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// Bins of the spectrum: half as many as the clip has samples.
    pub bins: usize,
    /// Frames and bins of each STFT.
    pub stfts: Vec<[usize; 2]>,
}

impl Layout {
    /// The most STFTs of a row.
    pub const MOST: usize = 4;
    /// The fewest samples of a frame.
    pub const LEAST: usize = 64;
    /// The most samples of a frame.
    pub const LONGEST: usize = 32_768;

    /// The reason why there is no row with these frames.
    pub fn refusal(frames: &[usize]) -> Option<String> {
        let (most, least, longest) = (Self::MOST, Self::LEAST, Self::LONGEST);
        if frames.len() > most {
            return Some(format!("`stft` names {} spectrograms, above {most}", frames.len()));
        }
        if (1..frames.len()).any(|i| frames[..i].contains(&frames[i])) {
            return Some("`stft` names the same frames twice".to_owned());
        }
        let fits = |frame: &usize| frame.is_power_of_two() && (least..=longest).contains(frame);
        frames.iter().find(|frame| !fits(frame)).map(|frame| {
            format!(
                "`stft` has frames of {frame} samples, not a power of two from {least} to {longest}"
            )
        })
    }

    /// The row of a clip whose spectrum has `bins`. `frames` are the samples per frame of each STFT,
    /// multiples of 4.
    pub fn new(bins: usize, frames: &[usize]) -> Self {
        // A clip has 2 bins or 2 bins + 1 samples. An even hop makes no difference between them.
        let stft = |&frame: &usize| [1 + 2 * bins / (frame / 2), frame / 2 + 1];
        Self { bins, stfts: frames.iter().map(stft).collect() }
    }

    /// The only row of `width` numbers, or `None` if there is none.
    pub fn of_width(width: usize, frames: &[usize]) -> Option<Self> {
        // Every part grows with the clip, so the width does.
        let (mut low, mut high) = (0, width);
        while low < high {
            let middle = (low + high).div_ceil(2);
            match Self::new(middle, frames).width() <= width {
                true => low = middle,
                false => high = middle - 1,
            }
        }
        Some(Self::new(low, frames)).filter(|layout| layout.width() == width)
    }

    /// The numbers of a row.
    pub fn width(&self) -> usize {
        self.bins + self.stfts.iter().map(|[frames, bins]| frames * bins).sum::<usize>()
    }

    /// The numbers of an STFT in a row.
    pub fn stft(&self, which: usize) -> Range<usize> {
        let before: usize = self.stfts[..which].iter().map(|[frames, bins]| frames * bins).sum();
        let [frames, bins] = self.stfts[which];
        self.bins + before..self.bins + before + frames * bins
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::{Framing, Padding, Stft};

    #[test]
    fn widths_tell_the_layout() {
        for samples in [2, 3, 31, 32, 33, 63, 64, 1000, 1001, 160_000] {
            for frames in [&[][..], &[64], &[256, 64, 4096]] {
                let layout = Layout::new(samples / 2, frames);
                for (&frame, stft) in frames.iter().zip(&layout.stfts) {
                    let framing =
                        Framing { frame, hop: frame / 2, center: true, padding: Padding::Zero };
                    let made = Stft::new(framing);
                    assert_eq!(*stft, [made.frames(samples), made.bins()], "{samples} {frame}");
                }
                assert_eq!(Layout::of_width(layout.width(), frames), Some(layout));
            }
        }
        assert_eq!(Layout::of_width(60, &[64]), None);
        let layout = Layout::new(100, &[64, 128]);
        assert_eq!((layout.stft(0), layout.stft(1)), (100..331, 331..591));
    }
}
