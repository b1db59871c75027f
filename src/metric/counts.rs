//! Precision, recall and F1 from counted decisions, as in the official evaluators and
//! `sklearn.metrics`: 0 / 0 is 0.

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The share of anomalies among the clips decided as anomalies; 0 without such decisions.
pub fn precision(true_positives: u64, false_positives: u64) -> f64 {
    ratio(true_positives, true_positives + false_positives)
}

/// The share of the anomalies that were decided as anomalies; 0 without anomalies.
pub fn recall(true_positives: u64, false_negatives: u64) -> f64 {
    ratio(true_positives, true_positives + false_negatives)
}

/// The harmonic mean of precision and recall; 0 if both are 0. Computed from the two and not from
/// the counts, like the official evaluators: the last digit differs.
pub fn f1(true_positives: u64, false_positives: u64, false_negatives: u64) -> f64 {
    let (precision, recall) =
        (precision(true_positives, false_positives), recall(true_positives, false_negatives));
    if precision + recall == 0.0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_what_their_names_say() {
        assert_eq!((precision(3, 1), recall(3, 3), f1(3, 1, 3)), (0.75, 0.5, 0.6));
        assert_eq!((precision(0, 0), recall(0, 0), f1(0, 0, 0)), (0.0, 0.0, 0.0));
        // scikit-learn 1.9.1 gives 0.42; the evaluators' tables have this value.
        assert_eq!(f1(21, 29, 29), 0.41999999999999993);
        assert_eq!((precision(0, 4), recall(0, 4), f1(0, 4, 4)), (0.0, 0.0, 0.0));
    }
}
