use super::*;
use crate::seed::Seed;
use ndarray::{Array2, Axis, array};

fn examples(vectors: &Array2<f32>) -> Examples<'_> {
    Examples { clips: Vec::new(), features: vectors.axis_chunks_iter(Axis(0), 1).collect() }
}

fn random(rows: usize, dims: usize) -> Array2<f32> {
    let mut rng = Seed(8).rng();
    Array2::from_shape_simple_fn((rows, dims), || rng.normal() as f32)
}

#[test]
fn a_forest_built_by_hand_gives_the_scores_of_the_paper() {
    // Two trees of 8 samples: x < 0.5 isolates one, then y at 2 splits 3 from 4; and a tree with
    // one cut into 2 and 6.
    let mut model = Tensors::default();
    model.put_f64("feature", array![0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    model.put_f32("threshold", array![0.5f32, 0.0, 2.0, 0.0, 0.0, -1.0, 0.0, 0.0]);
    model.put_f64("left", array![1.0, -1.0, 3.0, -1.0, -1.0, 6.0, -1.0, -1.0]);
    model.put_f64("right", array![2.0, -1.0, 4.0, -1.0, -1.0, 7.0, -1.0, -1.0]);
    model.put_f64("size", array![8.0, 1.0, 7.0, 3.0, 4.0, 8.0, 2.0, 6.0]);
    model.put_f64("root", array![0.0, 5.0]);
    model.put_f64("dims", array![2.0]);
    // c(n) = 2H(n-1) - 2(n-1)/n with the paper's H(i) = ln(i) + 0.5772156649.
    let c = |n: f64| 2.0 * (math::ln(n - 1.0) + 0.577_215_664_9) - 2.0 * (n - 1.0) / n;
    let queries = array![[0.5, 0.0], [0.6, 2.0], [0.6, 2.1], [0.0, -1.0]];
    let paths = [
        1.0 + 1.0 + c(6.0),
        2.0 + c(3.0) + 1.0 + c(6.0),
        2.0 + c(4.0) + 1.0 + c(6.0),
        1.0 + 1.0 + 1.0,
    ];
    let scores =
        IsolationForest::default().score(&model, &examples(&queries), &Context::plain(0)).unwrap();
    for (score, path) in scores.iter().zip(paths) {
        let expected = math::powf(2f64, -path / 2.0 / c(8.0));
        assert!((score - expected).abs() < 1e-9, "{score} {expected}");
    }
    model.put_f64("left", array![1.0, -1.0, 2.0, -1.0, -1.0, 6.0, -1.0, -1.0]);
    let cycle = IsolationForest::default()
        .score(&model, &examples(&queries), &Context::plain(0))
        .unwrap_err();
    assert_eq!(cycle.to_string(), "node 2 of the forest comes after its child");
    model.put_f64("left", array![1.0, -1.0, 8.0, -1.0, -1.0, 6.0, -1.0, -1.0]);
    assert!(
        IsolationForest::default().score(&model, &examples(&queries), &Context::plain(0)).is_err()
    );
}

#[test]
fn trees_part_their_sample_without_loss() {
    let x = random(300, 5);
    for seed in 0..20 {
        let nodes = grow(x.view(), 100, Seed(seed).rng());
        let mut depth = vec![0; nodes.len()];
        for (at, node) in nodes.iter().enumerate() {
            if node.child == 0 {
                assert!(
                    node.size == 1 || depth[at] == 7,
                    "100 samples: at most 7 cuts, {node:?} at {}",
                    depth[at]
                );
                continue;
            }
            let children = [nodes[node.child as usize], nodes[node.child as usize + 1]];
            assert!(children.iter().all(|child| child.size > 0), "{node:?}");
            assert_eq!(children[0].size + children[1].size, node.size);
            let below = depth[at] + 1;
            depth[node.child as usize..node.child as usize + 2].fill(below);
        }
        assert_eq!(nodes[0].size, 100);
    }
}

#[test]
fn cuts_leave_something_on_both_sides() {
    let next = 1f32.next_up();
    assert_eq!([cut(1.0, next, 0.0), cut(1.0, next, 1.0 - 1e-16)], [1.0, 1.0]);
    assert_eq!(cut(f32::MIN, f32::MAX, 0.5), 0.0);
    assert_eq!(cut(-2.0, 2.0, 0.75), 1.0);
    assert_eq!([0.0, 1.0, 2.0].map(expected_path), [0.0, 0.0, 1.0]);
}

#[test]
fn the_far_one_scores_highest_and_only_seeds_change_scores() {
    let (x, mut test) = (random(500, 6), random(50, 6));
    test.row_mut(17).fill(5.0);
    let run = |threads: usize, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let cx = Context { threads, ..Context::plain(seed) };
        let forest = IsolationForest::default();
        pool.install(|| {
            let model = forest.fit(&examples(&x), None, &cx).unwrap();
            forest.score(&model, &examples(&test), &cx).unwrap()
        })
    };
    let scores = run(1, 1);
    let highest = (0..50).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    assert!(highest == Some(17) && scores[17] > 0.7, "{scores:?}");
    assert_eq!(scores, run(3, 1));
    assert_ne!(scores, run(1, 2));
}

#[test]
fn clips_that_cannot_be_parted_are_refused() {
    let fit =
        |x: Array2<f32>| IsolationForest::default().fit(&examples(&x), None, &Context::plain(0));
    let refused = |x| fit(x).unwrap_err().to_string();
    assert!(refused(Array2::ones((30, 4))).ends_with("its training clips are all the same"));
    assert!(refused(Array2::ones((1, 4))).ends_with("there is only 1 training clip"));
    let mut one_constant = random(30, 2);
    one_constant.column_mut(0).fill(1.0);
    let model = fit(one_constant).unwrap();
    let (feature, left) = (model.f64_1("feature").unwrap(), model.f64_1("left").unwrap());
    assert!(feature.iter().zip(left).all(|(f, l)| *l < 0.0 || *f == 1.0));
    let problems = IsolationForest { trees: 0, samples: 1 }.problems();
    assert_eq!(problems.iter().map(|p| p.field.as_str()).collect::<Vec<_>>(), ["trees", "samples"]);
}
