//! The names of the stages, and of their outputs.

use crate::artifact::Kind;

/// The names of all stages, in the order of the pipeline.
pub const STAGES: [&str; 13] = [
    "dataset",
    "levels",
    "mixing",
    "features",
    "interpolation",
    "pooling",
    "network",
    "embedding",
    "training",
    "calibration",
    "scoring",
    "submission",
    "metrics",
];

/// The outputs of the stage with this name, by role; `None` for an unknown name.
pub fn outputs_of(stage: &str) -> Option<&'static [(&'static str, Kind)]> {
    Some(match stage {
        "dataset" => &[
            ("train/audio", Kind::Csv),
            ("train/clips", Kind::Csv),
            ("test/audio", Kind::Csv),
            ("test/clips", Kind::Csv),
        ],
        "levels" => &[("levels", Kind::Csv)],
        "mixing" => &[("train/recipe", Kind::Csv), ("test/recipe", Kind::Csv)],
        "interpolation" => &[("train/features", Kind::Npy), ("train/index", Kind::Csv)],
        "features" | "pooling" | "embedding" => &[
            ("train/features", Kind::Npy),
            ("train/index", Kind::Csv),
            ("test/features", Kind::Npy),
            ("test/index", Kind::Csv),
        ],
        "network" | "training" => &[("model", Kind::Safetensors)],
        "scoring" => &[("scores", Kind::Csv)],
        "submission" => &[
            ("train/clips", Kind::Csv),
            ("test/clips", Kind::Csv),
            ("scores", Kind::Csv),
            ("decisions", Kind::Csv),
        ],
        "calibration" => &[("scores", Kind::Json)],
        "metrics" => &[("metrics", Kind::Json)],
        _ => return None,
    })
}
