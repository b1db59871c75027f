//! Calibrates the twin: finds the sizes with which detectors are about as good on generated sounds
//! as on MIMII DG itself, section by section and domain by domain, in noise of the paper's levels.
//!
//! ```text
//! cargo run --release --example calibrate_twin -- REAL.csv [rounds=5] [clips=150] [heard=150] [anomalies=25]
//!   [epochs=10] [seed=0] [near=false] [MACHINE ...]
//! ```
//!
//! It prints `experiments/mimii_dg/calibration.yaml` anew, from which it starts. What is fitted:
//!
//! * the AUC of the autoencoder to Table 3 of the paper,
//! * the AUC of a Mahalanobis distance on GWRP to REAL.csv: the `result.csv` of scores on the real data
//!   set that the authors of TWFR-GMM published.
//!
//! What is sought for each section: a [`Calibration`], without `spread_db`, which follows from the
//! spectra of real clips (`twin_beside_real`) and not from an AUC. The search needs no gradient. A
//! round renders the normal clips of a machine's sections and trains both detectors. Then it seeks
//! the sizes of the faults, for which only anomalous clips are rendered anew. What it finds is
//! exact. From there it seeks `shift_db`, `calm` and, where a number or a way to the microphone shifts,
//! `reach`, with the detectors as they are, which is nearly right: of the training clips only ten are
//! of the target.
//! The next round starts there, and tries another `jitter`, too, unless `near=true`. A section
//! keeps what brings its four AUC nearest to the real ones. Same input, same result.
//!
//! Both detectors depend on how many source clips stand beside the ten of the target. `heard` is the
//! number that the autoencoder trains on, which takes most of the time. With `clips=990 heard=990
//! anomalies=50` the AUC are near those of `experiments/twin.yaml` at the size of the data set.

mod real;
mod section;

use std::collections::BTreeMap;

use humshift::artifact::Tensors;
use humshift::mimii_dg::{self, Calibration};
use humshift::seed::{Rng, Seed};
use humshift::source::synthetic::Clips;
use humshift::twin::MACHINES;

use real::Goal;
use section::{Auc, Detectors, Failure, Heard, Section, area, by_domain, first, fit, score};

/// Beyond this many points a difference counts linearly, so that no single section dominates.
const FAR: f64 = 40.0;
/// Jitters that the rounds after the first try. Later rounds stay near the best.
const JITTERS: [f64; 3] = [0.1, 0.05, 0.02];
/// Shares of the way that a shifted number goes.
const REACHES: [f64; 3] = [1.0, 0.4, 0.1];
/// What a round tries at least: sizes of the faults, then what concerns the target.
const STEPS: [usize; 2] = [8, 6];

struct Settings {
    rounds: usize,
    clips: usize,
    /// The source clips of a section that train the autoencoder, at most.
    heard: usize,
    anomalies: usize,
    epochs: usize,
    seed: u64,
    /// Whether every round keeps the jitter.
    near: bool,
}

/// What sizes give: the AUC of both detectors, and how far they are from the goal.
#[derive(Clone, Copy)]
struct Found {
    sizes: Calibration,
    autoencoder: Auc,
    mahalanobis: Auc,
    loss: f64,
}

