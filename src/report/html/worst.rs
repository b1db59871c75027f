//! The clips that were judged worst, with their spectrograms: anomalies below the normals, normals
//! above the anomalies.

use std::fmt::Write;

use ndarray::Array2;

use super::super::axis::Axis;
use super::super::image::{Scale, png};
use super::super::scale::number;
use super::super::svg::Svg;
use super::judged::{Chosen, Judged, ScoredClip};
use super::left_out;
use super::plot::short;
use super::sheet::Section;
use crate::document::Document;

/// So many clips of either kind are shown.
const EACH: usize = 4;
/// A spectrogram with more frames than this is shown as means of neighbouring ones.
const FRAMES: usize = 640;

const WIDTH: f64 = 224.0;
const HEIGHT: f64 = 104.0;

/// A clip that was judged badly.
#[derive(Clone, Debug, PartialEq)]
pub struct Pick {
    /// Numbers of its section and of the clip in it.
    pub section: usize,
    pub clip: usize,
    /// The part of the other kind of clips of its section that stand on the wrong side of it.
    pub wrong: f64,
}

/// A clip with what was heard of it.
#[derive(Clone, Debug)]
pub struct Heard {
    pub pick: Pick,
    /// Values in dB, (frames, bins).
    pub matrix: Array2<f32>,
    pub time: Axis,
    pub frequency: Axis,
}

/// The worst missed anomalies, then the worst false alarms, over all sections, by their rank among
/// the clips of the other kind: scores of different sections cannot be compared.
pub fn worst(sections: &[Judged]) -> Vec<Pick> {
    let of = |anomalous: bool| {
        let mut picks: Vec<Pick> = Vec::new();
        for (number, section) in sections.iter().enumerate() {
            let others = section.scores(!anomalous, None);
            for (clip, found) in
                section.clips.iter().enumerate().filter(|(_, clip)| clip.anomalous == anomalous)
            {
                let is_wrong = |other: &&f64| {
                    if anomalous { **other > found.score } else { **other < found.score }
                };
                let wrong =
                    others.iter().filter(is_wrong).count() as f64 / others.len().max(1) as f64;
                picks.push(Pick { section: number, clip, wrong });
            }
        }
        picks.retain(|pick| pick.wrong > 0.0);
        picks.sort_by(|a, b| b.wrong.total_cmp(&a.wrong));
        picks.truncate(EACH);
        picks
    };
    [of(true), of(false)].concat()
}

pub(super) fn section(chosen: &Chosen) -> Option<Section> {
    if chosen.sections.is_empty() {
        return None;
    }
    let picks = worst(&chosen.sections);
    let mut body = String::new();
    if picks.is_empty() {
        let text = "No clip was judged worse than one of the other kind: every anomaly scores above every normal clip.";
        body.push_str(&Document::default().text(text).html());
    }
    let scale = Scale::of(chosen.heard.iter().map(|heard| heard.matrix.view()));
    for (anomalous, title) in [(true, "Missed anomalies"), (false, "False alarms")] {
        let own: Vec<&Pick> =
            picks.iter().filter(|pick| clip(chosen, pick).anomalous == anomalous).collect();
        if own.is_empty() {
            continue;
        }
        body.push_str(&Document::default().heading(3, title).html());
        body.push_str("<div class=\"plots\">\n");
        for pick in own {
            let heard = chosen.heard.iter().find(|heard| heard.pick == *pick);
            let picture = heard.map(|heard| spectrogram(chosen, heard, scale)).unwrap_or_default();
            let _ = writeln!(
                body,
                "<figure class=\"clip\">{picture}{}</figure>",
                caption(chosen, pick)
            );
        }
        body.push_str("</div>\n");
    }
    body.push_str(&left_out(&chosen.unheard));
    if !chosen.heard.is_empty() {
        let text = format!(
            "The spectrograms share one scale: the darkest colour is {} dB or less, the lightest {} dB or more.",
            number(scale.low),
            number(scale.high)
        );
        body.push_str(&Document::default().text(text).html());
    }
    Some(Section::new("worst", "Worst clips", "Clips that were judged worst", body))
}

fn clip<'a>(chosen: &'a Chosen, pick: &Pick) -> &'a ScoredClip {
    &chosen.sections[pick.section].clips[pick.clip]
}

fn caption(chosen: &Chosen, pick: &Pick) -> String {
    let (section, clip) = (&chosen.sections[pick.section], clip(chosen, pick));
    let kind = if clip.anomalous { "anomalous" } else { "normal" };
    let wrong = match clip.anomalous {
        true => format!("{:.0} % of the normal clips score higher", 100.0 * pick.wrong),
        false => format!("{:.0} % of the anomalous clips score lower", 100.0 * pick.wrong),
    };
    let decision = match section.threshold {
        None => String::new(),
        Some(limit) if clip.score > limit => ", called anomalous".into(),
        Some(_) => ", called normal".into(),
    };
    let title = format!("{} {}, {kind}", section.title(), clip.domain).replace(" ,", ",");
    let text = format!("score {}{decision}: {wrong}", short(clip.score));
    let html = crate::shown::html;
    let name = clip.name.rsplit('/').next().unwrap_or(&clip.name);
    format!(
        "<figcaption><b>{}</b><br>{}<br><code title=\"{}\">{}</code></figcaption>",
        html(&title),
        html(&text),
        html(&clip.name),
        html(name)
    )
}

fn spectrogram(chosen: &Chosen, heard: &Heard, scale: Scale) -> String {
    let (left, top) = (46.0, 6.0);
    let name = &clip(chosen, &heard.pick).name;
    let mut svg =
        Svg::page(left + WIDTH + 12.0, top + HEIGHT + 36.0, &format!("Spectrogram of {name}"));
    svg.image(left, top, WIDTH, HEIGHT, &png(narrow(&heard.matrix).view(), scale));
    for (at, label) in &heard.frequency.marks {
        let y = top + HEIGHT * (1.0 - at / heard.frequency.cells as f64);
        svg.line((left - 4.0, y), (left, y));
        svg.text(left - 7.0, y + 4.0, "end", "class=\"mark\"", label);
    }
    for (at, label) in &heard.time.marks {
        let x = left + WIDTH * at / heard.time.cells as f64;
        svg.line((x, top + HEIGHT), (x, top + HEIGHT + 4.0));
        svg.text(x, top + HEIGHT + 16.0, "middle", "class=\"mark\"", label);
    }
    svg.upright(12.0, top + HEIGHT / 2.0, &heard.frequency.title);
    svg.text(left + WIDTH / 2.0, top + HEIGHT + 31.0, "middle", "", &heard.time.title);
    svg.finish()
}

/// A matrix with not more frames than a page shows.
fn narrow(matrix: &Array2<f32>) -> Array2<f32> {
    let every = matrix.nrows().div_ceil(FRAMES).max(1);
    if every == 1 {
        return matrix.clone();
    }
    Array2::from_shape_fn((matrix.nrows().div_ceil(every), matrix.ncols()), |(frame, bin)| {
        let frames = matrix.column(bin);
        let part = frames.iter().skip(frame * every).take(every);
        let count = part.len() as f32;
        part.sum::<f32>() / count
    })
}
