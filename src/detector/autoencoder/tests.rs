//! Tests of the autoencoder. The integration tests compare a published model with its published
//! scores.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use ndarray::Array2;

use super::*;
use crate::artifact::{Artifact, Clip, Split};
use crate::math;
use crate::seed::{Rng, Seed};

fn clips(ids: &[&str]) -> Vec<Clip> {
    ids.iter()
        .map(|id| Clip {
            id: (*id).to_owned(),
            machine: "fan".into(),
            section: "00".into(),
            domain: None,
            split: Split::Train,
            label: None,
            attributes: Default::default(),
        })
        .collect()
}

fn examples<'a>(clips: &'a [Clip], features: &'a [Array2<f32>]) -> Examples<'a> {
    Examples {
        clips: clips.iter().collect(),
        features: features.iter().map(|x| x.view()).collect(),
    }
}

/// Clips of 20 frames of 16 dB-like values: a mixture of two patterns and noise. In `broken` clips
/// the upper half of the bands follows the mixture upside down.
fn machine(rng: &mut Rng, count: usize, broken: bool) -> Vec<Array2<f32>> {
    (0..count)
        .map(|_| {
            // A ring: never so faint that upside down looks the same.
            let (angle, radius) = (std::f64::consts::TAU * rng.uniform(), 1.0 + rng.uniform());
            let (level, tilt) = (radius * math::cos(angle), radius * math::sin(angle));
            Array2::from_shape_fn((20, 16), |(_, band)| {
                let sign = if broken && band >= 8 { -1.0 } else { 1.0 };
                let shape =
                    math::sin(band as f64 / 3.0) * level + math::cos(band as f64 / 5.0) * tilt;
                (-40.0 + 3.0 * sign * shape + 0.3 * rng.normal()) as f32
            })
        })
        .collect()
}

fn small() -> Autoencoder {
    Autoencoder {
        layers: vec![32, 32, 4, 32, 32],
        epochs: 12,
        learning_rate: 3e-3,
        ..Autoencoder::default()
    }
}

#[test]
fn anomalies_score_higher_and_the_loss_falls() {
    let mut rng = Seed(3).rng();
    let (train, normal, broken) =
        (machine(&mut rng, 200, false), machine(&mut rng, 20, false), machine(&mut rng, 20, true));
    let ids: Vec<String> = (0..200).map(|i| format!("{i:03}.wav")).collect();
    let clips = clips(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let lines = Mutex::new(Vec::new());
    let (never, log) =
        (AtomicBool::new(false), |line: &str| lines.lock().unwrap().push(line.to_owned()));
    let cx = Context { seed: Seed(1), cancel: &never, log: &log, ..Context::plain(0) };
    let model = small().fit(&examples(&clips, &train), None, &cx).unwrap();

    let test = [normal, broken].concat();
    let scores = small().score(&model, &examples(&clips, &test), &cx).unwrap();
    let pairs =
        scores[..20].iter().flat_map(|n| scores[20..].iter().map(move |a| f64::from(a > n)));
    let auc = pairs.sum::<f64>() / 400.0;
    assert!(auc > 0.9, "{auc}");

    let lines = lines.into_inner().unwrap();
    let loss = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap();
    assert_eq!(lines.len(), 12);
    assert!(loss(&lines[11]) < 0.2 * loss(&lines[0]), "{lines:?}");
}

#[test]
fn the_seed_decides_the_bytes_and_threads_do_not() {
    let train = machine(&mut Seed(3).rng(), 6, false);
    let clips = clips(&["a", "b", "c", "d", "e", "f"]);
    let bytes = |seed, threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let cx = Context { threads, ..Context::plain(seed) };
        pool.install(|| {
            let detector = Autoencoder { epochs: 2, ..Autoencoder::default() };
            let model = detector.fit(&examples(&clips, &train), None, &cx).unwrap();
            let scores = detector.score(&model, &examples(&clips, &train), &cx).unwrap();
            (model.encode(), scores)
        })
    };
    let first = bytes(1, 1);
    assert!(first == bytes(1, 2));
    assert!(first != bytes(2, 1));
}

#[test]
fn two_trainings_side_by_side_do_not_touch_each_other() {
    let train = machine(&mut Seed(3).rng(), 6, false);
    let clips = clips(&["a", "b", "c", "d", "e", "f"]);
    let fit = || small().fit(&examples(&clips, &train), None, &Context::plain(1)).unwrap();
    let alone = fit();
    let both =
        std::thread::scope(|scope| [scope.spawn(fit), scope.spawn(fit)].map(|t| t.join().unwrap()));
    assert!(both.iter().all(|model| *model == alone));
}

