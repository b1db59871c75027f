use super::*;
use crate::artifact::{Clip, Split};
use crate::seed::Seed;

fn fit(covariance: Covariance, vectors: &Array2<f32>) -> Result<Tensors, String> {
    let train =
        Examples { clips: Vec::new(), features: vectors.axis_chunks_iter(Axis(0), 1).collect() };
    let fitted =
        Mahalanobis { covariance, ..Mahalanobis::default() }.fit(&train, None, &Context::plain(0));
    fitted.map_err(|e| e.to_string())
}

fn random(rows: usize, dims: usize) -> Array2<f32> {
    let mut rng = Seed(3).rng();
    Array2::from_shape_simple_fn((rows, dims), || rng.normal() as f32)
}

#[test]
fn the_mean_square_over_training_clips_is_the_dimension() {
    // An identity of the population covariance: the mean of xᵀS⁻¹x over the sample is tr(S⁻¹S).
    let x = random(50, 6);
    let model = fit(Covariance::Empirical, &x).unwrap();
    let test = Examples { clips: Vec::new(), features: x.axis_chunks_iter(Axis(0), 1).collect() };
    let detector = Mahalanobis { covariance: Covariance::Empirical, ..Mahalanobis::default() };
    let scores = detector.score(&model, &test, &Context::plain(0)).unwrap();
    assert!((scores.iter().sum::<f64>() / 50.0 - 6.0).abs() < 1e-9);
}

#[test]
fn covariances_without_an_inverse_say_what_to_do() {
    let few = fit(Covariance::Empirical, &random(5, 8)).unwrap_err();
    assert!(
        few.starts_with("5 training clips in 8 dimensions") && few.contains("ledoit_wolf"),
        "{few}"
    );
    assert!(fit(Covariance::LedoitWolf, &random(5, 8)).is_ok());
    let mut constant = random(20, 4);
    constant.column_mut(2).fill(7.0);
    let singular = fit(Covariance::Diagonal, &constant).unwrap_err();
    assert!(singular.contains("at dimension 2") && singular.contains("ledoit_wolf"), "{singular}");
    let same = fit(Covariance::LedoitWolf, &Array2::ones((20, 4))).unwrap_err();
    assert!(same.ends_with("all training vectors are the same"), "{same}");
}

fn clip(domain: Option<Domain>) -> Clip {
    Clip {
        id: "fan/train/0.wav".into(),
        machine: "fan".into(),
        section: "00".into(),
        domain,
        split: Split::Train,
        label: None,
        attributes: Default::default(),
    }
}

#[test]
fn selective_scores_are_the_lesser_of_two_models() {
    let (x, y) = (random(40, 6), random(30, 6) * 2.0 + 1.0);
    let both = ndarray::concatenate(Axis(0), &[x.view(), y.view()]).unwrap();
    let clips = [clip(None), clip(Some(Domain::Source)), clip(Some(Domain::Target))];
    let of = |row: usize| if row < 40 { &clips[row % 2] } else { &clips[2] };
    for covariance in [Covariance::LedoitWolf, Covariance::Diagonal, Covariance::Empirical] {
        let selective = Mahalanobis { covariance, selective: true, ..Mahalanobis::default() };
        let train = Examples {
            clips: (0..70).map(of).collect(),
            features: both.axis_chunks_iter(Axis(0), 1).collect(),
        };
        let model = selective.fit(&train, None, &Context::plain(0)).unwrap();
        let scores = selective.score(&model, &train, &Context::plain(0)).unwrap();
        let plain = Mahalanobis { covariance, ..Mahalanobis::default() };
        let one =
            |x| plain.score(&fit(covariance, x).unwrap(), &train, &Context::plain(0)).unwrap();
        let lesser: Vec<f64> = one(&x).into_iter().zip(one(&y)).map(|(a, b)| a.min(b)).collect();
        assert_eq!(scores, lesser);
        // Without domains it equals the plain one.
        let alone = Examples { clips: Vec::new(), ..train.clone() };
        let model = selective.fit(&alone, None, &Context::plain(0)).unwrap();
        assert_eq!(selective.score(&model, &train, &Context::plain(0)).unwrap(), one(&both));
    }
}

#[test]
fn a_domain_of_too_few_clips_is_named() {
    let x = random(20, 6);
    let (source, target) = (clip(Some(Domain::Source)), clip(Some(Domain::Target)));
    let fit = |covariance, targets: usize| {
        let train = Examples {
            clips: (0..20).map(|i| if i < targets { &target } else { &source }).collect(),
            features: x.axis_chunks_iter(Axis(0), 1).collect(),
        };
        Mahalanobis { covariance, selective: true, ..Mahalanobis::default() }
            .fit(&train, None, &Context::plain(0))
            .map_err(|e| e.to_string())
    };
    let few = fit(Covariance::Empirical, 4).unwrap_err();
    assert!(few.starts_with("4 training clips of the target domain in 6 dimensions"), "{few}");
    assert!(fit(Covariance::LedoitWolf, 2).unwrap_err().contains("leave out `selective`"));
    assert!(fit(Covariance::LedoitWolf, 3).is_ok());
}

#[test]
fn few_target_clips_give_a_centre_and_source_clips_the_covariance() {
    let (x, y) = (random(40, 6), random(2, 6) + 3.0);
    let both = ndarray::concatenate(Axis(0), &[x.view(), y.view()]).unwrap();
    let (source, target) = (clip(Some(Domain::Source)), clip(Some(Domain::Target)));
    let train = Examples {
        clips: (0..42).map(|row| if row < 40 { &source } else { &target }).collect(),
        features: both.axis_chunks_iter(Axis(0), 1).collect(),
    };
    let model = |detector: &Mahalanobis| detector.fit(&train, None, &Context::plain(0));
    let scores = |detector: &Mahalanobis| {
        detector.score(&model(detector).unwrap(), &train, &Context::plain(0)).unwrap()
    };
    let of = |centre| Mahalanobis { centre, spread: Of::Source, ..Mahalanobis::default() };
    let alone = fit(Covariance::LedoitWolf, &x).unwrap();
    let moved = model(&of(Of::Target)).unwrap();
    assert_eq!(moved.f64_2("cholesky").unwrap(), alone.f64_2("cholesky").unwrap());
    let mean = y.mapv(f64::from).mean_axis(Axis(0)).unwrap();
    assert_eq!(moved.f64_1("mean").unwrap(), mean);
    // With `selective`, the lesser of both distances by the covariance of the source.
    let selective = Mahalanobis { selective: true, spread: Of::Source, ..Mahalanobis::default() };
    let apart = scores(&of(Of::Source)).into_iter().zip(scores(&of(Of::Target)));
    assert_eq!(scores(&selective), apart.map(|(a, b)| a.min(b)).collect::<Vec<_>>());
    let both = Mahalanobis { selective: true, centre: Of::Target, ..Mahalanobis::default() };
    assert_eq!(both.problems()[0].field, "centre");
    let none = Examples { clips: vec![&source; 42], ..train.clone() };
    let error = of(Of::Target).fit(&none, None, &Context::plain(0)).unwrap_err();
    assert_eq!(error.to_string(), "there are no training clips of the target domain for a centre");
}
