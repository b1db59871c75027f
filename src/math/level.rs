//! Finds what the processor can do and runs a loop in the widest form that it can.

use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use super::lanes::{Avx2, Avx512};
use super::lanes::{Lanes, Portable};

/// Sets of vector instructions, from the narrowest to the widest. They give the same bits at
/// different speeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Any processor. Without the instruction, fused multiply-adds are emulated, which takes tens
    /// of times as long.
    Portable,
    /// x86-64 with AVX2 and FMA: 256 bits.
    Avx2,
    /// x86-64 with AVX-512 (F, BW, CD, DQ, VL): 512 bits.
    Avx512,
}

/// A loop that is written once for all levels.
pub trait Kernel {
    type Output;

    /// Must be `#[inline(always)]`, and so must everything it calls in its loops. Otherwise the
    /// compiler does not know which vectors it may use there.
    fn run<L: Lanes>(self) -> Self::Output;
}

/// An environment variable that holds a process and its children to a narrower level, by name. For
/// tests and measurements.
pub const ENVIRONMENT: &str = "HUMSHIFT_LEVEL";

impl Level {
    pub const ALL: [Level; 3] = [Level::Portable, Level::Avx2, Level::Avx512];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Level::Portable => "portable",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    /// The level with that name.
    pub fn named(name: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.name() == name)
    }

    /// The widest level that this processor has, or the level that the environment variable
    /// [`ENVIRONMENT`] names if that is narrower.
    pub fn best() -> Level {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| {
            #[expect(
                clippy::disallowed_methods,
                reason = "it changes no result, and child processes must see it, too"
            )]
            let asked = std::env::var(ENVIRONMENT).ok().and_then(|name| Level::named(&name));
            asked.map_or_else(detect, |asked| asked.min(detect()))
        })
    }

    /// All levels that this processor has.
    pub fn available() -> impl Iterator<Item = Level> {
        Level::ALL.into_iter().filter(|level| *level <= Level::best())
    }

    /// The level that loops run at.
    #[inline]
    pub fn current() -> Level {
        #[cfg(test)]
        if let Some(level) = testing::forced() {
            return level;
        }
        Level::best()
    }

    /// How many numbers fit in a vector of this level. The processor must have the level.
    pub fn lanes<T>(self) -> usize {
        let bytes = if self == Level::Avx512 { 64 } else { 32 };
        bytes / size_of::<T>()
    }

    /// Runs a kernel at this level, or at the best available one if the processor lacks it.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma")]
            fn on_avx512<K: Kernel>(kernel: K) -> K::Output {
                kernel.run::<Avx512>()
            }
            #[target_feature(enable = "avx2,fma")]
            fn on_avx2<K: Kernel>(kernel: K) -> K::Output {
                kernel.run::<Avx2>()
            }
            match self.min(Level::best()) {
                // SAFETY: `best` found all the features named above.
                Level::Avx512 => return unsafe { on_avx512(kernel) },
                // SAFETY: as above.
                Level::Avx2 => return unsafe { on_avx2(kernel) },
                Level::Portable => {}
            }
        }
        kernel.run::<Portable>()
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match (avx2, avx512) {
        (true, true) => Level::Avx512,
        (true, false) => Level::Avx2,
        _ => Level::Portable,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Level {
    Level::Portable
}

/// Defines functions whose plain loops are compiled for every level and run at the current one. A
/// program built for any x86-64 would leave the loops at four lanes. All levels give the same bits,
/// because the compiler contracts and reorders nothing. Not for loops with `mul_add`: those are
/// kernels.
macro_rules! vectorized {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $body:block)*) => {$(
        $(#[$meta])*
        $vis fn $name($($arg: $type),*) {
            #[inline(always)]
            fn body($($arg: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma")]
                fn on_avx512($($arg: $type),*) {
                    body($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn on_avx2($($arg: $type),*) {
                    body($($arg),*)
                }
                match $crate::math::Level::current() {
                    // SAFETY: the current level is always one that the processor has.
                    $crate::math::Level::Avx512 => return unsafe { on_avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::math::Level::Avx2 => return unsafe { on_avx2($($arg),*) },
                    $crate::math::Level::Portable => {}
                }
            }
            body($($arg),*)
        }
    )*};
}
pub(crate) use vectorized;

#[cfg(test)]
pub mod testing {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Level;

    static FORCED: AtomicUsize = AtomicUsize::new(usize::MAX);

    pub fn forced() -> Option<Level> {
        Level::ALL.get(FORCED.load(Ordering::Relaxed)).copied()
    }

    /// The results of `run` with all threads at one level, for each available level. Other tests
    /// that run meanwhile are at that level too, which changes nothing for them.
    pub fn at_every_level<T>(run: impl Fn() -> T) -> Vec<(Level, T)> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let at = |level: Level| {
            FORCED.store(level as usize, Ordering::Relaxed);
            let result = (level, run());
            FORCED.store(usize::MAX, Ordering::Relaxed);
            result
        };
        Level::available().map(at).collect()
    }
}