#[test]
fn the_range_of_frames_is_all_that_is_looked_at() {
    let train = machine(&mut Seed(3).rng(), 4, false);
    let cut: Vec<Array2<f32>> =
        train.iter().map(|x| x.slice(ndarray::s![8..18, ..]).to_owned()).collect();
    let clips = clips(&["a", "b", "c", "d"]);
    let detector = |frames| Autoencoder { epochs: 2, frames, ..small() };
    let (ranged, whole) = (detector(Some(FrameRange { from: 8, to: 18 })), detector(None));
    let cx = Context::plain(1);
    let model = ranged.fit(&examples(&clips, &train), None, &cx).unwrap();
    assert_eq!(model, whole.fit(&examples(&clips, &cut), None, &cx).unwrap());
    let scores = ranged.score(&model, &examples(&clips, &train), &cx).unwrap();
    assert_eq!(scores, whole.score(&model, &examples(&clips, &cut), &cx).unwrap());
}

#[test]
fn clips_and_models_that_do_not_fit_are_named() {
    let cx = Context::plain(1);
    let fit = |detector: &Autoencoder, features: &[Array2<f32>]| {
        let clips = clips(&["a.wav", "b.wav"]);
        detector
            .fit(&examples(&clips[..features.len()], features), None, &cx)
            .unwrap_err()
            .to_string()
    };
    let zeros = |frames, dims| Array2::<f32>::zeros((frames, dims));
    assert_eq!(fit(&small(), &[]), "there are no normal training clips");
    assert_eq!(
        fit(&small(), &[zeros(9, 4), zeros(4, 4)]),
        "clip `b.wav` has 4 frames, but a window needs 5"
    );
    assert_eq!(
        fit(&small(), &[zeros(9, 4), zeros(9, 3)]),
        "clip `b.wav` has 3 dims per frame, but the clips before it have 4"
    );
    let ranged = Autoencoder { frames: Some(FrameRange { from: 50, to: 250 }), ..small() };
    assert_eq!(fit(&ranged, &[zeros(100, 4)]), "clip `a.wav` has 100 frames, not 50..250");
    let broken = fit(&small(), &[Array2::from_elem((9, 4), f32::NAN)]);
    assert_eq!(
        broken,
        "training diverged in epoch 1: in step 1 the loss became NaN; try a smaller `learning_rate`, or `training: { clip_norm: 1 }`"
    );

    let clips = clips(&["a.wav"]);
    let model = arrays::write(&Network::new(autoencoder::graph(&[20, 3, 20]), &mut || 0.5));
    let features = [zeros(9, 6)];
    let error = small().fit(&examples(&clips, &features), Some(&model), &cx).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model takes 20 values and gives 20, but 5 frames of 6 are 30 and 30"
    );
    assert_eq!(
        small().score(&model, &examples(&clips, &features), &cx).unwrap_err().to_string(),
        error.to_string()
    );
    let features = [Array2::from_elem((9, 4), f32::INFINITY)];
    let error = small().score(&model, &examples(&clips, &features), &cx).unwrap_err();
    assert!(error.to_string().starts_with("the score of clip `a.wav` is "), "{error}");

    let stop = AtomicBool::new(true);
    let cx = Context { cancel: &stop, ..Context::plain(1) };
    let features = [zeros(9, 4)];
    assert!(matches!(
        small().fit(&examples(&clips, &features), None, &cx),
        Err(DetectorError::Cancelled)
    ));
    assert!(matches!(
        small().score(&model, &examples(&clips, &features), &cx),
        Err(DetectorError::Cancelled)
    ));
}

#[test]
fn all_settings_out_of_range_are_reported() {
    assert_eq!(Autoencoder::default().problems(), []);
    let wrong = Autoencoder {
        window: 0,
        layers: vec![4, 0],
        epochs: 0,
        batch: 1,
        learning_rate: f64::NAN,
        frames: Some(FrameRange { from: 9, to: 9 }),
        ..Autoencoder::default()
    };
    let fields = |detector: &Autoencoder| {
        detector.problems().into_iter().map(|p| p.field).collect::<Vec<_>>()
    };
    assert_eq!(fields(&wrong), ["epochs", "batch", "learning_rate", "window", "layers[1]"]);
    let frames =
        |from, to| Autoencoder { frames: Some(FrameRange { from, to }), ..Autoencoder::default() };
    assert_eq!(fields(&frames(9, 13)), ["frames"]);
    assert_eq!(fields(&frames(9, 2)), ["frames"]);
    assert_eq!(fields(&frames(9, 14)), [] as [&str; 0]);
    assert_eq!(fields(&Autoencoder { layers: vec![], ..Autoencoder::default() }), ["layers"]);
    assert!(!Autoencoder { weights: Some("x".into()), ..Autoencoder::default() }.seeded());
}

fn written(text: &str) -> Autoencoder {
    serde_json::from_str(text).unwrap()
}

