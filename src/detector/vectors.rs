//! The vectors of clips as one checked matrix, for detectors of vectors.

use std::borrow::Cow;

use ndarray::{Array2, Axis};

use super::{DetectorError, Examples};

/// One row per training clip, (clips, dims). Errors: no clips, and the errors of [`test`].
pub(super) fn train(examples: &Examples) -> Result<Array2<f32>, DetectorError> {
    let first = examples.features.first().ok_or(DetectorError::NoClips)?;
    test(examples, first.ncols())
}

/// The vectors of training clips without a copy, for detectors that read them once: copying them to
/// a matrix would take as long. Errors: as [`train`].
pub(super) fn train_rows<'a>(
    examples: &Examples<'a>,
) -> Result<Vec<Cow<'a, [f32]>>, DetectorError> {
    let dims = examples.features.first().ok_or(DetectorError::NoClips)?.ncols();
    (0..examples.features.len()).map(|i| row(examples, i, dims)).collect()
}

/// One row per clip, (clips, dims). Errors, with the name of the clip: more or fewer rows than one,
/// other dims than `dims`, and values that are NaN or infinite, which would give meaningless
/// scores.
pub(super) fn test(examples: &Examples, dims: usize) -> Result<Array2<f32>, DetectorError> {
    let mut values = Vec::with_capacity(examples.features.len() * dims);
    for i in 0..examples.features.len() {
        values.extend_from_slice(&row(examples, i, dims)?);
    }
    Ok(Array2::from_shape_vec((examples.features.len(), dims), values).expect("dims values a clip"))
}

/// The vector of one clip.
fn row<'a>(
    examples: &Examples<'a>,
    i: usize,
    dims: usize,
) -> Result<Cow<'a, [f32]>, DetectorError> {
    let features = examples.features[i];
    let wrong = |why: String| {
        let clip = examples
            .clips
            .get(i)
            .map_or_else(|| format!("number {i}"), |clip| format!("`{}`", clip.id));
        DetectorError::Data(format!("clip {clip}: {why}"))
    };
    if features.nrows() != 1 {
        return Err(wrong(format!("{} frames instead of one pooled vector", features.nrows())));
    }
    if features.ncols() != dims {
        return Err(wrong(format!(
            "a vector of {} values, but the training clips have {dims}",
            features.ncols()
        )));
    }
    let row = features.index_axis_move(Axis(0), 0);
    let row = row.to_slice().map_or_else(|| Cow::Owned(row.to_vec()), Cow::Borrowed);
    // Checks all values together, which the compiler makes fast. A bad value is rare.
    if !row.iter().fold(true, |finite, x| finite & x.is_finite()) {
        let at = row.iter().position(|x| !x.is_finite()).expect("one is not");
        return Err(wrong(format!("value {at} of its vector is {}", row[at])));
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn vectors_that_do_not_fit_are_refused_with_their_clip() {
        let (good, long, bad) =
            (array![[1.0, 2.0]], array![[1.0, 2.0], [3.0, 4.0]], array![[0.0, f32::NAN]]);
        let of = |features: &[&Array2<f32>]| {
            let features = features.iter().map(|f| f.view()).collect();
            train(&Examples { clips: Vec::new(), features }).map_err(|e| e.to_string())
        };
        assert_eq!(of(&[&good, &good]).unwrap(), array![[1.0, 2.0], [1.0, 2.0]]);
        assert_eq!(of(&[]).unwrap_err(), "there are no normal training clips");
        assert_eq!(
            of(&[&good, &long]).unwrap_err(),
            "clip number 1: 2 frames instead of one pooled vector"
        );
        assert_eq!(of(&[&good, &bad]).unwrap_err(), "clip number 1: value 1 of its vector is NaN");
        let wide = array![[1.0, 2.0, 3.0]];
        assert!(
            of(&[&good, &wide]).unwrap_err().contains("3 values, but the training clips have 2")
        );
    }
}
