//! Clips as images for convolutions: windows of frames x bands, as views of the features.

use super::DetectorError;
use super::training::{Batch, Rows};
use crate::detector::Examples;
use crate::nn::Windows;
use crate::seed::Rng;

/// Every `hop`th window of `frames` frames of every clip.
pub struct Images<'a> {
    windows: Windows<'a>,
    /// For each image, its clip and its number among all windows.
    places: Vec<(u32, u32)>,
}

impl<'a> Images<'a> {
    /// Images of `[frames, dims]`. Errors: a clip is shorter, or has another number of bands.
    pub fn new(
        clips: &Examples<'a>,
        [frames, dims]: [usize; 2],
        hop: usize,
    ) -> Result<Self, DetectorError> {
        let mut values: Vec<&'a [f32]> = Vec::with_capacity(clips.features.len());
        for (i, x) in clips.features.iter().enumerate() {
            let id = clips.clips.get(i).map_or("?", |clip| clip.id.as_str());
            if x.ncols() != dims {
                let message = format!(
                    "clip `{id}` has {} dims per frame, but the clips before it have {dims}",
                    x.ncols()
                );
                return Err(DetectorError::Data(message));
            }
            if x.nrows() < frames {
                let message =
                    format!("clip `{id}` has {} frames, but an image needs {frames}", x.nrows());
                return Err(DetectorError::Data(message));
            }
            let Some(slice) = x.to_slice() else {
                return Err(DetectorError::Data(format!(
                    "the features of clip `{id}` are not in C order"
                )));
            };
            values.push(slice);
        }
        let windows = Windows::new(values, dims, frames);
        let mut places = Vec::new();
        for (i, x) in clips.features.iter().enumerate() {
            let first = windows.before(i) as u32;
            places.extend(
                (0..=x.nrows() - frames).step_by(hop).map(|at| (i as u32, first + at as u32)),
            );
        }
        Ok(Self { windows, places })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The clip of an image.
    pub fn clip(&self, image: u32) -> usize {
        self.places[image as usize].0 as usize
    }

    /// The values of an image, (frames, dims) in C order.
    pub fn get(&self, image: u32) -> &'a [f32] {
        self.windows.get(self.places[image as usize].1 as usize)
    }
}

/// Images with the class of their clip; each image is repeated in `channels` planes.
pub struct Labelled<'a> {
    pub images: Images<'a>,
    /// One label per clip.
    pub labels: Vec<u32>,
    pub classes: usize,
    pub channels: usize,
}

impl Rows for Labelled<'_> {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn batch(&self, which: &[u32], _: Option<&mut Rng>, batch: &mut Batch) {
        batch.inputs.resize_with(1, Vec::new);
        batch.inputs[0].clear();
        batch.target.clear();
        for &image in which {
            let values = self.images.get(image);
            batch.inputs[0]
                .extend(values.iter().flat_map(|&x| std::iter::repeat_n(x, self.channels)));
            let at = batch.target.len() + self.labels[self.images.clip(image)] as usize;
            batch.target.resize(batch.target.len() + self.classes, 0.0);
            batch.target[at] = 1.0;
        }
    }
}
