//! The training loop of all neural detectors: epochs over shuffled examples, a learning-rate
//! schedule, early stopping, checkpoints, a history.
//!
//! It decides nothing about networks or losses. Orders and random draws depend on the seed and the
//! number of the epoch. So a training that resumes from a checkpoint produces the same bytes as one
//! that never stopped.

mod settings;

pub(super) use settings::Written;
pub use settings::{Schedule, Training};

use ndarray::Array1;

use super::DetectorError;
use crate::artifact::{Artifact, Blob, Tensor, Tensors};
use crate::context::{Context, Progress};
use crate::diagnose::Problem;
use crate::nn::{Network, State, Trainer};
use crate::seed::Rng;

/// Length and speed of a training.
#[derive(Clone, Copy, Debug)]
pub struct Course<'a> {
    pub epochs: usize,
    pub batch: usize,
    pub learning_rate: f64,
    pub training: &'a Training,
}

/// The data of one step.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// One (rows, values) matrix per input of the network.
    pub inputs: Vec<Vec<f32>>,
    /// (rows, values) for the loss. If empty, the first input is the target.
    pub target: Vec<f32>,
}

/// The rows of a training set.
pub trait Rows {
    fn len(&self) -> usize;

    /// Fills `batch` with these rows. `rng` is given only in training; without it nothing may be
    /// random.
    fn batch(&self, which: &[u32], rng: Option<&mut Rng>, batch: &mut Batch);

    /// The order of the rows of an epoch, among the first `count`.
    fn order(&self, count: u32, rng: &mut Rng) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count).collect();
        rng.shuffle(&mut order);
        order
    }
}

/// The values recorded for every epoch.
#[derive(Clone, Debug, Default, PartialEq)]
struct History {
    loss: Vec<f64>,
    validation_loss: Vec<f64>,
    learning_rate: Vec<f64>,
}

/// The state of a training that can be stopped and resumed.
struct Position {
    epoch: usize,
    history: History,
    /// The smallest loss, its epoch, and the weights and statistics then. Kept only for early
    /// stopping.
    best: Option<(f64, usize, Vec<f32>, Vec<f32>)>,
}

