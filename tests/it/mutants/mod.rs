//! Hostile executions: mutants of good recordings, specs, sheets, models and caches, made from
//! fixed seeds.
//!
//! The law for each of them: no panic, no signal, no hang, bounded memory, and no wrong report with
//! exit code 0. What a right report is, each group finds out for itself by other means than the
//! program's own.
//!
//! ```sh
//! cargo test --release --test it mutants                                                      # a few hundred of each
//! HUMSHIFT_MUTANTS=100000 cargo test --release --test it mutants -- --nocapture               # half an hour or more
//! HUMSHIFT_MUTANTS=wav:17 cargo test --release --test it mutants -- --nocapture               # the one of a seed
//! ```
//!
//! A mutant that breaks the law is written to `target/mutants/GROUP-SEED/`.

mod engine;
mod faults;
mod jobs;
mod mutate;
mod peers;
mod program;
mod records;
mod scores;
mod settings;
mod small;
mod tables;
mod wav;
mod weights;
mod yaml;
