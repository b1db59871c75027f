use super::*;

fn clip(id: &str, domain: Option<Domain>, label: Option<Label>, attribute: Option<&str>) -> Clip {
    Clip {
        id: id.into(),
        machine: "fan".into(),
        section: "00".into(),
        domain,
        split: Split::Test,
        label,
        attributes: attribute.iter().map(|v| ("vel".to_owned(), (*v).to_owned())).collect(),
    }
}

fn rows(clips: Vec<(Clip, f64)>) -> Vec<(String, String, Option<f64>, String)> {
    let scores = Scores(clips.iter().map(|(c, s)| (c.id.clone(), *s)).collect());
    let set = ClipSet::new(clips.into_iter().map(|(c, _)| c).collect());
    let table = table(&set, &scores, &Known::default(), &MetricsSpec::default()).unwrap();
    let short = |r: MetricRow| {
        let what = [r.metric, r.attribute, r.value_of_attribute].join(" ");
        (what.trim_end().to_owned(), r.domain, r.value, r.missing)
    };
    table.rows.into_iter().map(short).collect()
}

const SOURCE: Option<Domain> = Some(Domain::Source);
const TARGET: Option<Domain> = Some(Domain::Target);
const NORMAL: Option<Label> = Some(Label::Normal);
const ANOMALY: Option<Label> = Some(Label::Anomaly);

#[test]
fn anomalies_of_both_domains_count_for_each_domain() {
    let rows = rows(vec![
        (clip("a", SOURCE, NORMAL, Some("4")), 1.0),
        (clip("b", SOURCE, NORMAL, Some("8")), 3.0),
        (clip("c", TARGET, NORMAL, Some("8")), 5.0),
        (clip("d", SOURCE, ANOMALY, Some("9")), 2.0),
        (clip("e", TARGET, ANOMALY, Some("4")), 4.0),
    ]);
    let row = |what: &str, domain: &str, value| {
        (what.to_owned(), domain.to_owned(), Some(value), String::new())
    };
    assert_eq!(rows[..2], [row("auc", "source", 0.75), row("auc", "target", 0.0)]);
    assert_eq!((rows[2].0.as_str(), rows[2].1.as_str()), ("pauc", ""));
    assert_eq!(rows[3..5], [row("auc vel 4", "source", 1.0), row("auc vel 8", "", 0.25)]);
    assert_eq!(rows[5].3, "no normals with vel 9");
}

#[test]
fn what_is_missing_is_said() {
    let reasons = |clips| rows(clips).into_iter().map(|r| r.3).collect::<Vec<_>>();
    let normal = || (clip("a", SOURCE, NORMAL, None), 1.0);
    let anomaly = || (clip("b", TARGET, ANOMALY, None), 2.0);
    assert_eq!(reasons(vec![normal(), anomaly()]), ["", "no target normals", ""]);
    assert_eq!(reasons(vec![normal()]), ["no anomalies"; 3]);
    assert_eq!(reasons(vec![anomaly()]), ["no source normals", "no target normals", "no normals"]);
    assert_eq!(reasons(vec![(clip("c", None, None, None), 1.0)]), ["no labels"; 2]);
    let train = Clip { split: Split::Train, ..normal().0 };
    // The training clips name the domains that lack test clips.
    assert_eq!(reasons(vec![(train.clone(), 1.0)]), ["no test clips"; 3]);
    assert_eq!(reasons(vec![(train, 1.0), (clip("c", None, None, None), 1.0)]), ["no labels"; 3]);
    let plain = Clip { split: Split::Train, ..clip("a", None, NORMAL, None) };
    assert_eq!(reasons(vec![(plain, 1.0)]), ["no test clips"; 2]);
}

#[test]
fn data_without_domains_has_one_area() {
    let rows =
        rows(vec![(clip("a", None, NORMAL, None), 1.0), (clip("b", None, ANOMALY, None), 2.0)]);
    assert_eq!(rows[0], ("auc".into(), String::new(), Some(1.0), String::new()));
    assert_eq!(rows.len(), 2);
}

#[test]
fn attributes_that_split_nothing_or_everything_give_no_rows() {
    let many = |values: usize| {
        let normals = (0..70).map(|i| {
            (clip(&format!("n{i}"), SOURCE, NORMAL, Some(&(i % values).to_string())), 1.0)
        });
        rows(normals.chain([(clip("x", SOURCE, ANOMALY, None), 2.0)]).collect()).len() - 3
    };
    assert_eq!((many(1), many(2), many(64), many(65)), (0, 2, 64, 0));
}

#[test]
fn clips_without_a_usable_score_are_named() {
    let set = ClipSet::new(vec![clip("fan/x.wav", SOURCE, None, None)]);
    let error = |scores: &[(String, f64)]| {
        let scores = Scores(scores.iter().cloned().collect());
        table(&set, &scores, &Known::default(), &MetricsSpec::default()).unwrap_err().to_string()
    };
    assert_eq!(error(&[]), "test clip `fan/x.wav` has no score");
    assert_eq!(
        error(&[("fan/x.wav".into(), f64::NAN)]),
        "the score of test clip `fan/x.wav` is NaN, which has no rank"
    );
}

#[test]
fn rates_out_of_range_are_problems() {
    let spec = |pauc| MetricsSpec { pauc, ..MetricsSpec::default() };
    assert_eq!(spec(Some(1.5)).problems()[0].field, "pauc");
    assert_eq!(spec(Some(f64::NAN)).problems().len(), 1);
    assert!(spec(Some(1.0)).problems().is_empty() && spec(None).problems().is_empty());
}
