//! ROC curves of a section, one a domain: its normal clips against all anomalies of the section, as
//! its AUC has it.

use super::super::scale::Scale;
use super::super::svg::Svg;
use super::judged::{Judged, colour};
use super::plot::{Frame, percent_mark};
use crate::metric::{self, Ties};
use crate::report::number::percent;

const SIDE: f64 = 190.0;

pub(super) fn roc(section: &Judged) -> String {
    let domains = section.domains();
    let frame = Frame { left: 50.0, top: 26.0, width: SIDE, height: SIDE };
    let title = section.title();
    let mut svg =
        Svg::page(frame.right() + 14.0, frame.bottom() + 40.0, &format!("ROC curves of {title}"));
    svg.name((frame.left, 14.0), "start", "head", 30, &title);
    let scale = Scale::linear(0.0, 1.0);
    frame.below(&mut svg, &scale, "False-positive rate (%)", percent_mark);
    frame.beside(&mut svg, &scale, "True-positive rate (%)", percent_mark);
    svg.rule("chance", (frame.left, frame.bottom()), (frame.right(), frame.top));
    let anomalies = section.scores(true, None);
    for (number, domain) in domains.iter().enumerate() {
        let normals = section.scores(false, Some(domain));
        let Some(curve) = metric::roc_curve(&normals, &anomalies) else { continue };
        let auc = metric::auc(&normals, &anomalies, Ties::Half).map(percent).unwrap_or_default();
        let points: Vec<(f64, f64)> =
            curve.iter().map(|(x, y)| (frame.x(&scale, *x), frame.y(&scale, *y))).collect();
        let name = if domain.is_empty() { "AUC".to_owned() } else { (*domain).to_owned() };
        let class = format!("line {}", colour(domain));
        svg.path(&class, &points, &format!("{title} {domain}: AUC {auc} %"));
        let y = frame.bottom() - 12.0 - 16.0 * (domains.len() - 1 - number) as f64;
        svg.path(&class, &[(frame.right() - 108.0, y - 4.0), (frame.right() - 92.0, y - 4.0)], "");
        svg.text(
            frame.right() - 88.0,
            y,
            "start",
            "class=\"label halo\"",
            &format!("{name} {auc}"),
        );
    }
    format!("<figure>{}</figure>\n", svg.finish())
}
