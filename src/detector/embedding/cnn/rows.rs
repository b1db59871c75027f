//! Clips as inputs of the network: images and spectra, scaled by band or bin, and mixed with each
//! other in training.

use ndarray::{Array1, Array2, ArrayView2};

use super::{Branch, Cnn};
use crate::artifact::Tensors;
use crate::detector::DetectorError;
use crate::detector::embedding::{Embedder, Hearing};
use crate::detector::images::Images;
use crate::detector::training::{Batch, Rows};
use crate::dsp::Layout;
use crate::seed::Rng;

/// The smallest deviation used as a divisor.
const LEAST: f64 = 1e-5;

/// Means and inverse deviations of the training clips: for each band over all frames, and for each
/// bin of the spectrum.
pub struct Scaling {
    frames: usize,
    bands: Option<[Vec<f32>; 2]>,
    bins: Option<[Vec<f32>; 2]>,
    /// For each bin of a further spectrogram over all its frames.
    stfts: Vec<[Vec<f32>; 2]>,
}

/// The images and spectra of clips.
pub struct Inputs<'a> {
    branches: Vec<Branch>,
    images: Images<'a>,
    /// The spectrum of each clip, with the further spectrograms behind it.
    spectra: Vec<&'a [f32]>,
    clips: usize,
    /// Frames and bands of an image.
    pub shape: [usize; 2],
    /// The parts of a row of `spectra`.
    pub layout: Layout,
    pub scaling: Scaling,
}

impl<'a> Inputs<'a> {
    /// The inputs of training clips. They set the scaling and, without a setting, the frames of an
    /// image.
    pub fn new(settings: &Cnn, heard: &Hearing<'a>) -> Result<Self, DetectorError> {
        let clips = &heard.clips;
        let shortest =
            clips.features.iter().map(|x| x.nrows()).min().ok_or(DetectorError::NoClips)?;
        let frames = settings.frames.unwrap_or(shortest);
        let scales = Scaling { frames, bands: None, bins: None, stfts: Vec::new() };
        let mut inputs = Self::with(settings, heard, scales)?;
        let [_, bands] = inputs.shape;
        if settings.branches.contains(&Branch::Spectrogram) {
            let rows = clips.features.iter().flat_map(|x| x.rows()).map(|row| row.to_vec());
            inputs.scaling.bands = Some(scaling(rows, bands));
        }
        if settings.branches.contains(&Branch::Spectrum) {
            let bins = inputs.layout.bins;
            inputs.scaling.bins =
                Some(scaling(inputs.spectra.iter().map(|x| x[..bins].to_vec()), bins));
        }
        for (which, &[_, bins]) in inputs.layout.stfts.iter().enumerate() {
            let place = inputs.layout.stft(which);
            let frames = inputs.spectra.iter().flat_map(|x| x[place.clone()].chunks_exact(bins));
            inputs.scaling.stfts.push(scaling(frames.map(<[f32]>::to_vec), bins));
        }
        Ok(inputs)
    }

    /// The inputs of any clips, with a given scaling.
    pub fn with(
        settings: &Cnn,
        heard: &Hearing<'a>,
        scaling: Scaling,
    ) -> Result<Self, DetectorError> {
        let clips = &heard.clips;
        let bands = clips.features.first().map_or(0, |x| x.ncols());
        let shape = [scaling.frames, bands];
        // Steps of half an image, so that at most the last half image of a clip is missed.
        let images = Images::new(clips, shape, scaling.frames.div_ceil(2))?;
        let mut spectra = Vec::new();
        if settings.hears_spectrum() {
            if heard.spectra.len() != clips.features.len() {
                return Err(DetectorError::Data("the spectra of the clips are missing".to_owned()));
            }
            let slice = |x: &ArrayView2<'a, f32>| x.to_slice().expect("spectra are in C order");
            spectra = heard.spectra.iter().map(slice).collect();
        }
        let bins_of = |row: &[f32]| Layout::of_width(row.len(), &settings.stft).map(|x| x.bins);
        let first = spectra.first().copied().and_then(bins_of);
        let bins = scaling.bins.as_ref().map(|bins| bins[0].len()).or(first).unwrap_or(0);
        for (spectrum, clip) in spectra.iter().zip(&clips.clips) {
            let own = bins_of(spectrum);
            if own != Some(bins) {
                let message = format!(
                    "the spectrum of clip `{}` has {} bins, but those before it have {bins}: give clips of one length, or write `branches: [spectrogram]`",
                    clip.id,
                    own.unwrap_or(spectrum.len())
                );
                return Err(DetectorError::Data(message));
            }
        }
        let (branches, layout) = (settings.branches.clone(), Layout::new(bins, &settings.stft));
        Ok(Self { branches, images, spectra, clips: clips.features.len(), shape, layout, scaling })
    }

    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Fills only the inputs of `batch`.
    pub fn fill(&self, which: &[u32], batch: &mut Batch) {
        let stfts = self.layout.stfts.len();
        batch.inputs.resize_with(self.branches.len() + stfts, Vec::new);
        let (own, further) = batch.inputs.split_at_mut(self.branches.len());
        for (branch, input) in self.branches.iter().zip(own) {
            input.clear();
            for &image in which {
                let (values, scaling) = match branch {
                    Branch::Spectrogram => (self.images.get(image), &self.scaling.bands),
                    Branch::Spectrum => {
                        (&self.spectrum(image)[..self.layout.bins], &self.scaling.bins)
                    }
                };
                scale(values, scaling.as_ref().expect("branches have their scaling"), input);
            }
        }
        for (stft, input) in further.iter_mut().enumerate() {
            input.clear();
            let place = self.layout.stft(stft);
            for &image in which {
                let values = &self.spectrum(image)[place.clone()];
                scale(values, &self.scaling.stfts[stft], input);
            }
        }
    }

