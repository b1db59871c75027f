//! The scores of one system as artifacts, so that they can stand where scores of our own do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::artifact::{Clip, ClipSet, Label, Scores, SectionId, Split};
use crate::diagnose::{Diagnostic, suggest};
use crate::shown::control;
use crate::source::names;

use super::pair::{self, Named};
use super::submission::{self, Found};
use super::{Options, truth};

/// The scored clips of a section.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// Test clips with labels, and with domains and attributes as far as they are known.
    pub clips: ClipSet,
    pub scores: Scores,
    /// 1 for an anomaly, 0 for a normal clip; empty without a file of decisions.
    pub decisions: Scores,
}

/// The scores of one system.
#[derive(Debug)]
pub struct System {
    pub sections: BTreeMap<SectionId, Scored>,
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// Problems that do not stop an evaluation.
    pub warnings: Vec<String>,
}

/// Reads the scores of a system in `folder`: of the one with this name, or of the only one.
///
/// # Errors All problems of its files; no system, several, or none with this name.
pub fn system(
    folder: &Path,
    name: Option<&str>,
    options: &Options,
) -> Result<System, Vec<Diagnostic>> {
    // Other systems are not read: their faults are nothing to this one.
    let systems = submission::find_all(folder, options.protocol)?;
    let own = chosen(folder, systems, name).map_err(|problem| vec![problem])?;
    let own = own.read(options.protocol)?;
    let truth = options.truth.map(|path| truth::read(path, options.protocol)).transpose()?;
    let mut warnings = truth.as_ref().map_or(Vec::new(), |truth| truth.warnings.clone());
    warnings.extend(own.warnings.iter().cloned());
    let sections = pair::named(&own, truth.as_ref(), options, &mut warnings)?;
    let with_ids = !options.protocol.has_domains();
    let sections: Result<BTreeMap<SectionId, Scored>, Diagnostic> =
        sections.iter().map(|section| scored(section, with_ids)).collect();
    let sheets = own.scores.values().chain(own.decisions.values()).flatten();
    let mut files: Vec<PathBuf> = sheets.map(|sheet| sheet.path.clone()).collect();
    files.extend(truth.map(|truth| truth.path).filter(|path| path.is_file()));
    Ok(System { sections: sections.map_err(|problem| vec![problem])?, files, warnings })
}

/// The system with this name: its folder below the given one, the last part of that, or the text
/// before `anomaly_score_` in its files.
fn chosen(folder: &Path, mut systems: Vec<Found>, name: Option<&str>) -> Result<Found, Diagnostic> {
    let named = |several: &[&Found]| {
        let names: Vec<String> = several.iter().map(|own| format!("`{}`", own.name)).collect();
        super::listed(&names)
    };
    let ways: [fn(&Found, &str) -> bool; 4] = [
        |own, name| own.name == name,
        |own, name| own.system == name,
        |own, name| own.name.rsplit('/').next() == Some(name),
        |own, name| own.system.trim_end_matches(['_', '-']) == name,
    ];
    let Some(name) = name else {
        if systems.len() == 1 {
            return Ok(systems.swap_remove(0));
        }
        let message = format!("`{}` has scores of {} systems", folder.display(), systems.len());
        let hint =
            format!("choose one by `system`: {}", named(&systems.iter().collect::<Vec<_>>()));
        return Err(Diagnostic::new("E0810", message).hint(hint));
    };
    for is_meant in ways {
        let meant: Vec<&Found> = systems.iter().filter(|own| is_meant(own, name)).collect();
        if meant.len() > 1 {
            let message = format!("`{name}` may be each of {} systems", meant.len());
            return Err(Diagnostic::new("E0810", message).hint(named(&meant)));
        }
        if let Some(place) = systems.iter().position(|own| is_meant(own, name)) {
            return Ok(systems.swap_remove(place));
        }
    }
    let known = systems.iter().map(|own| match name.contains('/') {
        true => own.name.as_str(),
        false => own.name.rsplit('/').next().unwrap_or_default(),
    });
    let message = format!("`{}` has no system `{name}`", folder.display());
    Err(Diagnostic::new("E0810", message).hint(suggest(name, known)))
}

