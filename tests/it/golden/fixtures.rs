//! What golden rows are made of. Only integers, sums and products: a sine or a logarithm of the C
//! library may differ from machine to machine, and so would every row.

use humshift::artifact::{
    Artifact, Blob, Clip, ClipSet, Domain, FeatureIndex, Label, Matrix, Split,
};
use humshift::context::Context;
use humshift::detector::{Examples, Takes};
use humshift::seed::{Rng, Seed};
use humshift::stage::Inputs;
use ndarray::{Array2, Axis, concatenate};

/// Close to normal: mean 0 and deviation 1, from twelve uniforms.
pub fn bell(rng: &mut Rng) -> f64 {
    (0..12).map(|_| rng.uniform()).sum::<f64>() - 6.0
}

/// Two hums and noise, about 0.3 loud: triangle waves whose periods are `periods` samples.
pub fn wave(seed: u64, length: usize, periods: [usize; 2]) -> Vec<f32> {
    let mut rng = Seed(seed).derive(&["golden", "wave"]).rng();
    let triangle = |i: usize, period: usize| {
        let at = 4.0 * (i % period) as f64 / period as f64;
        if at < 2.0 { at - 1.0 } else { 3.0 - at }
    };
    let [low, high] = periods;
    let mut sample =
        |i: usize| 0.2 * triangle(i, low) + 0.1 * triangle(i, high) + 0.02 * bell(&mut rng);
    (0..length).map(|i| sample(i) as f32).collect()
}

/// Features of one clip, (rows, dims), around a level of its own.
pub fn matrix(seed: u64, rows: usize, dims: usize) -> Array2<f32> {
    let mut rng = Seed(seed).derive(&["golden", "matrix"]).rng();
    let level = -30.0 + 3.0 * bell(&mut rng);
    Array2::from_shape_simple_fn((rows, dims), || (level + 5.0 * bell(&mut rng)) as f32)
}

/// A clip of one of two sections, every fourth of the target domain, with an attribute.
pub fn clip(i: u64, split: Split) -> Clip {
    Clip {
        id: format!("fan/{split}/{i:02}.wav"),
        machine: "fan".into(),
        section: format!("0{}", i % 2),
        domain: Some(if i % 8 < 6 { Domain::Source } else { Domain::Target }),
        split,
        label: Some(if split == Split::Test && i.is_multiple_of(3) {
            Label::Anomaly
        } else {
            Label::Normal
        }),
        attributes: [("load".to_owned(), (i / 2 % 3).to_string())].into(),
    }
}

/// Clips with features, (frames, dims).
pub struct Set(pub Vec<(Clip, Array2<f32>)>);

impl Set {
    /// `count` clips of (frames, dims).
    pub fn new(split: Split, count: u64, frames: usize, dims: usize) -> Self {
        let first = if split == Split::Train { 100 } else { 200 };
        Self((0..count).map(|i| (clip(i, split), matrix(first + i, frames, dims))).collect())
    }

    /// As a detector sees them: all frames, or the first one as a vector.
    pub fn examples(&self, takes: Takes) -> Examples<'_> {
        let rows = |x: &Array2<f32>| if takes == Takes::Frames { x.nrows() } else { 1 };
        let features =
            self.0.iter().map(|(_, x)| x.slice_axis(Axis(0), (0..rows(x)).into())).collect();
        Examples { clips: self.0.iter().map(|(clip, _)| clip).collect(), features }
    }

    /// The inputs `clips/..`, `features/..` and `index/..` of both sections.
    pub fn inputs(&self, takes: Takes) -> Vec<(String, Vec<u8>)> {
        let all = self.examples(takes);
        let mut inputs = Vec::new();
        for section in ["00", "01"] {
            let mut own: Vec<usize> =
                (0..all.clips.len()).filter(|&i| all.clips[i].section == section).collect();
            own.sort_by_key(|&i| &all.clips[i].id);
            let clips: Vec<Clip> = own.iter().map(|&i| all.clips[i].clone()).collect();
            let features: Vec<_> = own.iter().map(|&i| all.features[i]).collect();
            let index = FeatureIndex::consecutive(
                clips.iter().zip(&features).map(|(clip, rows)| (clip.id.as_str(), rows.nrows())),
            );
            let features = concatenate(Axis(0), &features).expect("one width");
            let (rows, dims) = features.dim();
            let features = Matrix::new(features.iter().copied().collect(), rows, dims);
            inputs.push((format!("clips/{section}"), ClipSet::new(clips).encode()));
            inputs.push((format!("features/{section}"), features.encode()));
            inputs.push((format!("index/{section}"), index.encode()));
        }
        inputs
    }
}

/// Inputs of a stage.
pub fn inputs(all: impl IntoIterator<Item = (String, Vec<u8>)>) -> Inputs {
    Inputs(all.into_iter().map(|(role, bytes)| (role, Blob::new(bytes))).collect())
}

/// What `make` gives on one thread and on two. Errors: its own; two threads give something else
/// than one.
pub fn threads<T: PartialEq + Send>(
    make: impl Fn(&Context) -> Result<T, String> + Sync,
) -> Result<T, String> {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let cx = Context { threads, ..Context::plain(7) };
        pool.install(|| make(&cx))
    };
    let (one, two) = (on(1)?, on(2)?);
    if one == two { Ok(one) } else { Err("two threads give other bytes than one".into()) }
}
