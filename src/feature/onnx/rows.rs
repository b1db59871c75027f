//! Windows of clips as inputs of a network, and values of a layer as frames.

use ndarray::{Array2, ArrayD, ArrayView2, IxDyn, s};

use super::{Misfit, Onnx, OnnxAxis, OnnxInput};
use crate::feature::vectors::{VectorAxis, Vectors};

/// Windows of one length in a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    pub length: usize,
    pub hop: usize,
    pub count: usize,
}

impl Onnx {
    /// The axes of an input with this number of axes.
    pub fn layout(&self, rank: Option<usize>) -> Result<Vec<OnnxAxis>, Misfit> {
        use OnnxAxis::{Batch, Channel, Frame, Mel, Sample};
        let layout = match (self.input, rank) {
            _ if !self.layout.is_empty() => self.layout.clone(),
            (OnnxInput::Waveform, Some(1)) => vec![Sample],
            (OnnxInput::Waveform, Some(2) | None) => vec![Batch, Sample],
            (OnnxInput::Waveform, Some(3)) => vec![Batch, Channel, Sample],
            (OnnxInput::LogMel, Some(2)) => vec![Frame, Mel],
            (OnnxInput::LogMel, Some(3)) => vec![Batch, Frame, Mel],
            (OnnxInput::LogMel, Some(4) | None) => vec![Batch, Channel, Frame, Mel],
            (input, Some(rank)) => {
                let what = match input {
                    OnnxInput::Waveform => "a waveform",
                    OnnxInput::LogMel => "a spectrogram",
                };
                return Err(Misfit::new(format!("its input has {rank} axes, and {what} has not"))
                    .hint("name the axes by `layout`, or choose the other `input`"));
            }
        };
        match rank {
            Some(rank) if rank != layout.len() => Err(Misfit::new(format!(
                "its input has {rank} axes, and `layout` has {} names",
                layout.len()
            ))
            .hint("name each axis of the input, in order")),
            _ => Ok(layout),
        }
    }

    /// The windows of a clip of this many samples or frames. `fixed` is the length that the file of
    /// the network says, if it says one.
    ///
    /// Errors: the clip is shorter than a window.
    pub fn windows(&self, length: usize, fixed: Option<usize>) -> Result<Windows, String> {
        let window = self.window.or(fixed).unwrap_or(length);
        let hop = self.hop.unwrap_or(window);
        if length < window || window == 0 {
            let what = match self.input {
                OnnxInput::Waveform => "samples",
                OnnxInput::LogMel => "frames",
            };
            return Err(format!("its {length} {what} are fewer than a window of {window}"));
        }
        Ok(Windows { length: window, hop, count: (length - window) / hop + 1 })
    }

    /// The shape of the input for a window.
    pub fn shape(&self, layout: &[OnnxAxis], window: usize, mels: usize) -> Vec<usize> {
        let size = |axis: &OnnxAxis| match axis {
            OnnxAxis::Batch | OnnxAxis::Channel => 1,
            OnnxAxis::Sample | OnnxAxis::Frame => window,
            OnnxAxis::Mel => mels,
        };
        layout.iter().map(size).collect()
    }

    /// The input for the window that starts at `start`. `clip` is (samples, 1) or (frames, mels).
    pub fn input(
        &self,
        layout: &[OnnxAxis],
        clip: ArrayView2<f32>,
        start: usize,
        length: usize,
    ) -> ArrayD<f32> {
        let window = clip.slice(s![start..start + length, ..]);
        let window = if mel_first(layout) { window.reversed_axes() } else { window };
        let shape = self.shape(layout, length, clip.ncols());
        let values = window.iter().copied().collect();
        ArrayD::from_shape_vec(IxDyn(&shape), values).expect("an axis more has length 1")
    }

    /// The frames of a layer's values, (frames, bands x dims).
    ///
    /// Errors: another number of axes, or an axis `one` of another length.
    pub fn frames(&self, layout: &[OnnxAxis], values: ArrayD<f32>) -> Result<Array2<f32>, Misfit> {
        use VectorAxis::{Band, Dim, One, Time};
        let shape = values.shape().to_vec();
        let hint = "name the axes of the layer's values by `axes`, such as `[one, dim, time]`";
        let axes: &[VectorAxis] = match shape.len() {
            _ if !self.axes.is_empty() => &self.axes,
            1 => &[Dim],
            2 => &[One, Dim],
            3 => &[One, Time, Dim],
            4 if mel_first(layout) => &[One, Dim, Band, Time],
            4 => &[One, Dim, Time, Band],
            _ => return Err(Misfit::new(format!("its layer has the shape {shape:?}")).hint(hint)),
        };
        let vectors = Vectors { axes: axes.to_vec(), ..Default::default() };
        let told = |why: String| Misfit::new(why.replace("its array", "its layer")).hint(hint);
        let frames = vectors.frames(values).map_err(told)?;
        if frames.is_empty() {
            let why = format!("its layer has the shape {shape:?}, which holds no numbers");
            return Err(Misfit::new(why).hint("a longer `window` may give some"));
        }
        Ok(frames)
    }
}

fn mel_first(layout: &[OnnxAxis]) -> bool {
    let place = |name: OnnxAxis| layout.iter().position(|axis| *axis == name);
    place(OnnxAxis::Mel).zip(place(OnnxAxis::Frame)).is_some_and(|(mel, frame)| mel < frame)
}
