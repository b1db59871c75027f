//! A network over the windows of clips.

use ndarray::{Array2, ArrayView2, Axis, concatenate};

use super::network::Network;
use super::{Misfit, Onnx, OnnxAxis, OnnxInput, kernels};
use crate::feature::{Extractor, Feature, FeatureError, checked};

/// A network with its settings.
struct Prepared {
    settings: Onnx,
    network: Network,
    layout: Vec<OnnxAxis>,
    /// The length of a window that the file of the network says.
    fixed: Option<usize>,
}

/// Looks whether the network in `file` fits the settings and recordings of `rate` Hz.
pub fn look(settings: &Onnx, file: &[u8], rate: Option<u32>) -> Result<(), Misfit> {
    if let Some(rate) = rate.filter(|rate| *rate != settings.sample_rate) {
        return Err(other_rate(settings, rate));
    }
    let prepared = Prepared::open(settings, file)?;
    // The length of clips is unknown here. Layers with axes that depend on it are looked at for the
    // windows of the settings.
    if let Some(window) = settings.window.or(prepared.fixed) {
        let mels = settings.spectrogram().map_or(1, |log_mel| log_mel.mels);
        let shape = settings.shape(&prepared.layout, window, mels);
        let values = prepared.network.shape(&shape)?;
        settings.frames(&prepared.layout, ndarray::ArrayD::zeros(values))?;
    }
    Ok(())
}

/// Prepares the network in `file` for clips of `rate` Hz.
///
/// Errors: it does not fit, or other kernels than those of this processor were planned.
pub fn extractor(
    settings: &Onnx,
    file: &[u8],
    planned: Option<&str>,
    rate: u32,
) -> Result<Box<dyn Extractor>, FeatureError> {
    checked(settings)?;
    if rate != settings.sample_rate {
        return Err(other_rate(settings, rate).into());
    }
    let prepared = Prepared::open(settings, file)?;
    let own = kernels();
    if let Some(planned) = planned.filter(|planned| own.as_deref() != Some(planned)) {
        let own = own.unwrap_or_else(|| "none".to_owned());
        let why = format!("it was planned for the kernels `{planned}`, and here are `{own}`");
        let hint = "they give other last digits: run on processors of one kind, or plan here";
        return Err(Misfit::new(why).hint(hint).into());
    }
    let log_mel = match settings.spectrogram() {
        Some(log_mel) => Some(log_mel.extractor(rate)?),
        None => None,
    };
    Ok(Box::new(OnnxExtractor { prepared, log_mel }))
}

fn other_rate(settings: &Onnx, rate: u32) -> Misfit {
    let why = format!(
        "recordings have {rate} Hz, and `sample_rate` says that it knows {} Hz",
        settings.sample_rate
    );
    Misfit::new(why).hint("resample the recordings first, or correct `sample_rate`")
}

impl Prepared {
    fn open(settings: &Onnx, file: &[u8]) -> Result<Self, Misfit> {
        let network = Network::open(file, settings.layer.as_deref())?;
        let declared = network.input();
        let layout = settings.layout(declared.map(<[_]>::len))?;
        let mut fixed = None;
        for (axis, size) in layout.iter().zip(declared.unwrap_or(&[])) {
            let Some(size) = *size else { continue };
            let wanted = match axis {
                OnnxAxis::Batch | OnnxAxis::Channel => Some(1),
                OnnxAxis::Mel => settings.spectrogram().map(|log_mel| log_mel.mels),
                OnnxAxis::Sample | OnnxAxis::Frame => {
                    fixed = Some(size);
                    settings.window
                }
            };
            if let Some(wanted) = wanted.filter(|wanted| *wanted != size) {
                return Err(other_size(settings.input, *axis, size, wanted));
            }
        }
        Ok(Self { settings: settings.clone(), network, layout, fixed })
    }
}

/// An axis of the input that has another length than the settings say.
fn other_size(input: OnnxInput, axis: OnnxAxis, size: usize, wanted: usize) -> Misfit {
    let (name, hint) = match axis {
        OnnxAxis::Batch => ("batch", "export it for a batch of 1 or of any size".to_owned()),
        OnnxAxis::Channel => ("channel", "it takes several channels; there is one".to_owned()),
        OnnxAxis::Mel => ("mel", format!("write `log_mel: {{ mels: {size} }}`")),
        OnnxAxis::Sample => ("sample", format!("write `window: {size}`")),
        OnnxAxis::Frame => ("frame", format!("write `window: {size}`")),
    };
    let other = match input {
        OnnxInput::Waveform => "",
        OnnxInput::LogMel => ", or name the axes in another order by `layout`",
    };
    Misfit::new(format!("the axis `{name}` of its input has {size} places, not {wanted}"))
        .hint(hint + other)
}

/// Extracts the values of clips of one rate.
struct OnnxExtractor {
    prepared: Prepared,
    /// The spectrogram that the network takes.
    log_mel: Option<Box<dyn Extractor>>,
}

impl Extractor for OnnxExtractor {
    fn extract(&self, samples: &[f32]) -> Result<Array2<f32>, FeatureError> {
        let Prepared { settings, network, layout, fixed } = &self.prepared;
        let spectrogram = match &self.log_mel {
            Some(log_mel) => Some(log_mel.extract(samples)?),
            None => None,
        };
        let clip = match &spectrogram {
            Some(frames) => frames.view(),
            None => ArrayView2::from_shape((samples.len(), 1), samples).expect("one column"),
        };
        let windows = settings.windows(clip.nrows(), *fixed).map_err(FeatureError::Settings)?;
        let mut rows = Vec::with_capacity(windows.count);
        for window in 0..windows.count {
            let start = window * windows.hop;
            let values = network.run(settings.input(layout, clip, start, windows.length))?;
            rows.push(settings.frames(layout, values)?);
            let odd = rows[window].indexed_iter().find(|(_, x)| !x.is_finite());
            if let Some(((frame, value), odd)) = odd {
                let why = format!("value {value} of frame {frame} of window {window} is {odd}");
                return Err(Misfit::new(why).into());
            }
        }
        let views: Vec<_> = rows.iter().map(Array2::view).collect();
        // Windows of one length give frames of one width.
        concatenate(Axis(0), &views).map_err(|error| Misfit::new(error.to_string()).into())
    }
}