impl Course<'_> {
    /// All settings that are out of range.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> =
            Problem::outside("epochs", self.epochs, 1, 100_000).into_iter().collect();
        // A single row has no variance for the normalisation.
        problems.extend(Problem::outside("batch", self.batch, 2, 65_536));
        if !(self.learning_rate > 0.0 && self.learning_rate <= 1.0) {
            let message =
                format!("`learning_rate` is {}, not above 0 and at most 1", self.learning_rate);
            problems.push(Problem::new("learning_rate", message).hint("1e-3 is usual"));
        }
        problems.extend(self.training.problems("training"));
        problems
    }

    /// Trains on `rows`. Returns the network, and the history as tensors `history/loss`,
    /// `history/validation_loss` and `history/learning_rate`, one value per epoch.
    pub fn run(
        &self,
        mut trainer: Trainer,
        rows: &dyn Rows,
        cx: &Context,
    ) -> Result<(Network, Tensors), DetectorError> {
        let count = u32::try_from(rows.len()).map_err(|_| {
            DetectorError::Data(format!("{} training rows are more than 2^32", rows.len()))
        })?;
        // Keras's rounding.
        let trained = (f64::from(count) * (1.0 - self.training.validation)).floor() as u32;
        if trained < 2 {
            let message = format!(
                "{trained} of {count} rows are left for training, but at least 2 are needed"
            );
            return Err(DetectorError::TooFew(message));
        }
        let mut position = self.resume(&mut trainer, cx);
        let mut batch = Batch::default();
        while position.epoch < self.epochs {
            let epoch = position.epoch + 1;
            let mut rng = cx.seed.derive(&["epoch", &epoch.to_string()]).rng();
            let order = rows.order(trained, &mut rng);
            let batches: Vec<&[u32]> = chunks(&order, self.batch).collect();
            let steps = batches.len();
            let (mut sum, mut seen) = (0.0, 0);
            for (step, which) in batches.into_iter().enumerate() {
                if cx.cancelled() {
                    return Err(DetectorError::Cancelled);
                }
                rows.batch(which, Some(&mut rng), &mut batch);
                let rate = self.rate(position.epoch as f64 + step as f64 / steps as f64);
                let loss =
                    feed(&batch, |inputs, target| trainer.step(rate, which.len(), inputs, target));
                if !loss.is_finite() {
                    return Err(diverged(
                        &format!("in step {} the loss became {loss}", step + 1),
                        epoch,
                    ));
                }
                sum += loss * which.len() as f64;
                seen += which.len();
                let [done, total] =
                    [position.epoch * steps + step + 1, self.epochs * steps].map(|n| n as u64);
                let text =
                    format!("epoch {epoch} of {}, loss {:.4}", self.epochs, sum / seen as f64);
                (cx.progress)(Progress { done, total, text });
            }
            let loss = sum / order.len() as f64;
            position.epoch = epoch;
            position.history.loss.push(loss);
            position.history.learning_rate.push(self.rate((epoch - 1) as f64));
            let mut text = format!("loss {loss:.4}");
            let mut judged = loss;
            if trained < count {
                judged = self.validate(&mut trainer, rows, trained..count, &mut batch, cx)?;
                if !judged.is_finite() {
                    return Err(diverged(
                        &format!("the loss of held-out rows became {judged}"),
                        epoch,
                    ));
                }
                position.history.validation_loss.push(judged);
                text += &format!(", validation {judged:.4}");
            }
            (cx.log)(&format!("epoch {epoch} of {}: {text}", self.epochs));
            if let Some(patience) = self.training.patience {
                let network = trainer.network();
                match &position.best {
                    Some((best, since, ..)) if judged >= *best => {
                        if epoch - since >= patience {
                            (cx.log)(&format!(
                                "no better for {patience} epochs: the weights of epoch {since} are kept"
                            ));
                            break;
                        }
                    }
                    _ => {
                        position.best = Some((
                            judged,
                            epoch,
                            network.weights.clone(),
                            network.statistics.clone(),
                        ))
                    }
                }
            }
            if epoch < self.epochs {
                cx.save_checkpoint(|| position.encode(&trainer));
            }
        }
        let mut network = trainer.finish();
        if let Some((_, _, weights, statistics)) = position.best {
            (network.weights, network.statistics) = (weights, statistics);
        }
        if !network.weights.iter().chain(&network.statistics).all(|x| x.is_finite()) {
            return Err(diverged("the last step made a weight infinite", position.epoch));
        }
        Ok((network, position.history.tensors("history/")))
    }

    /// The learning rate after `epochs` epochs, which may be fractional.
    fn rate(&self, epochs: f64) -> f64 {
        match self.training.schedule {
            Schedule::Constant => self.learning_rate,
            Schedule::Cosine => {
                let part = epochs / self.epochs as f64;
                0.5 * self.learning_rate * (1.0 + crate::math::cos(std::f64::consts::PI * part))
            }
        }
    }

    /// The mean loss of the validation rows.
    fn validate(
        &self,
        trainer: &mut Trainer,
        rows: &dyn Rows,
        which: std::ops::Range<u32>,
        batch: &mut Batch,
        cx: &Context,
    ) -> Result<f64, DetectorError> {
        let which: Vec<u32> = which.collect();
        let mut sum = 0.0;
        for which in which.chunks(self.batch) {
            if cx.cancelled() {
                return Err(DetectorError::Cancelled);
            }
            rows.batch(which, None, batch);
            let loss = feed(batch, |inputs, target| trainer.validate(which.len(), inputs, target));
            sum += loss * which.len() as f64;
        }
        Ok(sum / which.len() as f64)
    }

    /// The position of an earlier training with the same key that was stopped, or the beginning.
    fn resume(&self, trainer: &mut Trainer, cx: &Context) -> Position {
        let beginning = || Position { epoch: 0, history: History::default(), best: None };
        let Some((position, state)) = cx.load_checkpoint().and_then(Position::decode) else {
            return beginning();
        };
        if !trainer.restore(&state) {
            return beginning();
        }
        (cx.log)(&format!("goes on after epoch {}", position.epoch));
        position
    }
}

