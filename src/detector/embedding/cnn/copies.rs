//! Several networks of one kind as one: trained from different seeds, their embeddings side by side.
//! Nearest neighbours of such an embedding depend less on the seed than those of one network's.

use ndarray::{Array2, Axis, concatenate};

use super::super::part;
use crate::artifact::Tensors;
use crate::context::Context;
use crate::detector::DetectorError;

/// The most networks of one embedding.
pub const MOST: usize = 64;

/// One network is what it was before there could be several, so its key stays.
pub fn is_one(copies: &usize) -> bool {
    *copies == 1
}

/// The tensors of each network, under its number if there are several. The first has the seed of
/// a single network.
pub fn fit(
    copies: usize,
    cx: &Context,
    train: impl Fn(&Context) -> Result<Tensors, DetectorError>,
) -> Result<Tensors, DetectorError> {
    let mut model = Tensors::default();
    for copy in 0..copies {
        let seed = match copy {
            0 => cx.seed,
            _ => cx.seed.derive(&["copy", &copy.to_string()]),
        };
        let network = train(&Context { seed, ..*cx })?;
        model.0.extend(
            network.0.into_iter().map(|(name, x)| (format!("{}{name}", prefix(copy, copies)), x)),
        );
    }
    Ok(model)
}

/// The embeddings of all networks, (clips, copies * dims).
pub fn embed(
    copies: usize,
    model: &Tensors,
    one: impl Fn(&Tensors) -> Result<Array2<f32>, DetectorError>,
) -> Result<Array2<f32>, DetectorError> {
    if copies == 1 {
        return one(model);
    }
    let all = (0..copies).map(|copy| one(&part(model, &prefix(copy, copies))));
    let all = all.collect::<Result<Vec<_>, _>>()?;
    let views: Vec<_> = all.iter().map(Array2::view).collect();
    Ok(concatenate(Axis(1), &views).expect("each network embeds the same clips"))
}

fn prefix(copy: usize, copies: usize) -> String {
    if copies == 1 { String::new() } else { format!("{copy}/") }
}
