//! Tables with values of settings as rows and columns, and the best of several settings.

use std::collections::{BTreeMap, BTreeSet};

use super::aggregate::{By, Group, Values};
use super::narrow::{NoTable, PARTS};
use super::number::{show, stat};
use super::systems::titles;
use super::{Results, Stat};
use crate::document::{Cell, Document, Table};

/// The axes of the heads of rows or columns: `machine`, `section`, or paths of swept settings.
type Axes = Vec<String>;

/// The head of a row or column: one value per axis. `None` stands for all sections; their cells are
/// means.
type Head = Vec<Option<String>>;

/// A group and, for each of its points, the values by machine and section.
struct Counted<'a> {
    group: Group<'a>,
    points: Vec<BTreeMap<(&'a str, &'a str), Values>>,
}

/// One row for each combination of values of `rows`, and one column for each of `columns`. Each
/// cell has the numbers `shown` for its sections and settings. Without `columns`, each number has
/// its own column. Machines or sections without other axes are followed by their mean.
///
/// # Errors
/// An axis is not swept or is named twice, or several settings fall into one cell.
pub fn pivot(
    results: &Results,
    rows: &[String],
    columns: &[String],
    shown: &[By],
) -> Result<Document, NoTable> {
    let (rows, columns) = (axes(results, rows)?, axes(results, columns)?);
    let mut named = BTreeSet::new();
    if let Some(twice) = rows.iter().chain(&columns).find(|axis| !named.insert(*axis)) {
        return Err(NoTable::Twice { name: twice.clone() });
    }
    let counted = counted(results);
    let (down, across) = (heads(&counted, &rows), heads(&counted, &columns));
    let mut header: Vec<String> = titles(&rows).collect();
    match columns.is_empty() {
        true => header.extend(shown.iter().map(|by| by.title().to_owned())),
        false => header.extend(across.iter().map(|head| title(&columns, head))),
    }
    let mut table = Table::new(header);
    for row in &down {
        let mut cells: Vec<Cell> =
            row.iter().map(|value| value.clone().unwrap_or_default().into()).collect();
        if let Some(total) = row.iter().position(Option::is_none) {
            cells[total] = "mean".into();
        }
        for column in &across {
            let named: Vec<(&str, &str)> =
                names(&rows, row).chain(names(&columns, column)).collect();
            let numbers = cell(&counted, &named, shown)?;
            match (numbers, columns.is_empty()) {
                (Some(stats), true) => cells.extend(stats.into_iter().map(stat)),
                (None, true) => cells.extend(vec![Cell::default(); shown.len()]),
                (Some(stats), false) => cells.push(joined(&stats)),
                (None, false) => cells.push(Cell::default()),
            }
        }
        table.push(cells);
    }
    if table.rows.is_empty() {
        return Err(NoTable::Nothing);
    }
    let words = |axes: &Axes| titles(axes).collect::<Vec<_>>().join(" and ");
    let what = shown.iter().map(|by| name(*by)).collect::<Vec<_>>().join(" / ");
    let by = match columns.is_empty() {
        true => words(&rows),
        false => format!("{} (rows) and {} (columns)", words(&rows), words(&columns)),
    };
    let text = format!("The numbers are {what} by {by}. {}", note(results, &counted, shown));
    Ok(Document::default().table(table).text(text))
}

/// Several numbers in one cell. The cell keeps a value only if there is a single number.
fn joined(stats: &[Option<Stat>]) -> Cell {
    match stats {
        [one] => stat(*one),
        several => several.iter().map(|stat| show(*stat)).collect::<Vec<_>>().join(" / ").into(),
    }
}

