//! The settings of `training`, which every neural detector has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::detector::DetectorError;
use crate::diagnose::Problem;
use crate::nn::{Cpu, Engine};

/// How a network is trained.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// How the learning rate changes during training.
    pub schedule: Schedule,
    /// Training ends after this number of epochs without a smaller loss (of the validation rows, if
    /// there are any), with the weights of the best epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub patience: Option<usize>,
    /// The largest norm of a step's gradient. A longer gradient is scaled down to it (Pascanu et
    /// al. 2013).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1e6), extend("exclusiveMinimum" = 0))]
    pub clip_norm: Option<f64>,
    /// The device that trains the network. Scores are always computed on the processor. A GPU gives
    /// weights with other last digits, so another device trains anew.
    #[serde(skip_serializing_if = "Device::is_cpu")]
    #[schemars(extend("default" = "cpu"))]
    pub device: Device,
    /// The share of rows held out for validation: the last ones in the order of the clips (Keras's
    /// `validation_split`).
    #[schemars(range(min = 0, max = 0.9))]
    pub validation: f64,
}

/// `training` as written. A preset may fill in missing settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::detector) struct Written {
    schedule: Schedule,
    patience: Option<usize>,
    clip_norm: Option<f64>,
    device: Device,
    validation: Option<f64>,
}

impl Written {
    /// Uses a preset's share of held-out rows if none is given.
    pub fn or(self, validation: f64) -> Training {
        let Self { schedule, patience, clip_norm, device, validation: said } = self;
        Training { schedule, patience, clip_norm, device, validation: said.unwrap_or(validation) }
    }
}

/// The device that computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU, in programs built with the feature `cuda`.
    Cuda,
    /// A GPU by Vulkan, Metal or DirectX, in programs built with the feature `wgpu`.
    Wgpu,
}

impl Device {
    fn is_cpu(&self) -> bool {
        *self == Device::Cpu
    }

    /// The engine for this device. Errors: this program was built without it, or the device is
    /// missing.
    pub fn engine(self) -> Result<Box<dyn Engine>, DetectorError> {
        let engine: Option<Box<dyn Engine>> = match self {
            Device::Cpu => Some(Box::<Cpu>::default()),
            #[cfg(feature = "cuda")]
            Device::Cuda => {
                crate::nn::Burn::cuda().map(|engine| Box::new(engine) as Box<dyn Engine>)
            }
            #[cfg(feature = "wgpu")]
            Device::Wgpu => {
                crate::nn::Burn::wgpu().map(|engine| Box::new(engine) as Box<dyn Engine>)
            }
            #[cfg(not(feature = "cuda"))]
            Device::Cuda => None,
            #[cfg(not(feature = "wgpu"))]
            Device::Wgpu => None,
        };
        engine.ok_or_else(|| {
            let name = format!("{self:?}").to_lowercase();
            let built = if cfg!(feature = "cuda") { "cuda" } else if cfg!(feature = "wgpu") { "wgpu" } else { "no GPU" };
            DetectorError::Data(format!(
                "no device for `device: {name}`: this humshift was built for {built} (`cargo build --release --features {name}`)"
            ))
        })
    }
}

/// The learning rate over the epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// The learning rate is constant.
    #[default]
    Constant,
    /// The learning rate falls to 0 along half a cosine, step by step (Loshchilov and Hutter 2017,
    /// without restarts).
    Cosine,
}

impl Training {
    /// All settings that are out of range. `field` is the path of these settings.
    pub fn problems(&self, field: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |name: &str, message: String, hint: &str| {
            problems.push(Problem::new(format!("{field}.{name}"), message).hint(hint.to_owned()));
        };
        if self.patience == Some(0) {
            wrong("patience", "`patience` is 0 epochs".into(), "write 1 or more");
        }
        if self.clip_norm.is_some_and(|norm| !(norm > 0.0 && norm.is_finite())) {
            let message =
                format!("`clip_norm` is {}, not above 0", self.clip_norm.unwrap_or_default());
            wrong("clip_norm", message, "1 is usual");
        }
        if !(0.0..=0.9).contains(&self.validation) {
            let message = format!("`validation` is {}, outside 0..0.9", self.validation);
            wrong(
                "validation",
                message,
                "write the share of rows held out for validation, such as 0.1",
            );
        }
        let patience = self.patience.map(|epochs| epochs.max(1));
        problems.extend(
            patience.and_then(|n| Problem::outside(&format!("{field}.patience"), n, 1, 100_000)),
        );
        let norm = self.clip_norm.filter(|x| x.is_finite());
        problems.extend(norm.and_then(|x| Problem::beyond(&format!("{field}.clip_norm"), x, 1e6)));
        problems
    }
}
