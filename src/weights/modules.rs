//! Renames the autoencoder's arrays from PyTorch's module names to ours.
//!
//! A state_dict has `PATH.weight` and so on. A PATH shows how the author nested the modules, not
//! their order. So layers are taken in the natural order of their paths: numbers as numbers,
//! `encoder` before `decoder`, as in the DCASE 2023 baseline (nttcslab/dcase2023_task2_baseline_ae:
//! `encoder.0.weight` to `decoder.12.bias`). A state_dict does not hold the epsilon of its
//! normalisations. The baseline's is 1e-3, like ours; PyTorch's default is 1e-5.

use ndarray::{ArrayD, Ix1, Ix2};

use crate::artifact::{Tensor, Tensors};

/// A linear layer: kernel (inputs, outputs), bias.
type Linear = (ndarray::Array2<f32>, Option<ndarray::Array1<f32>>);

/// The arrays of a normalisation: their names in PyTorch and here.
const NORM: [(&str, &str); 4] =
    [("weight", "gamma"), ("bias", "beta"), ("running_mean", "mean"), ("running_var", "variance")];

/// The arrays of a state_dict of Linear and BatchNorm1d layers as `dense.i.kernel` (inputs,
/// outputs), `dense.i.bias` and `norm.i.gamma`, `.beta`, `.mean`, `.variance`. Tensors of other
/// modules, such as the covariances of the DCASE 2023 baseline, are left out.
///
/// `None` if the arrays are not of this kind: every Linear but the last has its BatchNorm1d, each
/// fits its neighbours, and no other module has a `weight`.
pub fn from_pytorch(model: &Tensors) -> Option<Tensors> {
    let mut paths: Vec<&str> =
        model.0.keys().filter_map(|name| name.strip_suffix(".weight")).collect();
    paths.sort_by_key(|path| (place(path), *path));
    let (norms, linear): (Vec<&str>, Vec<&str>) =
        paths.into_iter().partition(|path| model.0.contains_key(&format!("{path}.running_mean")));
    let linear: Vec<Linear> =
        linear.iter().map(|path| read_linear(model, path)).collect::<Option<_>>()?;
    let outputs: Vec<usize> = linear.iter().map(|(kernel, _)| kernel.ncols()).collect();
    let fits = linear
        .iter()
        .skip(1)
        .zip(&outputs)
        .all(|((kernel, _), &outputs)| kernel.nrows() == outputs);
    if linear.len() != norms.len() + 1 || !fits {
        return None;
    }
    let mut ours = Tensors::default();
    for (i, (kernel, bias)) in linear.into_iter().enumerate() {
        // Our last layer has a bias. The layers before need none.
        let bias = bias.or_else(|| (i == norms.len()).then(|| ndarray::Array1::zeros(outputs[i])));
        ours.put_f32(&format!("dense.{i}.kernel"), kernel);
        if let Some(bias) = bias {
            ours.put_f32(&format!("dense.{i}.bias"), bias);
        }
    }
    for (i, path) in norms.iter().enumerate() {
        for (theirs, word) in NORM {
            let values =
                single(model, &format!("{path}.{theirs}"))?.into_dimensionality::<Ix1>().ok()?;
            if values.len() != outputs[i] {
                return None;
            }
            ours.put_f32(&format!("norm.{i}.{word}"), values);
        }
    }
    Some(ours)
}

/// PyTorch's weight is (outputs, inputs); the kernel is its transpose.
fn read_linear(model: &Tensors, path: &str) -> Option<Linear> {
    let weight = single(model, &format!("{path}.weight"))?.into_dimensionality::<Ix2>().ok()?;
    // An empty matrix may have any number of outputs, and each would get a bias.
    if weight.is_empty() {
        return None;
    }
    let kernel = weight.t().as_standard_layout().into_owned();
    let bias = format!("{path}.bias");
    if !model.0.contains_key(&bias) {
        return Some((kernel, None));
    }
    let bias = single(model, &bias)?.into_dimensionality::<Ix1>().ok()?;
    (bias.len() == kernel.ncols()).then_some((kernel, Some(bias)))
}

/// An array of either type as f32.
fn single(model: &Tensors, name: &str) -> Option<ArrayD<f32>> {
    Some(match model.0.get(name)? {
        Tensor::F32(array) => array.clone(),
        Tensor::F64(array) => array.mapv(|x| x as f32),
    })
}

/// A part of a path. At the same position, numbers come before words.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'a> {
    Number(u64),
    /// The order is `encoder...` (0), other words (1), `decoder...` (2).
    Word(u8, &'a str),
}