/// For each value of an axis, the settings that are best by the number `by` (mean over the seeds),
/// and their numbers `shown`.
///
/// # Errors
/// The axis is not swept, or the results lack the number.
pub fn best_of(results: &Results, axis: &str, by: By, shown: &[By]) -> Result<Document, NoTable> {
    let axis = results.axis(axis)?;
    let others: Axes = results.settings().into_iter().filter(|other| *other != axis).collect();
    let counted = counted(results);
    let mut best: Vec<(&str, usize, f64)> = Vec::new();
    for (place, found) in counted.iter().enumerate() {
        let value = found.group.settings.get(axis.as_str()).copied().unwrap_or_default();
        let Some(score) = number(found, by, &[]) else { continue };
        match best.iter_mut().find(|(known, ..)| *known == value) {
            // Differences as small as rounding errors do not count.
            Some(known) if score.mean > known.2 + 1e-12 => *known = (value, place, score.mean),
            Some(_) => {}
            None => best.push((value, place, score.mean)),
        }
    }
    if best.is_empty() {
        return Err(NoTable::NoNumbers(by.name()));
    }
    let header = titles(std::slice::from_ref(&axis)).chain(titles(&others));
    let mut table = Table::new(header.chain(shown.iter().map(|by| by.title().to_owned())));
    best.sort_by(|a, b| b.2.total_cmp(&a.2));
    for (value, place, _) in &best {
        let settings = &counted[*place].group.settings;
        let other = others
            .iter()
            .map(|path| settings.get(path.as_str()).copied().unwrap_or_default().into());
        let numbers = shown.iter().map(|by| stat(number(&counted[*place], *by, &[])));
        table.push(std::iter::once((*value).into()).chain(other).chain(numbers).collect());
    }
    Ok(Document::default().table(table).text(format!(
        "Of {} settings the best for each value of {}, chosen in hindsight by {}. {}",
        counted.len(),
        titles(std::slice::from_ref(&axis)).collect::<String>(),
        name(by),
        note(results, &counted, shown)
    )))
}

/// One number of results with a single setting.
///
/// # Errors
/// There are several settings.
pub fn value(results: &Results, by: By) -> Result<String, NoTable> {
    let stats = cell(&counted(results), &[], &[by])?.ok_or(NoTable::Nothing)?;
    match stats.first() {
        Some(Some(stat)) => Ok(show(Some(*stat))),
        _ => Err(NoTable::NoNumbers(by.name())),
    }
}

fn axes(results: &Results, names: &[String]) -> Result<Axes, NoTable> {
    let part = |name: &String| PARTS.contains(&name.as_str());
    names
        .iter()
        .map(|name| if part(name) { Ok(name.clone()) } else { Ok(results.axis(name)?) })
        .collect()
}

fn counted(results: &Results) -> Vec<Counted<'_>> {
    let groups = results.groups().into_iter();
    groups
        .map(|group| Counted { points: group.points.iter().map(|p| p.sections()).collect(), group })
        .collect()
}

/// All heads of the given axes. The first axis varies slowest, and values come in order of first
/// appearance. Without axes there is one empty head.
fn heads(counted: &[Counted], axes: &Axes) -> Vec<Head> {
    let mut order: Vec<Vec<String>> = vec![Vec::new(); axes.len()];
    let mut found: BTreeSet<Vec<usize>> = BTreeSet::new();
    for group in counted {
        let sections: BTreeSet<&(&str, &str)> =
            group.points.iter().flat_map(BTreeMap::keys).collect();
        for section in sections {
            let place = |(number, axis): (usize, &String)| {
                let value = value_of(&group.group, section, axis);
                let known = order[number].iter().position(|known| known == value);
                known.unwrap_or_else(|| {
                    order[number].push(value.to_owned());
                    order[number].len() - 1
                })
            };
            let places = axes.iter().enumerate().map(place).collect();
            found.insert(places);
        }
    }
    let named = |places: &Vec<usize>| -> Head {
        places.iter().zip(&order).map(|(p, o)| Some(o[*p].clone())).collect()
    };
    let found: Vec<Head> = found.iter().map(named).collect();
    with_means(found, axes)
}

