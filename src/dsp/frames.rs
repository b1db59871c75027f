//! Cutting samples into overlapping frames.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The samples beyond the ends of a clip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Silence, as in librosa since 0.9.
    #[default]
    Zero,
    /// The samples mirrored at the first and last one, which are not repeated. As in librosa up to
    /// 0.8.
    Reflect,
}

/// The positions of the frames in a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// Samples per frame, at least one.
    pub frame: usize,
    /// Samples from one frame to the next, at least one.
    pub hop: usize,
    /// Whether half a frame of padding goes before and after the clip, so that frame `t` is centred
    /// on sample `t * hop`.
    pub center: bool,
    /// The samples of the padding.
    pub padding: Padding,
}

impl Framing {
    /// Samples added at each end.
    fn margin(&self) -> usize {
        if self.center { self.frame / 2 } else { 0 }
    }

    /// The number of frames of a clip; 0 if the clip is empty or too short for one.
    pub fn count(&self, samples: usize) -> usize {
        let padded = samples + 2 * self.margin();
        if samples == 0 || padded < self.frame { 0 } else { 1 + (padded - self.frame) / self.hop }
    }

    /// The samples from the start of frame `first` to the end of the last of `count` frames, if all
    /// lie inside the clip.
    pub fn inside<'a>(&self, samples: &'a [f32], first: usize, count: usize) -> Option<&'a [f32]> {
        let start = (first * self.hop).checked_sub(self.margin())?;
        samples.get(start..start + (count - 1) * self.hop + self.frame)
    }

    /// Writes frame `index` of `samples` to `frame`, a slice of one frame's length. `index` is
    /// below [`count`](Self::count).
    pub fn write(&self, samples: &[f32], index: usize, frame: &mut [f32]) {
        if let Some(inside) = self.inside(samples, index, 1) {
            frame.copy_from_slice(inside);
            return;
        }
        for (i, sample) in frame.iter_mut().enumerate() {
            *sample = self.padded(samples, index * self.hop + i, self.margin());
        }
    }

    /// The sample at `position`, counted from the start of the padding.
    fn padded(&self, samples: &[f32], position: usize, margin: usize) -> f32 {
        let inside = position.checked_sub(margin).and_then(|i| samples.get(i));
        match (inside, self.padding) {
            (Some(&sample), _) => sample,
            (None, Padding::Zero) => 0.0,
            (None, Padding::Reflect) => {
                // The mirrored signal repeats itself. So padding may be longer than the clip, as in
                // numpy.
                let last = samples.len() - 1;
                if last == 0 {
                    return samples[0];
                }
                let period = 2 * last;
                let i = (position + period * margin.div_ceil(period) - margin) % period;
                samples[i.min(period - i)]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(framing: Framing, samples: &[f32]) -> Vec<Vec<f32>> {
        let frame = |i| {
            let mut frame = vec![0.0; framing.frame];
            framing.write(samples, i, &mut frame);
            frame
        };
        (0..framing.count(samples.len())).map(frame).collect()
    }

    #[test]
    fn frames_are_counted_as_librosa_counts_them() {
        let centred = Framing { frame: 1024, hop: 512, center: true, padding: Padding::Zero };
        assert_eq!(centred.count(160_000), 313);
        assert_eq!(centred.count(1), 1);
        assert_eq!(centred.count(0), 0);
        let plain = Framing { center: false, ..centred };
        assert_eq!(plain.count(160_000), 311);
        assert_eq!(plain.count(1024), 1);
        assert_eq!(plain.count(1023), 0);
        let odd = Framing { frame: 5, hop: 2, center: true, padding: Padding::Zero };
        assert_eq!(odd.count(4), 2);
    }

    #[test]
    fn padding_is_silence_or_a_mirror() {
        let zero = Framing { frame: 4, hop: 2, center: true, padding: Padding::Zero };
        let samples = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(
            all(zero, &samples),
            [[0.0, 0.0, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 0.0, 0.0]]
        );
        let reflect = Framing { padding: Padding::Reflect, ..zero };
        assert_eq!(
            all(reflect, &samples),
            [[3.0, 2.0, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 3.0, 2.0]]
        );
    }

    #[test]
    fn a_mirror_longer_than_the_clip_goes_back_and_forth() {
        // numpy: np.pad([1, 2, 3], 4, "reflect") is [1 2 3 2 | 1 2 3 | 2 1 2 3].
        let framing = Framing { frame: 8, hop: 1, center: true, padding: Padding::Reflect };
        let frames = all(framing, &[1.0, 2.0, 3.0]);
        assert_eq!(frames[0], [1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0]);
        assert_eq!(frames[3], [2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0]);
        assert_eq!(all(framing, &[7.0]), [[7.0; 8]; 2]);
    }
}
