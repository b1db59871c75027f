//! Vectors that another program made, such as those of a pre-trained network: a file for each clip.
//!
//! The stage reads the files; here are the settings, the path of a clip's file, and the order of
//! its axes.

use std::path::PathBuf;

use ndarray::{Array2, ArrayD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Extractor, Feature, FeatureError};
use crate::artifact::Clip;
use crate::diagnose::Problem;

/// Vectors that another program made, from a `.npy` or `.npz` file for each clip, with numbers of 16,
/// 32 or 64 bits: one vector, frames, or a grid of time and band with a vector at each place. The
/// bands of a grid are joined to one long frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vectors {
    /// The folder of the files.
    #[schemars(extend("x-path" = "folder"), example = "../vectors/beats")]
    pub root: PathBuf,
    /// The path of a clip's file below the folder. `{path}` is the path of the recording without
    /// its ending, `{clip}` its file name without ending; `{machine}`, `{section}` and `{split}`
    /// are those of the clip.
    #[schemars(example = "{machine}/{split}/{clip}.npy")]
    pub pattern: String,
    /// The axes of the arrays in their order. Default: `[dim]`, `[time, dim]` or `[time, band,
    /// dim]` by their number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub axes: Vec<VectorAxis>,
    /// The name of the array in `.npz` files with several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub array: Option<String>,
}

/// An axis of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VectorAxis {
    /// Frames.
    Time,
    /// Bands of frequency.
    Band,
    /// The values of a vector.
    Dim,
    /// An axis of length 1, such as that of a batch.
    One,
}

impl Default for Vectors {
    fn default() -> Self {
        Self {
            root: PathBuf::new(),
            pattern: "{path}.npy".to_owned(),
            axes: Vec::new(),
            array: None,
        }
    }
}

/// The placeholders of a pattern.
const PLACEHOLDERS: [&str; 5] = ["path", "clip", "machine", "section", "split"];

impl Vectors {
    /// The path of a clip's file below the root.
    pub fn path(&self, clip: &Clip) -> String {
        let path = clip.id.rsplit_once('.').map_or(clip.id.as_str(), |(path, _)| path);
        let name = path.rsplit('/').next().unwrap_or(path);
        let values = [path, name, &clip.machine, &clip.section, clip.split.name()];
        PLACEHOLDERS.iter().zip(values).fold(self.pattern.clone(), |pattern, (name, value)| {
            pattern.replace(&format!("{{{name}}}"), value)
        })
    }

    /// The settings that give other values for the same files.
    pub fn keyed(&self) -> serde_json::Value {
        let mut keyed = serde_json::json!(self);
        for place in ["root", "pattern"] {
            keyed.as_object_mut().map(|settings| settings.remove(place));
        }
        keyed
    }

    /// The frames of an array, (frames, bands x dims).
    ///
    /// Errors: another number of axes, or an axis `one` of another length.
    pub fn frames(&self, array: ArrayD<f32>) -> Result<Array2<f32>, String> {
        use VectorAxis::{Band, Dim, One, Time};
        let shape = array.shape().to_vec();
        let usual: &[VectorAxis] = match shape.len() {
            1 => &[Dim],
            2 => &[Time, Dim],
            _ => &[Time, Band, Dim],
        };
        let axes = if self.axes.is_empty() { usual } else { &self.axes };
        if axes.len() != shape.len() {
            return Err(format!(
                "its array has the shape {shape:?}, and `axes` has {} names",
                axes.len()
            ));
        }
        if let Some((_, size)) =
            axes.iter().zip(&shape).find(|(axis, size)| **axis == One && **size != 1)
        {
            return Err(format!(
                "its array has the shape {shape:?}: the axis `one` has {size} places"
            ));
        }
        let place = |name: VectorAxis| axes.iter().position(|axis| *axis == name);
        let size = |name: VectorAxis| place(name).map_or(1, |at| shape[at]);
        let (frames, bands, dims) = (size(Time), size(Band), size(Dim));
        let mut order: Vec<usize> = [Time, Band, Dim].into_iter().filter_map(place).collect();
        order.extend((0..axes.len()).filter(|at| axes[*at] == One));
        let array = array.permuted_axes(order);
        let values = array.as_standard_layout().into_owned().into_raw_vec_and_offset().0;
        Array2::from_shape_vec((frames, bands * dims), values).map_err(|error| error.to_string())
    }
}

