//! Reads PyTorch's state_dicts, as `torch.save(model.state_dict(), ...)` writes them since PyTorch
//! 1.6, into named arrays.
//!
//! Such a file is a zip. One entry is a pickle with the names and layouts of the tensors. One more
//! entry for each storage holds its numbers. The pickle is parsed but never executed: see
//! [`value`]. A file may be hostile, so sizes are limited: its names to 16 MiB (some sixty times
//! that while parsing), its numbers to four times the file.

mod pickle;
mod value;

use std::collections::BTreeMap;

use ndarray::{ArrayD, IxDyn};

use super::zip;
use crate::artifact::{DecodeError, Tensor, Tensors};
use value::{Element, Id, Value, Values, View};

/// What users should do with another kind of file.
const ADVICE: &str =
    "save `model.state_dict()` with `torch.save` of PyTorch 1.6 or later, or as safetensors";

/// Most bytes for the names of tensors. The largest models need a hundredth of it.
const NAMES: usize = 16 << 20;

/// Tensors may share a storage, but must not fill memory that way: together they take at most this
/// many times the file.
const SHARING: usize = 4;

/// The f32 and f64 tensors of a state_dict, or of a checkpoint that has one as `state_dict` or
/// `model_state_dict`. Tensors of integers, such as `num_batches_tracked`, are left out. Each is in
/// C order, whatever its strides were.
///
/// Errors: bytes of another kind of file, with advice; a name that a state_dict does not need (a
/// model saved whole is code); big-endian numbers; a tensor that reaches beyond its storage or
/// repeats its values.
pub fn read_torch(bytes: &[u8]) -> Result<Tensors, DecodeError> {
    read(bytes).map_err(|why| DecodeError::new("PyTorch state_dict", why))
}

fn read(bytes: &[u8]) -> Result<Tensors, String> {
    if !bytes.starts_with(b"PK") {
        return Err(format!("it is not the zip file that PyTorch writes since 1.6; {ADVICE}"));
    }
    let entries = zip::entries(bytes).and_then(|entries| {
        let stored = entries.into_iter().map(|(name, entry)| Ok((name, entry.stored(name)?)));
        stored.collect::<Result<BTreeMap<&str, &[u8]>, String>>()
    });
    let entries = entries.map_err(|why| format!("{why}; {ADVICE}"))?;
    let Some((pickle, folder)) = entries.iter().find_map(|(name, pickle)| {
        let folder = name
            .strip_suffix("data.pkl")
            .filter(|folder| folder.is_empty() || folder.ends_with('/'));
        Some((*pickle, folder?))
    }) else {
        return Err(format!("the zip file has no entry `data.pkl`; {ADVICE}"));
    };
    if entries.get(format!("{folder}byteorder").as_str()).is_some_and(|order| *order != b"little") {
        return Err(
            "its numbers are not little-endian: save it on another machine, or as safetensors"
                .to_owned(),
        );
    }
    if pickle.len() > NAMES {
        return Err(format!(
            "its `data.pkl` has {} bytes, more than names of tensors take; {ADVICE}",
            pickle.len()
        ));
    }
    let (values, root) = pickle::load(pickle).map_err(|why| format!("{why}; {ADVICE}"))?;
    let mut room = bytes.len().saturating_mul(SHARING);
    let mut tensors = BTreeMap::new();
    for &(name, value) in state_dict(&values, root)? {
        let Value::Text(name) = values.0[name] else {
            return Err(format!("a name in its dictionary is not text; {ADVICE}"));
        };
        let Value::Tensor(view) = &values.0[value] else {
            return Err(format!("`{name}` in its dictionary is not a tensor; {ADVICE}"));
        };
        let entry = format!("{folder}data/{}", view.storage.key);
        let wrong = |why: String| format!("tensor `{name}`: {why}");
        let storage = entries
            .get(entry.as_str())
            .ok_or_else(|| wrong(format!("its storage `{entry}` is missing")))?;
        let tensor = match view.storage.element {
            Element::F32 => elements(storage, view, f32::from_le_bytes, &mut room).map(Tensor::F32),
            Element::F64 => elements(storage, view, f64::from_le_bytes, &mut room).map(Tensor::F64),
            Element::Integer => continue,
        };
        tensors.insert(name.to_owned(), tensor.map_err(wrong)?);
    }
    if tensors.is_empty() {
        return Err(format!("it has no tensors of f32 or f64; {ADVICE}"));
    }
    Ok(Tensors(tensors))
}

