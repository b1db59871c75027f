//! A network in training: loss, gradient, clipping, Adam. It does one step at a time; the caller
//! chooses the batches and their number.

use super::adam::Adam;
use super::engine::Engine;
use super::loss::Loss;
use super::network::Network;

/// A network, its loss and the state of the optimizer.
pub struct Trainer {
    network: Network,
    loss: Loss,
    engine: Box<dyn Engine>,
    /// For the network's weights.
    adam: Adam,
    /// For each slice of the loss's own weights.
    beside: Vec<Adam>,
    gradient: Vec<f32>,
    /// The largest norm of a gradient; longer gradients are scaled down to it.
    clip_norm: Option<f64>,
    time: u32,
}

/// The whole training state as named arrays: a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub arrays: Vec<(&'static str, Vec<f32>)>,
    pub time: u32,
    /// See [`Loss::memory`].
    pub memory: Vec<f64>,
}

impl State {
    /// The names of the arrays, in order.
    pub const NAMES: [&'static str; 7] =
        ["weights", "statistics", "first", "second", "loss", "loss.first", "loss.second"];
}

impl Trainer {
    /// Starts from `network`.
    pub fn new(
        network: Network,
        loss: Loss,
        engine: Box<dyn Engine>,
        clip_norm: Option<f64>,
    ) -> Self {
        let adam = Adam::new(network.weights.len());
        let beside = loss.weights().iter().map(|own| Adam::new(own.len())).collect();
        let gradient = vec![0.0; network.weights.len()];
        Self { network, loss, engine, adam, beside, gradient, clip_norm, time: 0 }
    }

    /// One step with learning rate `rate` on a batch of `rows` examples. Returns the loss before
    /// the step.
    pub fn step(&mut self, rate: f64, rows: usize, inputs: &[&[f32]], target: &[f32]) -> f64 {
        let output = self.engine.train(&mut self.network, inputs);
        let mut slopes = vec![0.0; output.len()];
        let loss = self.loss.evaluate(rows, output, target, &mut slopes);
        self.engine.backward(&self.network, &slopes, &mut self.gradient);
        let mut own = self.loss.weights_mut();
        if let Some(limit) = self.clip_norm {
            let beside = own.iter_mut().map(|(_, gradient)| &mut **gradient);
            clip([&mut *self.gradient].into_iter().chain(beside).collect(), limit);
        }
        self.time += 1;
        self.adam.step(rate, self.time, &mut self.network.weights, &self.gradient);
        for (adam, (weights, gradient)) in self.beside.iter_mut().zip(own) {
            adam.step(rate, self.time, weights, gradient);
        }
        loss
    }

    /// The loss of validation examples, with running statistics.
    pub fn validate(&mut self, rows: usize, inputs: &[&[f32]], target: &[f32]) -> f64 {
        self.loss.measure(rows, self.engine.infer(&self.network, inputs), target)
    }

    /// The current training state.
    pub fn state(&self) -> State {
        let Self { network, adam, beside, loss, time, .. } = self;
        let moments = |of: fn(&Adam) -> &Vec<f32>| beside.iter().flat_map(of).copied().collect();
        let values: [Vec<f32>; 7] = [
            network.weights.clone(),
            network.statistics.clone(),
            adam.first.clone(),
            adam.second.clone(),
            loss.weights().concat(),
            moments(|own| &own.first),
            moments(|own| &own.second),
        ];
        let arrays = State::NAMES.into_iter().zip(values).collect();
        State { arrays, time: *time, memory: loss.memory() }
    }

