use super::testing::results;
use super::*;

#[test]
fn only_what_all_have_is_compared() {
    let made = results(
        "detector",
        &[
            ("a", "0", &[Some(0.5), Some(0.6), None]),
            ("b", "0", &[Some(0.5), Some(0.7), None]),
            ("c", "0", &[Some(0.5), None, None]),
        ],
    );
    let found = made.systems(None, By::Official).unwrap();
    assert_eq!(found.sections, [("fan", "00"), ("fan", "01")]);
    assert_eq!(found.systems.iter().map(System::label).collect::<Vec<_>>(), ["a", "b"]);
    let notes = [
        "left out, no system has the number `official` there: fan 02",
        "left out, without the number `official` of every section: c",
    ];
    assert_eq!(found.notes, notes);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let one = results("detector.knn.k", &[("1", "0", &[Some(0.5)]), ("1", "1", &[Some(0.6)])]);
    assert_eq!(
        one.systems(Some("k"), By::Official).unwrap_err(),
        Incomparable::OneSystem(Vec::new())
    );
    let error = one.systems(Some("seed"), By::Official).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.hint().as_str()),
        ("`seed` is swept, but results are averaged over it", "name a setting: detector.knn.k")
    );
    let none = results("detector", &[("a", "0", &[None]), ("b", "0", &[None])]);
    assert_eq!(
        none.systems(None, By::AucTarget).unwrap_err(),
        Incomparable::NoNumbers("auc_target")
    );
}

#[test]
fn points_without_the_axis_are_left_out() {
    let mut made = results(
        "k",
        &[("1", "0", &[Some(0.5)]), ("2", "0", &[Some(0.6)]), ("3", "0", &[Some(0.6)])],
    );
    made.points[2].settings.remove("k");
    assert_eq!(
        made.systems(Some("k"), By::Official).unwrap().notes,
        ["points left out because they have no `k`: 1"]
    );
    assert_eq!(made.systems(None, By::Official).unwrap().systems.len(), 3);
}

#[test]
fn values_of_an_axis_are_compared_over_the_same_other_settings() {
    let of = |points: &[(&str, &str, &str, f64)]| {
        let numbers: Vec<[Option<f64>; 1]> = points.iter().map(|point| [Some(point.3)]).collect();
        let plain: Vec<(&str, &str, &[Option<f64>])> = points
            .iter()
            .zip(&numbers)
            .map(|(point, number)| (point.0, point.2, number.as_slice()))
            .collect();
        let mut made = results("detector", &plain);
        made.axes.push("mels".into());
        for (made, point) in made.points.iter_mut().zip(points) {
            made.settings.insert("mels".into(), point.1.into());
        }
        made
    };
    // `b` lacks the hard setting and has one more seed.
    let mut made = of(&[
        ("a", "8", "0", 0.6),
        ("a", "16", "0", 0.2),
        ("b", "8", "0", 0.5),
        ("b", "8", "1", 0.9),
    ]);
    let found = made.systems(Some("detector"), By::AucSource).unwrap();
    let values: Vec<f64> = found
        .systems
        .iter()
        .flat_map(|s| &s.points)
        .map(|p| p.1[0][0].flatten().unwrap())
        .collect();
    assert_eq!(values, [0.6, 0.5]);
    assert_eq!(
        found.notes,
        ["points left out, not every system has one with the same other settings: 2"]
    );
    // A setting that only one of them has does not count.
    for point in &mut made.points[..2] {
        let mels = point.settings.remove("mels").unwrap();
        point.settings.insert("detector.a.k".into(), mels);
    }
    let found = made.systems(Some("detector"), By::AucSource).unwrap();
    assert_eq!(found.systems.iter().map(|s| s.points.len()).collect::<Vec<_>>(), [2, 1]);

    let nothing = of(&[("a", "8", "0", 0.6), ("b", "16", "0", 0.5)]);
    let error = nothing.systems(Some("detector"), By::AucSource).unwrap_err();
    assert_eq!(error, Incomparable::NothingShared { axis: "detector".into() });
    assert_eq!(nothing.systems(None, By::AucSource).unwrap().systems.len(), 2);
}

#[test]
fn a_last_word_of_two_paths_is_ambiguous() {
    let mut made =
        results("detector.gmm.components", &[("1", "0", &[Some(0.5)]), ("2", "0", &[Some(0.6)])]);
    made.axes.extend(["detector.nmf.components".to_owned(), "generalization.draw".to_owned()]);
    let error = made.systems(Some("components"), By::Official).unwrap_err().to_string();
    assert_eq!(
        error,
        "`components` could be `detector.gmm.components` or `detector.nmf.components`"
    );
    assert!(made.systems(Some("detector.gmm.components"), By::Official).is_ok());
    let error = made.systems(Some("draw"), By::Official).unwrap_err();
    assert!(matches!(error, Incomparable::Repetition { .. }), "{error}");
    made.axes.clear();
    assert_eq!(
        made.systems(Some("seed"), By::Official).unwrap_err().to_string(),
        "`seed` is not swept"
    );
}
