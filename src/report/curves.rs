//! Training curves: what a network's loss did from epoch to epoch, as a figure and as a table.

use std::collections::BTreeMap;

use super::axis::{label, round_numbers};
use super::svg::Svg;
use crate::math;

/// What one training tells of each of its epochs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainingCurve {
    /// The label of its stage, and of which of the models of the stage it is, if there are several.
    pub label: String,
    /// `loss`, `validation_loss`, `learning_rate` and so on: one value an epoch.
    pub metrics: BTreeMap<String, Vec<f64>>,
}

// Lengths in pixels of the SVG.
const LEFT: f64 = 64.0;
const WIDTH: f64 = 420.0;
const RIGHT: f64 = 120.0;
const ABOVE: f64 = 28.0;
const HEIGHT: f64 = 190.0;
/// The panel of the learning rate, which is of another size than losses, and what is above it.
const LOWER: f64 = 60.0;
const GAP: f64 = 14.0;
const BELOW: f64 = 40.0;
const MARK: f64 = 4.0;
/// What an axis is longer than its values at either end, as a part of it.
const MARGIN: f64 = 0.04;

const COLOURS: [&str; 4] = ["#1f4e9c", "#d1495b", "#2a7f62", "#8a5a00"];
const RATE: &str = "learning_rate";

/// The figure of one training: losses over epochs, and below them the learning rate. An axis is logarithmic where its
/// values span more than a factor of ten.
pub fn training_curve(training: &TrainingCurve) -> String {
    let (rates, losses): (BTreeMap<&String, &Vec<f64>>, BTreeMap<_, _>) =
        training.metrics.iter().partition(|(name, _)| *name == RATE);
    let panels = [(HEIGHT, "Loss", losses), (LOWER, "Rate", rates)];
    let panels = panels.into_iter().filter(|panel| !panel.2.is_empty());
    let heights: f64 = panels.clone().map(|panel| panel.0 + GAP).sum();
    let mut svg = Svg::new(LEFT + WIDTH + RIGHT, ABOVE + heights - GAP + BELOW);
    svg.text(LEFT, ABOVE - 10.0, "start", "font-weight=\"bold\"", &training.label);
    let epochs = training.metrics.values().map(Vec::len).max().unwrap_or(0);
    let x = |epoch: f64| match epochs {
        // One epoch stands in the middle.
        0 | 1 => LEFT + WIDTH / 2.0,
        n => LEFT + WIDTH * (epoch - 1.0) / (n as f64 - 1.0),
    };
    let (mut top, mut colours) = (ABOVE, COLOURS.iter().cycle());
    for (height, title, metrics) in panels {
        let scale = Scale::of(metrics.values().flat_map(|values| values.iter().copied()));
        let y = |value: f64| top + height * (1.0 - scale.place(value));
        svg.frame(LEFT, top, WIDTH, height, "none");
        for value in scale.marks() {
            svg.line((LEFT - MARK, y(value)), (LEFT, y(value)));
            svg.text(LEFT - MARK - 3.0, y(value) + 4.0, "end", "", &number(value));
        }
        let middle = top + height / 2.0;
        svg.text(14.0, middle, "middle", &format!("transform=\"rotate(-90 14 {middle})\""), title);
        for (line, (name, values)) in metrics.into_iter().enumerate() {
            let colour = colours.next().expect("they go round");
            let points: Vec<Option<(f64, f64)>> = (values.iter().enumerate())
                .map(|(i, value)| scale.shows(*value).then(|| (x(i as f64 + 1.0), y(*value))))
                .collect();
            svg.curve(&points, colour);
            let (left, at) = (LEFT + WIDTH + 8.0, top + 10.0 + 16.0 * line as f64);
            svg.curve(&[Some((left, at)), Some((left + 14.0, at))], colour);
            svg.text(left + 18.0, at + 4.0, "start", "", &name.replace('_', " "));
        }
        top += height + GAP;
    }
    let bottom = top - GAP;
    let mut marks = round_numbers(1.0, epochs as f64);
    marks.retain(|epoch| epoch.fract() == 0.0 && *epoch >= 1.0);
    if epochs == 1 {
        marks = vec![1.0];
    }
    for epoch in marks {
        svg.line((x(epoch), bottom), (x(epoch), bottom + MARK));
        svg.text(x(epoch), bottom + 16.0, "middle", "", &label(epoch));
    }
    svg.text(LEFT + WIDTH / 2.0, bottom + 32.0, "middle", "", "Epoch");
    svg.finish()
}

/// The values of all trainings: `label,epoch,metric,value`, epochs from 1.
pub fn training_csv(trainings: &[TrainingCurve]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["label", "epoch", "metric", "value"]).expect("writing to memory");
    for TrainingCurve { label, metrics } in trainings {
        for (metric, values) in metrics {
            for (i, value) in values.iter().enumerate() {
                let record = [label, &(i + 1).to_string(), metric, &value.to_string()];
                writer.write_record(record).expect("writing to memory");
            }
        }
    }
    String::from_utf8(writer.into_inner().expect("writing to memory")).expect("all of it was text")
}

