//! Maps of clips: similar clips are near each other, coloured by section or domain.
//!
//! The colours are those of Okabe and Ito (2008), which people with any colour vision can tell
//! apart. Their yellow is left out, because it is hardly visible on white. Domain and anomaly, the
//! most important properties, are also shown by shapes.

use std::collections::BTreeSet;

use super::svg::{Mark, Paper, Svg};

/// A clip on a map.
#[derive(Clone, Debug, PartialEq)]
pub struct MapPoint {
    /// Coordinates to the right and upwards, without a unit.
    pub place: (f64, f64),
    pub machine: String,
    pub section: String,
    /// `source` or `target`; empty without domains.
    pub domain: String,
    pub training: bool,
    /// `None` if unknown.
    pub anomalous: Option<bool>,
    /// The name of the clip.
    pub clip: String,
}

/// Clips of a machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClipMap {
    /// The label of the stage that made the vectors.
    pub label: String,
    /// How many of the clips are shown, and how they were placed.
    pub note: String,
    pub points: Vec<MapPoint>,
}

// Lengths in pixels of the SVG.
const SIDE: f64 = 420.0;
const LEFT: f64 = 12.0;
const ABOVE: f64 = 42.0;
const BELOW: f64 = 26.0;
/// The width of the legend, and the height of its lines.
const RIGHT: f64 = 150.0;
const LINE: f64 = 16.0;
/// The distance from the frame to the outermost points.
const MARGIN: f64 = 10.0;

const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
/// The colour of the shapes in the legend.
const GREY: &str = "#555555";
/// The opacity of training clips: they are many, and test clips must stay visible.
const PALE: f64 = 0.4;

/// The figure. Colours show sections if there are several, otherwise domains.
pub fn clip_map(map: &ClipMap) -> String {
    clip_map_on(Paper::White, map)
}

/// The figure on a page.
pub(super) fn clip_map_on(paper: Paper, map: &ClipMap) -> String {
    let sections: BTreeSet<&str> = map.points.iter().map(|point| point.section.as_str()).collect();
    let group = |point: &MapPoint| {
        if sections.len() > 1 { point.section.clone() } else { point.domain.clone() }
    };
    let groups: Vec<String> =
        map.points.iter().map(group).collect::<BTreeSet<_>>().into_iter().collect();
    let colour = |point: &MapPoint| {
        let number = groups.iter().position(|name| *name == group(point)).unwrap_or(0);
        colour_of(paper, number)
    };
    let kinds: BTreeSet<(Mark, String)> =
        map.points.iter().map(|point| (shape(point), words(point))).collect();
    let lines = (groups.len() + kinds.len() + 2) as f64;
    let height = (ABOVE + SIDE + BELOW).max(ABOVE + lines * LINE);
    let about = format!("Map of the clips of {}", map.label);
    let mut svg = Svg::on(paper, LEFT + SIDE + RIGHT, height, &about);
    svg.text(LEFT, 16.0, "start", "font-weight=\"bold\"", &map.label);
    svg.text(LEFT, 32.0, "start", "", &map.note);
    svg.frame(LEFT, ABOVE, SIDE, SIDE, "none");
    let place = places(&map.points);
    // Rare and important points are drawn last, on top.
    for anomalous in [false, true] {
        for point in map.points.iter().filter(|point| (point.anomalous == Some(true)) == anomalous)
        {
            svg.mark(
                place(point.place),
                shape(point),
                colour(point),
                if point.training { PALE } else { 1.0 },
            );
        }
    }
    let about = "Clips with similar vectors are near each other. Directions and far distances mean nothing.";
    svg.text(LEFT, ABOVE + SIDE + 17.0, "start", "", about);

    let grey = if paper == Paper::Page { "currentColor" } else { GREY };
    let (left, mut y) = (LEFT + SIDE + 18.0, ABOVE + 8.0);
    let mut line = |svg: &mut Svg, mark: Mark, colour: &str, opacity: f64, words: &str| {
        svg.mark((left, y), mark, colour, opacity);
        svg.text(left + 12.0, y + 4.0, "start", "", words);
        y += LINE;
    };
    for (number, name) in groups.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let words = if sections.len() > 1 { format!("section {name}") } else { name.clone() };
        line(&mut svg, Mark::Square, colour_of(paper, number), 1.0, &words);
    }
    for (mark, words) in &kinds {
        line(&mut svg, *mark, grey, 1.0, words);
    }
    if map.points.iter().any(|point| point.training) {
        line(&mut svg, Mark::Dot, grey, PALE, "pale: training clip");
    }
    svg.finish()
}

/// The colour of a group. Pages may be dark, where black is invisible.
fn colour_of(paper: Paper, number: usize) -> &'static str {
    match (COLOURS[number % COLOURS.len()], paper) {
        ("#000000", Paper::Page) => "currentColor",
        (colour, _) => colour,
    }
}