    /// Continues from a state of the same network and loss. If the state belongs to another one,
    /// returns false and changes nothing.
    pub fn restore(&mut self, state: &State) -> bool {
        let mine = self.state();
        let fits = mine.memory.len() == state.memory.len()
            && mine.arrays.len() == state.arrays.len()
            && mine
                .arrays
                .iter()
                .zip(&state.arrays)
                .all(|(a, b)| a.0 == b.0 && a.1.len() == b.1.len());
        if fits {
            let Self { network, adam, beside, loss, .. } = self;
            loss.remember(&state.memory);
            let own = loss.weights_mut().into_iter().map(|(weights, _)| weights).collect();
            let [mut first, mut second]: [Vec<&mut [f32]>; 2] = Default::default();
            for adam in beside {
                first.push(&mut adam.first);
                second.push(&mut adam.second);
            }
            let values: [Vec<&mut [f32]>; 7] = [
                vec![&mut network.weights[..]],
                vec![&mut network.statistics[..]],
                vec![&mut adam.first[..]],
                vec![&mut adam.second[..]],
                own,
                first,
                second,
            ];
            for (mine, (_, theirs)) in values.into_iter().zip(&state.arrays) {
                let mut rest = theirs.as_slice();
                for slice in mine {
                    let theirs;
                    (theirs, rest) = rest.split_at(slice.len());
                    slice.copy_from_slice(theirs);
                }
            }
            self.time = state.time;
        }
        fits
    }