/// The sort key of a path in the natural order.
fn place(path: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    for mut rest in path.split('.') {
        while let Some(first) = rest.chars().next() {
            let digits = first.is_ascii_digit();
            let end =
                rest.find(|letter: char| letter.is_ascii_digit() != digits).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            rest = after;
            pieces.push(match run.parse() {
                Ok(number) => Piece::Number(number),
                Err(_) if run.starts_with("enc") => Piece::Word(0, run),
                Err(_) if run.starts_with("dec") => Piece::Word(2, run),
                Err(_) => Piece::Word(1, run),
            });
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array2, ArrayView1, array};

    /// The state_dict of an autoencoder 3-4-2-4-3 under these paths, in the order of the layers:
    /// Linear, BatchNorm1d and so on. Every value is its layer's number.
    fn state(paths: [&str; 7]) -> Tensors {
        let sizes = [3, 4, 2, 4, 3];
        let mut model = Tensors::default();
        for (k, path) in paths.iter().enumerate() {
            let (i, outputs) = (k / 2, sizes[k / 2 + 1]);
            let value = |row: usize, column: usize| (100 * k + 10 * row + column) as f32;
            if k % 2 == 0 {
                let weight =
                    Array2::from_shape_fn((outputs, sizes[i]), |(row, column)| value(row, column));
                model.put_f32(&format!("{path}.weight"), weight);
                model.put_f32(&format!("{path}.bias"), Array1::from_elem(outputs, k as f32));
                continue;
            }
            for (n, word) in ["weight", "bias", "running_mean", "running_var"].iter().enumerate() {
                model.put_f32(&format!("{path}.{word}"), Array1::from_elem(outputs, value(0, n)));
            }
        }
        model
    }

    const BASELINE: [&str; 7] =
        ["encoder.0", "encoder.1", "encoder.3", "encoder.4", "decoder.0", "decoder.1", "decoder.3"];

    #[test]
    fn layers_come_in_order_and_kernels_are_transposed() {
        let ours = from_pytorch(&state(BASELINE)).unwrap();
        assert_eq!(ours.0.len(), 4 * 2 + 3 * 4);
        assert_eq!(
            ours.f32_2("dense.1.kernel").unwrap(),
            array![[200., 210.], [201., 211.], [202., 212.], [203., 213.]]
        );
        assert_eq!(ours.f32_2("dense.2.kernel").unwrap().dim(), (2, 4));
        assert_eq!(ours.f32_1("dense.3.bias").unwrap(), array![6., 6., 6.]);
        for (n, word) in ["gamma", "beta", "mean", "variance"].iter().enumerate() {
            let values = ours.f32_1(&format!("norm.1.{word}")).unwrap();
            assert_eq!(values, ArrayView1::from(&[300. + n as f32; 2]), "{word}");
        }
    }

    #[test]
    fn paths_may_be_any_whose_natural_order_is_that_of_the_layers() {
        let expected = from_pytorch(&state(BASELINE)).unwrap();
        for paths in [
            ["net.0", "net.1", "net.3", "net.4", "net.9", "net.10", "net.12"],
            ["fc1", "bn1", "fc2", "bn2", "fc9", "bn9", "fc10"],
            [
                "module.enc.a.0",
                "module.enc.a.1",
                "module.enc.b.0",
                "module.enc.b.1",
                "module.latent",
                "module.m",
                "module.dec",
            ],
            [
                "encoder.2.linear",
                "encoder.2.norm",
                "encoder.11.linear",
                "encoder.11.norm",
                "d.0",
                "d.1",
                "out",
            ],
        ] {
            assert!(from_pytorch(&state(paths)) == Some(expected.clone()), "{paths:?}");
        }
    }

    #[test]
    fn what_linear_layers_may_lack_and_what_stands_beside_them() {
        let mut model = state(BASELINE);
        model.put_f32("cov_source", Array2::zeros((8, 8)));
        model.0.remove("encoder.0.bias");
        model.0.remove("decoder.3.bias");
        let weight = model.f32_2("encoder.3.weight").unwrap().mapv(f64::from);
        model.put_f64("encoder.3.weight", weight);
        let ours = from_pytorch(&model).unwrap();
        let mut expected = from_pytorch(&state(BASELINE)).unwrap();
        expected.0.remove("dense.0.bias");
        expected.put_f32("dense.3.bias", Array1::zeros(3));
        assert!(ours == expected);
    }

    #[test]
    fn an_empty_matrix_has_no_outputs() {
        let mut model = Tensors::default();
        model.put_f32("a.weight", Array2::zeros((1 << 40, 0)));
        assert_eq!(from_pytorch(&model), None);
    }

    #[test]
    fn other_bags_are_none() {
        let broken = |change: &dyn Fn(&mut Tensors)| {
            let mut model = state(BASELINE);
            change(&mut model);
            from_pytorch(&model)
        };
        assert!(broken(&|_| ()).is_some());
        assert_eq!(from_pytorch(&Tensors::default()), None);
        // Our own names.
        assert_eq!(from_pytorch(&from_pytorch(&state(BASELINE)).unwrap()), None);
        assert_eq!(broken(&|model| drop(model.0.remove("encoder.4.running_mean"))), None);
        assert_eq!(broken(&|model| drop(model.0.remove("encoder.4.running_var"))), None);
        assert_eq!(broken(&|model| drop(model.0.remove("decoder.3.weight"))), None);
        assert_eq!(
            broken(&|model| model.put_f32("conv.weight", ndarray::Array4::zeros((1, 1, 1, 1)))),
            None
        );
        assert_eq!(broken(&|model| model.put_f32("decoder.3.weight", Array2::zeros((3, 5)))), None);
        assert_eq!(broken(&|model| model.put_f32("decoder.3.bias", Array1::zeros(4))), None);
        assert_eq!(broken(&|model| model.put_f32("encoder.1.bias", Array1::zeros(3))), None);
    }
}
