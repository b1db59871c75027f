//! Signals for the tests of this room.

/// Numbers that look drawn: the middle bits of a linear congruential generator.
pub fn noise(mut state: u64, length: usize) -> Vec<f32> {
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / 16_777_216.0 - 0.5
    };
    (0..length).map(|_| 0.3 * next()).collect()
}
