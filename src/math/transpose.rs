//! Turns rows into columns.

use super::Vector;

/// Writes `V::SQUARE` rows of `V::SQUARE` numbers, `from_step` apart, as columns `to_step` apart.
#[inline(always)]
pub fn transpose<V: Vector>(
    from: &[V::Element],
    from_step: usize,
    to: &mut [V::Element],
    to_step: usize,
) {
    let last = V::SQUARE - 1;
    assert!(last * from_step + last < from.len() && last * to_step + last < to.len());
    // SAFETY: the last number of the last row and of the last column are within the slices.
    unsafe { V::transpose(from.as_ptr(), from_step, to.as_mut_ptr(), to_step) }
}