/// The shape of a point. A cross is an anomaly, an open shape is unknown, and an upright shape is
/// of the target domain.
fn shape(point: &MapPoint) -> Mark {
    match (point.anomalous, point.domain == "target") {
        (Some(false), false) => Mark::Dot,
        (Some(false), true) => Mark::Triangle,
        (Some(true), false) => Mark::Cross,
        (Some(true), true) => Mark::Plus,
        (None, false) => Mark::Ring,
        (None, true) => Mark::OpenTriangle,
    }
}

/// The meaning of a point's shape.
fn words(point: &MapPoint) -> String {
    let what = match point.anomalous {
        Some(false) => "normal",
        Some(true) => "anomaly",
        None => "not known",
    };
    if point.domain.is_empty() { what.to_owned() } else { format!("{what}, {}", point.domain) }
}

/// Converts coordinates of the map to the frame, with one scale for both axes and the map centred.
fn places(points: &[MapPoint]) -> impl Fn((f64, f64)) -> (f64, f64) {
    let extent = |of: fn(&MapPoint) -> f64| {
        let values = points.iter().map(of).filter(|value| value.is_finite());
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        })
    };
    let (x, y) = (extent(|point| point.place.0), extent(|point| point.place.1));
    let longest = (x.1 - x.0).max(y.1 - y.0);
    let scale =
        if longest > 0.0 && longest.is_finite() { (SIDE - 2.0 * MARGIN) / longest } else { 1.0 };
    let middle = |(low, high): (f64, f64)| if low <= high { low.midpoint(high) } else { 0.0 };
    let (x, y) = (middle(x), middle(y));
    move |place| {
        (LEFT + SIDE / 2.0 + scale * (place.0 - x), ABOVE + SIDE / 2.0 - scale * (place.1 - y))
    }
}

/// The places of all maps: `label,machine,section,domain,split,truth,clip,x,y`.
pub fn clip_map_csv(maps: &[ClipMap]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["label", "machine", "section", "domain", "split", "truth", "clip", "x", "y"];
    writer.write_record(header).expect("writing to memory");
    for map in maps {
        for point in &map.points {
            let truth = point
                .anomalous
                .map_or("", |anomalous| if anomalous { "anomaly" } else { "normal" });
            let split = if point.training { "train" } else { "test" };
            let (x, y) = (point.place.0.to_string(), point.place.1.to_string());
            let MapPoint { machine, section, domain, clip, .. } = point;
            writer
                .write_record([&map.label, machine, section, domain, split, truth, clip, &x, &y])
                .expect("writing to memory");
        }
    }
    String::from_utf8(writer.into_inner().expect("writing to memory")).expect("all of it was text")
}

#[cfg(test)]
mod tests {
    use super::super::svg::texts;
    use super::*;

    fn point(place: (f64, f64), section: &str, domain: &str, anomalous: Option<bool>) -> MapPoint {
        MapPoint {
            place,
            machine: "a<b".into(),
            section: section.into(),
            domain: domain.into(),
            training: anomalous.is_none(),
            anomalous,
            clip: "a<b/1.wav".into(),
        }
    }

    fn map(points: Vec<MapPoint>) -> ClipMap {
        ClipMap {
            label: "pooling/a<b & c".into(),
            note: "4 of 9 clips, perplexity 30".into(),
            points,
        }
    }

    #[test]
    fn a_map_of_several_sections_has_their_colours_and_the_shapes_of_domains() {
        let points = vec![
            point((-3.0, 0.0), "00", "source", Some(false)),
            point((3.0, 1.0), "00", "target", Some(true)),
            point((0.0, -1.0), "01", "target", Some(false)),
            point((1.0, 0.5), "01", "source", Some(true)),
            point((2.0, 0.5), "01", "source", None),
        ];
        insta::assert_snapshot!(clip_map(&map(points)));
    }

    #[test]
    fn one_section_is_coloured_by_domain() {
        let points = vec![
            point((0.0, 0.0), "00", "source", Some(false)),
            point((1.0, 1.0), "00", "target", Some(false)),
            point((1.0, 0.0), "00", "target", Some(true)),
        ];
        let svg = clip_map(&map(points));
        let texts = texts(&svg);
        for words in [
            "source",
            "target",
            "normal, source",
            "normal, target",
            "anomaly, target",
            "pooling/a&lt;b &amp; c",
        ] {
            assert_eq!(texts.iter().filter(|text| *text == words).count(), 1, "{words}: {texts:?}");
        }
        assert!(!texts.iter().any(|text| text.contains("section")), "{texts:?}");
    }

    #[test]
    fn odd_maps_are_drawn_as_far_as_they_can_be() {
        let same = vec![point((5.0, 5.0), "00", "", Some(false)); 3];
        for points in [Vec::new(), same] {
            let svg = clip_map(&map(points));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert!(texts(&svg).iter().any(|text| text.starts_with("Clips with similar vectors")));
        }
    }

    #[test]
    fn the_table_has_a_row_a_clip() {
        let csv = clip_map_csv(&[map(vec![point((0.5, -1.0), "00", "source", Some(true))])]);
        let expected = "label,machine,section,domain,split,truth,clip,x,y\n\
                        pooling/a<b & c,a<b,00,source,test,anomaly,a<b/1.wav,0.5,-1\n";
        assert_eq!(csv, expected);
    }
}
