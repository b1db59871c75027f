//! Which pixels of a convolution use which: the lines that the depthwise loops run along.

use super::Window;

type Pairs = Vec<(usize, usize)>;

/// Neighbouring destinations of one row with the same weights.
pub struct Line {
    /// Start of the first destination in its row, and the number of destinations.
    pub first: usize,
    pub count: usize,
    /// (start of the weight, start of the source that the first destination uses with it), ordered
    /// by kernel row, then by source.
    pub taps: Pairs,
    /// Number of taps of one kernel row; their sources are neighbours.
    pub wide: usize,
}

/// The source pixels of every destination pixel, with their weights.
pub struct Sight {
    pub channels: usize,
    /// Numbers in a destination row.
    pub row: usize,
    /// Pixels between two destinations of a line, and between their sources.
    pub step: usize,
    pub source_step: usize,
    /// One list for each destination row.
    pub lines: Vec<Vec<Line>>,
}

impl Sight {
    /// The sight of the output pixels or, with `back`, of the input pixels.
    pub fn new(window: Window, channels: usize, back: bool) -> Sight {
        let seen = |axis, at| {
            let mut taps = if back { window.seeing(axis, at) } else { window.seen_by(axis, at) };
            taps.sort_by_key(|tap| tap.1);
            taps
        };
        let (from, to) =
            if back { (window.output, window.input) } else { (window.input, window.output) };
        // Destinations `step` apart use sources `source_step` apart with the same weights.
        let (step, source_step) = if back { (window.stride[1], 1) } else { (1, window.stride[1]) };
        // (first, count, pairs of kernel column and source column).
        let mut runs: Vec<(usize, usize, Pairs)> = Vec::new();
        for phase in 0..step {
            let mut open = false;
            for at in (phase..to[1]).step_by(step) {
                let taps = seen(1, at);
                match runs.last_mut() {
                    Some((_, count, same))
                        if open
                            && same.iter().map(|tap| tap.0).eq(taps.iter().map(|tap| tap.0)) =>
                    {
                        *count += 1
                    }
                    _ => runs.push((at, 1, taps)),
                }
                open = true;
            }
        }
        let line = |at: usize, (first, count, columns): &(usize, usize, Pairs)| {
            let mut taps = Vec::new();
            for (a, r) in seen(0, at) {
                let tap = |(b, s): &(usize, usize)| {
                    ((a * window.kernel[1] + b) * channels, (r * from[1] + s) * channels)
                };
                taps.extend(columns.iter().map(tap));
            }
            Line { first: first * channels, count: *count, taps, wide: columns.len().max(1) }
        };
        let lines = (0..to[0]).map(|at| runs.iter().map(|run| line(at, run)).collect()).collect();
        Sight { channels, row: to[1] * channels, step, source_step, lines }
    }
}
