//! Models from elsewhere: safetensors, and PyTorch's zip files of pickles.

use std::collections::BTreeMap;

use humshift::artifact::{Artifact, Blob, Tensor, Tensors};
use humshift::context::Context;
use humshift::detector::{DetectorSpec, Examples};
use humshift::seed::Rng;
use humshift::weights::read_torch;
use ndarray::{Array1, Array2};
use serde_json::{Value, json};

use super::engine::{Case, Fate, Verdict, hold, wrong};
use super::mutate::{self, integer, pick};
use super::program::{Program, judged};
use crate::project::Project;
use crate::sounds;

/// A dense autoencoder of two layers for four values.
fn model() -> Tensors {
    let mut model = Tensors::default();
    let matrix = |rows, columns| {
        Array2::from_shape_fn((rows, columns), |(i, j)| 0.1 * (i as f32 - j as f32))
    };
    model.put_f32("dense.0.kernel", matrix(4, 3));
    model.put_f32("dense.1.kernel", matrix(3, 4));
    model.put_f32("dense.1.bias", Array1::from_elem(4, 0.5f32));
    for (name, value) in [("gamma", 1.0f32), ("beta", 0.0), ("mean", 0.25), ("variance", 2.0)] {
        model.put_f32(&format!("norm.0.{name}"), Array1::from_elem(3, value));
    }
    model
}

/// Parts of a safetensors file: its header and what follows.
fn parts(file: &[u8]) -> (Value, &[u8]) {
    let length = u64::from_le_bytes(file[..8].try_into().expect("eight bytes")) as usize;
    (serde_json::from_slice(&file[8..8 + length]).expect("JSON"), &file[8 + length..])
}

fn safetensors(rng: &mut Rng, base: &[u8]) -> Vec<u8> {
    let (mut header, data) = parts(base);
    for _ in 0..rng.below(3) {
        mutate::value(rng, &mut header);
    }
    let text = header.to_string();
    let length = if rng.below(6) == 0 { integer(rng) } else { text.len() as u64 };
    let file = [&length.to_le_bytes()[..], text.as_bytes(), data].concat();
    if rng.below(2) == 0 { mutate::bytes(rng, &file, base) } else { file }
}

/// The shape of a tensor and its bytes.
type Slice<'a> = (Vec<usize>, &'a [u8]);

/// The bytes of every tensor of a safetensors file, as its header has them.
fn slices(file: &[u8]) -> Option<BTreeMap<String, Slice<'_>>> {
    let length = usize::try_from(u64::from_le_bytes(file.get(..8)?.try_into().ok()?)).ok()?;
    let header: Value = serde_json::from_slice(file.get(8..length.checked_add(8)?)?).ok()?;
    let data = &file[8 + length..];
    let mut found = BTreeMap::new();
    for (name, entry) in header.as_object()? {
        if name == "__metadata__" {
            continue;
        }
        let numbers = |field: &str| serde_json::from_value::<Vec<usize>>(entry[field].clone()).ok();
        let offsets = numbers("data_offsets")?;
        found.insert(name.clone(), (numbers("shape")?, data.get(offsets[0]..offsets[1])?));
    }
    Some(found)
}

fn bytes_of(tensor: &Tensor) -> (Vec<usize>, Vec<u8>) {
    match tensor {
        Tensor::F32(array) => {
            (array.shape().to_vec(), array.iter().flat_map(|x| x.to_le_bytes()).collect())
        }
        Tensor::F64(array) => {
            (array.shape().to_vec(), array.iter().flat_map(|x| x.to_le_bytes()).collect())
        }
    }
}

/// Makes a detector of a model and scores a clip: another model is refused or gives numbers.
fn used(model: &Tensors) -> Fate {
    let settings = json!({ "window": 1, "layers": [3], "weights": "model" });
    let detector = DetectorSpec::parse("autoencoder", &settings).expect("good settings");
    let clip = Array2::from_shape_fn((6, 4), |(i, j)| (i * j) as f32 * 0.1);
    let examples = Examples { clips: Vec::new(), features: vec![clip.view()] };
    let context = Context::plain(0);
    let fitted = detector.member().fit(&examples, Some(model), &context);
    match fitted.and_then(|fitted| detector.member().score(&fitted, &examples, &context)) {
        Ok(_) => Fate::Accepted,
        Err(_) => Fate::Refused,
    }
}

fn one_safetensors(case: &mut Case, base: &[u8]) -> Verdict {
    let file = safetensors(&mut case.rng, base);
    case.keep("model.safetensors", &file);
    let Ok(model) = Tensors::decode(Blob::new(file.clone())) else { return Ok(Fate::Refused) };
    let Some(right) = slices(&file) else {
        return Err(wrong("it was accepted and is no safetensors file"));
    };
    for (name, tensor) in &model.0 {
        let (shape, bytes) = bytes_of(tensor);
        if right.get(name).is_none_or(|(right, slice)| (right, *slice) != (&shape, &bytes[..])) {
            return Err(wrong(format!(
                "tensor `{name}` of shape {shape:?} is not that of the file"
            )));
        }
    }
    if model.0.len() != right.len() {
        return Err(wrong(format!("{} tensors of {}", model.0.len(), right.len())));
    }
    Ok(used(&model))
}