#[test]
fn presets_are_what_was_published_and_give_way_to_what_is_said() {
    let paper = written(r#"{ "preset": "paper" }"#);
    assert_eq!(
        (paper.learning_rate, paper.batch, paper.epochs, paper.start_at_mean),
        (1e-4, 128, 100, false)
    );
    let repository = written(r#"{ "preset": "repository", "epochs": 3 }"#);
    assert_eq!((repository.learning_rate, repository.batch, repository.epochs), (1e-3, 512, 3));
    assert_eq!(repository.training.validation, 0.1);
    let clipped = written(r#"{ "preset": "repository", "training": { "clip_norm": 1.0 } }"#);
    assert_eq!((clipped.training.validation, clipped.training.clip_norm), (0.1, Some(1.0)));
    assert_eq!(written("{}"), Autoencoder::default());
    // The resolved settings are complete and read back as themselves.
    let again = written(&serde_json::to_string(&repository).unwrap());
    assert_eq!(again, repository);
}

#[test]
fn the_published_network_has_its_count_of_weights() {
    let graph = autoencoder::graph(&[640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640]);
    // Keras counts 269,992 with the hidden biases, which a normalisation cancels.
    let hidden: usize = 8 * 128 + 8;
    assert_eq!(graph.weight_count() + graph.statistic_count() + hidden, 269_992);
}

#[test]
fn the_centre_frame_is_predicted_from_the_others() {
    let mut rng = Seed(3).rng();
    let (train, normal, broken) =
        (machine(&mut rng, 100, false), machine(&mut rng, 20, false), machine(&mut rng, 20, true));
    let ids: Vec<String> = (0..100).map(|i| format!("{i:03}.wav")).collect();
    let clips = clips(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let detector = Autoencoder { predict: Predict::Centre, ..small() };
    let cx = Context::plain(1);
    let model = detector.fit(&examples(&clips, &train), None, &cx).unwrap();
    assert_eq!(model.f32_2("dense.0.kernel").unwrap().dim(), (64, 32));
    assert_eq!(model.f32_2("dense.5.kernel").unwrap().dim(), (32, 16));
    let mean = |clips_of: &[Array2<f32>]| {
        let scores = detector.score(&model, &examples(&clips, clips_of), &cx).unwrap();
        scores.iter().sum::<f64>() / scores.len() as f64
    };
    assert!(mean(&normal) < 0.8 * mean(&broken), "{} {}", mean(&normal), mean(&broken));
    let even = Autoencoder { window: 4, predict: Predict::Centre, ..small() };
    assert_eq!(even.problems()[0].field, "window");
}

#[test]
fn the_lesser_of_two_distances_of_the_mean_residual_is_the_score() {
    let train = machine(&mut Seed(3).rng(), 60, false);
    let ids: Vec<String> = (0..60).map(|i| format!("{i:03}.wav")).collect();
    let mut clips = clips(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    clips[..20].iter_mut().for_each(|clip| clip.domain = Some(crate::artifact::Domain::Target));
    let cx = Context::plain(1);
    let fit = |clips: &[Clip], score| {
        let detector = Autoencoder { score, epochs: 3, ..small() };
        let model = detector.fit(&examples(clips, &train[..clips.len()]), None, &cx).unwrap();
        let scores = detector.score(&model, &examples(clips, &train[..clips.len()]), &cx).unwrap();
        (detector, model, scores)
    };
    let (detector, model, both) = fit(&clips, Score::SelectiveMahalanobis);
    // Computed by the definition, from the residuals.
    let network = autoencoder::read(&model).unwrap();
    let residual = |clip: usize| {
        let values: Vec<f32> = train[clip].iter().copied().collect();
        let flat = detector.residuals(&network, &values, 16);
        Array2::from_shape_fn((flat.len() / 16, 16), |(i, j)| f64::from(flat[16 * i + j]))
    };
    let mut least = vec![f64::INFINITY; 60];
    for range in [0..20usize, 20..60] {
        let rows: Vec<Array2<f64>> = range.clone().map(residual).collect();
        let all = ndarray::concatenate(
            ndarray::Axis(0),
            &rows.iter().map(|r| r.view()).collect::<Vec<_>>(),
        )
        .unwrap();
        let centred = &all - &all.mean_axis(ndarray::Axis(0)).unwrap();
        let covariance = centred.t().dot(&centred) / (range.len() as f64 * 16.0 - 1.0);
        let factor = crate::learn::cholesky::factor(covariance).unwrap();
        for (clip, least) in least.iter_mut().enumerate() {
            let mut mean = residual(clip).mean_axis(ndarray::Axis(0)).unwrap().to_vec();
            *least = least.min(crate::learn::cholesky::squared_norm(factor.view(), &mut mean));
        }
    }
    for (found, expected) in both.iter().zip(&least) {
        assert!((found / expected - 1.0).abs() < 1e-6, "{found} {expected}");
    }
    // With one domain alone there is one covariance, whichever the domain is.
    let target = fit(&clips[..20], Score::SelectiveMahalanobis);
    assert!(
        target.2.iter().all(|score| *score > 0.0)
            && !target.1.0.contains_key("residual.source.factor")
    );
    // The network is the same as with the other score.
    let (_, plain, _) = fit(&clips, Score::Mse);
    assert_eq!(model.0["dense.0.kernel"], plain.0["dense.0.kernel"]);
    assert_eq!(model.0.len(), plain.0.len() + 2);
}
