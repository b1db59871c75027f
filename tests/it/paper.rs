//! The tables of MIMII DG's paper (Dohi et al. 2022), read a second time: what it prints against
//! what the program has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use humshift::mimii_dg::{self, Machine, Section, Values};
use humshift::mix::{Layer, Snr, Types};

use crate::oracle;
use crate::project::tree;

/// Table 1 as it is printed: machine type, section ID, SNR in dB, type of domain shift, [domain
/// shift parameter], parameter values of the source domain, of the target domain.
const TABLE_1: [[&str; 7]; 15] = [
    [
        "Fan",
        "00",
        "-6.0",
        "Mixing of different machine sound",
        "machine sound index",
        "W, X",
        "Y, Z",
    ],
    ["Fan", "01", "-12.0", "Mixing of different factory noise", "factory noise index", "A, B", "C"],
    [
        "Fan",
        "02",
        "N/A",
        "Different levels of noise",
        "noise level (SNR [dB])",
        "L1 (3), L2 (-9)",
        "L3 (-3), L4 (-15)",
    ],
    [
        "Gearbox",
        "00",
        "-6.0",
        "Different operation voltage",
        "V",
        "1.0, 1.5, 2.0, 2.5, 3.0",
        "0.6, 0.8, 1.3, 1.8, 2.3, 2.3, 3.3, 3.5",
    ],
    [
        "Gearbox",
        "01",
        "-12.0",
        "Different weight attached to the gearbox",
        "g",
        "0, 50, 100, 150, 200",
        "30, 80, 130, 180, 230, 250",
    ],
    ["Gearbox", "02", "-12.0", "Different gearbox ID", "machine ID", "05, 08, 13", "00, 02, 11"],
    [
        "Bearing",
        "00",
        "12.0",
        "Different rotation speed",
        "krpm",
        "6, 10, 14, 18, 22",
        "2, 4, 8, 12, 16, 20, 24, 26",
    ],
    [
        "Bearing",
        "01",
        "12.0",
        "Different microphone location",
        "location of the mic.",
        "A, B, C, D",
        "E, F, G, H",
    ],
    [
        "Bearing",
        "02",
        "12.0",
        "Mixing of different factory noise",
        "factory noise index",
        "A, B",
        "C",
    ],
    [
        "Slide rail",
        "00",
        "-6.0",
        "Different operation velocity",
        "mm/s",
        "300, 500, 700, 900, 1100",
        "100, 200, 400, 600, 800, 1000, 1200, 1300",
    ],
    [
        "Slide rail",
        "01",
        "-3.0",
        "Different acceleration",
        "m/s^2",
        "0.03, 0.05, 0.07, 0.09, 0.11",
        "0.01, 0.02, 0.04, 0.06, 0.08, 0.10, 0.12, 0.14",
    ],
    [
        "Slide rail",
        "02",
        "-12.0",
        "Mixing of different factory noise",
        "factory noise index",
        "A, B",
        "C",
    ],
    [
        "Valve",
        "00",
        "0.0",
        "Different open/close operation patterns",
        "pattern index",
        "00, 01",
        "02, 03",
    ],
    [
        "Valve",
        "01",
        "0.0",
        "Different number and location of panels",
        "panel locations",
        "open (no panels), bs-c (back-side closed)",
        "b-c (back closed), s-c (side closed)",
    ],
    [
        "Valve",
        "02",
        "0.0",
        "Different number of valves",
        "(valve1 pattern index, valve2 pattern index)",
        "(v1 04), (v1 05), (v2 04), (v2 05)",
        "(v1 04, v2 04), (v1 04, v2 05), (v1 05, v2 04), (v1 05, v2 05)",
    ],
];

/// Where the file names of the data set, and so the program, have other values than the paper
/// prints: machine and section, column of [`TABLE_1`], the values of the files in the paper's form.
const FILES: [(&str, &str, usize, &str); 3] = [
    ("Gearbox", "00", 6, "0.6, 0.8, 1.3, 1.8, 2.3, 2.8, 3.3, 3.5"),
    ("Valve", "02", 5, "(v1 04), (v1 05), (v2 05)"),
    ("Valve", "02", 6, "(v1 04, v2 05), (v1 05, v2 05)"),
];

/// Notes that the paper prints beside values, and that are no part of them.
const NOTES: [&str; 4] =
    [" (no panels)", " (back-side closed)", " (back closed)", " (side closed)"];

/// The machine of the program that the paper calls by this name.
fn machine(printed: &str) -> &'static Machine {
    let name = if printed == "Slide rail" { "slider".to_owned() } else { printed.to_lowercase() };
    &mimii_dg::machines()[&name]
}

