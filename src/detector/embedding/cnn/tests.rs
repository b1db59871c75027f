use std::collections::BTreeMap;

use super::*;
use crate::artifact::{Artifact, Clip, Split};
use crate::detector::Examples;
use crate::dsp::Layout;
use crate::math;
use crate::seed::Seed;

/// Clips of three speeds: a line at a bin of the spectrum, and a band of the spectrogram.
struct Sounds {
    clips: Vec<Clip>,
    frames: Vec<Array2<f32>>,
    spectra: Vec<Array2<f32>>,
}

impl Sounds {
    fn new(count: usize, off: f64, seed: u64) -> Self {
        let mut rng = Seed(seed).rng();
        let mut sounds = Self { clips: Vec::new(), frames: Vec::new(), spectra: Vec::new() };
        for i in 0..count {
            let speed = i % 3;
            let attributes = BTreeMap::from([("vel".to_owned(), speed.to_string())]);
            sounds.clips.push(Clip {
                id: format!("{seed}/{i}.wav"),
                machine: "fan".into(),
                section: format!("0{}", i % 2),
                domain: Some(if i % 7 == 0 { Domain::Target } else { Domain::Source }),
                split: Split::Train,
                label: None,
                attributes,
            });
            let band = 3.0 + 4.0 * speed as f64 + off;
            sounds.frames.push(Array2::from_shape_fn((16, 16), |(_, b)| {
                (-40.0 + 20.0 * math::exp(-math::square((b as f64 - band) / 2.0)) + rng.normal())
                    as f32
            }));
            let line = 200.0 + 400.0 * speed as f64 + 40.0 * off;
            sounds.spectra.push(Array2::from_shape_fn((1, 1600), |(_, b)| {
                (4.0 * math::exp(-math::square((b as f64 - line) / 8.0)) + 0.3 * rng.normal())
                    as f32
            }));
        }
        sounds
    }

    fn heard(&self, spectra: bool) -> Hearing<'_> {
        Hearing {
            clips: Examples {
                clips: self.clips.iter().collect(),
                features: self.frames.iter().map(|x| x.view()).collect(),
            },
            spectra: self.spectra.iter().filter(|_| spectra).map(|x| x.view()).collect(),
        }
    }
}

fn small(branches: &[Branch]) -> Cnn {
    let (channels, dims) = (vec![8, 8], 8);
    let loss = LossSettings::SubClusterAdacos { clusters: 2, adaptive: true, trainable: true };
    let labels = Labels::Attribute;
    Cnn {
        branches: branches.to_vec(),
        channels,
        dims,
        epochs: 8,
        batch: 16,
        loss,
        labels,
        ..Cnn::default()
    }
}

/// The distance to the nearest training clip, relative to the mean length of a vector.
fn distances(train: &Array2<f32>, test: &Array2<f32>) -> f64 {
    let one = |x: ndarray::ArrayView1<f32>| {
        let to = |y: ndarray::ArrayView1<f32>| {
            x.iter().zip(y).map(|(a, b)| math::square(f64::from(a - b))).sum::<f64>()
        };
        train.outer_iter().map(to).fold(f64::INFINITY, f64::min).sqrt()
    };
    test.outer_iter().map(one).sum::<f64>() / test.nrows() as f64
}

#[test]
fn what_changed_lies_farther_for_every_branch_and_loss() {
    let (train, normal, broken) =
        (Sounds::new(60, 0.0, 1), Sounds::new(12, 0.0, 2), Sounds::new(12, 2.0, 3));
    let cx = Context::plain(1);
    let both = [Branch::Spectrogram, Branch::Spectrum];
    let arcface = LossSettings::Arcface { scale: 16.0, margin: 0.1 };
    let adacos = LossSettings::Adacos { adaptive: false, trainable: true };
    let adaproj = LossSettings::Adaproj { subspace_dims: 3, adaptive: true, trainable: false };
    let augment = SpecAugment { time_width: 4, frequency_width: 3, ..SpecAugment::default() };
    let networks = [
        small(&both),
        small(&both[..1]),
        small(&both[1..]),
        Cnn { loss: LossSettings::Softmax {}, ..small(&both[1..]) },
        Cnn { loss: arcface, balance: true, ..small(&both[1..]) },
        Cnn { loss: adacos, mixup: 0.0, ..small(&both[1..]) },
        Cnn { loss: adaproj, ..small(&both) },
        Cnn { spec_augment: Some(augment), ..small(&both[..1]) },
        Cnn { featex: Some(FeatEx::default()), ..small(&both) },
        Cnn { subspace_loss: Some(SubspaceLoss::default()), ..small(&both) },
    ];
    for network in networks {
        let spectra = network.hears_spectrum();
        let model = network.fit(&train.heard(spectra), &cx).unwrap();
        let vectors = |sounds: &Sounds| network.embed(&model, &sounds.heard(spectra), &cx).unwrap();
        let known = vectors(&train);
        assert_eq!(known.dim(), (60, 8 * network.branches.len()));
        let (near, far) =
            (distances(&known, &vectors(&normal)), distances(&known, &vectors(&broken)));
        assert!(far > 1.3 * near, "{network:?}: {near} {far}");
    }
}

