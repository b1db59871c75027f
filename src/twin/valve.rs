//! Solenoid valves that let air through on a schedule: clicks, puffs and hisses, and near silence
//! between them.
//!
//! - To open, the magnet draws the plunger against its stop. To close, a spring sets it on the
//!   softer seat. Each is a strike (Hertz: the harder the bodies, the shorter the contact, the more
//!   high frequencies) that rings in the modes of the valve's body. Each also lets out a puff of
//!   air: turbulence in the gap, noise of a wide spectrum that dies away within some hundredths of
//!   a second as the line empties.
//! - While the valve is open, air flows with a faint noise.
//! - `pat`, or `v1pat` and `v2pat` for two valves (`no` for one that rests), chooses the schedule.
//!   A recording begins anywhere in it.
//! - `panel` names the closed panels of the box around the valves: see [`Panel`].
//!
//! The faults are three effects of dirt (MIMII DG speaks of contamination of several kinds).
//! `contamination`: particles on the seat soften some strikes, ring when they are hit, make the
//! plunger bounce, and rattle in the flow. `sticking`: a gummed plunger scrapes and moves late,
//! breaks loose with a harder strike, tilts against its sleeve, or does not move at all. `leak`:
//! the seat does not seal at once, and air whistles through the gap after closing. All of them last
//! some milliseconds or hundredths of a second and spare most actuations, so means over time hardly
//! show them.

use super::Scene;
use super::panel::Panel;
use super::sound::{Mode, Sound, strike, within};
use crate::math;
use crate::seed::{Rng, Seed};

pub const FAULTS: &[&str] = &["contamination", "sticking", "leak"];

/// The samples of a recording.
pub fn render(scene: &Scene) -> Result<Vec<f32>, String> {
    let panel = Panel::new(scene)?;
    let valves = valves(scene)?;
    let mut sound = scene.sound();
    // A fault has its own random numbers, so the recording without it stays the same.
    let mut luck = scene.clip.derive(&["valve", "fault"]).rng();
    let broken = luck.below(valves.len().max(1));
    let count = valves.len().max(1) as f64;
    for (i, (unit, schedule)) in valves.into_iter().enumerate() {
        let share = if i == broken { 1.0 } else { 0.0 };
        let fault = FAULTS.iter().map(|name| share * scene.fault(name)).collect::<Vec<_>>();
        let tempo = scene.pace();
        valve(&mut sound, (unit, schedule), tempo, (fault[0], fault[1], fault[2]), &mut luck);
    }
    panel.close(&mut sound);
    // With two valves, the recording gain is lower.
    let gain = 0.3 / count.sqrt() * sound.between(0.8, 1.2);
    Ok(sound.finish(gain))
}

/// Seconds open and seconds closed, in turn.
type Schedule = &'static [(f64, f64)];

/// The schedule of a pattern.
fn schedule(attribute: &str, pattern: &str) -> Result<Schedule, String> {
    Ok(match pattern {
        // Even.
        "00" => &[(0.55, 0.55)],
        // Quick, with a rest after eight.
        "01" => &[
            (0.2, 0.25),
            (0.2, 0.25),
            (0.2, 0.25),
            (0.2, 0.25),
            (0.2, 0.25),
            (0.2, 0.25),
            (0.2, 0.25),
            (0.2, 1.6),
        ],
        // Long open, short closed.
        "02" => &[(0.9, 0.35)],
        // Short open, in ever shorter intervals.
        "03" => &[(0.3, 2.2), (0.3, 1.5), (0.3, 1.0), (0.3, 0.6)],
        // In pairs.
        "04" => &[(0.15, 0.25), (0.15, 0.95)],
        // Long and short.
        "05" => &[(0.8, 0.4), (0.25, 0.4)],
        other => {
            return Err(format!("`{attribute}` is `{other}`, not one of 00, 01, 02, 03, 04, 05"));
        }
    })
}

