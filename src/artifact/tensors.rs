//! A fitted model: named arrays, as safetensors.

use std::collections::BTreeMap;

use ndarray::{ArrayD, ArrayView, Dimension, Ix1, Ix2, Ix3};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::{Artifact, Blob, DecodeError, Kind};

/// An array of one of the two float types in models.
#[derive(Clone, Debug, PartialEq)]
pub enum Tensor {
    F32(ArrayD<f32>),
    F64(ArrayD<f64>),
}

/// Named arrays. Equal sets give equal bytes: names are sorted, and there is no metadata map,
/// because safetensors orders it by a hash map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensors(pub BTreeMap<String, Tensor>);

/// The error for a missing array, or one with another shape or type.
#[derive(Debug, thiserror::Error)]
pub enum TensorError {
    #[error("the model has no tensor `{0}`")]
    Missing(String),
    #[error("tensor `{name}` should be {expected}, not {found}")]
    Shape { name: String, expected: String, found: String },
}

impl Tensors {
    /// Adds an f32 array of any shape.
    pub fn put_f32<D: Dimension>(&mut self, name: &str, array: ndarray::Array<f32, D>) {
        self.0.insert(name.to_owned(), Tensor::F32(array.into_dyn()));
    }

    /// Adds an f64 array of any shape.
    pub fn put_f64<D: Dimension>(&mut self, name: &str, array: ndarray::Array<f64, D>) {
        self.0.insert(name.to_owned(), Tensor::F64(array.into_dyn()));
    }

    fn get(&self, name: &str) -> Result<&Tensor, TensorError> {
        self.0.get(name).ok_or_else(|| TensorError::Missing(name.to_owned()))
    }

    /// The f32 vector `name`.
    pub fn f32_1(&self, name: &str) -> Result<ArrayView<'_, f32, Ix1>, TensorError> {
        self.f32_view(name, "an f32 vector")
    }

    /// The f32 matrix `name`.
    pub fn f32_2(&self, name: &str) -> Result<ArrayView<'_, f32, Ix2>, TensorError> {
        self.f32_view(name, "an f32 matrix")
    }

    /// The f64 vector `name`.
    pub fn f64_1(&self, name: &str) -> Result<ArrayView<'_, f64, Ix1>, TensorError> {
        self.f64_view(name, "an f64 vector")
    }

    /// The f64 matrix `name`.
    pub fn f64_2(&self, name: &str) -> Result<ArrayView<'_, f64, Ix2>, TensorError> {
        self.f64_view(name, "an f64 matrix")
    }

    /// The f64 array `name` of three dimensions.
    pub fn f64_3(&self, name: &str) -> Result<ArrayView<'_, f64, Ix3>, TensorError> {
        self.f64_view(name, "an f64 array of three dimensions")
    }

    fn f32_view<D: Dimension>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<ArrayView<'_, f32, D>, TensorError> {
        let tensor = self.get(name)?;
        let view = match tensor {
            Tensor::F32(array) => array.view().into_dimensionality().ok(),
            Tensor::F64(_) => None,
        };
        view.ok_or_else(|| wrong_shape(name, expected, tensor))
    }

    fn f64_view<D: Dimension>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<ArrayView<'_, f64, D>, TensorError> {
        let tensor = self.get(name)?;
        let view = match tensor {
            Tensor::F64(array) => array.view().into_dimensionality().ok(),
            Tensor::F32(_) => None,
        };
        view.ok_or_else(|| wrong_shape(name, expected, tensor))
    }
}

fn wrong_shape(name: &str, expected: &str, found: &Tensor) -> TensorError {
    let (kind, shape) = match found {
        Tensor::F32(array) => ("f32", array.shape()),
        Tensor::F64(array) => ("f64", array.shape()),
    };
    TensorError::Shape {
        name: name.to_owned(),
        expected: expected.to_owned(),
        found: format!("{kind} {shape:?}"),
    }
}

impl Artifact for Tensors {
    const KIND: Kind = Kind::Safetensors;

    fn encode(&self) -> Vec<u8> {
        let raw: Vec<(&String, Dtype, &[usize], Vec<u8>)> = (self.0.iter())
            .map(|(name, tensor)| match tensor {
                Tensor::F32(a) => {
                    (name, Dtype::F32, a.shape(), a.iter().flat_map(|x| x.to_le_bytes()).collect())
                }
                Tensor::F64(a) => {
                    (name, Dtype::F64, a.shape(), a.iter().flat_map(|x| x.to_le_bytes()).collect())
                }
            })
            .collect();
        let views = raw.iter().map(|(name, dtype, shape, bytes)| {
            (name, TensorView::new(*dtype, shape.to_vec(), bytes).expect("lengths fit the shape"))
        });
        safetensors::serialize(views, None).expect("in memory, without metadata")
    }

    fn decode(bytes: Blob) -> Result<Self, DecodeError> {
        let wrong = |why: String| DecodeError::new("model (safetensors)", why);
        let file = SafeTensors::deserialize(&bytes).map_err(|e| wrong(e.to_string()))?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            let (shape, data) = (view.shape().to_vec(), view.data());
            let tensor = match view.dtype() {
                Dtype::F32 => ArrayD::from_shape_vec(
                    shape,
                    data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
                )
                .map(Tensor::F32),
                Dtype::F64 => ArrayD::from_shape_vec(
                    shape,
                    data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
                )
                .map(Tensor::F64),
                // PyTorch counts batches in these types.
                Dtype::I64 | Dtype::I32 => continue,
                other => {
                    return Err(wrong(format!(
                        "tensor `{name}` is {other:?}; only F32 and F64 are read, and integers are skipped"
                    )));
                }
            };
            tensors.insert(
                name.to_owned(),
                tensor.map_err(|e| wrong(format!("tensor `{name}`: {e}")))?,
            );
        }
        Ok(Self(tensors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_model_survives_its_bytes_and_they_are_the_same_twice() {
        let mut model = Tensors::default();
        model.put_f32("weights", array![[1.0f32, -2.5], [0.0, 3.0]]);
        model.put_f64("mean", array![1e-300, 2.0]);
        let bytes = model.encode();
        assert_eq!(bytes, model.clone().encode());
        let back = Tensors::decode(Blob::new(bytes)).unwrap();
        assert_eq!(back, model);
        assert_eq!(back.f32_2("weights").unwrap()[[0, 1]], -2.5);
        assert_eq!(
            back.f64_2("mean").unwrap_err().to_string(),
            "tensor `mean` should be an f64 matrix, not f64 [2]"
        );
        assert!(back.f32_1("bias").is_err());
    }
}