fn main() -> Result<(), Failure> {
    let mut settings = Settings {
        rounds: 5,
        clips: 150,
        heard: 150,
        anomalies: 25,
        epochs: 10,
        seed: 0,
        near: false,
    };
    let (mut path, mut machines) = (None, Vec::new());
    for arg in std::env::args().skip(1) {
        match arg.split_once('=') {
            Some(("rounds", n)) => settings.rounds = n.parse()?,
            Some(("clips", n)) => settings.clips = n.parse()?,
            Some(("heard", n)) => settings.heard = n.parse()?,
            Some(("anomalies", n)) => settings.anomalies = n.parse()?,
            Some(("epochs", n)) => settings.epochs = n.parse()?,
            Some(("seed", n)) => settings.seed = n.parse()?,
            Some(("near", n)) => settings.near = n.parse()?,
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
        for (section, Found { sizes: t, autoencoder: a, mahalanobis: m, .. }) in &found {
            println!(
                "  \"{section}\": {{ fault: {:.3}, mark_db: {:.3}, spread_db: {}, shift_db: {:.3}, jitter: {:.4}, calm: {:.3}, reach: {:.3} }}  \
                 # {:.0} / {:.0}, {:.0} / {:.0}",
                t.fault,
                t.mark_db,
                t.spread_db,
                t.shift_db,
                t.jitter,
                t.calm,
                t.reach,
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
# The calibration of the twin, made by `examples/calibrate_twin`: no figures of the paper, and none by hand but `spread_db`.
# For each section the sizes that `Tuning` (src/twin/body.rs) and `Calibration` explain. Behind them the AUC in % that
# the calibration saw: autoencoder source / target, Mahalanobis distance on GWRP source / target.";

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
    let start = |section: &Section| mimii_dg::calibration(machine, &section.id.section);
    let mut searches: Vec<Search> = sections
        .iter()
        .map(|section| Some(Search { next: start(section)?, best: None, hope: None }))
        .collect::<Option<_>>()
        .ok_or("a section without a calibration")?;
    for round in 0..=settings.rounds {
        let heard = sections
            .iter()
            .zip(&searches)
            .map(|(section, search)| section.normals(&search.next, &detectors))
            .collect::<Result<Vec<_>, _>>()?;
        let some = heard.iter().flat_map(|(heard, _)| first(heard, settings.heard));
        let autoencoder = fit(detectors.autoencoder.member(), some, false)?;
        for ((section, search), heard) in sections.iter().zip(&mut searches).zip(&heard) {
            let name = &section.id.section;
            let goal = goals.get(&(machine.to_owned(), name.clone())).ok_or("no goal")?;
            let fitted = Fitted::new(section, &detectors, &autoencoder, heard, *goal)?;
            let found = fitted.seek_faults(search.next)?;
            let guess = fitted.seek_shift(found)?;
            let word = if found.is_better(search.best) { "" } else { " (no better)" };
            eprintln!(
                "{machine} {name} round {round}{word}: {} {:?}\n  then perhaps {} {:?}",
                found.said(),
                found.sizes,
                guess.said(),
                guess.sizes
            );
            search.learn(found, guess);
            search.go_on(round, settings.near, &mut rng);
        }
    }
    // A hope is better than the best, and no round was left to try it.
    let best = searches.into_iter().filter_map(|search| search.hope.or(search.best));
    Ok(names.into_iter().cloned().zip(best).collect())
}

/// The search of a section.
struct Search {
    /// The sizes of the next round.
    next: Calibration,
    best: Option<Found>,
    /// The best promise of sizes that no round has begun with.
    hope: Option<Found>,
}

impl Search {
    fn learn(&mut self, found: Found, guess: Found) {
        if self.hope.is_some_and(|hope| hope.sizes == self.next) {
            self.hope = None;
        }
        if found.is_better(self.best) {
            self.best = Some(found);
        }
        if guess.is_better(self.hope.or(self.best)) {
            self.hope = Some(guess);
        }
    }

    fn go_on(&mut self, round: usize, near: bool, rng: &mut Rng) {
        let from = self.hope.or(self.best).map_or(self.next, |found| found.sizes);
        self.next = match JITTERS.get(round) {
            _ if near => from,
            Some(jitter) => Calibration { jitter: *jitter, ..from },
            None if self.hope.is_some() => from,
            None => {
                let jitter = from.jitter * (1.0 + 0.3 * rng.normal()).max(0.2);
                Calibration { jitter: jitter.min(0.1), ..from }
            }
        };
    }
}

/// Both detectors, fitted to the normal clips of a section.
struct Fitted<'a> {
    section: &'a Section,
    detectors: &'a Detectors,
    autoencoder: &'a Tensors,
    mahalanobis: Tensors,
    power: f64,
    /// Of the autoencoder and the Mahalanobis distance, by domain: scores of the normal test clips.
    normal: [[Vec<f64>; 2]; 2],
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
        let mut fitted = Self {
            section,
            detectors,
            autoencoder,
            mahalanobis,
            power: *power,
            normal: Default::default(),
            goal,
        };
        fitted.normal = fitted.scores(normals)?.map(|scores| by_domain(normals, &scores));
        Ok(fitted)
    }

    /// The scores of both detectors.
    fn scores(&self, heard: &[Heard]) -> Result<[Vec<f64>; 2], Failure> {
        Ok([
            score(self.detectors.autoencoder.member(), self.autoencoder, heard, false)?,
            score(self.detectors.mahalanobis.member(), &self.mahalanobis, heard, true)?,
        ])
    }

    fn found(&self, sizes: Calibration, normal: &[[Vec<f64>; 2]; 2]) -> Result<Found, Failure> {
        let heard = self.section.anomalies(&sizes, self.power, self.detectors)?;
        let anomalous = self.scores(&heard)?;
        let autoencoder = area(&normal[0], &anomalous[0]);
        let mahalanobis = area(&normal[1], &anomalous[1]);
        let loss = self.goal.loss(autoencoder, mahalanobis, FAR);
        Ok(Found { sizes, autoencoder, mahalanobis, loss })
    }

    /// The sizes of the faults, exactly.
    fn seek_faults(&self, start: Calibration) -> Result<Found, Failure> {
        let at = |from: Calibration, (fault, mark): (f64, f64)| {
            let fault = (from.fault * fault).clamp(0.02, 4.0);
            let mark_db = (from.mark_db * mark).clamp(0.1, 15.0);
            self.found(Calibration { fault, mark_db, ..from }, &self.normal)
        };
        descend(at(start, (1.0, 1.0))?, STEPS[0], at)
    }

    /// What concerns the target, with detectors that were trained on other clips of it.
    fn seek_shift(&self, first: Found) -> Result<Found, Failure> {
        let seek = |from: Found| {
            descend(from, STEPS[1], |from, (a, b)| {
                let shift_db = (from.shift_db.max(0.2) * a).clamp(0.0, 6.0);
                let calm = (from.calm * b).clamp(0.05, 3.0);
                self.found_anew(Calibration { shift_db, calm, ..from })
            })
        };
        let mut best = seek(first)?;
        if self.section.has_reach()? {
            for reach in REACHES.into_iter().filter(|reach| *reach != first.sizes.reach) {
                let found = seek(self.found_anew(Calibration { reach, ..first.sizes })?)?;
                if found.is_better(Some(best)) {
                    best = found;
                }
            }
        }
        Ok(best)
    }

    /// With other normal clips of the target's test, too.
    fn found_anew(&self, sizes: Calibration) -> Result<Found, Failure> {
        let targets = self.section.targets(&sizes, self.power, self.detectors)?;
        let mut normal = self.normal.clone();
        for (normal, scores) in normal.iter_mut().zip(self.scores(&targets)?) {
            normal[1] = scores;
        }
        self.found(sizes, &normal)
    }
}

/// From the best pair of sizes to its neighbours, which differ by a factor. The factors get smaller
/// where no neighbour is better. A pair with a better neighbour on one side is not tried on the
/// other.
fn descend(
    mut best: Found,
    most: usize,
    at: impl Fn(Calibration, (f64, f64)) -> Result<Found, Failure>,
) -> Result<Found, Failure> {
    let (mut step, mut tried) = (2.5f64, 0);
    while tried < most && step > 1.15 {
        let mut moved = false;
        for [one, other] in [[(1.0, 1.0 / step), (1.0, step)], [(1.0 / step, 1.0), (step, 1.0)]] {
            for factors in [one, other] {
                let found = at(best.sizes, factors)?;
                tried += 1;
                if found.loss < best.loss {
                    best = found;
                    moved = true;
                    break;
                }
            }
        }
        if !moved {
            step = step.sqrt();
        }
    }
    Ok(best)
}

impl Found {
    fn is_better(&self, than: Option<Found>) -> bool {
        than.is_none_or(|than| self.loss < than.loss)
    }

    /// The AUC of both detectors, source and target.
    fn said(&self) -> String {
        let Found { autoencoder: a, mahalanobis: m, loss, .. } = self;
        format!(
            "{:.1} / {:.1}, {:.1} / {:.1}, loss {loss:.0}",
            a.source, a.target, m.source, m.target
        )
    }
}
