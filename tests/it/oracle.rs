//! Where the real recordings and published results are, if they are here at all.

use std::path::PathBuf;

/// The folder of real data: `HUMSHIFT_TEST_DATA`, or `../shared/data` beside the checkout. Where
/// there is none the test `name` says that it is skipped.
pub fn data(name: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("HUMSHIFT_TEST_DATA").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {name}: no ../shared/data");
    None
}