/// From values to places on an axis.
struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return Self { low: 0.0, high: 1.0, logarithmic: false };
        }
        if low == high {
            let around = if low == 0.0 { 1.0 } else { 0.5 * low.abs() };
            return Self { low: low - around, high: high + around, logarithmic: false };
        }
        if low > 0.0 && high / low > 10.0 {
            let margin = math::powf(high / low, MARGIN);
            return Self { low: low / margin, high: high * margin, logarithmic: true };
        }
        let margin = MARGIN * (high - low);
        Self { low: low - margin, high: high + margin, logarithmic: false }
    }

    fn shows(&self, value: f64) -> bool {
        value.is_finite() && (self.low..=self.high).contains(&value)
    }

    /// 0 at the lower end, 1 at the upper one.
    fn place(&self, value: f64) -> f64 {
        match self.logarithmic {
            true => math::ln(value / self.low) / math::ln(self.high / self.low),
            false => (value - self.low) / (self.high - self.low),
        }
    }

    fn marks(&self) -> Vec<f64> {
        if !self.logarithmic {
            return round_numbers(self.low, self.high);
        }
        let powers = math::log10(self.low).floor() as i32..=math::log10(self.high).ceil() as i32;
        let of = |factors: &[f64]| -> Vec<f64> {
            let all = powers.clone().flat_map(|power| factors.iter().map(move |f| f * math::powi(10f64, power)));
            all.filter(|value| self.shows(*value)).collect()
        };
        let (fine, coarse) = (of(&[1.0, 2.0, 5.0]), of(&[1.0]));
        let mut marks = if fine.len() > 7 { coarse } else { fine };
        let every = marks.len().div_ceil(7).max(1);
        marks = marks.into_iter().step_by(every).collect();
        marks
    }
}

/// A number as short as it can be: `0.05`, `1e−7`.
fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e6).contains(&size) {
        return label(value);
    }
    // Two digits suffice for round numbers, and show nothing of what rounding left behind.
    let text = format!("{value:.1e}");
    text.replace(".0e", "e").replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::super::svg::texts;
    use super::*;

    fn training(label: &str, metrics: &[(&str, &[f64])]) -> TrainingCurve {
        let metrics = metrics.iter().map(|(name, values)| ((*name).to_owned(), values.to_vec())).collect();
        TrainingCurve { label: label.into(), metrics }
    }

    #[test]
    fn a_figure_has_its_label_its_axes_and_a_line_a_metric() {
        let metrics: &[(&str, &[f64])] = &[
            ("loss", &[400.0, 90.0, 30.0, 12.0, 9.0, 8.0]),
            ("validation_loss", &[410.0, 95.0, 40.0, 22.0, 20.0, 21.0]),
            ("learning_rate", &[1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4]),
        ];
        let svg = training_curve(&training("network/<fan>", metrics));
        let texts = texts(&svg);
        for words in ["network/&lt;fan&gt;", "loss", "validation loss", "learning rate", "Loss", "Rate", "Epoch"] {
            assert_eq!(texts.iter().filter(|text| *text == words).count(), 1, "{words}: {texts:?}");
        }
        // Losses over more than a decade have powers of ten, epochs are whole.
        for mark in ["10", "100", "1", "6", "0.001"] {
            assert!(texts.contains(&mark.to_owned()), "{mark}: {texts:?}");
        }
        assert_eq!(svg.matches("stroke-width=\"1.4\"").count(), 6, "a line and its sample a metric");
        let heights = |colour: &str| -> Vec<f64> {
            let line = svg.lines().find(|line| line.contains(colour)).expect("it is drawn");
            let path = line.split('"').nth(1).expect("a path").trim_start_matches('M').to_owned();
            path.split('L').map(|point| point.split_once(' ').expect("x and y").1.parse().expect("a number")).collect()
        };
        let loss = heights(COLOURS[0]);
        assert!(loss.len() == 6 && loss.is_sorted(), "a falling loss falls: {loss:?}");
    }

    #[test]
    fn odd_values_are_drawn_as_far_as_they_can_be() {
        let cases: [&[f64]; 6] =
            [&[], &[5.0], &[0.0, 0.0], &[f64::NAN, f64::INFINITY], &[1.0, f64::NAN, 3.0, 2.0], &[-1.0, 1e-9, 1e12]];
        for values in cases {
            let svg = training_curve(&training("x", &[("loss", values)]));
            assert!(texts(&svg).contains(&"Epoch".to_owned()));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{values:?} {svg}");
        }
        assert!(texts(&training_curve(&TrainingCurve::default())).contains(&"Epoch".to_owned()));
        let broken = training_curve(&training("x", &[("loss", &[1.0, f64::NAN, 3.0, 2.0])]));
        assert_eq!((broken.matches("<circle").count(), broken.matches("stroke-width=\"1.4\"").count()), (1, 2));
    }

    #[test]
    fn marks_of_an_axis_are_few_and_short() {
        let marks = |low: f64, high: f64| {
            let marks = Scale::of([low, high].into_iter()).marks();
            marks.into_iter().map(number).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(marks(3.0, 40.0), "5 10 20");
        assert_eq!(marks(1e-7, 0.02), "1e\u{2212}7 1e\u{2212}6 1e\u{2212}5 1e\u{2212}4 0.001 0.01");
        assert_eq!(marks(1.0, 2.0), "1 1.2 1.4 1.6 1.8 2");
        assert!(Scale::of([1e-30, 1e30].into_iter()).marks().len() <= 7);
    }

    #[test]
    fn the_table_has_a_row_a_value() {
        let trainings = [
            training("training/fan/00", &[("loss", &[2.5, 0.125]), ("learning_rate", &[1e-3, 1e-3])]),
            training("a,b", &[("loss", &[f64::NAN])]),
        ];
        let expected = "label,epoch,metric,value\n\
                        training/fan/00,1,learning_rate,0.001\ntraining/fan/00,2,learning_rate,0.001\n\
                        training/fan/00,1,loss,2.5\ntraining/fan/00,2,loss,0.125\n\"a,b\",1,loss,NaN\n";
        assert_eq!(training_csv(&trainings), expected);
    }
}
