//! `humshift init` of the published folders of PRONOSTIA, which hold accelerations as CSV.

use std::path::Path;

use super::{OPENED, facts, finished, opened, quoted, spec, unfinished};
use crate::artifact::Clip;
use crate::cli::census::Census;
use crate::cli::session::Session;
use crate::cli::{CliError, Exit, check, output, outputs};
use crate::source::phm2012::{self, LENGTH, Place, RATE};

/// Those of `experiments/pronostia.yaml`. A clip is half a second, so its ends are not padded.
const FEATURES: &str = "log_mel: { frame: 1024, hop: 512, mels: 128, center: false }";

/// Writes a spec of the sections whose bearings are all there.
pub fn run(place: &Place, name: &str, path: &Path) -> Result<Exit, CliError> {
    let (whole, others): (Vec<_>, Vec<_>) =
        place.sections().partition(|(_, lacks)| lacks.is_empty());
    let whole: Vec<&str> = whole.into_iter().map(|(section, _)| section).collect();
    let sections = match others.is_empty() || whole.is_empty() {
        true => String::new(),
        false => format!(", sections: [{}]", whole.join(", ")),
    };
    let data = format!(
        "  # Section 00 shifts speed and load, 01 the bearing, 02 the axis of the accelerometer.\n  \
         phm2012: {{ root: {}{sections} }}\n",
        quoted(&place.root.to_string_lossy())
    );
    outputs::write(path, spec(name, &data, FEATURES).as_bytes())?;
    let (session, notes) = opened(path).map_err(|error| unfinished(path, error))?;
    let all = phm2012::bearings().len();
    output::line(&format!("bearings   {} of {all} of PRONOSTIA (PHM 2012)", place.bearings.len()));
    let census = Census::of(&session);
    let clips: Vec<&Clip> = census.clips().collect();
    facts(&clips);
    output::line(&format!(
        "sound      {RATE} Hz, {:.1} s (accelerations, 5 snapshots a clip)",
        LENGTH as f64 / f64::from(RATE)
    ));
    for (section, lacks) in others {
        let lacks: Vec<String> = lacks.iter().map(|bearing| format!("Bearing{bearing}")).collect();
        let lacks = lacks.join(", ");
        check::warn(&format!("section {section} is left out, because it needs {lacks}, too"));
    }
    let stops = broken(&session, &place.root);
    Ok(finished(path, &session, &notes, stops))
}

/// Opens some snapshots, and says which of them are none.
fn broken(session: &Session, root: &Path) -> bool {
    let sections = session.listings.iter().flat_map(|listing| listing.sections.values());
    let paths: Vec<&String> = sections.flat_map(|files| &files.audio).collect();
    let some = paths.iter().step_by(paths.len().div_ceil(OPENED).max(1));
    let broken: Vec<_> = some.filter_map(|path| phm2012::look(root, path).err()).collect();
    for error in &broken {
        check::warn(&format!("a snapshot cannot be read: {error}"));
    }
    !broken.is_empty()
}
