//! Networks as named arrays: our own form of weights.

use ndarray::ArrayD;

use crate::artifact::{Tensor, TensorError, Tensors};
use crate::nn::{Graph, Network, Part};

/// The arrays of a network, by name.
pub fn write(network: &Network) -> Tensors {
    let mut model = Tensors::default();
    for (part, values) in network.parts() {
        let array = ArrayD::from_shape_vec(part.shape.clone(), values.to_vec())
            .expect("parts have their shape");
        model.put_f32(&part.name, array);
    }
    model
}

/// Builds the network of a graph from the arrays of a model, which may hold more arrays.
///
/// Errors: an array of the graph is missing, or has another type or shape.
pub fn read(graph: Graph, model: &Tensors) -> Result<Network, TensorError> {
    Network::read(graph, |part: &Part| match model.0.get(&part.name) {
        Some(Tensor::F32(array)) if array.shape() == part.shape => {
            Ok(array.iter().copied().collect())
        }
        Some(found) => {
            let found = match found {
                Tensor::F32(array) => format!("f32 {:?}", array.shape()),
                Tensor::F64(array) => format!("f64 {:?}", array.shape()),
            };
            let expected = format!("f32 {:?}", part.shape);
            Err(TensorError::Shape { name: part.name.clone(), expected, found })
        }
        None => Err(TensorError::Missing(part.name.clone())),
    })
}
