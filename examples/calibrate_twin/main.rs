//! Calibrates the twin: finds the sizes with which detectors are about as good on generated sounds as on
//! MIMII DG itself, section by section and domain by domain, in noise of the paper's levels.
//!
//! ```text
//! cargo run --release --example calibrate_twin -- REAL.csv [rounds=8] [clips=150] [anomalies=50] [epochs=10] [MACHINE ...]
//! ```
//!
//! It prints `experiments/mimii_dg/calibration.yaml` anew, from which it starts. What is fitted:
//!
//! * the AUC of the autoencoder to Table 3 of the paper,
//! * the AUC of a Mahalanobis distance on GWRP to REAL.csv: the `result.csv` of scores on the real data
//!   set that the authors of TWFR-GMM published.
//!
//! What is sought for each section: [`Tuning`], without `spread_db`, which follows from the spectra of
//! real clips (`twin_beside_real`) and not from an AUC. The search needs no gradient. A round tries
//! another `shift_db` and `jitter` in each section of a machine, trains both detectors on the normal
//! clips, and then seeks the sizes of the faults, for which only anomalous clips are rendered and
//! scored anew. A section keeps what brings its four AUC nearer to the real ones. Same input, same
//! result.

mod real;
mod section;

use std::collections::BTreeMap;

use humshift::artifact::Tensors;
use humshift::mimii_dg;
use humshift::seed::{Rng, Seed};
use humshift::source::synthetic::Clips;
use humshift::twin::{MACHINES, Tuning};

use real::Goal;
use section::{Auc, Detectors, Failure, Heard, Section, area, fit, score};

/// Beyond this many points a difference counts linearly, so that no single section dominates.
const FAR: f64 = 40.0;
/// Evaluations of the sizes of the faults in a round.
const STEPS: usize = 20;
/// Sizes below these are as good as none.
const LEAST: (f64, f64) = (0.02, 0.1);

struct Settings {
    rounds: usize,
    clips: usize,
    anomalies: usize,
    epochs: usize,
    seed: u64,
}

/// What a tuning gives: the AUC of both detectors, and how far they are from the goal.
#[derive(Clone, Copy)]
struct Found {
    tuning: Tuning,
    autoencoder: Auc,
    mahalanobis: Auc,
    loss: f64,
}

fn main() -> Result<(), Failure> {
    let mut settings = Settings { rounds: 8, clips: 150, anomalies: 50, epochs: 10, seed: 0 };
    let (mut path, mut machines) = (None, Vec::new());
    for arg in std::env::args().skip(1) {
        match arg.split_once('=') {
            Some(("rounds", n)) => settings.rounds = n.parse()?,
            Some(("clips", n)) => settings.clips = n.parse()?,
            Some(("anomalies", n)) => settings.anomalies = n.parse()?,
            Some(("epochs", n)) => settings.epochs = n.parse()?,
            Some(("seed", n)) => settings.seed = n.parse()?,
            Some(_) => return Err(format!("`{arg}` is no setting").into()),
            None if MACHINES.contains(&arg.as_str()) => machines.push(arg),
            None => path = Some(arg),
        }
    }
    let goals = real::goals(path.ok_or("name the `result.csv` of the real scores")?.as_ref())?;
    if machines.is_empty() {
        machines = MACHINES.map(String::from).into();
    }
    println!("{}", HEAD.trim_start());
    for machine in &machines {
        let found = calibrate(machine, &goals, &settings)?;
        println!("{machine}:");
        for (section, Found { tuning: t, autoencoder: a, mahalanobis: m, .. }) in &found {
            println!(
                "  \"{section}\": {{ fault: {:.3}, mark_db: {:.3}, spread_db: {}, shift_db: {:.3}, jitter: {:.4} }}  \
                 # {:.0} / {:.0}, {:.0} / {:.0}",
                t.fault,
                t.mark_db,
                t.spread_db,
                t.shift_db,
                t.jitter,
                a.source,
                a.target,
                m.source,
                m.target
            );
        }
    }
    Ok(())
}

const HEAD: &str = "
# The calibration of the twin, made by `examples/calibrate_twin`: no figures of the paper, and none by hand but
# `spread_db`. For each section the sizes that `src/twin/body.rs` explains. Behind them the AUC in % that the
# calibration saw: autoencoder source / target, Mahalanobis distance on GWRP source / target.";