    /// The spectrum of an image's clip, with all that is behind it.
    fn spectrum(&self, image: u32) -> &'a [f32] {
        self.spectra[self.images.clip(image)]
    }

    /// The frames and bands of the input with this number; `None` for a spectrum.
    fn image_shape(&self, input: usize) -> Option<[usize; 2]> {
        match self.branches.get(input) {
            Some(Branch::Spectrogram) => Some(self.shape),
            Some(Branch::Spectrum) => None,
            None => Some(self.layout.stfts[input - self.branches.len()]),
        }
    }

    /// The mean embedding of each clip's images, (clips, width).
    pub fn means(&self, vectors: &[f32], width: usize) -> Array2<f32> {
        let mut sums = vec![0.0f64; self.clips * width];
        let mut counts = vec![0.0f64; self.clips];
        for (image, vector) in vectors.chunks_exact(width).enumerate() {
            let clip = self.images.clip(image as u32);
            counts[clip] += 1.0;
            sums[clip * width..][..width]
                .iter_mut()
                .zip(vector)
                .for_each(|(sum, &x)| *sum += f64::from(x));
        }
        Array2::from_shape_fn((self.clips, width), |(clip, i)| {
            (sums[clip * width + i] / counts[clip]) as f32
        })
    }
}

impl Scaling {
    /// Writes the scaling to a model of these settings.
    pub fn write(&self, settings: &Cnn, model: &mut Tensors) {
        model.put_f64("input.frames", Array1::from(vec![self.frames as f64]));
        let own = [("bands", &self.bands), ("bins", &self.bins)];
        let own = own.into_iter().map(|(name, x)| (name.to_owned(), x.as_ref()));
        let further = settings.stft.iter().zip(&self.stfts);
        let further = further.map(|(frame, x)| (format!("stft_{frame}"), Some(x)));
        for (name, scaling) in own.chain(further) {
            if let Some([mean, inverse]) = scaling {
                model.put_f32(&format!("input.{name}.mean"), Array1::from(mean.clone()));
                model.put_f32(
                    &format!("input.{name}.inverse_deviation"),
                    Array1::from(inverse.clone()),
                );
            }
        }
    }

    /// Reads the scaling of a model.
    pub fn read(settings: &Cnn, model: &Tensors) -> Result<Self, DetectorError> {
        let named = |name: &str| -> Result<[Vec<f32>; 2], DetectorError> {
            let mean = model.f32_1(&format!("input.{name}.mean"))?.to_vec();
            Ok([mean, model.f32_1(&format!("input.{name}.inverse_deviation"))?.to_vec()])
        };
        let of = |branch: Branch, name: &str| {
            settings.branches.contains(&branch).then(|| named(name)).transpose()
        };
        let frames = model.f64_1("input.frames")?.first().copied().unwrap_or(0.0) as usize;
        let stfts = settings.stft.iter().map(|frame| named(&format!("stft_{frame}")));
        Ok(Self {
            frames,
            bands: of(Branch::Spectrogram, "bands")?,
            bins: of(Branch::Spectrum, "bins")?,
            stfts: stfts.collect::<Result<_, _>>()?,
        })
    }
}