fn diverged(what: &str, epoch: usize) -> DetectorError {
    DetectorError::Data(format!(
        "training diverged in epoch {epoch}: {what}; try a smaller `learning_rate`, or `training: {{ clip_norm: 1 }}`"
    ))
}

/// Batches of `size`. A last batch of a single row, which has no variance, joins the one before.
fn chunks(order: &[u32], size: usize) -> impl Iterator<Item = &[u32]> {
    let (whole, rest) = match order.len() % size {
        1 if order.len() > size => order.split_at(order.len() - size - 1),
        _ => order.split_at(order.len()),
    };
    whole.chunks(size).chain((!rest.is_empty()).then_some(rest))
}

fn feed(batch: &Batch, step: impl FnOnce(&[&[f32]], &[f32]) -> f64) -> f64 {
    let inputs: Vec<&[f32]> = batch.inputs.iter().map(Vec::as_slice).collect();
    let target = if batch.target.is_empty() { inputs[0] } else { &batch.target };
    step(&inputs, target)
}

impl History {
    fn tensors(&self, prefix: &str) -> Tensors {
        let mut tensors = Tensors::default();
        let columns = [
            ("loss", &self.loss),
            ("validation_loss", &self.validation_loss),
            ("learning_rate", &self.learning_rate),
        ];
        for (name, values) in columns.into_iter().filter(|(_, values)| !values.is_empty()) {
            tensors.put_f64(&format!("{prefix}{name}"), Array1::from(values.clone()));
        }
        tensors
    }
}

impl Position {
    fn encode(&self, trainer: &Trainer) -> Vec<u8> {
        let state = trainer.state();
        let mut tensors = self.history.tensors("history/");
        for (name, values) in state.arrays {
            tensors.put_f32(&format!("state/{name}"), Array1::from(values));
        }
        let position = [vec![self.epoch as f64, f64::from(state.time)], state.memory].concat();
        tensors.put_f64("position", Array1::from(position));
        if let Some((loss, epoch, weights, statistics)) = &self.best {
            tensors.put_f64("best", Array1::from(vec![*loss, *epoch as f64]));
            tensors.put_f32("best/weights", Array1::from(weights.clone()));
            tensors.put_f32("best/statistics", Array1::from(statistics.clone()));
        }
        tensors.encode()
    }

    fn decode(bytes: Vec<u8>) -> Option<(Self, State)> {
        let tensors = Tensors::decode(Blob::new(bytes)).ok()?;
        let f32s = |name: &str| match tensors.0.get(name) {
            Some(Tensor::F32(values)) => Some(values.iter().copied().collect::<Vec<f32>>()),
            _ => None,
        };
        let f64s = |name: &str| match tensors.0.get(name) {
            Some(Tensor::F64(values)) => Some(values.iter().copied().collect::<Vec<f64>>()),
            _ => None,
        };
        let position = f64s("position").filter(|p| p.len() >= 2)?;
        let arrays: Option<Vec<_>> = State::NAMES
            .iter()
            .map(|&name| Some((name, f32s(&format!("state/{name}"))?)))
            .collect();
        let memory = position[2..].to_vec();
        let state = State { arrays: arrays?, time: position[1] as u32, memory };
        let history = History {
            loss: f64s("history/loss").unwrap_or_default(),
            validation_loss: f64s("history/validation_loss").unwrap_or_default(),
            learning_rate: f64s("history/learning_rate").unwrap_or_default(),
        };
        let best = match f64s("best") {
            Some(best) => Some((
                *best.first()?,
                *best.get(1)? as usize,
                f32s("best/weights")?,
                f32s("best/statistics")?,
            )),
            None => None,
        };
        Some((Self { epoch: position[0] as usize, history, best }, state))
    }
}

#[cfg(test)]
mod tests;
