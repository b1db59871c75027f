use super::*;
use crate::seed::Seed;

const SHAPES: [Shape; 3] = [Shape::Full, Shape::Diagonal, Shape::Tied];

/// Two overlapping groups, some with wrong labels. More rows than a block, more dims than a panel.
fn problem() -> (Array2<f32>, Vec<usize>, Array2<f64>) {
    let mut rng = Seed(4).rng();
    let x = Array2::from_shape_fn((900, 30), |(i, j)| {
        (-40.0
            + rng.normal() * (1.0 + (i % 3) as f64 / 3.0)
            + if i % 3 == 0 && j < 2 { 2.0 } else { 0.0 }) as f32
    });
    let labels: Vec<usize> = (0..900).map(|i| usize::from(i % 3 != 0 || i % 7 == 0)).collect();
    // Not the means of the labels, on purpose: sums may be about any point.
    (x, labels, Array2::from_elem((2, 30), -39.0))
}

fn em(shape: Shape) -> Em {
    Em { shape, regularization: 0.0, tolerance: 0.0, max_iterations: 6 }
}

#[test]
fn likelihoods_never_fall() {
    let (x, labels, about) = problem();
    for shape in SHAPES {
        let after = |max_iterations| {
            let em = Em { max_iterations, ..em(shape) };
            let fitted = em.fit(x.view(), &labels, &about, &Context::plain(0)).unwrap();
            assert!(
                (fitted.mixture.weights.sum() - 1.0).abs() < 1e-14
                    && fitted.iterations == max_iterations
            );
            fitted.log_likelihood
        };
        let likelihoods: Vec<f64> = (1..8).map(after).collect();
        assert!(
            likelihoods.is_sorted() && likelihoods[0] < likelihoods[6] - 0.01,
            "{shape:?}: {likelihoods:?}"
        );
        let patient = Em { tolerance: 1e-3, max_iterations: 1000, ..em(shape) };
        assert!(patient.fit(x.view(), &labels, &about, &Context::plain(0)).unwrap().converged);
    }
}

#[test]
fn one_component_is_the_gaussian_of_all() {
    let (x, _, _) = problem();
    let y = x.mapv(f64::from);
    let mean = y.mean_axis(Axis(0)).unwrap();
    let z = &y - &mean;
    let covariance = z.t().dot(&z) / 900.0;
    for shape in SHAPES {
        let about = Array2::from_elem((1, 30), -35.0);
        let mixture =
            em(shape).fit(x.view(), &[0; 900], &about, &Context::plain(0)).unwrap().mixture;
        assert!((&mixture.means.row(0) - &mean).iter().all(|d| d.abs() < 1e-12));
        let precision = match &mixture.precisions {
            Precisions::Full(precisions) => precisions.index_axis(Axis(0), 0).to_owned(),
            Precisions::Tied(precision) => precision.clone(),
            Precisions::Diagonal(precisions) => {
                let variances = precisions.row(0).mapv(|p| 1.0 / (p * p));
                assert!((variances - covariance.diag()).iter().all(|d| d.abs() < 1e-12));
                continue;
            }
        };
        let unit = precision.t().dot(&covariance).dot(&precision);
        assert!((unit - Array2::<f64>::eye(30)).iter().all(|d| d.abs() < 1e-11), "{shape:?}");
    }
}

#[test]
fn threads_change_nothing() {
    let (x, labels, about) = problem();
    for shape in SHAPES {
        let with = |threads| {
            let cx = Context { threads, ..Context::plain(0) };
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mixture =
                pool.install(|| em(shape).fit(x.view(), &labels, &about, &cx)).unwrap().mixture;
            mixture.log_densities(x.view())
        };
        assert_eq!(with(1), with(3), "{shape:?}");
    }
}

#[test]
fn what_has_no_inverse_is_told_and_regularization_carries_it() {
    let (x, labels, about) = problem();
    let mut x = x.slice(s![..20, ..]).to_owned();
    x.column_mut(11).fill(3.0);
    for (shape, whose, dimension) in [
        (Shape::Full, "component 0 of 2, which has 6.0 training clips,", 5),
        (Shape::Diagonal, "component 0 of 2, which has 6.0 training clips,", 11),
        (Shape::Tied, "all components", 11),
    ] {
        let fit = |regularization| {
            Em { regularization, ..em(shape) }.fit(
                x.view(),
                &labels[..20],
                &about,
                &Context::plain(0),
            )
        };
        let told = fit(0.0).err().unwrap().to_string();
        let expected = format!(
            "the covariance of {whose} is not positive definite at dimension {dimension}: write "
        );
        assert!(
            told.starts_with(&expected) && told.contains("`regularization` above 0e0"),
            "{told}"
        );
        assert_eq!(told.contains("diagonal"), shape != Shape::Diagonal);
        let mixture = fit(1e-6).unwrap().mixture;
        assert!(mixture.log_densities(x.view()).iter().all(|d| d.is_finite()));
    }
}

#[test]
fn components_without_rows_do_no_harm() {
    let (x, _, _) = problem();
    for shape in SHAPES {
        let em = Em { regularization: 1e-6, ..em(shape) };
        let about = Array2::from_elem((2, 30), -40.0);
        let mixture = em.fit(x.view(), &[0; 900], &about, &Context::plain(0)).unwrap().mixture;
        let likelihoods = mixture.log_likelihoods(&mut mixture.log_densities(x.view()));
        assert!(likelihoods.iter().all(|l| l.is_finite()), "{shape:?}");
    }
}