/// Adds the mean after the sections of a machine, and the mean of all after several machines.
fn with_means(found: Vec<Head>, axes: &Axes) -> Vec<Head> {
    if axes.is_empty() || axes.iter().any(|axis| !PARTS.contains(&axis.as_str())) || found.len() < 2
    {
        return found;
    }
    let machines: BTreeSet<&Option<String>> =
        found.iter().filter_map(|head| head.first()).collect();
    let by_machine = axes.len() == 2 && machines.len() > 1;
    let mut heads = Vec::new();
    for (number, head) in found.iter().enumerate() {
        heads.push(head.clone());
        let last = found.get(number + 1).is_none_or(|next| next[0] != head[0]);
        if by_machine && last && found.iter().filter(|other| other[0] == head[0]).count() > 1 {
            heads.push(vec![head[0].clone(), None]);
        }
    }
    heads.push(vec![None; axes.len()]);
    heads
}

fn value_of<'a>(group: &'a Group, (machine, section): &'a (&str, &str), axis: &str) -> &'a str {
    match axis {
        "machine" => machine,
        "section" => section,
        path => group.settings.get(path).copied().unwrap_or_default(),
    }
}

/// The title of a column.
fn title(axes: &Axes, head: &Head) -> String {
    let of = |(axis, value): (&String, &Option<String>)| match (axis.as_str(), value) {
        (_, None) => "mean".to_owned(),
        ("section", Some(value)) => format!("section {value}"),
        (_, Some(value)) => value.clone(),
    };
    let mut words: Vec<String> =
        axes.iter().zip(head).map(of).filter(|word| !word.is_empty()).collect();
    words.dedup();
    words.join(", ")
}

fn names<'a>(axes: &'a Axes, head: &'a Head) -> impl Iterator<Item = (&'a str, &'a str)> {
    axes.iter().zip(head).filter_map(|(axis, value)| Some((axis.as_str(), value.as_deref()?)))
}

/// The numbers of the only group with the given values; `None` if there is no such group or
/// section.
fn cell(
    counted: &[Counted],
    named: &[(&str, &str)],
    shown: &[By],
) -> Result<Option<Vec<Option<Stat>>>, NoTable> {
    let part = |(axis, _): &(&str, &str)| PARTS.contains(axis);
    let (parts, settings): (Vec<_>, Vec<_>) = named.iter().copied().partition(part);
    let has = |group: &Group, (axis, value): &(&str, &str)| {
        group.settings.get(axis).copied().unwrap_or("") == *value
    };
    let chosen: Vec<&Counted> = counted
        .iter()
        .filter(|found| settings.iter().all(|named| has(&found.group, named)))
        .collect();
    let [found] = chosen.as_slice() else {
        let differ = |axis: &&str| {
            let values: BTreeSet<_> =
                chosen.iter().map(|found| found.group.settings.get(axis)).collect();
            values.len() > 1
        };
        let paths: BTreeSet<&str> =
            chosen.iter().flat_map(|found| found.group.settings.keys().copied()).collect();
        let axes: Vec<String> = paths.into_iter().filter(differ).map(str::to_owned).collect();
        return if chosen.is_empty() { Ok(None) } else { Err(NoTable::Several { axes }) };
    };
    let any =
        found.points.iter().any(|sections| sections.keys().any(|section| is_in(&parts, section)));
    Ok(any.then(|| shown.iter().map(|by| number(found, *by, &parts)).collect()))
}

fn is_in(parts: &[(&str, &str)], (machine, section): &(&str, &str)) -> bool {
    parts
        .iter()
        .all(|(axis, value)| if *axis == "machine" { machine == value } else { section == value })
}

/// A number over the named sections, over the seeds.
fn number(found: &Counted, by: By, parts: &[(&str, &str)]) -> Option<Stat> {
    let of = |sections: &BTreeMap<(&str, &str), Values>| {
        by.of(sections
            .iter()
            .filter(|(section, _)| is_in(parts, section))
            .map(|(_, values)| values))
    };
    Stat::of(&found.points.iter().map(of).collect::<Vec<_>>())
}

/// The name of a number in a sentence.
fn name(by: By) -> &'static str {
    if by == By::Official { "official score" } else { by.title() }
}

