//! The autoencoder's model as named arrays, under our names and Keras's.
//!
//! Layer `i` of the network is `dense.i.kernel` (inputs, outputs). The last layer also has
//! `dense.i.bias` (outputs). After each other layer comes `norm.i.gamma`, `.beta`, `.mean`,
//! `.variance` (outputs), with an epsilon of 1e-3. Biases of those layers are read, too. Names that
//! begin with `history/` or `residual.` do not belong to the network. Keras's names are
//! `dense/kernel:0`, `dense_1/kernel:0` .. and `batch_normalization/moving_mean:0` ..; their
//! numbers go on from other layers of the same process.

use std::collections::BTreeMap;

use super::{Error, arrays, modules};
use crate::artifact::{TensorError, Tensors};
use crate::nn::{Activation, Builder, Graph, Network, NormSettings, Shape};

/// Keras's defaults. `follow` is 1 minus its `momentum` of 0.99.
const KERAS: NormSettings = NormSettings { epsilon: 1e-3, follow: 0.01 };

/// The graph of a dense autoencoder of these layer sizes, input first, output last.
pub fn graph(sizes: &[usize]) -> Graph {
    let mut builder = Builder::new(KERAS);
    let mut x = builder.input(Shape::vector(sizes[0]));
    let last = sizes.len() - 2;
    for (i, &units) in sizes[1..].iter().enumerate() {
        // Normalisation subtracts the mean, and with it any bias before it.
        x = builder.dense(&format!("dense.{i}"), x, units, i == last);
        if i < last {
            x = builder.norm(&format!("norm.{i}"), x, Activation::Relu);
        }
    }
    builder.finish()
}

/// Reads the network of a model with our names, PyTorch's or Keras's.
///
/// Errors: a tensor is missing, does not fit the shapes of its neighbours, or does not belong to a
/// dense autoencoder.
pub fn read(model: &Tensors) -> Result<Network, Error> {
    let model = &match modules::from_pytorch(model) {
        Some(model) => model,
        None => renamed(model)?,
    };
    let kernel = |i: usize| model.f32_2(&format!("dense.{i}.kernel"));
    let layers =
        (0..).take_while(|i| model.0.contains_key(&format!("dense.{i}.kernel"))).count().max(1);
    let mut sizes = vec![kernel(0)?.nrows()];
    for i in 0..layers {
        let (inputs, outputs) = kernel(i)?.dim();
        if inputs != sizes[i] || kernel(i)?.is_empty() {
            let name = format!("dense.{i}.kernel");
            return Err(shape(&name, &[sizes[i].max(1), outputs.max(1)], &[inputs, outputs]));
        }
        sizes.push(outputs);
    }
    let mut network = arrays::read(graph(&sizes), model)?;
    let mut known = network.parts().count();
    for i in 0..layers - 1 {
        // A bias before a normalisation shifts the mean that is subtracted.
        let name = format!("dense.{i}.bias");
        if model.0.contains_key(&name) {
            let bias = model.f32_1(&name)?;
            if bias.len() != sizes[i + 1] {
                return Err(shape(&name, &[sizes[i + 1]], &[bias.len()]));
            }
            let mean = network
                .statistic_mut(&format!("norm.{i}.mean"))
                .expect("hidden layers are normalised");
            mean.iter_mut().zip(bias).for_each(|(mean, bias)| *mean -= bias);
            known += 1;
        }
    }
    if known == model.0.len() {
        return Ok(network);
    }
    let own = arrays::write(&network);
    let is_bias = |name: &str| (0..layers - 1).any(|i| name == format!("dense.{i}.bias"));
    let has_place = |name: &str| own.0.contains_key(name) || is_bias(name);
    let stray =
        model.0.keys().find(|name| !has_place(name)).expect("there are more names than were read");
    Err(Error::Data(format!(
        "tensor `{stray}` has no place in an autoencoder of {layers} dense layers"
    )))
}

fn shape(name: &str, expected: &[usize], found: &[usize]) -> Error {
    let (expected, found) = (format!("f32 {expected:?}"), format!("f32 {found:?}"));
    TensorError::Shape { name: name.to_owned(), expected, found }.into()
}

/// The model under our names. Our own names stay; Keras's layers are numbered from 0 in the order
/// of their numbers.
fn renamed(model: &Tensors) -> Result<Tensors, Error> {
    let mut numbers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (room, number, _) in model.0.keys().filter_map(|name| keras(name)) {
        let numbers = numbers.entry(room).or_default();
        if let Err(place) = numbers.binary_search(&number) {
            numbers.insert(place, number);
        }
    }
    let mut tensors = BTreeMap::new();
    let beside = |name: &str| name.starts_with("history/") || name.starts_with("residual.");
    for (name, tensor) in model.0.iter().filter(|(name, _)| !beside(name)) {
        let ours = match keras(name) {
            None => name.clone(),
            Some((room, number, array)) => {
                let place = numbers[room].binary_search(&number).expect("every number was listed");
                format!("{room}.{place}.{array}")
            }
        };
        if tensors.insert(ours.clone(), tensor.clone()).is_some() {
            return Err(Error::Data(format!(
                "two tensors of the model are `{ours}`: one is `{name}`"
            )));
        }
    }
    Ok(Tensors(tensors))
}

/// Our words for a Keras name, and its number: `.../dense_4/kernel:0` gives (`dense`, 4, `kernel`).
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
        Network::new(graph(&[6, 4, 2, 4, 6]), &mut || rng.uniform())
    }

    #[test]
    fn a_network_survives_its_names() {
        let model = arrays::write(&network());
        assert_eq!(model.0.len(), 4 + 1 + 3 * 4);
        assert!(read(&model).unwrap() == network());
    }

    #[test]
    fn keras_names_are_understood_wherever_their_numbers_start() {
        let keras = |offset: usize| {
            let number =
                |i: usize| if i + offset == 0 { String::new() } else { format!("_{}", i + offset) };
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
            Tensors(arrays::write(&network()).0.into_iter().map(rename).collect())
        };
        assert!(read(&keras(0)).unwrap() == network());
        // 9, 10, 11: sorted as numbers, not as text.
        assert!(read(&keras(9)).unwrap() == network());
    }

    #[test]
    fn models_that_are_none_say_why() {
        let refusal = |change: &dyn Fn(&mut Tensors)| {
            let mut model = arrays::write(&network());
            change(&mut model);
            read(&model).unwrap_err().to_string()
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
            "tensor `dense.3.bias` should be f32 [5], not f32 [6]"
        );
        assert_eq!(
            refusal(&|model| model.put_f32("norm.0.beta", ndarray::Array1::zeros(5))),
            "tensor `norm.0.beta` should be f32 [4], not f32 [5]"
        );
        assert_eq!(
            refusal(&|model| model.put_f32("conv2d/kernel:0", ndarray::Array1::zeros(5))),
            "tensor `conv2d/kernel:0` has no place in an autoencoder of 4 dense layers"
        );
        assert_eq!(
            refusal(&|model| model.put_f32("dense/kernel:0", ndarray::Array2::zeros((6, 4)))),
            "two tensors of the model are `dense.0.kernel`: one is `dense/kernel:0`"
        );
    }
}
