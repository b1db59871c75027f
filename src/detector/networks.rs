//! Shared by neural detectors: the order of their training clips, and the names of classes in their
//! models.

use ndarray::Array1;

use super::Examples;
use crate::artifact::Tensors;

/// The same clips, with augmented clips first if the last rows are for validation. Copies and
/// mixtures of training clips would not make a fair validation.
pub fn recordings_last<'a>(train: &Examples<'a>, validation: f64) -> Examples<'a> {
    let mut places: Vec<usize> = (0..train.features.len()).collect();
    if validation > 0.0 {
        places.sort_by_key(|&i| !train.clips.get(i).is_some_and(|clip| clip.is_made()));
    }
    train.take(&places)
}

/// The distinct names, sorted.
pub fn classes<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let set: std::collections::BTreeSet<&str> = names.collect();
    set.into_iter().map(str::to_owned).collect()
}

/// Writes names to a model: `KIND/NAME` is an array that holds its place.
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