/// The working valves, each with the seed of its body.
fn valves(scene: &Scene) -> Result<Vec<(Seed, Schedule)>, String> {
    let bodies = [("v1pat", scene.unit), ("v2pat", scene.unit.derive(&["valve", "2"]))];
    let two = bodies.iter().any(|(name, _)| scene.attributes.contains_key(*name));
    let bodies = if two { bodies } else { [("pat", scene.unit), ("v2pat", scene.unit)] };
    let mut valves = Vec::new();
    for (i, (name, unit)) in bodies.into_iter().enumerate() {
        // A single valve has a schedule even without an attribute.
        match scene.word(name, if two || i == 1 { "no" } else { "00" }) {
            "no" => {}
            pattern => valves.push((unit, schedule(name, pattern)?)),
        }
    }
    Ok(valves)
}

/// Adds one valve's sound. `fault` holds the sizes of contamination, sticking and leak.
fn valve(
    sound: &mut Sound,
    (unit, schedule): (Seed, Schedule),
    tempo: f64,
    fault: (f64, f64, f64),
    luck: &mut Rng,
) {
    let (contamination, sticking, leak) = fault;
    let unit = &mut unit.rng();
    let (rate, samples) = (sound.rate, sound.samples.len());
    let seat = within(unit, 0.3, 0.6);
    let (puff_open, puff_close) = (within(unit, 0.2, 0.5), within(unit, 0.8, 1.2));
    let mut gas = Gas::new(samples);
    let noise = sound.noise(0.0);
    let (mut strikes, mut ticks) = (vec![0.0; samples], vec![0.0; samples]);

    let tempo = tempo * rate * sound.between(0.985, 1.015);
    let period: f64 = schedule.iter().map(|(open, closed)| open + closed).sum();
    let mut time = -period * sound.rng.uniform();
    'recording: loop {
        for &(open, closed) in schedule {
            let missed = luck.uniform() < 0.1 * sticking;
            for opens in [true, false] {
                let mut at = time * tempo + sound.between(-0.004, 0.004) * rate;
                time += if opens { open } else { closed };
                let mut size = sound.between(0.75, 1.25) * if opens { 1.0 } else { seat };
                let puff = sound.between(0.8, 1.2) * if opens { puff_open } else { puff_close };
                // A steel stop is hard, a rubber seat soft.
                let mut contact = if opens { 0.00006 } else { 0.00012 };
                if missed {
                    continue;
                }
                if luck.uniform() < 0.35 && sticking > 0.0 {
                    let late = within(luck, 0.01, 0.05) * sticking * rate;
                    gas.scrape(at, late, 0.03 * sticking, luck);
                    at += late;
                    size *= 1.0 + 0.3 * sticking;
                    strike(&mut ticks, at, 0.7 * sticking * within(luck, 0.6, 1.4), 0.00004 * rate);
                }
                if luck.uniform() < 0.35 && contamination > 0.0 {
                    size /= 1.0 + 0.4 * contamination;
                    contact += 0.0002 * contamination;
                    let bounce = within(luck, 0.012, 0.035) * rate;
                    strike(&mut strikes, at + bounce, 0.4 * size * contamination, 0.00008 * rate);
                    strike(
                        &mut ticks,
                        at,
                        0.8 * contamination * within(luck, 0.6, 1.4),
                        0.00004 * rate,
                    );
                    for _ in 0..if opens { 3 } else { 0 } {
                        let after = within(luck, 0.04, 0.2) * rate;
                        strike(
                            &mut ticks,
                            at + after,
                            0.06 * contamination * luck.uniform(),
                            0.00004 * rate,
                        );
                    }
                }
                if !opens && luck.uniform() < 0.4 && leak > 0.0 {
                    gas.leak(
                        at,
                        within(luck, 0.008, 0.03) * rate,
                        0.27 * leak * within(luck, 0.6, 1.4),
                        luck,
                    );
                }
                strike(&mut strikes, at, size, contact * rate);
                strike(&mut gas.puff, at, puff, 0.004 * rate);
                // A flow that began before the recording is there from its first sample.
                if let Some(turn) = gas.flow.get_mut(at.max(0.0) as usize) {
                    *turn += if opens { 1.0 } else { -1.0 };
                }
            }
            if time * tempo > samples as f64 {
                break 'recording;
            }
        }
    }

    let ringing = sound.ring(
        &strikes,
        &modes(unit, &[900.0, 1500.0, 2200.0, 3100.0, 3900.0, 5100.0, 6000.0, 7000.0], 1.25),
    );
    sound.add(&ringing, 1.0);
    if contamination + sticking > 0.0 {
        let ticking = sound.ring(&ticks, &modes(luck, &[1900.0, 2700.0, 4500.0, 6500.0], 1.0));
        sound.add(&ticking, 1.0);
    }
    gas.blow(&noise, sound, unit, luck);
}