/// The best tuning of each section of a machine.
fn calibrate(
    machine: &str,
    goals: &BTreeMap<(String, String), Goal>,
    settings: &Settings,
) -> Result<BTreeMap<String, Found>, Failure> {
    let clips = Clips {
        source_train: settings.clips,
        target_train: 10,
        normal: 50,
        anomaly: settings.anomalies,
    };
    let names: Vec<&String> = mimii_dg::machines()[machine].sections.keys().collect();
    let sections: Vec<Section> = names
        .iter()
        .map(|name| Section::new(machine, name, clips.clone(), settings.seed))
        .collect::<Result<_, _>>()?;
    let detectors = Detectors::new(settings.epochs);
    let mut rng = Seed(settings.seed).derive(&["calibrate", machine]).rng();
    let mut best: Vec<Option<Found>> = vec![None; sections.len()];
    for round in 0..=settings.rounds {
        let mut tunings = Vec::new();
        for (section, best) in sections.iter().zip(&best) {
            let start = mimii_dg::tuning(machine, &section.id.section).ok_or("no tuning")?;
            let last = best.map_or(start, |found| found.tuning);
            tunings.push(if round == 0 { start } else { other(last, round, &mut rng) });
        }
        let heard = sections
            .iter()
            .zip(&tunings)
            .map(|(section, tuning)| section.normals(*tuning, &detectors))
            .collect::<Result<Vec<_>, _>>()?;
        let all = || heard.iter().flat_map(|(heard, _)| heard);
        let autoencoder = fit(detectors.autoencoder.member(), all(), false)?;
        for (i, section) in sections.iter().enumerate() {
            let goal =
                goals.get(&(machine.to_owned(), section.id.section.clone())).ok_or("no goal")?;
            let fitted = Fitted::new(section, &detectors, &autoencoder, &heard[i], *goal)?;
            let found = fitted.seek(tunings[i])?;
            let better = best[i].is_none_or(|best| found.loss < best.loss);
            eprintln!(
                "{machine} {} round {round}{}: {:.1?} {:.1?} loss {:.0} {:?}",
                section.id.section,
                if better { "" } else { " (no better)" },
                (found.autoencoder.source, found.autoencoder.target),
                (found.mahalanobis.source, found.mahalanobis.target),
                found.loss,
                found.tuning
            );
            if better {
                best[i] = Some(found);
            }
        }
    }
    let names = names.into_iter().cloned();
    Ok(names.zip(best.into_iter().flatten()).collect())
}

/// Another shift and jitter: far from the best ones in early rounds, near them in later ones.
fn other(best: Tuning, round: usize, rng: &mut Rng) -> Tuning {
    let reach = 2.0 / (round as f64).sqrt();
    let shift_db = (best.shift_db + reach * rng.normal()).clamp(0.0, 6.0);
    let jitter = (best.jitter + 0.04 * reach * rng.normal()).clamp(0.0, 0.1);
    Tuning { shift_db, jitter, ..best }
}

/// Both detectors, fitted to the normal clips of a section.
struct Fitted<'a> {
    section: &'a Section,
    detectors: &'a Detectors,
    autoencoder: &'a Tensors,
    mahalanobis: Tensors,
    normals: &'a [Heard],
    power: f64,
    scores: [Vec<f64>; 2],
    goal: Goal,
}

impl<'a> Fitted<'a> {
    fn new(
        section: &'a Section,
        detectors: &'a Detectors,
        autoencoder: &'a Tensors,
        (normals, power): &'a (Vec<Heard>, f64),
        goal: Goal,
    ) -> Result<Self, Failure> {
        let mahalanobis = fit(detectors.mahalanobis.member(), normals.iter(), true)?;
        let scores = [
            score(detectors.autoencoder.member(), autoencoder, normals, false)?,
            score(detectors.mahalanobis.member(), &mahalanobis, normals, true)?,
        ];
        Ok(Self {
            section,
            detectors,
            autoencoder,
            mahalanobis,
            normals,
            power: *power,
            scores,
            goal,
        })
    }

    fn try_out(&self, tuning: Tuning) -> Result<Found, Failure> {
        let heard = self.section.anomalies(tuning, self.power, self.detectors)?;
        let frames = score(self.detectors.autoencoder.member(), self.autoencoder, &heard, false)?;
        let vectors = score(self.detectors.mahalanobis.member(), &self.mahalanobis, &heard, true)?;
        let autoencoder = area(self.normals, &self.scores[0], &frames);
        let mahalanobis = area(self.normals, &self.scores[1], &vectors);
        let loss = self.goal.loss(autoencoder, mahalanobis, FAR);
        Ok(Found { tuning, autoencoder, mahalanobis, loss })
    }

    /// Searches the sizes of the faults: from the best pair to its neighbours, with steps that get
    /// smaller where no neighbour is better.
    fn seek(&self, start: Tuning) -> Result<Found, Failure> {
        let start = Tuning {
            fault: start.fault.max(LEAST.0),
            mark_db: start.mark_db.max(LEAST.1),
            ..start
        };
        let mut best = self.try_out(start)?;
        let (mut step, mut tried) = (2.5f64, 1);
        while tried < STEPS && step > 1.15 {
            let mut moved = false;
            for (fault, mark) in [(1.0, step), (1.0, 1.0 / step), (step, 1.0), (1.0 / step, 1.0)] {
                let next = Tuning {
                    fault: (best.tuning.fault * fault).clamp(LEAST.0, 4.0),
                    mark_db: (best.tuning.mark_db * mark).clamp(LEAST.1, 15.0),
                    ..best.tuning
                };
                if next == best.tuning {
                    continue;
                }
                let found = self.try_out(next)?;
                tried += 1;
                if found.loss < best.loss {
                    best = found;
                    moved = true;
                }
            }
            if !moved {
                step = step.sqrt();
            }
        }
        Ok(best)
    }
}
