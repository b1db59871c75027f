//! Feeds windows of frames to the network.

use crate::detector::training::{Batch, Rows};
use crate::nn::Windows;
use crate::seed::Rng;

/// Windows of frames as the network's inputs and targets.
pub(super) struct Views<'a> {
    pub(super) all: Windows<'a>,
    /// The values of the middle frame, if that is the target.
    pub(super) centre: Option<std::ops::Range<usize>>,
}

impl Views<'_> {
    /// The part of a window that is the target.
    pub(super) fn outputs(&self, window: &[f32]) -> Vec<f32> {
        window[self.centre.clone().unwrap_or(0..window.len())].to_vec()
    }
}

impl Rows for Views<'_> {
    fn len(&self) -> usize {
        self.all.len()
    }

    fn batch(&self, which: &[u32], _: Option<&mut Rng>, batch: &mut Batch) {
        batch.inputs.resize_with(1, Vec::new);
        batch.inputs[0].clear();
        batch.target.clear();
        for window in which.iter().map(|&i| self.all.get(i as usize)) {
            match &self.centre {
                None => batch.inputs[0].extend_from_slice(window),
                Some(centre) => {
                    batch.inputs[0].extend_from_slice(&window[..centre.start]);
                    batch.inputs[0].extend_from_slice(&window[centre.end..]);
                    batch.target.extend_from_slice(&window[centre.clone()]);
                }
            }
        }
    }
}
