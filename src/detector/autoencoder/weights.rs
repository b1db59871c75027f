//! The autoencoder's model as named arrays, ours and Keras's.
//!
//! Layer `i` of the network is `dense.i.kernel` (inputs, outputs) and `dense.i.bias` (outputs); after each
//! but the last comes `norm.i.gamma`, `.beta`, `.mean`, `.variance` (outputs), with an epsilon of 1e-3.
//! Keras calls them `dense/kernel:0`, `dense_1/kernel:0` .. and `batch_normalization/moving_mean:0` ..,
//! numbered on from whatever else its session has made.

use std::collections::BTreeMap;

use ndarray::{Array1, ArrayView1};

use crate::artifact::{TensorError, Tensors};
use crate::detector::DetectorError;
use crate::nn::{Dense, Network, Norm};

/// The network as a model.
pub fn to_tensors(network: Network) -> Tensors {
    let mut model = Tensors::default();
    for (i, layer) in network.dense.into_iter().enumerate() {
        model.put_f32(&format!("dense.{i}.kernel"), layer.kernel);
        model.put_f32(&format!("dense.{i}.bias"), layer.bias);
    }
    for (i, norm) in network.norm.into_iter().enumerate() {
        model.put_f32(&format!("norm.{i}.gamma"), norm.gamma);
        model.put_f32(&format!("norm.{i}.beta"), norm.beta);
        model.put_f32(&format!("norm.{i}.mean"), norm.mean);
        model.put_f32(&format!("norm.{i}.variance"), norm.variance);
    }
    model
}

/// The network of a model with our names or Keras's.
///
/// Errors: a tensor that is missing, has another shape than its neighbours ask for, or has no place in a
/// dense autoencoder.
pub fn from_tensors(model: &Tensors) -> Result<Network, DetectorError> {
    let model = &renamed(model)?;
    let layers = (0..).take_while(|i| model.0.contains_key(&format!("dense.{i}.kernel"))).count().max(1);
    let mut network = Network { dense: Vec::new(), norm: Vec::new() };
    let mut known = 0;
    for i in 0..layers {
        let name = format!("dense.{i}.kernel");
        let kernel = model.f32_2(&name)?.to_owned();
        let (inputs, outputs) = kernel.dim();
        let before = network.dense.last().map_or(inputs, |layer: &Dense| layer.bias.len());
        let after = if i + 1 == layers { network.dense.first().map_or(inputs, |l| l.kernel.nrows()) } else { outputs };
        if (inputs, outputs) != (before, after) || kernel.is_empty() {
            return Err(shape(&name, &[before.max(1), after.max(1)], &[inputs, outputs]));
        }
        let vector = |name: String| -> Result<Array1<f32>, DetectorError> {
            let vector: ArrayView1<f32> = model.f32_1(&name)?;
            if vector.len() != outputs {
                return Err(shape(&name, &[outputs], &[vector.len()]));
            }
            Ok(vector.to_owned())
        };
        network.dense.push(Dense { bias: vector(format!("dense.{i}.bias"))?, kernel });
        known += 2;
        if i + 1 < layers {
            network.norm.push(Norm {
                gamma: vector(format!("norm.{i}.gamma"))?,
                beta: vector(format!("norm.{i}.beta"))?,
                mean: vector(format!("norm.{i}.mean"))?,
                variance: vector(format!("norm.{i}.variance"))?,
            });
            known += 4;
        }
    }
    if known == model.0.len() {
        return Ok(network);
    }
    let read = to_tensors(network);
    let stray = model.0.keys().find(|name| !read.0.contains_key(*name)).expect("there are more names than were read");
    Err(DetectorError::Data(format!("tensor `{stray}` has no place in an autoencoder of {layers} dense layers")))
}

fn shape(name: &str, expected: &[usize], found: &[usize]) -> DetectorError {
    let (expected, found) = (format!("f32 {expected:?}"), format!("f32 {found:?}"));
    TensorError::Shape { name: name.to_owned(), expected, found }.into()
}

/// The model under our names. Ours stay; Keras's are numbered from 0 in the order of their own numbers.
fn renamed(model: &Tensors) -> Result<Tensors, DetectorError> {
    let mut numbers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (room, number, _) in model.0.keys().filter_map(|name| keras(name)) {
        let numbers = numbers.entry(room).or_default();
        if let Err(place) = numbers.binary_search(&number) {
            numbers.insert(place, number);
        }
    }
    let mut tensors = BTreeMap::new();
    for (name, tensor) in &model.0 {
        let ours = match keras(name) {
            None => name.clone(),
            Some((room, number, array)) => {
                let place = numbers[room].binary_search(&number).expect("every number was listed");
                format!("{room}.{place}.{array}")
            }
        };
        if tensors.insert(ours.clone(), tensor.clone()).is_some() {
            return Err(DetectorError::Data(format!("two tensors of the model are `{ours}`: one is `{name}`")));
        }
    }
    Ok(Tensors(tensors))
}