/// Appends the scaled rows of `values`.
fn scale(values: &[f32], [mean, inverse]: &[Vec<f32>; 2], input: &mut Vec<f32>) {
    let rows = values.chunks_exact(mean.len());
    input.extend(
        rows.flat_map(|row| row.iter().zip(mean).zip(inverse).map(|((x, m), i)| (x - m) * i)),
    );
}

/// Mean and inverse deviation of each of `width` values.
fn scaling(rows: impl Iterator<Item = Vec<f32>>, width: usize) -> [Vec<f32>; 2] {
    let (mut count, mut mean, mut squares) = (0.0, vec![0.0f64; width], vec![0.0f64; width]);
    for row in rows {
        count += 1.0;
        // Welford's update takes no difference of large sums.
        for ((&x, mean), squares) in row.iter().zip(&mut mean).zip(&mut squares) {
            let off = f64::from(x) - *mean;
            *mean += off / count;
            *squares += off * (f64::from(x) - *mean);
        }
    }
    let inverse = squares.iter().map(|s| (1.0 / (s / count).sqrt().max(LEAST)) as f32).collect();
    [mean.iter().map(|&m| m as f32).collect(), inverse]
}

/// Training rows with labels, mixed and balanced as the settings say.
pub struct Mixed<'i, 'a> {
    pub inputs: &'i Inputs<'a>,
    /// The class of each clip, and whether it belongs to the target domain.
    pub labels: Vec<u32>,
    pub targets: Vec<bool>,
    pub classes: usize,
    pub settings: &'i Cnn,
}

impl Rows for Mixed<'_, '_> {
    fn len(&self) -> usize {
        self.inputs.len()
    }

    fn order(&self, count: u32, rng: &mut Rng) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count).collect();
        let target = |image: &u32| self.targets[self.inputs.images.clip(*image)];
        let (mut few, mut many): (Vec<u32>, Vec<u32>) =
            order.iter().partition(|image| target(image));
        if few.len() > many.len() {
            std::mem::swap(&mut few, &mut many);
        }
        if self.settings.balance && !few.is_empty() {
            // As many of the rarer domain as of the other, drawn with replacement.
            let drawn: Vec<u32> = many.iter().map(|_| few[rng.below(few.len())]).collect();
            order = [many, drawn].concat();
        }
        rng.shuffle(&mut order);
        order
    }

    fn batch(&self, which: &[u32], mut rng: Option<&mut Rng>, batch: &mut Batch) {
        self.inputs.fill(which, batch);
        batch.target.clear();
        batch.target.resize(which.len() * self.classes, 0.0);
        for (i, &image) in which.iter().enumerate() {
            batch.target[i * self.classes + self.labels[self.inputs.images.clip(image)] as usize] =
                1.0;
        }
        if let Some(rng) = rng.as_deref_mut() {
            self.vary(rng, batch);
        }
        if let Some(featex) = &self.settings.featex {
            let others = self.settings.parts() - 1;
            featex.write(&mut batch.target, self.classes, others, rng);
        }
    }
}

impl Mixed<'_, '_> {
    /// Mixes and masks the examples of a batch.
    fn vary(&self, rng: &mut Rng, batch: &mut Batch) {
        if self.settings.mixup > 0.0 {
            let mut partners: Vec<usize> = (0..batch.target.len() / self.classes).collect();
            rng.shuffle(&mut partners);
            let shares: Vec<f32> =
                partners.iter().map(|_| rng.beta(self.settings.mixup) as f32).collect();
            for values in batch.inputs.iter_mut().chain([&mut batch.target]) {
                mix(values, &partners, &shares);
            }
        }
        if let Some(augment) = &self.settings.spec_augment {
            for (number, input) in batch.inputs.iter_mut().enumerate() {
                if let Some(shape) = self.inputs.image_shape(number) {
                    augment.mask(input, shape, rng);
                }
            }
        }
    }
}

/// Replaces row i by its share of itself plus the rest of its partner.
fn mix(values: &mut [f32], partners: &[usize], shares: &[f32]) {
    let before = values.to_vec();
    let width = values.len() / partners.len();
    for (i, row) in values.chunks_exact_mut(width).enumerate() {
        let partner = &before[partners[i] * width..][..width];
        row.iter_mut().zip(partner).for_each(|(x, p)| *x = shares[i] * *x + (1.0 - shares[i]) * p);
    }
}
