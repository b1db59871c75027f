//! The kernel settings of support vector machines.

use ndarray::ArrayView2;
use schemars::JsonSchema;
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::diagnose::Problem;
use crate::learn::kernel::Kernel;

/// The kernels a spec can name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KernelName {
    /// exp(-gamma |a - b|²)
    #[default]
    Rbf,
    /// a·b
    Linear,
}

/// The setting `gamma`: `scale` or a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Gamma {
    /// 1 / (dims · the variance of all values), as scikit-learn's `scale`.
    #[default]
    Scale,
    /// A number above 0.
    #[schemars(untagged)]
    Value(#[schemars(range(max = 1e9), extend("exclusiveMinimum" = 0))] f64),
}

impl KernelName {
    /// The kernel for the vectors `x`, which must be scaled already.
    pub(super) fn kernel(self, gamma: Gamma, x: ArrayView2<f64>) -> Kernel {
        match (self, gamma) {
            (KernelName::Linear, _) => Kernel::Linear,
            (KernelName::Rbf, Gamma::Value(gamma)) => Kernel::Rbf { gamma },
            (KernelName::Rbf, Gamma::Scale) => {
                let count = x.len() as f64;
                let mean = x.sum() / count;
                let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
                Kernel::Rbf {
                    gamma: if variance > 0.0 { 1.0 / (x.ncols() as f64 * variance) } else { 1.0 },
                }
            }
        }
    }
}

impl Gamma {
    /// The problem of this gamma beside the kernel, if there is one.
    pub(super) fn problem(self, kernel: KernelName) -> Option<Problem> {
        match (self, kernel) {
            (Gamma::Value(gamma), _) if !(gamma > 0.0 && gamma.is_finite()) => Some(
                Problem::new("gamma", format!("`gamma` is {gamma}, not above 0"))
                    .hint("`scale` fits it to the data"),
            ),
            (Gamma::Value(gamma), _) if gamma > 1e9 => Problem::beyond("gamma", gamma, 1e9),
            (Gamma::Value(_), KernelName::Linear) => Some(
                Problem::new("gamma", "is never used: the kernel is `linear`").hint("leave it out"),
            ),
            _ => None,
        }
    }
}

impl Serialize for Gamma {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Gamma::Scale => serializer.serialize_str("scale"),
            Gamma::Value(gamma) => serializer.serialize_f64(*gamma),
        }
    }
}

// serde's `untagged` would lose the location of a mistake.
impl<'de> Deserialize<'de> for Gamma {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = Gamma;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("`scale` or a number")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Gamma, E> {
                match word {
                    "scale" => Ok(Gamma::Scale),
                    _ => Err(E::unknown_variant(word, &["scale"])),
                }
            }

            fn visit_f64<E>(self, gamma: f64) -> Result<Gamma, E> {
                Ok(Gamma::Value(gamma))
            }

            fn visit_i64<E>(self, gamma: i64) -> Result<Gamma, E> {
                Ok(Gamma::Value(gamma as f64))
            }

            fn visit_u64<E>(self, gamma: u64) -> Result<Gamma, E> {
                Ok(Gamma::Value(gamma as f64))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn gamma_is_a_word_or_a_number() {
        let read = |text: &str| serde_json::from_str::<Gamma>(text).map_err(|e| e.to_string());
        assert_eq!(read("\"scale\""), Ok(Gamma::Scale));
        assert_eq!(read("2"), Ok(Gamma::Value(2.0)));
        assert!(read("true").unwrap_err().contains("expected `scale` or a number"));
        assert!(
            read("\"auto\"").unwrap_err().starts_with("unknown variant `auto`, expected `scale`")
        );
        assert_eq!(
            serde_json::to_string(&[Gamma::Scale, Gamma::Value(0.5)]).unwrap(),
            "[\"scale\",0.5]"
        );
        // Values 1, 3, 5, 7: variance 5.
        let x = array![[1.0, 3.0], [5.0, 7.0]];
        assert_eq!(KernelName::Rbf.kernel(Gamma::Scale, x.view()), Kernel::Rbf { gamma: 0.1 });
        assert!(Gamma::Value(0.0).problem(KernelName::Rbf).is_some());
        assert!(Gamma::Value(1.0).problem(KernelName::Linear).is_some());
        assert!(Gamma::Scale.problem(KernelName::Linear).is_none());
    }
}
