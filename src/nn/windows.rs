//! Overlapping windows of consecutive frames, as views: a window is a contiguous part of a C-order
//! matrix.

use ndarray::Array1;

/// Every window of `window` frames, hop 1, over the matrices of several clips.
///
/// Nothing is copied: the windows of 1,000 clips of 10 s would take 0.8 GB, their features take
/// 0.16 GB.
pub struct Windows<'a> {
    clips: Vec<&'a [f32]>,
    /// Number of windows before each clip, and the total at the end.
    before: Vec<usize>,
    dims: usize,
    window: usize,
}

impl<'a> Windows<'a> {
    /// Windows over `clips`, each a C-order matrix of rows of `dims` values. A clip shorter than a
    /// window has none. Panics if `dims` or `window` is 0.
    pub fn new(clips: Vec<&'a [f32]>, dims: usize, window: usize) -> Self {
        assert!(dims > 0 && window > 0, "windows of {window} x {dims}");
        let mut before = vec![0];
        for clip in &clips {
            let windows = (clip.len() / dims + 1).saturating_sub(window);
            before.push(before[before.len() - 1] + windows);
        }
        Self { clips, before, dims, window }
    }

    /// Number of windows of all clips together.
    pub fn len(&self) -> usize {
        self.before[self.clips.len()]
    }

    /// Number of windows of the clips before `clip`.
    pub fn before(&self, clip: usize) -> usize {
        self.before[clip]
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of values in a window.
    pub fn width(&self) -> usize {
        self.dims * self.window
    }

    /// Window `i` of `0..len()`, clip after clip.
    pub fn get(&self, i: usize) -> &'a [f32] {
        let clip = self.before.partition_point(|&before| before <= i) - 1;
        let start = (i - self.before[clip]) * self.dims;
        &self.clips[clip][start..start + self.width()]
    }

    /// The mean of all windows, value by value.
    pub fn mean(&self) -> Array1<f32> {
        let mut sum = vec![0.0f64; self.width()];
        for i in 0..self.len() {
            sum.iter_mut().zip(self.get(i)).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        sum.iter().map(|sum| (sum / self.len() as f64) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_overlap_and_do_not_cross_clips() {
        let values: Vec<f32> = (0..18).map(|x| x as f32).collect();
        // Frames of 2 values: 5 frames, 1 frame, 3 frames; windows of 3 frames.
        let windows = Windows::new(vec![&values[..10], &values[10..12], &values[12..]], 2, 3);
        assert_eq!((windows.len(), windows.width()), (4, 6));
        assert_eq!(windows.get(1), &values[2..8]);
        assert_eq!(windows.get(3), &values[12..18]);
        assert_eq!((windows.before(1), windows.before(2)), (3, 3));
        assert_eq!(windows.mean().to_vec(), [5.5, 6.5, 7.5, 8.5, 9.5, 10.5].map(|x| x - 1.0));
    }
}
