//! Stores a [`Scaling`] in a model.

use super::DetectorError;
use crate::artifact::{TensorError, Tensors};
use crate::learn::scaling::Scaling;

impl Scaling {
    /// Adds it to a model as `mean` and `scale`.
    pub(super) fn put(self, model: &mut Tensors) {
        model.put_f64("mean", self.mean);
        model.put_f64("scale", self.scale);
    }

    /// Reads it from a model.
    pub(super) fn get(model: &Tensors) -> Result<Self, DetectorError> {
        let (mean, scale) = (model.f64_1("mean")?.to_owned(), model.f64_1("scale")?.to_owned());
        if mean.len() != scale.len() {
            let (expected, found) = (format!("{} values", mean.len()), format!("{}", scale.len()));
            return Err(TensorError::Shape { name: "scale".into(), expected, found }.into());
        }
        Ok(Self { mean, scale })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn it_survives_a_model() {
        let mut model = Tensors::default();
        Scaling::standard(array![[1.0, 0.1], [3.0, 0.1]].view()).put(&mut model);
        assert_eq!(Scaling::get(&model).unwrap().apply(array![[4.0, 0.1]]), array![[2.0, 0.0]]);
        model.put_f64("scale", array![1.0]);
        assert_eq!(
            Scaling::get(&model).unwrap_err().to_string(),
            "tensor `scale` should be 2 values, not 1"
        );
    }
}