#[test]
fn safetensors_files() {
    let base = model().encode();
    hold("safetensors", 3000, 4, |case| one_safetensors(case, &base));
}

/// State dicts as PyTorch wrote them, and the tensors in them.
fn state_dicts() -> Vec<(Vec<u8>, usize)> {
    let text = include_str!("../../data/torch_state.json");
    let document: Value = serde_json::from_str(text).expect("JSON");
    let of = |which: &str| {
        let lines = document[which]["file"].as_array().expect("a list").iter();
        let digits: String = lines.map(|line| line.as_str().expect("a text")).collect();
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("two digits");
        let count = document[which]["tensors"].as_object().expect("a map").len();
        ((0..digits.len()).step_by(2).map(byte).collect(), count)
    };
    vec![of("plain"), of("nested")]
}

/// Opcodes of pickles that build, call, mark and jump.
const OPCODES: [u8; 24] = *b"(.0123cdehjpqrtu}]aRbQ\x85\x94";

fn torch(rng: &mut Rng, files: &[(Vec<u8>, usize)]) -> Vec<u8> {
    let (base, other) = (&pick(rng, files).0, &pick(rng, files).0);
    let mut file = base.clone();
    for _ in 0..rng.below(4) {
        // The pickle is in front, the directory at the end.
        let at = if rng.below(3) == 0 {
            file.len() - 1 - rng.below(file.len().min(400))
        } else {
            rng.below(file.len().min(700))
        };
        match rng.below(4) {
            0 => file[at] = *pick(rng, &OPCODES),
            1 => {
                let value = integer(rng).to_le_bytes();
                let width = *pick(rng, &[1, 2, 4]);
                file[at..].iter_mut().zip(&value[..width]).for_each(|(old, new)| *old = *new);
            }
            2 => file[at] = file[at].wrapping_add(1),
            _ => {
                let from = rng.below(file.len());
                let piece: Vec<u8> = file[from..].iter().copied().take(16).collect();
                file[at..].iter_mut().zip(&piece).for_each(|(old, new)| *old = *new);
            }
        }
    }
    if rng.below(3) == 0 { mutate::bytes(rng, &file, other) } else { file }
}

#[test]
fn pytorch_files() {
    let files = state_dicts();
    files.iter().for_each(|(file, count)| {
        assert_eq!(read_torch(file).expect("PyTorch wrote it").0.len(), *count)
    });
    hold("torch", 3000, 4, |case| {
        let file = torch(&mut case.rng, &files);
        case.keep("model.pt", &file);
        let Ok(model) = read_torch(&file) else { return Ok(Fate::Refused) };
        let all: usize = model.0.values().map(|tensor| bytes_of(tensor).1.len()).sum();
        if all > 4 * file.len() {
            return Err(wrong(format!("{all} bytes of tensors from a file of {}", file.len())));
        }
        // Every element of a tensor lies somewhere in the file.
        for (name, tensor) in &model.0 {
            let (_, bytes) = bytes_of(tensor);
            let width = if matches!(tensor, Tensor::F32(_)) { 4 } else { 8 };
            if let Some(element) = bytes
                .chunks(width)
                .find(|element| !file.windows(width).any(|part| part == *element))
            {
                return Err(wrong(format!(
                    "tensor `{name}` has an element {element:?} that the file does not have"
                )));
            }
        }
        used(&model);
        Ok(Fate::Accepted)
    });
}

#[test]
fn weights_of_whole_runs() {
    let project = Project::new();
    project.write_all(&sounds::data_set());
    let (base, torches) = (model().encode(), state_dicts());
    hold("weights-program", 25, 200, |case| {
        let (name, file) = match case.rng.below(3) {
            0 => ("model.pt", torch(&mut case.rng, &torches)),
            1 => ("model.pt", safetensors(&mut case.rng, &base)),
            _ => ("model.safetensors", safetensors(&mut case.rng, &base)),
        };
        case.keep(name, &file);
        project.write(name, &file);
        project.spec(&format!(
            "data: {{ dcase: {{ root: data, machines: [fan], sections: [\"00\"] }} }}\n\
             features: {{ log_mel: {{ frame: 256, hop: 128, mels: 4 }} }}\n\
             detector: {{ autoencoder: {{ window: 1, layers: [3], weights: {name} }} }}\n"
        ));
        judged(&Program::new(&project).run("run spec.yaml"))
    });
}