/// The sections of Table 1 by the program's names: machine, section.
pub fn sections() -> impl Iterator<Item = (String, String)> {
    TABLE_1.iter().map(|row| (machine(row[0]).machine.clone(), row[1].to_owned()))
}

/// The signal-to-noise ratio in dB that Table 1 prints for a clip with these attributes: the
/// section's, or else that in brackets behind the value of `n-lv`.
pub fn level(name: &str, section: &str, attributes: &BTreeMap<String, String>) -> f64 {
    let row = TABLE_1
        .iter()
        .find(|row| machine(row[0]).machine == name && row[1] == section)
        .expect("it has all");
    row[2].parse().unwrap_or_else(|_| {
        let mut values = row[5].split(", ").chain(row[6].split(", "));
        let value =
            values.find_map(|value| value.strip_prefix(&format!("{} (", attributes["n-lv"])));
        value.and_then(|level| level.strip_suffix(')')?.parse().ok()).expect("a level in brackets")
    })
}

/// Values of the shifted attribute, each once and in order; of two valves, the combinations in the
/// paper's form.
fn values(domain: &[Values], row: &Section) -> String {
    let mut all: Vec<String> = Vec::new();
    for one in Section::combinations(domain) {
        let pair = || {
            one.iter()
                .map(|(name, value)| format!("{} {value}", &name[..2]))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let own = one.iter().find(|(name, _)| *name == row.attribute);
        let text = own.map_or_else(|| format!("({})", pair()), |(_, value)| with_level(value, row));
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all.join(", ")
}

/// A value, and behind it the level where that depends on the value.
fn with_level(value: &str, row: &Section) -> String {
    match &row.noise[..] {
        [Layer { snr_db: Snr::Attribute { name, levels }, .. }] if *name == row.attribute => {
            format!("{value} ({})", levels[value])
        }
        _ => value.to_owned(),
    }
}

/// A row of Table 1, made of what the program has.
fn ours(printed: &str, section: &str) -> [String; 7] {
    let row = &machine(printed).sections[section];
    // Factory noise is the last layer; the pumps of fan 00 lie below it.
    let snr = match row.noise.last().expect("each section has noise").snr_db {
        Snr::Db(db) => format!("{db:.1}"),
        _ => "N/A".to_owned(),
    };
    let shift = format!("{}{}", row.shift[..1].to_uppercase(), &row.shift[1..]);
    let bracket = [&row.parameter, &row.unit]
        .into_iter()
        .flatten()
        .cloned()
        .collect::<Vec<_>>()
        .join(" and ");
    let (source, target) = (values(&row.source, row), values(&row.target, row));
    [printed.to_owned(), section.to_owned(), snr, shift, bracket, source, target]
}

#[test]
fn table_1_is_what_the_paper_prints() {
    let sections: usize = mimii_dg::machines().values().map(|machine| machine.sections.len()).sum();
    assert_eq!(sections, TABLE_1.len());
    for printed in TABLE_1 {
        let ours = ours(printed[0], printed[1]);
        for (column, (ours, printed_cell)) in ours.iter().zip(printed).enumerate() {
            let cell =
                NOTES.iter().fold(printed_cell.to_owned(), |text, note| text.replace(note, ""));
            let at = |(machine, section, c, _): &&(&str, &str, usize, &str)| {
                [*machine, *section] == printed[..2] && *c == column
            };
            match FILES.iter().find(at) {
                Some((.., files)) => assert!(ours == files && *ours != cell, "{printed:?}: {ours}"),
                None => assert_eq!(*ours, cell, "{printed:?}"),
            }
        }
    }
}

/// The types of noise that clips of a domain can get, over all layers.
fn types(row: &Section, domain: &[Values]) -> String {
    let mut all = BTreeSet::new();
    for layer in &row.noise {
        match &layer.types {
            Types::Any(types) => all.extend(types.iter().cloned()),
            Types::Attribute(name) => {
                let combinations = Section::combinations(domain).into_iter().flatten();
                all.extend(
                    combinations.filter(|(attribute, _)| attribute == name).map(|(_, value)| value),
                );
            }
            Types::Domain { .. } => panic!("no section is written so"),
        }
    }
    all.into_iter().collect()
}

/// Section 2: A and B in both domains; in three sections C alone in the target; in fan 00 pumps as
/// well.
#[test]
fn noise_is_of_the_types_that_the_paper_names() {
    for [printed, section, ..] in TABLE_1 {
        let expected = match (printed, section) {
            ("Fan", "01") | ("Bearing" | "Slide rail", "02") => ("AB", "C"),
            ("Fan", "00") => ("ABWX", "ABYZ"),
            _ => ("AB", "AB"),
        };
        let row = &machine(printed).sections[section];
        let found = (types(row, &row.source), types(row, &row.target));
        assert_eq!((found.0.as_str(), found.1.as_str()), expected, "{printed} {section}");
    }
    // Pumps are a layer of their own. The paper prints one ratio for both layers.
    let pumps = &machine("Fan").sections["00"].noise[0];
    assert_eq!((&pumps.types, &pumps.snr_db), (&Types::Attribute("m-n".into()), &Snr::Db(-6.0)));
}

/// Section 2, on the gearbox: "gear damage and over voltage".
#[test]
fn the_gearbox_breaks_as_the_paper_says() {
    assert_eq!(machine("Gearbox").anomalies, ["gear damage", "over voltage"]);
}

/// The cells of each row of the table in the paper's text that comes after `caption`, without
/// markup, the machine's name before each of its sections. `None` where the paper is not beside the
/// checkout.
fn rows_of_the_paper(test: &str, caption: &str) -> Option<Vec<Vec<String>>> {
    let path = oracle::data(test)?.join("../paper/mimii_dg.md");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {test}: no ../shared/paper/mimii_dg.md");
        return None;
    };
    let table = text
        .split_once(caption)
        .and_then(|(_, rest)| rest.split_once("</table>"))
        .expect("the table is there")
        .0;
    let mut name = String::new();
    let mut rows = Vec::new();
    for row in table.split("<tr>").skip(1) {
        let cells = row.split("<td").skip(1).map(|cell| {
            let text = cell
                .split_once('>')
                .and_then(|(_, rest)| rest.split_once("</td>"))
                .expect("a cell")
                .0;
            text.replace(r"<math>\text{m/s}^2</math>", "m/s^2")
        });
        let mut cells: Vec<String> = cells.collect();
        if row.contains("rowspan=\"3\"") && !cells.is_empty() {
            name = cells.remove(0);
        }
        cells.insert(0, name.clone());
        rows.push(cells);
    }
    Some(rows.into_iter().filter(|row| row.len() > 1).collect())
}

#[test]
fn the_second_writing_of_table_1_is_the_paper_s() {
    let Some(rows) = rows_of_the_paper("the_second_writing_of_table_1_is_the_paper_s", "Table 1:")
    else {
        return;
    };
    assert_eq!(rows.len(), TABLE_1.len());
    for (row, ours) in rows.iter().zip(TABLE_1) {
        // The paper's third cell is "-6.0 Mixing of different machine sound [machine sound index]".
        let (snr, rest) = row[2].split_once(' ').expect("SNR, then words");
        let (shift, parameter) = rest.split_once(" [").expect("words, then a bracket");
        let parameter = parameter.strip_suffix(']').expect("the bracket is closed");
        assert_eq!([&row[0], &row[1], snr, shift, parameter, &row[3], &row[4]], ours);
    }
}

#[test]
fn table_3_is_what_the_paper_prints() {
    let Some(rows) = rows_of_the_paper("table_3_is_what_the_paper_prints", "Table 3:") else {
        return;
    };
    assert_eq!(rows.len(), TABLE_1.len() + 1);
    for row in rows {
        let table = mimii_dg::table3();
        let ours = if row[1] == "Average" {
            &table.average
        } else {
            &table.sections[&machine(&row[0]).machine][&row[1]]
        };
        let (auto, mobile) = (ours.autoencoder, ours.mobilenet_v2);
        let cells =
            [auto.source, auto.target, mobile.source, mobile.target].map(|auc| format!("{auc:.2}"));
        assert_eq!(row[2..], cells, "{row:?}");
    }
}

/// Generated sounds are calibrated in noise of the paper's levels; with another table they would be
/// another data set.
#[test]
fn experiments_on_generated_sounds_take_the_levels_of_the_paper() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let mut twins = 0;
    for (name, path) in
        tree(&folder).into_iter().filter(|(name, _)| name.ends_with(".yaml") && !name.contains('/'))
    {
        let text = std::fs::read_to_string(path).expect("specs are text");
        let code: String =
            text.lines().map(|line| line.split('#').next().unwrap_or_default()).collect();
        if code.contains("synthetic") && code.contains("mix: {") {
            assert!(code.contains("table: mimii_dg"), "{name}");
            twins += 1;
        }
    }
    assert!(twins > 10, "{twins}");
}