/// Modes near the nominal frequencies. Their gains sum to `loudness`.
fn modes(rng: &mut Rng, nominal: &[f64], loudness: f64) -> Vec<Mode> {
    let mut modes: Vec<Mode> = nominal
        .iter()
        .map(|hz| Mode {
            hz: hz * within(rng, 0.88, 1.12),
            bandwidth: within(rng, 20.0, 80.0),
            gain: within(rng, 0.1, 0.25),
        })
        .collect();
    let sum: f64 = modes.iter().map(|mode| mode.gain).sum();
    modes.iter_mut().for_each(|mode| mode.gain *= loudness / sum);
    modes
}

/// The loudness of air at each sample. Puffs and flow hold changes; the faults hold the values
/// themselves.
struct Gas {
    puff: Vec<f64>,
    flow: Vec<f64>,
    scrape: Vec<f64>,
    leak: Vec<f64>,
}

/// Samples between two settings of an unsteady noise, about 2 ms.
const SPUTTER: usize = 32;

impl Gas {
    fn new(samples: usize) -> Self {
        let silence = || vec![0.0; samples];
        Self { puff: silence(), flow: silence(), scrape: silence(), leak: silence() }
    }

    /// Adds the noise of a plunger that rubs for `length` samples.
    fn scrape(&mut self, at: f64, length: f64, size: f64, luck: &mut Rng) {
        fill(&mut self.scrape, at, length, |_| size * within(luck, 0.2, 1.8));
    }

    /// Adds the whistle of a gap until the seat has settled.
    fn leak(&mut self, at: f64, decay: f64, size: f64, luck: &mut Rng) {
        fill(&mut self.leak, at, 4.0 * decay, |after| {
            size * math::exp(-after / decay) * within(luck, 0.3, 1.7)
        });
    }

    /// Adds the sound that the air makes of this white noise.
    fn blow(self, noise: &[f64], sound: &mut Sound, unit: &mut Rng, luck: &mut Rng) {
        let times =
            |envelope: &[f64]| noise.iter().zip(envelope).map(|(x, y)| x * y).collect::<Vec<_>>();
        let fall = math::exp(-1.0 / (within(unit, 0.012, 0.024) * sound.rate));
        let turn = 1.0 - math::exp(-1.0 / (0.006 * sound.rate));
        let (mut puff, mut open, mut flow) = (0.0, 0.0, 0.0);
        let (mut puffs, mut flows) = (self.puff, self.flow);
        for ((noise, puffs), flows) in noise.iter().zip(&mut puffs).zip(&mut flows) {
            puff = fall * puff + *puffs;
            open += *flows;
            flow += turn * (open - flow);
            (*puffs, *flows) = (puff * noise, flow * noise);
        }
        let parts = [
            (&puffs, 2500.0, 2500.0, 0.25),
            (&puffs, 5500.0, 3500.0, 0.4),
            (&flows, 3200.0, 2800.0, 0.025),
        ];
        for (noise, hz, bandwidth, gain) in parts {
            let part = sound.resonate(noise, hz * within(unit, 0.85, 1.15), bandwidth);
            sound.add(&part, gain * within(unit, 0.85, 1.15));
        }
        for (envelope, hz, bandwidth) in
            [(&self.scrape, 2600.0, 1200.0), (&self.leak, 5600.0, 900.0)]
        {
            if envelope.iter().any(|x| *x != 0.0) {
                let part = sound.resonate(&times(envelope), hz * within(luck, 0.8, 1.2), bandwidth);
                sound.add(&part, 1.0);
            }
        }
    }
}

