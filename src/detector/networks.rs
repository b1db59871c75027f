//! What neural detectors share about models: networks as named arrays, names of classes among them.

use ndarray::{Array1, ArrayD};

use super::{DetectorError, Examples};
use crate::artifact::{Tensor, TensorError, Tensors};
use crate::nn::{Graph, Network, Part};

/// The arrays of a network under their names.
pub fn write(network: &Network) -> Tensors {
    let mut model = Tensors::default();
    for (part, values) in network.parts() {
        let array = ArrayD::from_shape_vec(part.shape.clone(), values.to_vec()).expect("parts have their shape");
        model.put_f32(&part.name, array);
    }
    model
}

/// The network of a graph with the numbers of a model, which may hold more.
pub fn read(graph: Graph, model: &Tensors) -> Result<Network, DetectorError> {
    Network::read(graph, |part: &Part| match model.0.get(&part.name) {
        Some(Tensor::F32(array)) if array.shape() == part.shape => Ok(array.iter().copied().collect()),
        Some(found) => {
            let found = match found {
                Tensor::F32(array) => format!("f32 {:?}", array.shape()),
                Tensor::F64(array) => format!("f64 {:?}", array.shape()),
            };
            let expected = format!("f32 {:?}", part.shape);
            Err(TensorError::Shape { name: part.name.clone(), expected, found }.into())
        }
        None => Err(TensorError::Missing(part.name.clone()).into()),
    })
}

/// The same clips, those that were made of others first, if the last rows are to judge: copies and mixtures of what is
/// trained on would not.
pub fn recordings_last<'a>(train: &Examples<'a>, validation: f64) -> Examples<'a> {
    let mut places: Vec<usize> = (0..train.features.len()).collect();
    if validation > 0.0 {
        places.sort_by_key(|&i| !train.clips.get(i).is_some_and(|clip| clip.is_made()));
    }
    train.take(&places)
}

/// The different names, sorted.
pub fn classes<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let set: std::collections::BTreeSet<&str> = names.collect();
    set.into_iter().map(str::to_owned).collect()
}

/// Keeps names in a model: `KIND/NAME` is an array of its place.
pub fn write_names(kind: &str, names: &[String], model: &mut Tensors) {
    for (i, name) in names.iter().enumerate() {
        model.put_f64(&format!("{kind}/{name}"), Array1::from(vec![i as f64]));
    }
}

/// The names of a kind, sorted.
pub fn read_names(kind: &str, model: &Tensors) -> Vec<String> {
    let prefix = format!("{kind}/");
    model.0.keys().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned).collect()
}