/// Explains the numbers.
fn note(results: &Results, counted: &[Counted], shown: &[By]) -> String {
    let mut text = "All numbers in %.".to_owned();
    if let Some(count) = counted.iter().map(|found| found.points.len()).max().filter(|n| *n > 1) {
        text.push_str(&format!(
            " Mean ± standard deviation over {count} {}.",
            results.repetitions()
        ));
    }
    if shown.contains(&By::Official) {
        text.push_str(
            " Official: harmonic mean of AUC source, AUC target and pAUC over the sections.",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::systems::testing::results;
    use super::*;

    fn made() -> Results {
        let mut made = results(
            "detector",
            &[
                ("a", "0", &[Some(0.5), Some(0.7)]),
                ("a", "1", &[Some(0.5), Some(0.9)]),
                ("b", "0", &[Some(0.6), Some(0.6)]),
            ],
        );
        made.axes.insert(1, "pool".into());
        made.points
            .iter_mut()
            .for_each(|point| drop(point.settings.insert("pool".into(), "mean".into())));
        let mut more = made.points[2].clone();
        more.settings.insert("pool".into(), "max".into());
        more.rows.iter_mut().for_each(|row| row.value = Some(0.8));
        made.points.push(more);
        made
    }

    fn words(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn cells_are_means_over_what_the_heads_do_not_name() {
        let table =
            pivot(&made(), &words(&["section"]), &words(&["detector", "pool"]), &[By::AucSource])
                .unwrap();
        let expected = "\
| section |       a, mean | b, mean | b, max |
| ------- | ------------: | ------: | -----: |
| 00      |         50.00 |   60.00 |  80.00 |
| 01      | 80.00 ± 14.14 |   60.00 |  80.00 |
| mean    |  65.00 ± 7.07 |   60.00 |  80.00 |

The numbers are AUC source by section (rows) and detector and pool (columns). All numbers in %. Mean ± standard deviation over 2 seeds.
";
        assert_eq!(table.markdown(), expected);
        let numbers =
            pivot(&made(), &words(&["detector", "pool"]), &[], &[By::AucSource, By::Pauc]).unwrap();
        let numbers = numbers.markdown();
        assert!(numbers.contains("| a        | mean | 65.00 ± 7.07 | 65.00 ± 7.07 |"), "{numbers}");
    }

    #[test]
    fn a_cell_does_not_mix_settings() {
        let why = pivot(&made(), &words(&["detector"]), &[], &[By::AucSource]).unwrap_err();
        assert_eq!(why, NoTable::Several { axes: words(&["pool"]) });
        let why =
            pivot(&made(), &words(&["pool"]), &words(&["pool"]), &[By::AucSource]).unwrap_err();
        assert_eq!(why, NoTable::Twice { name: "pool".into() });
        assert!(value(&made(), By::Official).is_err());
    }

    #[test]
    fn the_best_settings_of_each_value_are_named() {
        let table = best_of(&made(), "detector", By::AucTarget, &[By::AucTarget]).unwrap();
        let expected = "\
| detector | pool |   AUC target |
| -------- | ---- | -----------: |
| b        | max  |        80.00 |
| a        | mean | 65.00 ± 7.07 |

Of 3 settings the best for each value of detector, chosen in hindsight by AUC target. ";
        let table = table.markdown();
        assert!(table.starts_with(expected), "{table}");
        let one = made().narrowed(&[("pool".into(), "max".into())]).unwrap();
        assert_eq!(value(&one, By::AucTarget).unwrap(), "80.00");
    }

    #[test]
    fn machines_have_means_of_their_own_if_there_are_several() {
        let head =
            |machine: &str, section: &str| vec![Some(machine.to_owned()), Some(section.to_owned())];
        let found = vec![head("fan", "00"), head("fan", "01"), head("valve", "00")];
        let means = with_means(found, &words(&["machine", "section"]));
        let shown: Vec<Vec<&str>> =
            means.iter().map(|h| h.iter().map(|v| v.as_deref().unwrap_or("*")).collect()).collect();
        assert_eq!(
            shown,
            [["fan", "00"], ["fan", "01"], ["fan", "*"], ["valve", "00"], ["*", "*"]]
        );
    }
}