#[test]
fn the_seed_decides_the_bytes_and_threads_do_not() {
    let train = Sounds::new(30, 0.0, 1);
    let network = Cnn {
        epochs: 2,
        featex: Some(FeatEx::default()),
        ..small(&[Branch::Spectrogram, Branch::Spectrum])
    };
    let bytes = |seed, threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let cx = Context { threads, ..Context::plain(seed) };
        pool.install(|| {
            let model = network.fit(&train.heard(true), &cx).unwrap();
            let vectors = network.embed(&model, &train.heard(true), &cx).unwrap();
            (model.encode(), vectors)
        })
    };
    let first = bytes(1, 1);
    assert!(first == bytes(1, 2));
    assert!(first.0 != bytes(2, 1).0);
}

#[test]
fn a_vector_is_that_of_the_clip_alone_and_the_mean_over_its_images() {
    let train = Sounds::new(30, 0.0, 1);
    let network = Cnn { epochs: 1, ..small(&[Branch::Spectrogram]) };
    let cx = Context::plain(1);
    let model = network.fit(&train.heard(false), &cx).unwrap();
    let all = network.embed(&model, &train.heard(false), &cx).unwrap();
    let heard = |frames: &Array2<f32>| {
        let clips = Examples { clips: vec![&train.clips[4]], features: vec![frames.view()] };
        network
            .embed(&model, &Hearing { clips, spectra: Vec::new() }, &cx)
            .unwrap()
            .row(0)
            .to_owned()
    };
    assert_eq!(heard(&train.frames[4]), all.row(4));
    // One and a half clips are two images, half a clip apart.
    let long =
        ndarray::concatenate(ndarray::Axis(0), &[train.frames[4].view(), train.frames[5].view()])
            .unwrap();
    let long = long.slice(ndarray::s![..24, ..]).to_owned();
    let (first, second) =
        (long.slice(ndarray::s![..16, ..]).to_owned(), long.slice(ndarray::s![8.., ..]).to_owned());
    let mean = (&heard(&first) + &heard(&second)) / 2.0;
    assert!(heard(&long).iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn balanced_epochs_have_as_many_of_each_domain() {
    let train = Sounds::new(42, 0.0, 1);
    let network = Cnn { balance: true, ..small(&[Branch::Spectrogram]) };
    let heard = train.heard(false);
    let inputs = Inputs::new(&network, &heard).unwrap();
    let targets: Vec<bool> =
        train.clips.iter().map(|clip| clip.domain == Some(Domain::Target)).collect();
    let rows = Mixed {
        inputs: &inputs,
        labels: vec![0; 42],
        targets: targets.clone(),
        classes: 1,
        settings: &network,
    };
    let order = crate::detector::training::Rows::order(&rows, 42, &mut Seed(1).rng());
    let of_target = order.iter().filter(|&&image| targets[image as usize]).count();
    assert_eq!((order.len(), of_target), (72, 36));
}

#[test]
fn clips_that_do_not_fit_are_named() {
    let cx = Context::plain(1);
    let mut sounds = Sounds::new(12, 0.0, 1);
    let network = small(&[Branch::Spectrogram, Branch::Spectrum]);
    let refusal = |sounds: &Sounds, spectra| {
        network.fit(&sounds.heard(spectra), &cx).unwrap_err().to_string()
    };
    assert_eq!(refusal(&sounds, false), "the spectra of the clips are missing");
    sounds.spectra[3] = Array2::zeros((1, 1500));
    let other = refusal(&sounds, true);
    assert!(
        other.starts_with(
            "the spectrum of clip `1/3.wav` has 1500 bins, but those before it have 1600"
        ),
        "{other}"
    );
    sounds.clips.iter_mut().for_each(|clip| drop(clip.attributes.insert("vel".into(), "1".into())));
    let network = small(&[Branch::Spectrogram]);
    let one = network.fit(&sounds.heard(false), &cx).unwrap_err().to_string();
    assert_eq!(one, "all 12 clips are of one class, `/vel=1`: the network needs at least two");
}

#[test]
fn further_spectrograms_are_branches_with_names_of_their_own() {
    let layout = Layout::new(300, &[64, 128]);
    let sounds = |count, off: f64, seed| {
        let mut sounds = Sounds::new(count, off, seed);
        let mut rng = Seed(seed).rng();
        sounds.spectra = (0..count)
            .map(|i| {
                let peak = 5.0 + 9.0 * (i % 3) as f64 + off;
                let [_, bins] = layout.stfts[0];
                Array2::from_shape_fn((1, layout.width()), |(_, at)| {
                    let bin = if layout.stft(0).contains(&at) { (at - 300) % bins } else { 40 };
                    let level = 4.0 * math::exp(-math::square((bin as f64 - peak) / 3.0));
                    (level + 0.3 * rng.normal()) as f32
                })
            })
            .collect();
        sounds
    };
    let network = Cnn {
        stft: vec![64, 128],
        featex: Some(FeatEx::default()),
        spec_augment: Some(SpecAugment { time_width: 4, frequency_width: 3, ..Default::default() }),
        ..small(&[Branch::Spectrum])
    };
    let (train, normal, broken) = (sounds(60, 0.0, 1), sounds(12, 0.0, 2), sounds(12, 4.0, 3));
    let cx = Context::plain(1);
    let model = network.fit(&train.heard(true), &cx).unwrap();
    assert!(model.f32_1("input.stft_128.mean").is_ok_and(|mean| mean.len() == 65));
    let vectors = |sounds: &Sounds| network.embed(&model, &sounds.heard(true), &cx).unwrap();
    let known = vectors(&train);
    assert_eq!(known.dim(), (60, 24));
    let (near, far) = (distances(&known, &vectors(&normal)), distances(&known, &vectors(&broken)));
    assert!(far > 1.2 * near, "{near} {far}");
    // No clip has a row of this width.
    let mut odd = sounds(12, 0.0, 4);
    odd.spectra[0] = Array2::zeros((1, layout.width() + 1));
    assert!(network.embed(&model, &odd.heard(true), &cx).is_err());
}

#[test]
fn clips_with_hidden_attributes_are_told_apart_by_pseudo_labels() {
    let cx = Context::plain(1);
    let mut train = Sounds::new(60, 0.0, 1);
    let spoken = Cnn { epochs: 1, ..small(&[Branch::Spectrogram]) };
    let (_, named) = spoken.labels.of(&train.heard(false).clips, &[]).unwrap();
    train.clips.iter_mut().for_each(|clip| clip.attributes.clear());
    let all = train.heard(false).clips;
    assert!(matches!(spoken.fit(&train.heard(false), &cx), Err(DetectorError::TooFew(_))));
    // The three speeds in each of the two sections are what k-means finds.
    let pseudo = PseudoLabels { clusters: 3 };
    let found = pseudo.of(&all, &cx).unwrap();
    let (classes, labels) = spoken.labels.of(&all, &found).unwrap();
    assert_eq!(classes.len(), 6);
    assert!((0..60).all(|i| (0..60).all(|j| labels[i] != labels[j] || named[i] == named[j])));
    // With several machines the class has their name.
    train.clips[0].machine = "valve".into();
    let (classes, _) = Labels::Section.of(&train.heard(false).clips, &[]).unwrap();
    assert_eq!(classes, ["fan/00", "fan/01", "valve/00"]);
    train.clips[0].machine = "fan".into();
    let hidden = Cnn { pseudo_labels: Some(pseudo), ..spoken };
    assert!(hidden.fit(&train.heard(false), &cx).is_ok());
}

#[test]
fn settings_out_of_range_are_told() {
    let fields = |network: Cnn| network.problems().into_iter().map(|p| p.field).collect::<Vec<_>>();
    assert_eq!(fields(Cnn::default()), [] as [&str; 0]);
    let wrong = Cnn {
        branches: vec![Branch::Spectrum; 2],
        channels: vec![],
        dims: 1,
        frames: Some(3),
        mixup: -1.0,
        loss: LossSettings::Arcface { scale: 0.0, margin: 0.2 },
        epochs: 0,
        ..Cnn::default()
    };
    let expected =
        ["epochs", "branches", "channels", "dims", "frames", "mixup", "loss.arcface.scale"];
    assert_eq!(fields(wrong), expected);
}

#[test]
fn copies_are_networks_of_other_seeds_side_by_side() {
    let sounds = Sounds::new(24, 0.0, 1);
    let heard = sounds.heard(true);
    let embeddings = |copies: usize| {
        let cnn = Cnn { copies, epochs: 2, ..small(&[Branch::Spectrum]) };
        let model = cnn.fit(&heard, &Context::plain(5)).unwrap();
        cnn.embed(&model, &heard, &Context::plain(5)).unwrap()
    };
    let (one, three) = (embeddings(1), embeddings(3));
    assert_eq!((one.dim(), three.dim()), ((24, 8), (24, 24)));
    let of = |copy: usize| three.slice(ndarray::s![.., 8 * copy..8 * copy + 8]);
    assert_eq!(of(0), one);
    assert_ne!(of(1), one);
    assert_ne!(of(1), of(2));
}