impl Feature for Vectors {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.root.as_os_str().is_empty() {
            let hint = "write the folder of the files: `vectors: { root: ../vectors/beats }`";
            problems.push(Problem::new("root", "the path is empty").hint(hint));
        }
        if let Some(wrong) = self.wrong_pattern() {
            let known = PLACEHOLDERS.map(|name| format!("`{{{name}}}`")).join(", ");
            let hint = format!("placeholders are {known}; the usual pattern is `{{path}}.npy`");
            problems.push(Problem::new("pattern", wrong).hint(hint));
        }
        let count = |name: VectorAxis| self.axes.iter().filter(|axis| **axis == name).count();
        let twice = [VectorAxis::Time, VectorAxis::Band, VectorAxis::Dim].map(count);
        if !self.axes.is_empty() && (twice[2] != 1 || twice.iter().any(|count| *count > 1)) {
            let message = "each of `time` and `band` may stand there once, and `dim` must";
            let hint = "write the axes in their order, such as `[time, band, dim]`";
            problems.push(Problem::new("axes", message).hint(hint));
        }
        problems
    }

    /// There are no samples to make vectors from.
    fn extractor(&self, _: u32) -> Result<Box<dyn Extractor>, FeatureError> {
        let message = "`vectors` are read from files of another program, not made from samples";
        Err(FeatureError::Settings(message.to_owned()))
    }

    fn dims(&self) -> usize {
        768
    }

    fn hop(&self) -> usize {
        3200
    }
}

impl Vectors {
    fn wrong_pattern(&self) -> Option<String> {
        let mut rest = self.pattern.as_str();
        let mut tells_clips = false;
        while let Some((_, after)) = rest.split_once('{') {
            let Some((name, behind)) = after.split_once('}') else {
                return Some("a `{` has no `}`".to_owned());
            };
            if !PLACEHOLDERS.contains(&name) {
                return Some(format!("there is no placeholder `{{{name}}}`"));
            }
            tells_clips |= ["path", "clip"].contains(&name);
            rest = behind;
        }
        let outside = self.pattern.split('/').any(|part| part == "..");
        if outside || self.pattern.starts_with('/') {
            return Some("it leads out of the folder".to_owned());
        }
        let message = "all clips would have the same file: there is no `{path}` or `{clip}`";
        (!tells_clips).then(|| message.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Split;
    use ndarray::{Array, Axis, array};

    fn of(settings: serde_json::Value) -> Vectors {
        serde_json::from_value(settings).unwrap()
    }

    #[test]
    fn a_pattern_gives_the_file_of_a_clip() {
        let clip = Clip {
            id: "fan/train/section_00_source_train_normal_0000_m-n_A.wav".into(),
            machine: "fan".into(),
            section: "00".into(),
            domain: None,
            split: Split::Train,
            label: None,
            attributes: Default::default(),
        };
        for (pattern, path) in [
            ("{path}.npy", "fan/train/section_00_source_train_normal_0000_m-n_A.npy"),
            (
                "{machine}/{section}-{split}/{clip}.npz",
                "fan/00-train/section_00_source_train_normal_0000_m-n_A.npz",
            ),
        ] {
            let vectors = of(serde_json::json!({"root": "x", "pattern": pattern}));
            assert!(vectors.problems().is_empty());
            assert_eq!(vectors.path(&clip), path);
        }
        for wrong in ["{name}.npy", "{path", "all.npy", "../{path}.npy", "/{path}.npy"] {
            let problems = of(serde_json::json!({"root": "x", "pattern": wrong})).problems();
            assert_eq!(problems.iter().map(|p| p.field.as_str()).collect::<Vec<_>>(), ["pattern"]);
        }
    }

    #[test]
    fn axes_of_any_order_become_frames() {
        let frames = |axes: &str, array: ArrayD<f32>| {
            of(serde_json::json!({"axes": serde_yaml::from_str::<Vec<String>>(axes).unwrap()}))
                .frames(array)
        };
        assert_eq!(frames("[]", array![1.0, 2.0].into_dyn()), Ok(array![[1.0, 2.0]]));
        let matrix = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
        assert_eq!(frames("[]", matrix.clone().into_dyn()), Ok(matrix.clone()));
        assert_eq!(frames("[dim, time]", matrix.clone().into_dyn()), Ok(matrix.t().to_owned()));
        // Two times, three bands, two values.
        let grid = Array::from_iter((0..12).map(|x| x as f32)).into_shape_with_order((2, 3, 2));
        let grid = grid.unwrap();
        let expected = array![[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]];
        assert_eq!(frames("[]", grid.clone().into_dyn()), Ok(expected.clone()));
        let turned = grid.clone().permuted_axes([2, 0, 1]).into_dyn();
        assert_eq!(frames("[dim, time, band]", turned), Ok(expected.clone()));
        let batch = grid.insert_axis(Axis(0)).into_dyn();
        assert_eq!(frames("[one, time, band, dim]", batch.clone()), Ok(expected));
        let error = frames("[]", batch.clone()).unwrap_err();
        assert_eq!(error, "its array has the shape [1, 2, 3, 2], and `axes` has 3 names");
        let error = frames("[time, one, band, dim]", batch).unwrap_err();
        assert_eq!(error, "its array has the shape [1, 2, 3, 2]: the axis `one` has 2 places");
        assert_eq!(of(serde_json::json!({"root": "x", "axes": ["time"]})).problems().len(), 1);
    }
}
