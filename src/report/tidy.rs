//! Results for programs: one row per number.

use serde_json::{Value, json};

use super::{Results, idle_settings};

/// The columns are `point,machine,section,domain,attribute,value_of_attribute,metric,value` and one
/// for each swept setting. Numbers have their shortest round-trip form. A cell is empty if its
/// column does not apply or its number cannot be computed. The ends of an interval are separate
/// rows, `auc_low` and `auc_high`. The official score of a point has neither machine nor section.
pub fn csv(results: &Results) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let fixed = [
        "point",
        "machine",
        "section",
        "domain",
        "attribute",
        "value_of_attribute",
        "metric",
        "value",
    ];
    let header: Vec<&str> =
        fixed.into_iter().chain(results.axes.iter().map(String::as_str)).collect();
    writer.write_record(&header).expect("writing to memory");
    for (number, point) in results.points.iter().enumerate() {
        let settings: Vec<String> = results
            .axes
            .iter()
            .map(|a| point.settings.get(a).cloned().unwrap_or_default())
            .collect();
        let mut write = |cells: [&str; 6], value: Option<f64>| {
            let value = value.map(|x| x.to_string()).unwrap_or_default();
            let number = number.to_string();
            let row = std::iter::once(number.as_str()).chain(cells).chain([value.as_str()]);
            writer
                .write_record(row.chain(settings.iter().map(String::as_str)))
                .expect("writing to memory");
        };
        for r in &point.rows {
            let mut named = |metric: &str, value| {
                write(
                    [
                        &r.machine,
                        &r.section,
                        &r.domain,
                        &r.attribute,
                        &r.value_of_attribute,
                        metric,
                    ],
                    value,
                );
            };
            named(&r.metric, r.value);
            if r.low.is_some() {
                named(&format!("{}_low", r.metric), r.low);
                named(&format!("{}_high", r.metric), r.high);
            }
        }
        for (machine, section, _) in &point.absent {
            write([machine, section, "", "", "", "auc"], None);
        }
        write(["", "", "", "", "", "official"], point.official());
    }
    String::from_utf8(writer.into_inner().expect("writing to memory")).expect("cells are text")
}

/// The results as one JSON document, with reasons for missing numbers.
pub fn json(results: &Results) -> Value {
    let points: Vec<Value> = (results.points.iter())
        .map(|point| {
            let absent: Vec<Value> = (point.absent.iter())
                .map(|(machine, section, why)| json!({ "machine": machine, "section": section, "why": why }))
                .collect();
            json!({ "settings": point.settings, "official": point.official(), "rows": point.rows, "absent": absent })
        })
        .collect();
    let notes: Vec<Value> = (idle_settings(results).into_iter())
        .map(|idle| json!({ "note": idle.text, "sections": idle.sections, "points": idle.points }))
        .collect();
    json!({
        "name": results.name, "question": results.question, "axes": results.axes, "points": points, "notes": notes,
    })
}
