//! Unfolds images to matrices (im2col) and sums them back (col2im).

use super::Window;

/// Numbers unfolded at a time, about: 256 KiB.
const SPREAD: usize = 1 << 16;

/// The input as a matrix with one row per output pixel: all input values under its window, with
/// zeros outside the image.
pub struct Spread {
    window: Window,
    channels: usize,
}

impl Spread {
    pub fn new(window: Window, channels: usize) -> Spread {
        Spread { window, channels }
    }

    /// Numbers of one row.
    pub fn depth(&self) -> usize {
        self.window.taps() * self.channels
    }

    /// Rows of the output (not pixels) unfolded at a time.
    pub fn block(&self) -> usize {
        (SPREAD / (self.window.output[1] * self.depth())).max(1)
    }

    /// Fills `columns` from the output row `first` on, counted through all examples.
    pub fn fill(&self, x: &[f32], first: usize, columns: &mut [f32]) {
        self.visit(first, columns.len(), |to, from| match from {
            Some(from) => {
                let (to, from) = (&mut columns[to.clone()], &x[from..from + to.len()]);
                to.copy_from_slice(from);
            }
            None => columns[to].fill(0.0),
        });
    }

    /// Adds `columns` back to the places that [`Self::fill`] reads.
    pub fn gather(&self, columns: &[f32], first: usize, x: &mut [f32]) {
        self.visit(first, columns.len(), |to, from| {
            if let Some(from) = from {
                let into = &mut x[from..from + to.len()];
                into.iter_mut().zip(&columns[to]).for_each(|(into, column)| *into += column);
            }
        });
    }

    /// Calls `act` with every contiguous part of the matrix and its start in the input; `None`
    /// outside the image.
    #[inline(always)]
    fn visit(
        &self,
        first: usize,
        length: usize,
        mut act: impl FnMut(std::ops::Range<usize>, Option<usize>),
    ) {
        let Window { input, output, kernel, stride, pad } = self.window;
        let c = self.channels;
        let span = kernel[1] * c;
        let mut at = 0;
        for row in first..first + length / (output[1] * self.depth()) {
            let (example, row) = (row / output[0], row % output[0]);
            for column in 0..output[1] {
                // The part of the kernel's columns that lies within the image.
                let left = column * stride[1];
                let low = pad[1].saturating_sub(left).min(kernel[1]);
                let high = (input[1] + pad[1]).saturating_sub(left).clamp(low, kernel[1]);
                for a in 0..kernel[0] {
                    let seen =
                        (row * stride[0] + a).checked_sub(pad[0]).filter(|seen| *seen < input[0]);
                    match seen.filter(|_| low < high) {
                        Some(seen) => {
                            let pixel =
                                (example * input[0] + seen) * input[1] + left + low - pad[1];
                            if low > 0 {
                                act(at..at + low * c, None);
                            }
                            act(at + low * c..at + high * c, Some(pixel * c));
                            if high < kernel[1] {
                                act(at + high * c..at + span, None);
                            }
                        }
                        None => act(at..at + span, None),
                    }
                    at += span;
                }
            }
        }
    }
}