/// Adds to an envelope, block by block, the `size` of the samples since `at`.
fn fill(envelope: &mut [f64], at: f64, length: f64, mut size: impl FnMut(f64) -> f64) {
    let mut after = 0.0;
    while after < length {
        let value = size(after);
        let first = at + after;
        for i in 0..SPUTTER {
            if first + i as f64 >= 0.0
                && let Some(x) = envelope.get_mut((first + i as f64) as usize)
            {
                *x += value;
            }
        }
        after += SPUTTER as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    fn clip(
        text: &[(&str, &str)],
        fault: Option<(&str, f64)>,
        rate: f64,
        seconds: f64,
    ) -> Result<Vec<f32>, String> {
        testing::clip(render, text, fault, (rate, seconds), 8)
    }

    fn energy(samples: &[f32]) -> f64 {
        samples.iter().map(|x| f64::from(*x) * f64::from(*x)).sum()
    }

    /// Energies of a clip's parts of 50 ms, loudest first.
    fn loudest(samples: &[f32]) -> Vec<f64> {
        let mut energies: Vec<f64> = samples.chunks(800).map(energy).collect();
        energies.sort_by(|a, b| b.total_cmp(a));
        energies
    }

    #[test]
    fn nearly_all_energy_lies_in_a_tenth_of_the_time() {
        let samples = clip(&[("pat", "00")], None, 16_000.0, 10.0).unwrap();
        let energies = loudest(&samples);
        // Nine periods with two actuations of some 50 ms each. They may lie across a border.
        let clicks: f64 = energies[..40].iter().sum();
        assert!(clicks > 0.95 * energy(&samples), "{clicks} of {}", energy(&samples));
        let rms = (energy(&samples) / samples.len() as f64).sqrt();
        assert!((0.01..0.06).contains(&rms), "{rms}");
    }

    #[test]
    fn patterns_and_valves_actuate_as_often_as_they_say() {
        let count = |text: &[(&str, &str)]| {
            let energies = loudest(&clip(text, None, 16_000.0, 10.0).unwrap());
            energies.iter().filter(|x| **x > 0.02 * energies[0]).count()
        };
        let (even, quick) = (count(&[("pat", "00")]), count(&[("pat", "01")]));
        assert!(quick > even, "{quick} against {even}");
        let (one, two) = (count(&[("v1pat", "04")]), count(&[("v1pat", "04"), ("v2pat", "05")]));
        assert!(two > one, "{two} against {one}");
        assert_eq!(
            clip(&[("v1pat", "04"), ("v2pat", "no")], None, 8000.0, 1.0),
            clip(&[("v1pat", "04")], None, 8000.0, 1.0)
        );
        assert_ne!(
            clip(&[("v2pat", "05")], None, 8000.0, 2.0),
            clip(&[("v1pat", "05")], None, 8000.0, 2.0)
        );
    }

    #[test]
    fn faults_are_sparse_and_leave_the_rest_alone() {
        let normal = clip(&[], None, 16_000.0, 10.0).unwrap();
        for fault in FAULTS {
            assert_eq!(
                clip(&[], Some((fault, 0.0)), 16_000.0, 10.0).unwrap(),
                normal,
                "{fault} of size 0"
            );
            let faulty = clip(&[], Some((fault, 1.0)), 16_000.0, 10.0).unwrap();
            let difference: Vec<f32> = faulty.iter().zip(&normal).map(|(x, y)| x - y).collect();
            let energies = loudest(&difference);
            let all: f64 = energies.iter().sum();
            assert!(all > 0.02 * energy(&normal), "{fault} adds {all}");
            let few: f64 = energies[..30].iter().sum();
            assert!(few > 0.9 * all, "{fault}: {few} of {all}");
        }
    }

    #[test]
    fn any_rate_and_length_works() {
        for (rate, seconds) in [(4000.0, 0.1), (11_025.0, 1.3), (48_000.0, 0.5)] {
            for fault in FAULTS {
                let text = [("v1pat", "04"), ("v2pat", "05"), ("panel", "bs-c")];
                let samples = clip(&text, Some((fault, 1.5)), rate, seconds).unwrap();
                assert!(samples.iter().all(|x| x.is_finite() && x.abs() < 1.0));
            }
        }
    }

    #[test]
    fn unknown_words_are_refused() {
        let refused =
            |name: &str, value: &str| clip(&[(name, value)], None, 8000.0, 0.5).unwrap_err();
        assert_eq!(refused("pat", "06"), "`pat` is `06`, not one of 00, 01, 02, 03, 04, 05");
        assert_eq!(refused("v2pat", "x"), "`v2pat` is `x`, not one of 00, 01, 02, 03, 04, 05");
        assert!(refused("panel", "shut").starts_with("`panel` is `shut`"));
    }
}