/// A section as artifacts. Sections of machine ids are named as where recordings are listed.
fn scored(section: &Named, with_ids: bool) -> Result<(SectionId, Scored), Diagnostic> {
    let mut id = section.id.clone();
    if with_ids {
        id.section = format!("id_{}", id.section);
    }
    // A clip may have several names; the one with the most attributes tells of them.
    let told = |name: &str| match control(name) {
        None => names::parse(&format!("{name}.wav")).map(|name| name.attributes),
        Some(_) => Ok(BTreeMap::new()),
    };
    let mut attributes: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    let own = section.clips.keys().map(|clip| (clip, clip));
    for (name, clip) in own.chain(&section.aliases) {
        let found = told(name).unwrap_or_default();
        let known = attributes.entry(clip.as_str()).or_default();
        if found.len() > known.len() {
            *known = found;
        }
    }
    let (mut clips, mut scores, mut decisions) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for (name, clip) in &section.clips {
        if let Some(code) = control(name) {
            let message = format!("a clip of {id} has a control character ({code}) in its name");
            return Err(Diagnostic::new("E0803", message));
        }
        let path = format!("{}/test/{name}.wav", id.machine);
        scores.insert(path.clone(), clip.score);
        if let Some(decision) = clip.decision {
            decisions.insert(path.clone(), f64::from(u8::from(decision)));
        }
        clips.push(Clip {
            id: path,
            machine: id.machine.clone(),
            section: id.section.clone(),
            domain: clip.fact.domain,
            split: Split::Test,
            label: Some(if clip.fact.anomalous { Label::Anomaly } else { Label::Normal }),
            attributes: attributes.remove(name.as_str()).unwrap_or_default(),
        });
    }
    let scored =
        Scored { clips: ClipSet::new(clips), scores: Scores(scores), decisions: Scores(decisions) };
    Ok((id, scored))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::evaluate::Protocol;

    fn write(root: &Path, file: &str, rows: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, rows).unwrap();
    }

    fn read(root: &Path, name: Option<&str>, truth: Option<&Path>) -> Result<System, String> {
        let protocol = Protocol::Dcase2022;
        let options = Options { protocol, truth, max_fpr: 0.1, partial: false };
        let told = |problem: Diagnostic| {
            let hint = problem.hint.map_or(String::new(), |hint| format!(" ({hint})"));
            format!("{}{hint}", problem.message)
        };
        system(root, name, &options)
            .map_err(|problems| problems.into_iter().map(told).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn clips_have_the_facts_of_all_their_names() {
        let home = tempfile::tempdir().unwrap();
        let (root, truth) = (home.path().join("a"), home.path().join("truth"));
        let rows = "section_03_0000.wav,0.5\nsection_03_0001.wav,0.75\n";
        write(&root, "anomaly_score_fan_section_03_test.csv", rows);
        let about = "ground_truth_fan_section_03_test.csv";
        let flags = "section_03_0000.wav,0\nsection_03_0001.wav,1\n";
        write(&truth, &format!("ground_truth_data/{about}"), flags);
        write(&truth, &format!("ground_truth_domain/{about}"), flags);
        let full = "section_03_0000.wav,section_03_source_test_normal_0000_vel_7.wav\n";
        write(&truth, &format!("ground_truth_attributes/{about}"), full);
        write(&root, "decision_result_fan_section_03_test.csv", flags);
        let found = read(&root, None, Some(&truth)).unwrap();
        let id = SectionId { machine: "fan".into(), section: "03".into() };
        let section = &found.sections[&id];
        let clips = section.clips.clips();
        assert_eq!(clips[0].id, "fan/test/section_03_0000.wav");
        assert_eq!(clips[0].attributes, [("vel".to_owned(), "7".to_owned())].into());
        let facts: Vec<_> = clips.iter().map(|c| (c.domain.unwrap().name(), c.label)).collect();
        assert_eq!(facts, [("source", Some(Label::Normal)), ("target", Some(Label::Anomaly))]);
        assert_eq!(section.scores.0.values().copied().collect::<Vec<_>>(), [0.5, 0.75]);
        assert_eq!(section.decisions.0.values().copied().collect::<Vec<_>>(), [0.0, 1.0]);
    }

    #[test]
    fn one_of_several_systems_is_chosen_by_name() {
        let home = tempfile::tempdir().unwrap();
        let rows = "section_00_source_test_normal_0000.wav,0.5\n";
        let file = "anomaly_score_fan_section_00_test.csv";
        write(home.path(), &format!("teams/x/x_1/{file}"), rows);
        write(home.path(), &format!("teams/x/x_2/{file}"), rows);
        write(home.path(), &format!("teams/y/small_{file}"), rows);
        write(home.path(), &format!("teams/y/large_{file}"), rows);
        for name in ["teams/x/x_1", "x_2", "small", "teams/y/large_"] {
            assert!(read(home.path(), Some(name), None).is_ok(), "{name}");
        }
        let told = read(home.path(), None, None).unwrap_err();
        assert!(told.contains("has scores of 4 systems (choose one by `system`: `teams/x/x_1`"));
        let told = read(home.path(), Some("teams/x/x_3"), None).unwrap_err();
        assert!(told.contains("has no system `teams/x/x_3` (did you mean `teams/x/x_"), "{told}");
    }
}
