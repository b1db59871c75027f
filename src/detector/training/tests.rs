use std::sync::Mutex;

use super::*;
use crate::context::Checkpoint;
use crate::math;
use crate::nn::{Activation, Builder, Cpu, Loss, NormSettings, Shape};
use crate::seed::Seed;

/// Rows of sines, which the network must reproduce.
struct Sines(Vec<Vec<f32>>);

impl Sines {
    fn new(count: usize) -> Self {
        let mut rng = Seed(7).rng();
        let row = |rng: &mut Rng| -> Vec<f32> {
            let phase = 6.0 * rng.uniform();
            (0..8).map(|i| math::sin(phase + i as f64 / 2.0) as f32).collect()
        };
        Self((0..count).map(|_| row(&mut rng)).collect())
    }
}

impl Rows for Sines {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn batch(&self, which: &[u32], _: Option<&mut Rng>, batch: &mut Batch) {
        batch.inputs = vec![which.iter().flat_map(|&i| self.0[i as usize].clone()).collect()];
    }
}

fn trainer() -> Trainer {
    let mut builder = Builder::new(NormSettings { epsilon: 1e-3, follow: 0.01 });
    let x = builder.input(Shape::vector(8));
    let x = builder.dense("a", x, 16, false);
    let x = builder.norm("b", x, Activation::Relu);
    builder.dense("c", x, 8, true);
    let mut rng = Seed(1).rng();
    let network = Network::new(builder.finish(), &mut || rng.uniform());
    Trainer::new(network, Loss::Squared, Box::<Cpu>::default(), None)
}

fn course(epochs: usize, training: &Training) -> Course<'_> {
    Course { epochs, batch: 8, learning_rate: 1e-2, training }
}

fn history(model: &Tensors, name: &str) -> Vec<f64> {
    model.f64_1(&format!("history/{name}")).unwrap().to_vec()
}

/// Keeps saved checkpoints, and cancels the run after some of them.
struct Shelf<'a> {
    kept: Mutex<Option<Vec<u8>>>,
    saves: Mutex<usize>,
    stop: Option<(usize, &'a std::sync::atomic::AtomicBool)>,
}

