//! `humshift report --figures`: the training curves of cached models.
//!
//! A model that was trained in epochs holds their values, as vectors `history/loss` and so on. A
//! model with several parts (`model/0/history/loss`) gets a figure for each part.

use std::collections::BTreeMap;
use std::path::Path;

use super::subject::Subject;
use super::{CliError, output, outputs};
use crate::artifact::{Artifact, Blob, Tensor, Tensors};
use crate::exec::Standing;
use crate::plan::NodeId;
use crate::report::{TrainingCurve, training_csv, training_curve};
use crate::stage::StageSpec;
use crate::store::{Store, StoreError};

/// Writes a figure per training and `training_curves.csv` into a folder, which is created if there
/// is anything to write. Returns the number of trainings.
pub fn write(subject: &Subject, store: &Store, folder: &Path) -> Result<usize, CliError> {
    let (trainings, gone) = of(subject, store, subject.plan.nodes())?;
    if trainings.is_empty() {
        return Ok(0);
    }
    outputs::make(folder)?;
    for training in &trainings {
        let name =
            training.label.replace(|c: char| !c.is_alphanumeric() && !"-.=,".contains(c), "_");
        outputs::write(&folder.join(format!("{name}.svg")), training_curve(training).as_bytes())?;
    }
    let table = folder.join("training_curves.csv");
    outputs::write(&table, training_csv(&trainings).as_bytes())?;
    let missing =
        if gone > 0 { format!("; {gone} models are gone from the cache") } else { String::new() };
    output::tell(&format!(
        "figures: {} training curves, numbers in {}{missing}",
        trainings.len(),
        table.display()
    ));
    Ok(trainings.len())
}

/// The trainings among these stages, and the number of their models that are gone from the cache.
pub fn of(
    subject: &Subject,
    store: &Store,
    nodes: impl Iterator<Item = NodeId>,
) -> Result<(Vec<TrainingCurve>, usize), CliError> {
    let (mut trainings, mut gone) = (Vec::new(), 0);
    for id in nodes {
        let node = subject.plan.node(id);
        if !matches!(node.stage, StageSpec::Network(_) | StageSpec::Training(_)) {
            continue;
        }
        let Standing::Cached { record, .. } = &subject.standings[id.index()] else { continue };
        let Some(object) = record.outputs.get("model") else { continue };
        match store.get(object) {
            Ok(bytes) => {
                let model = Tensors::decode(Blob::new(bytes));
                let model = model.map_err(|error| {
                    CliError::usage("E0708", format!("`{}`: {error}", node.label))
                })?;
                trainings.extend(histories(&node.label, &model));
            }
            // A model is not made again for its figure. The figures of the others are still drawn.
            Err(StoreError::Damaged { .. }) => gone += 1,
            Err(other) => return Err(CliError::Store(other)),
        }
    }
    Ok((trainings, gone))
}

/// The curves of a model or of its parts.
fn histories(label: &str, model: &Tensors) -> Vec<TrainingCurve> {
    let mut found: BTreeMap<&str, BTreeMap<String, Vec<f64>>> = BTreeMap::new();
    for (name, tensor) in &model.0 {
        let (of, metric) = match name.rsplit_once('/') {
            Some(("history", metric)) => ("", metric),
            Some((path, metric)) => match path.strip_suffix("/history") {
                Some(of) => (of, metric),
                None => continue,
            },
            None => continue,
        };
        if let Tensor::F64(values) = tensor
            && values.ndim() == 1
        {
            found
                .entry(of)
                .or_default()
                .insert(metric.to_owned(), values.iter().copied().collect());
        }
    }
    found.retain(|_, metrics| metrics.contains_key("loss"));
    let named = |of: &str| if of.is_empty() { label.to_owned() } else { format!("{label} {of}") };
    found.into_iter().map(|(of, metrics)| TrainingCurve { label: named(of), metrics }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_model_tells_of_its_epochs_and_of_those_of_the_models_in_it() {
        let mut model = Tensors::default();
        model.put_f32("dense.0.kernel", array![[1.0f32]]);
        assert_eq!(histories("training/fan", &model), []);
        model.put_f64("history/learning_rate", array![1.0]);
        assert_eq!(histories("training/fan", &model), [], "without a loss there is no curve");
        model.put_f64("history/loss", array![2.0, 1.0]);
        model.put_f64("model/0/history/loss", array![5.0]);
        model.put_f32("history/loss_of_another_type", array![5.0f32]);
        model.put_f64("loss", array![5.0]);
        let found = histories("training/fan", &model);
        let labels: Vec<&str> = found.iter().map(|training| training.label.as_str()).collect();
        assert_eq!(labels, ["training/fan", "training/fan model/0"]);
        let metrics =
            [("learning_rate".to_owned(), vec![1.0]), ("loss".to_owned(), vec![2.0, 1.0])];
        assert_eq!(found[0].metrics, metrics.into());
    }
}