/// Our words for a Keras name, and its number: `.../dense_4/kernel:0` is (`dense`, 4, `kernel`).
fn keras(name: &str) -> Option<(&'static str, usize, &'static str)> {
    let (path, array) = name.strip_suffix(":0").unwrap_or(name).rsplit_once('/')?;
    let layer = path.rsplit('/').next().unwrap_or(path);
    let number = |kind: &str| match layer.strip_prefix(kind)? {
        "" => Some(0),
        rest => rest.strip_prefix('_')?.parse().ok(),
    };
    let norm = || number("batch_normalization");
    match array {
        "kernel" => Some(("dense", number("dense")?, "kernel")),
        "bias" => Some(("dense", number("dense")?, "bias")),
        "gamma" => Some(("norm", norm()?, "gamma")),
        "beta" => Some(("norm", norm()?, "beta")),
        "moving_mean" => Some(("norm", norm()?, "mean")),
        "moving_variance" => Some(("norm", norm()?, "variance")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn network() -> Network {
        let mut rng = Seed(1).rng();
        Network::glorot(&[6, 4, 2, 4, 6], &mut || rng.uniform())
    }

    #[test]
    fn a_network_survives_its_names() {
        let model = to_tensors(network());
        assert_eq!(model.0.len(), 4 * 2 + 3 * 4);
        assert!(from_tensors(&model).unwrap() == network());
    }

    #[test]
    fn keras_names_are_understood_wherever_their_numbers_start() {
        let keras = |offset: usize| {
            let number = |i: usize| if i + offset == 0 { String::new() } else { format!("_{}", i + offset) };
            let rename = |(name, tensor): (String, _)| {
                let parts: Vec<&str> = name.split('.').collect();
                let n = number(parts[1].parse().unwrap());
                let name = match (parts[0], parts[2]) {
                    ("dense", array) => format!("dense{n}/{array}:0"),
                    (_, "mean") => format!("batch_normalization{n}/moving_mean:0"),
                    (_, "variance") => format!("model/batch_normalization{n}/moving_variance:0"),
                    (_, array) => format!("batch_normalization{n}/{array}"),
                };
                (name, tensor)
            };
            Tensors(to_tensors(network()).0.into_iter().map(rename).collect())
        };
        assert!(from_tensors(&keras(0)).unwrap() == network());
        // 9, 10, 11: their order is that of numbers, not of letters.
        assert!(from_tensors(&keras(9)).unwrap() == network());
    }

    #[test]
    fn models_that_are_none_say_why() {
        let refusal = |change: &dyn Fn(&mut Tensors)| {
            let mut model = to_tensors(network());
            change(&mut model);
            from_tensors(&model).unwrap_err().to_string()
        };
        let remove = |name: &'static str| move |model: &mut Tensors| drop(model.0.remove(name));
        assert_eq!(refusal(&|model| model.0.clear()), "the model has no tensor `dense.0.kernel`");
        assert_eq!(refusal(&remove("norm.1.mean")), "the model has no tensor `norm.1.mean`");
        assert_eq!(
            refusal(&|model| model.put_f32("dense.1.kernel", ndarray::Array2::zeros((3, 2)))),
            "tensor `dense.1.kernel` should be f32 [4, 2], not f32 [3, 2]"
        );
        assert_eq!(
            refusal(&|model| model.put_f32("dense.3.kernel", ndarray::Array2::zeros((4, 5)))),
            "tensor `dense.3.kernel` should be f32 [4, 6], not f32 [4, 5]"
        );
        assert_eq!(
            refusal(&|model| model.put_f32("norm.0.beta", Array1::zeros(5))),
            "tensor `norm.0.beta` should be f32 [4], not f32 [5]"
        );
        assert_eq!(
            refusal(&|model| model.put_f32("conv2d/kernel:0", Array1::zeros(5))),
            "tensor `conv2d/kernel:0` has no place in an autoencoder of 4 dense layers"
        );
        assert_eq!(
            refusal(&|model| model.put_f32("dense/bias:0", Array1::zeros(4))),
            "two tensors of the model are `dense.0.bias`: one is `dense/bias:0`"
        );
    }
}