impl Checkpoint for Shelf<'_> {
    fn load(&self, _: Seed) -> Option<Vec<u8>> {
        self.kept.lock().unwrap().clone()
    }

    fn save(&self, _: Seed, make: &dyn Fn() -> Vec<u8>) {
        *self.kept.lock().unwrap() = Some(make());
        *self.saves.lock().unwrap() += 1;
        if let Some((at, stop)) = self.stop
            && *self.saves.lock().unwrap() == at
        {
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

#[test]
fn a_training_that_was_stopped_ends_with_the_bytes_of_one_that_was_not() {
    let rows = Sines::new(400);
    let training = Training {
        patience: Some(30),
        schedule: Schedule::Cosine,
        validation: 0.1,
        ..Training::default()
    };
    let whole = course(15, &training).run(trainer(), &rows, &Context::plain(1)).unwrap();
    for stopped_at in [1, 4, 11] {
        let stop = std::sync::atomic::AtomicBool::new(false);
        let shelf =
            Shelf { kept: Mutex::new(None), saves: Mutex::new(0), stop: Some((stopped_at, &stop)) };
        let cx = Context { cancel: &stop, checkpoint: Some(&shelf), ..Context::plain(1) };
        assert!(matches!(
            course(15, &training).run(trainer(), &rows, &cx),
            Err(DetectorError::Cancelled)
        ));
        let lines = Mutex::new(Vec::new());
        let log = |line: &str| lines.lock().unwrap().push(line.to_owned());
        let shelf = Shelf { stop: None, ..shelf };
        let cx = Context { checkpoint: Some(&shelf), log: &log, ..Context::plain(1) };
        let again = course(15, &training).run(trainer(), &rows, &cx).unwrap();
        assert!(again == whole);
        let lines = lines.into_inner().unwrap();
        assert!(lines[0].starts_with("goes on after epoch "), "{lines:?}");
        assert_eq!(lines.len(), 1 + 15 - stopped_at, "{lines:?}");
    }
}

#[test]
fn a_checkpoint_that_is_none_is_passed_over() {
    let rows = Sines::new(40);
    let training = Training::default();
    let whole = course(3, &training).run(trainer(), &rows, &Context::plain(1)).unwrap();
    let shelf =
        Shelf { kept: Mutex::new(Some(b"no model".to_vec())), saves: Mutex::new(0), stop: None };
    let cx = Context { checkpoint: Some(&shelf), ..Context::plain(1) };
    assert!(course(3, &training).run(trainer(), &rows, &cx).unwrap() == whole);
}

#[test]
fn held_out_rows_are_the_last_and_judge() {
    let rows = Sines::new(100);
    let training = Training { validation: 0.25, ..Training::default() };
    let (network, model) = course(4, &training).run(trainer(), &rows, &Context::plain(1)).unwrap();
    assert_eq!(history(&model, "validation_loss").len(), 4);
    // Changes in the last rows do not change the network, changes in the first rows do.
    let mut moved = Sines::new(100);
    moved.0[80..].iter_mut().flatten().for_each(|x| *x += 1.0);
    let (same, other) = course(4, &training).run(trainer(), &moved, &Context::plain(1)).unwrap();
    assert!(
        same == network
            && history(&other, "validation_loss")[3] > 2.0 * history(&model, "validation_loss")[3]
    );
    moved.0[70][0] += 1.0;
    assert!(course(4, &training).run(trainer(), &moved, &Context::plain(1)).unwrap().0 != network);
}

#[test]
fn patience_ends_a_training_with_its_best_weights() {
    let rows = Sines::new(64);
    // So fast that it soon gets worse again.
    let patient = Training { patience: Some(3), ..Training::default() };
    let wild = |epochs| Course { epochs, batch: 8, learning_rate: 0.5, training: &patient };
    let (network, model) = wild(200).run(trainer(), &rows, &Context::plain(1)).unwrap();
    let loss = history(&model, "loss");
    let best = loss.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    assert_eq!(loss.len(), best + 1 + 3, "{loss:?}");
    let impatient = Training::default();
    let to_the_best = Course { epochs: best + 1, training: &impatient, ..wild(0) };
    assert!(to_the_best.run(trainer(), &rows, &Context::plain(1)).unwrap().0 == network);
}

#[test]
fn a_cosine_goes_from_the_rate_to_nothing() {
    let training = Training { schedule: Schedule::Cosine, ..Training::default() };
    let course = course(10, &training);
    assert_eq!(course.rate(0.0), 1e-2);
    assert!((course.rate(5.0) - 0.5e-2).abs() < 1e-12 && course.rate(9.8) < 2e-5);
}

/// Rows that come twice in every epoch.
struct Twice(Sines);

impl Rows for Twice {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn batch(&self, which: &[u32], rng: Option<&mut Rng>, batch: &mut Batch) {
        self.0.batch(which, rng, batch);
    }

    fn order(&self, count: u32, _: &mut Rng) -> Vec<u32> {
        (0..2 * count).map(|i| i % count).collect()
    }
}

#[test]
fn an_epoch_may_have_more_rows_than_there_are() {
    let training = Training { schedule: Schedule::Cosine, ..Training::default() };
    let told = Mutex::new(Vec::new());
    let progress = |p: Progress| told.lock().unwrap().push((p.done, p.total, p.text));
    let cx = Context { progress: &progress, ..Context::plain(1) };
    course(3, &training).run(trainer(), &Twice(Sines::new(16)), &cx).unwrap();
    let told = told.into_inner().unwrap();
    assert_eq!(
        told.iter().map(|t| (t.0, t.1)).collect::<Vec<_>>(),
        (1..=12).map(|i| (i, 12)).collect::<Vec<_>>()
    );
    assert!(told[5].2.starts_with("epoch 2 of 3, loss "), "{told:?}");
}

#[test]
fn a_training_stopped_after_its_best_epoch_keeps_the_best() {
    let rows = Sines::new(64);
    let patient = Training { patience: Some(3), ..Training::default() };
    let wild = Course { epochs: 200, batch: 8, learning_rate: 0.5, training: &patient };
    let whole = wild.run(trainer(), &rows, &Context::plain(1)).unwrap();
    // One epoch before it ends, the best one lies two back.
    let stop = std::sync::atomic::AtomicBool::new(false);
    let last = history(&whole.1, "loss").len() - 1;
    let shelf = Shelf { kept: Mutex::new(None), saves: Mutex::new(0), stop: Some((last, &stop)) };
    let cx = Context { cancel: &stop, checkpoint: Some(&shelf), ..Context::plain(1) };
    assert!(matches!(wild.run(trainer(), &rows, &cx), Err(DetectorError::Cancelled)));
    let shelf = Shelf { stop: None, ..shelf };
    let again = wild
        .run(trainer(), &rows, &Context { checkpoint: Some(&shelf), ..Context::plain(1) })
        .unwrap();
    assert!(again == whole);
}

#[test]
fn a_last_batch_of_one_row_joins_the_one_before() {
    let sizes = |rows: u32, batch: usize| -> Vec<usize> {
        let order: Vec<u32> = (0..rows).collect();
        assert_eq!(chunks(&order, batch).flatten().copied().collect::<Vec<u32>>(), order);
        chunks(&order, batch).map(<[u32]>::len).collect()
    };
    assert_eq!(sizes(10, 4), [4, 4, 2]);
    assert_eq!(sizes(9, 4), [4, 5]);
    assert_eq!(sizes(8, 4), [4, 4]);
    assert_eq!(sizes(5, 4), [5]);
    assert_eq!(sizes(3, 4), [3]);
}