/// The entries of the pickle's result, or of the state_dict inside it.
fn state_dict<'a>(values: &'a Values, root: Id) -> Result<&'a [(Id, Id)], String> {
    let dictionary = |id: Id| match &values.0[id] {
        Value::Dictionary(entries) => Some(&entries[..]),
        _ => None,
    };
    let all =
        dictionary(root).ok_or_else(|| format!("it is not a dictionary of tensors; {ADVICE}"))?;
    let inner = |name: &str| {
        let (_, value) = all.iter().find(|(key, _)| values.0[*key] == Value::Text(name))?;
        dictionary(*value)
    };
    Ok(inner("state_dict").or_else(|| inner("model_state_dict")).unwrap_or(all))
}

/// The elements of N bytes that a view selects from a storage. Their bytes count against `room`.
fn elements<const N: usize, T>(
    storage: &[u8],
    view: &View,
    element: fn([u8; N]) -> T,
    room: &mut usize,
) -> Result<ArrayD<T>, String> {
    let storage = storage.as_chunks::<N>().0;
    let View { offset, shape, strides, .. } = view;
    let found = || {
        format!("shape {shape:?}, strides {strides:?} at {offset} of {} elements", storage.len())
    };
    // The other sizes of an empty array must fit, too.
    let width = shape
        .iter()
        .filter(|size| **size > 0)
        .try_fold(1, |width: usize, &size| width.checked_mul(size));
    let width = width.filter(|&width| isize::try_from(width).is_ok());
    let count = width.map(|width| if shape.contains(&0) { 0 } else { width });
    let Some(count) = count.filter(|&count| count <= storage.len()) else {
        return Err(format!("it has more elements than its storage ({})", found()));
    };
    let end = shape.iter().zip(strides).try_fold(*offset, |end, (&size, &stride)| {
        end.checked_add(size.saturating_sub(1).checked_mul(stride)?)
    });
    if count > 0 && end.is_none_or(|end| end >= storage.len()) {
        return Err(format!("it reaches beyond its storage ({})", found()));
    }
    *room = room.checked_sub(count * N).ok_or("too many tensors share their storages")?;
    Ok(ArrayD::from_shape_fn(IxDyn(shape), |index| {
        let steps = (0..strides.len()).map(|axis| index[axis] * strides[axis]);
        element(storage[offset + steps.sum::<usize>()])
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of `tests/data/make_torch_state.py` and its tensors.
    fn written(which: &str) -> (Vec<u8>, Tensors) {
        let text = include_str!("../../../tests/data/torch_state.json");
        let document: serde_json::Value = serde_json::from_str(text).unwrap();
        let lines = document[which]["file"].as_array().unwrap();
        let mut expected = Tensors::default();
        for (name, tensor) in document[which]["tensors"].as_object().unwrap() {
            let shape: Vec<usize> = serde_json::from_value(tensor["shape"].clone()).unwrap();
            let values: Vec<f64> = serde_json::from_value(tensor["values"].clone()).unwrap();
            let array = ArrayD::from_shape_vec(shape, values).unwrap();
            match tensor["type"].as_str().unwrap() {
                "float32" => expected.put_f32(name, array.mapv(|x| x as f32)),
                _ => expected.put_f64(name, array),
            }
        }
        (lines.iter().flat_map(|line| bytes_of(line.as_str().unwrap())).collect(), expected)
    }

    fn bytes_of(hexadecimal: &str) -> Vec<u8> {
        let digits = |at: usize| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap();
        (0..hexadecimal.len()).step_by(2).map(digits).collect()
    }

    /// The file with every `from` replaced by `to`, which must be as long.
    fn replaced(file: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
        assert_eq!(from.len(), to.len());
        let mut file = file.to_vec();
        let places: Vec<usize> =
            (0..file.len()).filter(|&at| file[at..].starts_with(from)).collect();
        assert!(!places.is_empty());
        places.iter().for_each(|&at| file[at..at + to.len()].copy_from_slice(to));
        file
    }

    #[test]
    fn a_state_dict_is_its_tensors() {
        let (file, expected) = written("plain");
        assert_eq!(expected.0.len(), 8);
        assert_eq!(read_torch(&file).unwrap(), expected);
    }

    #[test]
    fn a_checkpoint_is_its_state_dict_with_every_stride() {
        let (file, expected) = written("nested");
        assert_eq!(expected.0.len(), 4);
        assert_eq!(read_torch(&file).unwrap(), expected);
    }

    #[test]
    fn other_files_are_refused_with_what_to_do() {
        let (file, _) = written("plain");
        let refusal = |file: &[u8]| read_torch(file).unwrap_err().to_string();
        let advice = "; save `model.state_dict()` with `torch.save` of PyTorch 1.6 or later, or as safetensors";
        // The start of files before 1.6.
        assert_eq!(
            refusal(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."),
            format!(
                "not a valid PyTorch state_dict: it is not the zip file that PyTorch writes since 1.6{advice}"
            )
        );
        let why = "not a valid PyTorch state_dict: it needs `torch.models._rebuild_tensor_v2`; a state_dict holds \
                   only tensors of f32, f64 and integers";
        let why = format!("{why}{advice}");
        assert_eq!(refusal(&replaced(&file, b"torch._utils", b"torch.models")), why);
        assert!(refusal(&replaced(&file, b"little", b"eltil!")).contains("not little-endian"));
        assert!(
            refusal(&replaced(&file, b"data.pkl", b"data.pkx")).contains("no entry `data.pkl`")
        );
        assert_eq!(
            refusal(&replaced(&file, b"archive/data/1", b"archive/data/x")),
            "not a valid PyTorch state_dict: tensor `0.bias`: its storage `archive/data/1` is missing"
        );
    }

    #[test]
    fn no_tensor_reaches_beyond_its_storage_or_repeats_it() {
        let view = |offset, shape: &[usize], strides: &[usize]| {
            let storage = value::Storage { element: Element::F32, key: "0" };
            let view = View { storage, offset, shape: shape.to_vec(), strides: strides.to_vec() };
            let six: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
            let mut room = 24;
            elements(&six, &view, f32::from_le_bytes, &mut room).map(|array| (array, room))
        };
        let (array, room) = view(1, &[2, 2], &[1, 3]).unwrap();
        assert_eq!((array, room), (ndarray::array![[1.0, 4.0], [2.0, 5.0]].into_dyn(), 8));
        // One row, or none: the stride between rows has no effect.
        assert_eq!(view(0, &[1, 6], &[usize::MAX, 1]).unwrap().1, 0);
        assert_eq!(view(9, &[0, 3], &[3, 1]).unwrap().1, 24);
        assert_eq!(
            view(2, &[2, 2], &[1, 3]).unwrap_err(),
            "it reaches beyond its storage (shape [2, 2], strides [1, 3] at 2 of 6 elements)"
        );
        assert!(view(usize::MAX, &[2], &[1]).is_err());
        assert!(view(0, &[2], &[usize::MAX]).is_err());
        assert_eq!(
            view(0, &[7], &[0]).unwrap_err(),
            "it has more elements than its storage (shape [7], strides [0] at 0 of 6 elements)"
        );
        assert!(view(0, &[usize::MAX, usize::MAX], &[0, 0]).is_err());
        assert!(view(0, &[0, usize::MAX], &[1, 1]).is_err());
    }

    #[test]
    fn broken_files_are_errors_or_small_models() {
        let mut state = 1u64;
        let mut draw = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as usize) % below
        };
        for which in ["plain", "nested"] {
            let (file, _) = written(which);
            assert!((0..file.len()).all(|length| read_torch(&file[..length]).is_err()));
            let mut errors = 0;
            for _ in 0..10_000 {
                let mut broken = file.clone();
                for _ in 0..=draw(3) {
                    let at = draw(file.len());
                    broken[at] = [0, 1, 0x7f, 0xff, draw(256) as u8][draw(5)];
                }
                match read_torch(&broken) {
                    Ok(model) => {
                        let size = |tensor: &Tensor| match tensor {
                            Tensor::F32(array) => array.len() * 4,
                            Tensor::F64(array) => array.len() * 8,
                        };
                        assert!(model.0.values().map(size).sum::<usize>() <= SHARING * file.len());
                    }
                    Err(_) => errors += 1,
                }
            }
            assert!(errors > 1000, "{errors}");
        }
    }
}
