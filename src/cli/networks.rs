//! The networks of `features.onnx`: read, and compared with the settings and the recordings.

use std::path::{Path, PathBuf};

use super::given::Given;
use super::heads::rate;
use crate::diagnose::Diagnostic;
use crate::feature::onnx::{self, Onnx};
use crate::feature::{Extractor, FeatureSpec};
use crate::kind::Kind;
use crate::plan::Catalog;
use crate::reading::{self, unexpanded};
use crate::shown::visible;
use crate::source::{Listing, SourceSpec};
use crate::spec::Point;

/// Adds the networks of all points. Returns what is wrong with them, each mistake once.
pub fn all(
    points: &[Point],
    sources: &[SourceSpec],
    listings: &[Listing],
    given: &mut Given,
    catalog: &mut Catalog,
) -> Vec<Diagnostic> {
    let (mut mistakes, mut looked) = (Vec::new(), Vec::new());
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for point in points {
        let FeatureSpec::Onnx(own) = &point.features else { continue };
        if !onnx::BUILT {
            return vec![unbuilt()];
        }
        let at = sources.iter().position(|source| *source == point.data);
        let rate = at.and_then(|at| rate(&sources[at], &listings[at]));
        if looked.contains(&(own, rate)) {
            continue;
        }
        looked.push((own, rate));
        if !files.iter().any(|(path, _)| *path == own.model) {
            match given.file(Kind::Onnx, &own.model) {
                Ok((object, bytes)) => {
                    catalog.networks.insert(own.model.clone(), (object, onnx::kernels()));
                    files.push((own.model.clone(), bytes));
                }
                Err(why) => mistakes.push(unread(&own.model, &why)),
            }
        }
        let Some((_, bytes)) = files.iter().find(|(path, _)| *path == own.model) else { continue };
        mistakes.extend(own.look(bytes, rate).err().map(|misfit| {
            let name = visible(&own.model.to_string_lossy()).to_string();
            let message = format!("the network `{name}`: {}", visible(&misfit.why));
            let mistake = Diagnostic::new("E0760", message);
            match misfit.hint {
                Some(hint) => mistake.hint(hint),
                None => mistake,
            }
        }));
    }
    mistakes.dedup();
    mistakes
}

/// The extractor of a feature outside a run, for clips of `rate` Hz.
pub fn extractor(feature: &FeatureSpec, rate: u32) -> Result<Box<dyn Extractor>, String> {
    let made = match feature {
        FeatureSpec::Onnx(own) => {
            let read = reading::read(&own.model, reading::WEIGHTS).map_err(|e| e.to_string())?;
            Onnx::with_network(own, &read, None, rate)
        }
        other => other.member().extractor(rate),
    };
    made.map_err(|error| error.to_string())
}

fn unbuilt() -> Diagnostic {
    let message = "`features.onnx` needs a humshift that runs networks of ONNX files, and this one was built without";
    let hint = "build it with `cargo build --release --features onnx`, or write the vectors with another program \
                and read them with `features: vectors`";
    Diagnostic::new("E0760", message).hint(hint)
}

fn unread(path: &Path, why: &str) -> Diagnostic {
    let name = visible(&path.to_string_lossy()).to_string();
    let mut mistake =
        Diagnostic::new("E0760", format!("the network `{name}` cannot be read: {why}"));
    if !path.exists() {
        mistake.hint = unexpanded(path, Some("features.onnx.model"));
    }
    mistake
}
