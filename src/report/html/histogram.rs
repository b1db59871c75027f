//! The scores of a section: a panel a domain, normal clips above its middle line, anomalous ones
//! below it.

use super::super::scale::{Scale, number};
use super::super::svg::Svg;
use super::judged::Judged;
use super::plot::{Frame, short};

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 84.0;
const BINS: usize = 30;

pub(super) fn histogram(section: &Judged) -> String {
    let domains = section.domains();
    let scores = || section.clips.iter().map(|clip| clip.score);
    let scale = Scale::of(scores().chain(section.threshold));
    let count = |domain: &str, anomalous: bool| {
        let mut bins = [0usize; BINS];
        for score in section.scores(anomalous, Some(domain)) {
            bins[((scale.place(score) * BINS as f64) as usize).min(BINS - 1)] += 1;
        }
        bins
    };
    let panels: Vec<(&str, [usize; BINS], [usize; BINS])> =
        domains.iter().map(|domain| (*domain, count(domain, false), count(domain, true))).collect();
    let most =
        panels.iter().flat_map(|(_, a, b)| a.iter().chain(b)).copied().max().unwrap_or(1).max(1)
            as f64;
    let title = section.title();
    let top = 44.0;
    let bottom = top + (HEIGHT + 14.0) * panels.len() as f64 - 14.0;
    let mut svg = Svg::page(
        WIDTH + 60.0,
        bottom + 40.0,
        &format!("Scores of the clips of {title}, by domain and label"),
    );
    svg.name((46.0, 14.0), "start", "head", 34, &title);
    legend(&mut svg, section.threshold);
    for (panel, (domain, normals, anomalies)) in panels.iter().enumerate() {
        let frame = Frame {
            left: 46.0,
            top: top + (HEIGHT + 14.0) * panel as f64,
            width: WIDTH,
            height: HEIGHT,
        };
        let middle = frame.top + HEIGHT / 2.0;
        match panel + 1 == panels.len() {
            true => frame.below(&mut svg, &scale, axis(&scale), number),
            false => frame.across(&mut svg, &scale),
        }
        let height = |n: usize| n as f64 / most * (HEIGHT / 2.0 - 2.0);
        let width = WIDTH / BINS as f64;
        for (bin, (normal, anomaly)) in normals.iter().zip(anomalies).enumerate() {
            let left = frame.left + width * bin as f64;
            let size = |n: usize| (width - 1.0, height(n));
            if *normal > 0 {
                svg.bar(
                    "normal",
                    (left, middle - height(*normal)),
                    size(*normal),
                    &clips(*normal, domain, "normal"),
                );
            }
            if *anomaly > 0 {
                svg.bar(
                    "anomaly",
                    (left, middle),
                    size(*anomaly),
                    &clips(*anomaly, domain, "anomalous"),
                );
            }
        }
        svg.rule("axis", (frame.left, middle), (frame.right(), middle));
        if let Some(limit) = section.threshold {
            let x = frame.x(&scale, limit);
            svg.rule("limit", (x, frame.top), (x, frame.bottom()));
        }
        svg.upright(14.0, middle, if domain.is_empty() { "Clips" } else { domain });
        // The marks of the counts are those of the highest bar.
        svg.text(frame.left - 6.0, frame.top + 10.0, "end", "class=\"mark\"", &most.to_string());
        svg.text(frame.left - 6.0, frame.bottom(), "end", "class=\"mark\"", &most.to_string());
    }
    format!("<figure>{}</figure>\n", svg.finish())
}

fn axis(scale: &Scale) -> &'static str {
    if scale.logarithmic { "Anomaly score (logarithmic)" } else { "Anomaly score" }
}

fn clips(n: usize, domain: &str, label: &str) -> String {
    let clips = if n == 1 { "clip" } else { "clips" };
    format!("{n} {domain} {clips}, {label}").replace("  ", " ")
}

fn legend(svg: &mut Svg, threshold: Option<f64>) {
    svg.bar("normal", (46.0, 23.0), (10.0, 10.0), "");
    svg.text(60.0, 32.0, "start", "class=\"label\"", "normal (up)");
    svg.bar("anomaly", (136.0, 23.0), (10.0, 10.0), "");
    svg.text(150.0, 32.0, "start", "class=\"label\"", "anomalous (down)");
    if let Some(limit) = threshold {
        svg.rule("limit", (264.0, 22.0), (264.0, 34.0));
        svg.text(269.0, 32.0, "start", "class=\"label\"", &format!("threshold {}", short(limit)));
    }
}
