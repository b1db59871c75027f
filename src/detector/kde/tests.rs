use super::*;
use crate::seed::Seed;
use ndarray::array;
use serde_json::json;

fn examples(vectors: &Array2<f32>) -> Examples<'_> {
    Examples { clips: Vec::new(), features: vectors.axis_chunks_iter(Axis(0), 1).collect() }
}

fn scores(bandwidth: Bandwidth, train: &Array2<f32>, test: &Array2<f32>) -> Vec<f64> {
    let kde = Kde { bandwidth };
    let model = kde.fit(&examples(train), None, &Context::plain(0)).unwrap();
    kde.score(&model, &examples(test), &Context::plain(0)).unwrap()
}

fn random(seed: u64, rows: usize, dims: usize, level: f64) -> Array2<f32> {
    let mut rng = Seed(seed).rng();
    Array2::from_shape_simple_fn((rows, dims), || (level + 4.0 * rng.normal()) as f32)
}

/// Computed by the definition, all in f64.
fn by_definition(h: f64, train: &Array2<f32>, query: &[f32]) -> f64 {
    let exponent = |row: ndarray::ArrayView1<f32>| {
        let squares =
            row.iter().zip(query).map(|(a, b)| math::square(f64::from(*a) - f64::from(*b)));
        -squares.sum::<f64>() / (2.0 * h * h)
    };
    let exponents: Vec<f64> = train.rows().into_iter().map(exponent).collect();
    let greatest = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = exponents.iter().map(|e| math::exp(e - greatest)).sum();
    let normal = math::ln(h * std::f64::consts::TAU.sqrt()) * query.len() as f64;
    normal + math::ln(train.nrows() as f64) - greatest - math::ln(sum)
}

#[test]
fn scores_are_those_of_the_definition_however_near_the_vectors() {
    // More queries and rows than one product; far from zero; and queries that nearly equal training
    // vectors.
    let train = random(1, 600, 40, -50.0);
    let mut test = random(2, 300, 40, -50.0);
    for i in 0..100 {
        test.row_mut(3 * i).assign(&train.row(i).mapv(|x| x * (1.0 + 1e-6 * (i % 3) as f32)));
    }
    for h in [1e-4, 0.1, 3.0, 100.0] {
        for (found, row) in scores(Bandwidth::Number(h), &train, &test).iter().zip(test.rows()) {
            let expected = by_definition(h, &train, row.to_slice().unwrap());
            assert!(
                (found - expected).abs() <= 1e-11 * expected.abs() + 1e-9,
                "{h}: {found} {expected}"
            );
        }
    }
}

#[test]
fn extreme_vectors_and_bandwidths_stay_finite() {
    let train = array![[f32::MAX, 0.0], [0.0, 1e-30], [0.0, 0.0]];
    let test = array![[f32::MIN, f32::MAX], [0.0, 0.0]];
    for h in [1e-9, 1e9] {
        let all = scores(Bandwidth::Number(h), &train, &test);
        assert!(all.iter().all(|s| s.is_finite()) && all[0] > all[1], "{h} {all:?}");
    }
}

#[test]
fn rules_follow_the_spread_of_the_clips() {
    let x = array![[0.0, 10.0], [1.0, 10.0], [3.0, 10.0], [6.0, 10.0]];
    let of = |rule: Bandwidth| rule.of(x.view(), &Context::plain(0)).unwrap();
    // The variances are 5.25 and 0.
    let (spread, n) = ((5.25f64 / 2.0).sqrt(), 4f64);
    assert!((of(Bandwidth::Scott) - math::powf(n, -1.0 / 6.0) * spread).abs() < 1e-12);
    assert!((of(Bandwidth::Silverman) - math::powf(n, -1.0 / 6.0) * spread).abs() < 1e-12);
    // 1, 1, 2, 3.
    assert_eq!(of(Bandwidth::MedianNearest), 1.5);
    for (name, rule) in RULES {
        for same in [Array2::ones((5, 3)), Array2::ones((1, 3))] {
            let why = rule.of(same.view(), &Context::plain(0)).unwrap_err().to_string();
            assert!(why.starts_with(&format!("`bandwidth: {name}` is 0e0 for these")), "{why}");
        }
    }
}

#[test]
fn bandwidths_are_numbers_or_names() {
    let read =
        |value: serde_json::Value| serde_json::from_value::<Kde>(json!({ "bandwidth": value }));
    for (written, bandwidth) in [(json!(2), 2.0), (json!(0.5), 0.5), (json!(-1), -1.0)] {
        assert_eq!(read(written).unwrap().bandwidth, Bandwidth::Number(bandwidth));
    }
    for (name, rule) in RULES {
        assert_eq!(read(json!(name)).unwrap().bandwidth, rule);
        assert_eq!(serde_json::to_value(rule).unwrap(), json!(name));
    }
    let wrong = read(json!("wide")).unwrap_err().to_string();
    let words = "a number or one of `scott`, `silverman`, `median_nearest`";
    assert_eq!(wrong, format!("invalid value: string \"wide\", expected {words}"));
    for h in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Kde { bandwidth: Bandwidth::Number(h) }.problems()[0].field, "bandwidth");
    }
    assert!(Kde::default().problems().is_empty());
}

#[test]
fn threads_change_nothing() {
    let (train, test) = (random(3, 500, 20, 0.0), random(4, 700, 20, 0.0));
    let kde = Kde::default();
    let model = kde.fit(&examples(&train), None, &Context::plain(0)).unwrap();
    let with = |threads| {
        let cx = Context { threads, ..Context::plain(0) };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| kde.score(&model, &examples(&test), &cx)).unwrap()
    };
    assert_eq!(with(1), with(3));
}
