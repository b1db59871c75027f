use super::*;
use crate::seed::Seed;

/// Vectors, and the quality of scikit-learn's map of them: `tests/data/make_tsne.py`.
#[derive(serde::Deserialize)]
struct Reference {
    vectors: Vec<Vec<f32>>,
    neighbours: usize,
    trustworthiness: f64,
    divergence: f64,
}

fn reference() -> (Reference, Array2<f32>) {
    let reference: Reference =
        serde_json::from_str(include_str!("../../../tests/data/tsne.json")).unwrap();
    let rows = &reference.vectors;
    let x = Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap();
    (reference, x)
}

/// The order of all rows by their distance to one of them, itself first.
fn order(x: &Array2<f64>, row: usize) -> Vec<usize> {
    let square = |other: usize| (&x.row(other) - &x.row(row)).mapv(math::square).sum();
    let squares: Vec<f64> = (0..x.nrows()).map(square).collect();
    let mut order: Vec<usize> = (0..x.nrows()).filter(|other| *other != row).collect();
    order.sort_by(|a, b| squares[*a].total_cmp(&squares[*b]));
    order.insert(0, row);
    order
}

/// 1 minus the cost of intruders among the `k` nearest on the map, each weighted by its true rank
/// (Venna and Kaski 2001), as in scikit-learn's `trustworthiness`.
fn trustworthiness(x: &Array2<f64>, map: &Array2<f64>, k: usize) -> f64 {
    let n = x.nrows();
    let mut cost = 0;
    for row in 0..n {
        let mut ranks = vec![0; n];
        order(x, row).iter().enumerate().for_each(|(rank, other)| ranks[*other] = rank);
        cost += order(map, row)[1..=k]
            .iter()
            .map(|other| ranks[*other].saturating_sub(k))
            .sum::<usize>();
    }
    1.0 - cost as f64 * 2.0 / (n as f64 * k as f64 * (2.0 * n as f64 - 3.0 * k as f64 - 1.0))
}

/// The objective that the map minimises: Σ p ln p/q.
fn divergence(affinities: &Array2<f64>, map: &Array2<f64>) -> f64 {
    let near =
        |i: usize, j: usize| 1.0 / (1.0 + (&map.row(i) - &map.row(j)).mapv(math::square).sum());
    let pairs = || {
        (0..map.nrows()).flat_map(|i| (0..map.nrows()).map(move |j| (i, j))).filter(|(i, j)| i != j)
    };
    let sum: f64 = pairs().map(|(i, j)| near(i, j)).sum();
    let term = |(i, j): (usize, usize)| {
        let p = affinities[[i, j]];
        if p > 0.0 { p * math::ln(p * sum / near(i, j)) } else { 0.0 }
    };
    pairs().map(term).sum()
}

#[test]
fn maps_are_as_good_as_those_of_scikit_learn() {
    let (reference, x) = reference();
    let map = map(x.view(), &Context::plain(0)).unwrap();
    let trust = trustworthiness(&x.mapv(f64::from), &map, reference.neighbours);
    let affinities = affinities(x.view(), perplexity(x.nrows()), &Context::plain(0)).unwrap();
    let divergence = divergence(&affinities, &map);
    assert!(trust >= reference.trustworthiness, "{trust} against {}", reference.trustworthiness);
    assert!(
        divergence <= 1.02 * reference.divergence,
        "{divergence} against {}",
        reference.divergence
    );
}

#[test]
fn neighbourhoods_have_their_perplexity() {
    let (_, x) = reference();
    let squares =
        measure(x.view(), x.view(), Metric::Euclidean, &Context::plain(0), |_, d| d).unwrap();
    for (row, distances) in squares.iter().enumerate() {
        let squares: Vec<f64> = distances.iter().map(|d| d * d).collect();
        let shares = neighbourhood(row, &squares, 17.0);
        let entropy: f64 = shares.iter().filter(|p| **p > 0.0).map(|p| -p * math::ln(*p)).sum();
        assert!(
            (math::exp(entropy) / 17.0 - 1.0).abs() < 2e-5 && shares[row] == 0.0,
            "{row}: {}",
            math::exp(entropy)
        );
    }
    let joint = affinities(x.view(), 17.0, &Context::plain(0)).unwrap();
    assert!((joint.sum() - 1.0).abs() < 1e-12 && joint == joint.t());
}

#[test]
fn the_gradient_is_that_of_the_divergence() {
    let mut rng = Seed(3).rng();
    let x = Array2::from_shape_simple_fn((13, 5), || rng.normal() as f32);
    let p = affinities(x.view(), 4.0, &Context::plain(0)).unwrap();
    let map = Array2::from_shape_simple_fn((13, 2), || rng.normal());
    let points = [0, 1].map(|axis| map.column(axis).to_vec());
    let found = gradient(&p, &points, 1.0, &Context::plain(0));
    for row in 0..13 {
        for axis in 0..2 {
            let moved = |by: f64| {
                let mut map = map.clone();
                map[[row, axis]] += by;
                divergence(&p, &map)
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!(
                (found[row][axis] - slope).abs() < 1e-8,
                "{row} {axis}: {} against {slope}",
                found[row][axis]
            );
        }
    }
}

#[test]
fn threads_and_processors_change_nothing() {
    let (_, x) = reference();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| map(x.view(), &Context { threads, ..Context::plain(0) }).unwrap())
    };
    let one = run(1);
    assert_eq!(one, run(3));
    for (level, map) in math::at_every_level(|| run(1)) {
        assert_eq!(map, one, "{level:?}");
    }
}

#[test]
fn odd_vectors_have_finite_maps() {
    let wide = Array2::from_shape_fn((9, 40), |(i, j)| ((i * 7 + j * 3) % 11) as f32);
    let line = Array2::from_shape_fn((30, 1), |(i, _)| i as f32);
    let far = Array2::from_shape_fn((20, 3), |(i, j)| if i == 0 { 1e15 } else { (i * j) as f32 });
    for x in [wide, line, far, Array2::ones((12, 4)), Array2::zeros((LEAST, 2))] {
        let map = map(x.view(), &Context::plain(0)).unwrap();
        assert!(map.iter().all(|y| y.is_finite()), "{:?}: {map}", x.dim());
    }
    let few = map(Array2::zeros((3, 2)).view(), &Context::plain(0)).unwrap_err();
    assert_eq!(few.to_string(), "a map of 3 vectors has no neighbourhoods: 4 are needed");
}