    /// The current network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The trained network.
    pub fn finish(self) -> Network {
        self.network
    }
}

/// Scales the gradient, all of it together, down to norm `limit` (Pascanu et al. 2013).
fn clip(gradients: Vec<&mut [f32]>, limit: f64) {
    let square = |g: &[f32]| {
        g.chunks(256).map(|c| f64::from(c.iter().map(|x| x * x).sum::<f32>())).sum::<f64>()
    };
    let norm = gradients.iter().map(|g| square(g)).sum::<f64>().sqrt();
    if norm > limit {
        let factor = (limit / norm) as f32;
        gradients.into_iter().flatten().for_each(|g| *g *= factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;
    use crate::nn::graph::{Builder, NormSettings, Shape};
    use crate::nn::{Activation, Angular, Cpu, Scaling, draws};

    fn dense(sizes: &[usize], seed: f64) -> Network {
        let mut builder = Builder::new(NormSettings { epsilon: 1e-3, follow: 0.01 });
        let mut x = builder.input(Shape::vector(sizes[0]));
        for (i, &units) in sizes[1..sizes.len() - 1].iter().enumerate() {
            x = builder.dense(&format!("dense.{i}"), x, units, false);
            x = builder.norm(&format!("norm.{i}"), x, Activation::Relu);
        }
        builder.dense("output", x, sizes[sizes.len() - 1], true);
        Network::new(builder.finish(), &mut draws(seed))
    }

    fn trainer(network: Network) -> Trainer {
        Trainer::new(network, Loss::Squared, Box::<Cpu>::default(), None)
    }

    fn batch(rows: usize, width: usize, mut uniform: impl FnMut() -> f64) -> Vec<f32> {
        (0..rows)
            .flat_map(|_| {
                let phase = 6.0 * uniform();
                (0..width).map(|i| math::sin(phase + i as f64 / 3.0) as f32).collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn gradients_are_what_differences_say() {
        let network = dense(&[4, 3, 4], 0.3);
        let input = batch(16, 4, draws(0.9));
        let loss = |network: &Network| trainer(network.clone()).step(0.0, 16, &[&input], &input);
        let mut trainer = trainer(network.clone());
        trainer.step(1e-4, 16, &[&input], &input);
        let mut steep = 0;
        for (i, gradient) in trainer.gradient.iter().enumerate() {
            let at = |shift: f32| {
                let mut moved = network.clone();
                moved.weights[i] += shift;
                loss(&moved)
            };
            let slope = (at(2e-3) - at(-2e-3)) / 4e-3;
            assert!(
                (slope - f64::from(*gradient)).abs() < 2e-3 + 0.02 * slope.abs(),
                "{i}: {slope} {gradient}"
            );
            steep += usize::from(slope.abs() > 0.02);
        }
        assert!(steep > 10, "{steep}");
    }

    fn run(threads: usize, from: Option<&State>, steps: usize) -> (State, Vec<f64>) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            // Wide enough that threads share products.
            let mut trainer = trainer(dense(&[640, 128, 128, 8, 128, 128, 640], 0.1));
            let done = from.map_or(0, |state| {
                assert!(trainer.restore(state));
                state.time
            });
            let losses = (0..steps)
                .map(|i| {
                    let x = batch(128, 640, draws(0.01 * f64::from(done + i as u32 + 1)));
                    trainer.step(1e-3, 128, &[&x], &x)
                })
                .collect();
            (trainer.state(), losses)
        })
    }

    #[test]
    fn one_and_two_threads_give_the_same_bits_and_the_loss_falls() {
        let (one, two) = (run(1, None, 12), run(2, None, 12));
        assert!(one == two);
        assert!(one.1[11] < 0.7 * one.1[0], "{:?}", one.1);
    }

    #[test]
    fn a_training_that_goes_on_is_one_that_never_stopped() {
        let half = run(1, None, 5).0;
        assert!(run(1, Some(&half), 4).0 == run(1, None, 9).0);
        let mut other = trainer(dense(&[640, 128, 640], 0.1));
        assert!(!other.restore(&half));
    }

    #[test]
    fn centres_and_an_adaptive_scale_go_on_too() {
        let centres = || (0..3 * 2 * 4).map(|i| ((i * 7 % 11) as f32 - 5.0) / 5.0).collect();
        let new = || {
            let angular = Angular::new(centres(), 4, 2, 4.0, Scaling::Adaptive, 0.0, true);
            let network = dense(&[6, 8, 4], 0.2);
            Trainer::new(network, Loss::Angular(angular), Box::<Cpu>::default(), Some(1.0))
        };
        let go = |trainer: &mut Trainer, steps: std::ops::Range<u32>| {
            for step in steps {
                let x = batch(9, 6, draws(0.05 * f64::from(step + 1)));
                let target: Vec<f32> =
                    (0..27).map(|i| f32::from(u8::from(i % 3 == i / 3 % 3))).collect();
                trainer.step(1e-2, 9, &[&x], &target);
            }
        };
        let (mut whole, mut half, mut rest) = (new(), new(), new());
        go(&mut whole, 0..8);
        go(&mut half, 0..5);
        assert!(rest.restore(&half.state()));
        // A validation step must not change the training.
        rest.validate(3, &[&[0.5; 18]], &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        go(&mut rest, 5..8);
        assert!(rest.state() == whole.state());
        assert!(whole.state().memory != [4.0] && whole.state().arrays[4].1 != centres());
    }

    #[test]
    fn a_clipped_gradient_has_the_norm_asked_for() {
        let network = dense(&[4, 3, 4], 0.3);
        let input = batch(16, 4, draws(0.9));
        let gradient = |limit| {
            let mut trainer =
                Trainer::new(network.clone(), Loss::Squared, Box::<Cpu>::default(), limit);
            trainer.step(0.0, 16, &[&input], &input);
            trainer.gradient
        };
        let norm = |g: &[f32]| g.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
        let (whole, clipped) = (gradient(None), gradient(Some(0.05)));
        assert!(norm(&whole) > 0.1 && (norm(&clipped) - 0.05).abs() < 1e-6);
        assert_eq!(gradient(Some(1e6)), whole);
        let ratio = clipped[0] / whole[0];
        assert!(whole.iter().zip(&clipped).all(|(w, c)| (c - w * ratio).abs() < 1e-6));
    }

    #[test]
    fn running_statistics_become_those_of_the_data() {
        let values = batch(500, 6, draws(0.1));
        let mut trainer = trainer(dense(&[6, 4, 6], 0.2));
        for _ in 0..1500 {
            trainer.step(0.0, 500, &[&values], &values);
        }
        let network = trainer.finish();
        let mut hidden = vec![[0.0f64; 4]; 500];
        for (row, x) in hidden.iter_mut().zip(values.chunks(6)) {
            for (unit, value) in row.iter_mut().enumerate() {
                *value = (0..6).map(|i| f64::from(x[i] * network.weights[4 * i + unit])).sum();
            }
        }
        for unit in 0..4 {
            let mean = hidden.iter().map(|row| row[unit]).sum::<f64>() / 500.0;
            let variance =
                hidden.iter().map(|row| math::square(row[unit] - mean)).sum::<f64>() / 500.0;
            assert!((f64::from(network.statistics[unit]) - mean).abs() < 1e-4);
            assert!((f64::from(network.statistics[4 + unit]) - variance).abs() < 1e-4);
        }
    }
}
