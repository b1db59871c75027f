//! Training curves: the loss of a network over the epochs, as a figure and as a table.

use std::collections::BTreeMap;

use super::axis::{label, round_numbers};
use super::scale::{Scale, number};
use super::svg::{Paper, Svg};

/// The values of one training for each epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainingCurve {
    /// The label of its stage, and the number of its model if the stage has several.
    pub label: String,
    /// `loss`, `validation_loss`, `learning_rate` and so on: one value per epoch.
    pub metrics: BTreeMap<String, Vec<f64>>,
}

// Lengths in pixels of the SVG.
const LEFT: f64 = 64.0;
const WIDTH: f64 = 420.0;
const RIGHT: f64 = 120.0;
const ABOVE: f64 = 28.0;
const HEIGHT: f64 = 190.0;
/// The panel of the learning rate, whose scale differs from the losses, and the space above it.
const LOWER: f64 = 60.0;
const GAP: f64 = 14.0;
const BELOW: f64 = 40.0;
const MARK: f64 = 4.0;
/// The room for a mark with its number.
const ROOM: f64 = 20.0;
const RATE: &str = "learning_rate";

/// The figure of one training: losses over epochs, and below them the learning rate. An axis is
/// logarithmic if its values span more than a factor of ten.
pub fn training_curve(training: &TrainingCurve) -> String {
    training_curve_on(Paper::White, training)
}

/// The figure on a page.
pub(super) fn training_curve_on(paper: Paper, training: &TrainingCurve) -> String {
    let (rates, losses): (BTreeMap<&String, &Vec<f64>>, BTreeMap<_, _>) =
        training.metrics.iter().partition(|(name, _)| *name == RATE);
    let panels = [(HEIGHT, "Loss", losses), (LOWER, "Rate", rates)];
    let panels = panels.into_iter().filter(|panel| !panel.2.is_empty());
    let heights: f64 = panels.clone().map(|panel| panel.0 + GAP).sum();
    let about = format!("Losses over epochs of {}", training.label);
    let mut svg = Svg::on(paper, LEFT + WIDTH + RIGHT, ABOVE + heights - GAP + BELOW, &about);
    svg.text(LEFT, ABOVE - 10.0, "start", "font-weight=\"bold\"", &training.label);
    let epochs = training.metrics.values().map(Vec::len).max().unwrap_or(0);
    let x = |epoch: f64| match epochs {
        // A single epoch is drawn in the middle.
        0 | 1 => LEFT + WIDTH / 2.0,
        n => LEFT + WIDTH * (epoch - 1.0) / (n as f64 - 1.0),
    };
    let (mut top, mut colours) = (ABOVE, paper.colours().into_iter().cycle());
    for (height, title, metrics) in panels {
        let scale = Scale::of(metrics.values().flat_map(|values| values.iter().copied()));
        let y = |value: f64| top + height * (1.0 - scale.place(value));
        svg.frame(LEFT, top, WIDTH, height, "none");
        for value in scale.few_marks((height / ROOM) as usize) {
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

#[cfg(test)]
mod tests {
    use super::super::svg::texts;
    use super::*;

    fn training(label: &str, metrics: &[(&str, &[f64])]) -> TrainingCurve {
        let metrics =
            metrics.iter().map(|(name, values)| ((*name).to_owned(), values.to_vec())).collect();
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
        for words in [
            "network/&lt;fan&gt;",
            "loss",
            "validation loss",
            "learning rate",
            "Loss",
            "Rate",
            "Epoch",
        ] {
            assert_eq!(texts.iter().filter(|text| *text == words).count(), 1, "{words}: {texts:?}");
        }
        // Losses over more than a decade get powers of ten as marks; epochs are whole numbers.
        for mark in ["10", "100", "1", "6", "0.001"] {
            assert!(texts.contains(&mark.to_owned()), "{mark}: {texts:?}");
        }
        assert_eq!(
            svg.matches("stroke-width=\"1.4\"").count(),
            6,
            "a line and its sample a metric"
        );
        let heights = |colour: &str| -> Vec<f64> {
            let line = svg.lines().find(|line| line.contains(colour)).expect("it is drawn");
            let path = line.split('"').nth(1).expect("a path").trim_start_matches('M').to_owned();
            path.split('L')
                .map(|point| point.split_once(' ').expect("x and y").1.parse().expect("a number"))
                .collect()
        };
        let loss = heights(Paper::White.colours()[0]);
        assert!(loss.len() == 6 && loss.is_sorted(), "a falling loss falls: {loss:?}");
    }

    #[test]
    fn odd_values_are_drawn_as_far_as_they_can_be() {
        let cases: [&[f64]; 6] = [
            &[],
            &[5.0],
            &[0.0, 0.0],
            &[f64::NAN, f64::INFINITY],
            &[1.0, f64::NAN, 3.0, 2.0],
            &[-1.0, 1e-9, 1e12],
        ];
        for values in cases {
            let svg = training_curve(&training("x", &[("loss", values)]));
            assert!(texts(&svg).contains(&"Epoch".to_owned()));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{values:?} {svg}");
        }
        assert!(texts(&training_curve(&TrainingCurve::default())).contains(&"Epoch".to_owned()));
        let broken = training_curve(&training("x", &[("loss", &[1.0, f64::NAN, 3.0, 2.0])]));
        assert_eq!(
            (broken.matches("<circle").count(), broken.matches("stroke-width=\"1.4\"").count()),
            (1, 2)
        );
    }

    #[test]
    fn the_table_has_a_row_a_value() {
        let trainings = [
            training(
                "training/fan/00",
                &[("loss", &[2.5, 0.125]), ("learning_rate", &[1e-3, 1e-3])],
            ),
            training("a,b", &[("loss", &[f64::NAN])]),
        ];
        let expected = "label,epoch,metric,value\n\
                        training/fan/00,1,learning_rate,0.001\ntraining/fan/00,2,learning_rate,0.001\n\
                        training/fan/00,1,loss,2.5\ntraining/fan/00,2,loss,0.125\n\"a,b\",1,loss,NaN\n";
        assert_eq!(training_csv(&trainings), expected);
    }
}
