//! The motion of a carriage: strokes of trapezoid speed, as every servo drive plans them.
//!
//! The drive accelerates at the set acceleration, travels at the set speed, and slows down
//! likewise. On a rail too short for that, the trapezoid becomes a triangle of peak
//! sqrt(acceleration * length) (textbooks on motion control, e.g. Biagiotti and Melchiorri 2008,
//! section 3.2). The carriage lags behind the plan with the bandwidth of the position loop, which
//! rounds the corners off.

use std::f64::consts::TAU;

use super::sound::Sound;
use crate::math;

/// The plan of one stroke, in metres and seconds.
#[derive(Clone, Copy, Debug)]
pub struct Stroke {
    length: f64,
    /// The highest speed of the stroke, m/s.
    pub peak: f64,
    acceleration: f64,
    /// Time to reach the peak.
    ramp: f64,
    /// Time from rest to rest.
    duration: f64,
}

impl Stroke {
    pub fn new(length: f64, speed: f64, acceleration: f64) -> Self {
        let peak = speed.min((acceleration * length).sqrt());
        let ramp = peak / acceleration;
        Self { length, peak, acceleration, ramp, duration: length / peak + ramp }
    }

    /// Planned speed at a time of the stroke, in m/s; 0 before and after.
    pub fn speed(&self, time: f64) -> f64 {
        (self.acceleration * time.min(self.duration - time)).clamp(0.0, self.peak)
    }

    /// Share of the stroke done at a time, 0..1.
    pub fn done(&self, time: f64) -> f64 {
        let left = self.duration - time;
        let end = |time: f64| 0.5 * self.acceleration * time.max(0.0) * time.max(0.0);
        let way = if time < self.ramp {
            end(time)
        } else if left < self.ramp {
            self.length - end(left)
        } else {
            end(self.ramp) + self.peak * (time - self.ramp)
        };
        way / self.length
    }

    /// The times at which the acceleration jumps.
    pub fn corners(&self) -> [f64; 4] {
        [0.0, self.ramp, self.duration - self.ramp, self.duration]
    }
}

/// The motion of the carriage through a recording. The vectors have one entry per sample.
pub struct Motion {
    /// m/s, never negative.
    pub speed: Vec<f64>,
    /// The place of the carriage, 0..1 along the rail.
    pub place: Vec<f64>,
    /// The loudness of the present stroke: it differs by direction and from stroke to stroke.
    pub level: Vec<f64>,
    /// Samples at which the acceleration jumps, with the size of the jump in m/s².
    pub corners: Vec<(f64, f64)>,
}

impl Motion {
    /// Strokes until the recording ends, from a random time in the first one.
    ///
    /// `back` is the loudness of the way back relative to the way there. Speeds vary by a percent
    /// between recordings and half a percent between strokes. The rests at the ends vary by some
    /// tens of milliseconds.
    pub fn new(sound: &mut Sound, plan: Stroke, back: f64) -> Self {
        let samples = sound.samples.len();
        let mut motion = Self {
            speed: Vec::with_capacity(samples),
            place: Vec::with_capacity(samples),
            level: Vec::with_capacity(samples),
            corners: Vec::new(),
        };
        let (speed, acceleration) = (sound.between(0.99, 1.01), sound.between(0.98, 1.02));
        let mut forward = sound.rng.uniform() < 0.5;
        let mut time = sound.rng.uniform() * plan.duration;
        // Two poles of 12 Hz stand for the position loop.
        let follow = 1.0 - math::exp(-TAU * 12.0 / sound.rate);
        let mut lag = [plan.speed(time); 2];
        while motion.speed.len() < samples {
            let peak = plan.peak * speed * sound.between(0.995, 1.005);
            let stroke = Stroke::new(plan.length, peak, plan.acceleration * acceleration);
            let level = sound.between(0.88, 1.12) * if forward { 1.0 } else { back };
            let end = stroke.duration + sound.between(0.0, 0.06);
            let start = motion.speed.len() as f64 - time * sound.rate;
            for corner in stroke.corners() {
                motion.corners.push((start + corner * sound.rate, stroke.acceleration));
            }
            while time < end && motion.speed.len() < samples {
                lag[0] += follow * (stroke.speed(time) - lag[0]);
                lag[1] += follow * (lag[0] - lag[1]);
                let done = stroke.done(time);
                motion.speed.push(lag[1]);
                motion.place.push(if forward { done } else { 1.0 - done });
                motion.level.push(level);
                time += 1.0 / sound.rate;
            }
            time = 0.0;
            forward = !forward;
        }
        motion
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn the_way_is_the_integral_of_the_speed() {
        for plan in [Stroke::new(0.57, 0.5, 3.0), Stroke::new(0.57, 2.0, 0.5)] {
            let steps = 10_000;
            let step = plan.duration / steps as f64;
            let mut way = 0.0;
            for i in 0..steps {
                let time = (i as f64 + 0.5) * step;
                assert!((plan.done(time) * 0.57 - way).abs() < 1e-3, "at {time} s");
                way += plan.speed(time) * step;
            }
            assert!((way - 0.57).abs() < 1e-4, "{way} m");
        }
    }

    #[test]
    fn a_short_rail_makes_a_triangle() {
        let plan = Stroke::new(0.5, 2.0, 0.5);
        assert!((plan.peak - 0.5).abs() < 1e-12);
        assert!((plan.duration - 2.0).abs() < 1e-12);
        assert!((plan.speed(1.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_carriage_stays_on_its_rail_and_turns_in_time() {
        let mut sound = Sound::new(8000.0, 80_000, Seed(3).rng());
        let plan = Stroke::new(0.57, 0.8, 2.0);
        let motion = Motion::new(&mut sound, plan, 0.8);
        assert!(motion.place.iter().all(|p| (0.0..=1.0).contains(p)));
        assert!(motion.speed.iter().all(|v| (0.0..0.82).contains(v)));
        // One corner in four begins a stroke: 10 s of strokes of 1.11 s and rests of up to 0.06 s.
        assert!((9..=11).contains(&(motion.corners.len() / 4)), "{}", motion.corners.len());
    }
}
