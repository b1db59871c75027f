//! Who sees whom in a convolution: the lines that the depthwise loops run along.

use super::Window;

type Pairs = Vec<(usize, usize)>;

/// Neighbouring destinations of one row that see the source alike.
pub struct Line {
    /// Where the first of them starts in its row, and how many there are.
    pub first: usize,
    pub count: usize,
    /// (where the weight starts, where the source starts that the first destination sees through
    /// it), by kernel row and within that by source.
    pub taps: Pairs,
    /// Taps of one kernel row, which see neighbouring sources.
    pub wide: usize,
}

/// Which source pixels every destination pixel sees, and through which weight.
pub struct Sight {
    pub channels: usize,
    /// Numbers of a destination row.
    pub row: usize,
    /// Pixels from one destination of a line to the next, and between what they see.
    pub step: usize,
    pub source_step: usize,
    /// By destination row.
    pub lines: Vec<Vec<Line>>,
}

impl Sight {
    /// The sight of the output pixels, or `back` from the input pixels.
    pub fn new(window: Window, channels: usize, back: bool) -> Sight {
        let seen = |axis, at| {
            let mut taps = if back { window.seeing(axis, at) } else { window.seen_by(axis, at) };
            taps.sort_by_key(|tap| tap.1);
            taps
        };
        let (from, to) =
            if back { (window.output, window.input) } else { (window.input, window.output) };
        // Destinations `step` apart see sources `source_step` apart through the same weights.
        let (step, source_step) = if back { (window.stride[1], 1) } else { (1, window.stride[1]) };
        // (first, how many, what they see), each pair of which is (column of the kernel, column of
        // the source).
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
