//! Two tables: every setting in a line, and the best ones in the form of the paper, section by
//! section.

use super::super::Results;
use super::super::aggregate::{By, COLUMNS, Line};
use super::super::number::{show, stat};
use super::super::overview::{brackets, explained};
use super::sheet::Section;
use super::standings::{Standings, System};
use crate::document::{Cell, Document, Table};

/// So many of the best settings stand side by side in the form of the paper.
const SIDE_BY_SIDE: usize = 4;
/// With more sections than this the line of a setting has their means alone.
const SECTIONS: usize = 24;

pub(super) fn section(results: &Results, standings: &Standings) -> Section {
    let mut document = Document::default();
    if standings.systems.len() > 1 {
        document =
            document.heading(3, "All settings, the best first").table(all(results, standings));
    }
    let best = &standings.systems[..standings.systems.len().min(SIDE_BY_SIDE)];
    let title = match (best.len(), standings.systems.len()) {
        (_, 1) => "Section by section".to_owned(),
        (n, all) if n == all => "Section by section, all settings".to_owned(),
        (n, _) => format!("Section by section, the {n} best settings"),
    };
    let document = document.heading(3, title).table(paper(results, best));
    let body = explained(document, results, &results.groups()).html();
    Section::new("tables", "Results", "Results", body)
}

/// The columns of areas and decisions that are shown.
fn columns(results: &Results) -> Vec<usize> {
    let known = results.columns();
    (0..COLUMNS.len()).filter(|column| known[*column]).collect()
}

fn all(results: &Results, standings: &Standings) -> Table {
    let known = results.columns();
    let official = (standings.by == By::Official).then_some(By::Official);
    let means = [(By::AucSource, 0), (By::AucTarget, 1), (By::Auc, 2), (By::Pauc, 3)];
    let means = means.into_iter().filter(|(_, column)| known[*column]).map(|(by, _)| by);
    let means: Vec<By> = official.into_iter().chain(means).collect();
    let areas: Vec<usize> = (0..3).filter(|column| known[*column]).collect();
    let sections =
        if standings.sections.len() <= SECTIONS { standings.sections.as_slice() } else { &[] };

    let words = standings.axes.iter().map(|path| path.rsplit('.').next().unwrap_or(path));
    let mut titles: Vec<&str> =
        std::iter::once("#").chain(words).chain(means.iter().map(|by| by.title())).collect();
    let mut groups =
        vec![(String::new(), 1 + standings.axes.len()), ("all sections".to_owned(), means.len())];
    for (machine, section) in sections {
        titles.extend(
            areas.iter().map(|column| if *column == 2 { "AUC" } else { COLUMNS[*column].0 }),
        );
        groups.push((format!("{machine} {section}"), areas.len()));
    }
    let mut table = Table::new(titles);
    table.groups = groups;
    for (place, system) in standings.systems.iter().enumerate() {
        let mut row: Vec<Cell> =
            vec![Cell::number(Some((place + 1) as f64), (place + 1).to_string())];
        row.extend(standings.axes.iter().map(|path| Cell::from(system.value(path))));
        row.extend(means.iter().map(|by| stat(system.number(*by))));
        for section in sections {
            row.extend(areas.iter().map(|column| stat(system.of_section(*section, *column))));
        }
        table.push(row);
    }
    let first = 1 + standings.axes.len();
    (first..table.columns.len()).for_each(|column| mark_best(&mut table, |_| vec![column]));
    table
}

/// Marks the highest numbers of the cells that `cells` names of each row, over all rows.
fn mark_best(table: &mut Table, cells: impl Fn(usize) -> Vec<usize>) {
    let places: Vec<(usize, usize)> = (0..table.rows.len())
        .flat_map(|row| cells(row).into_iter().map(move |column| (row, column)))
        .collect();
    mark(table, &places);
}

fn mark(table: &mut Table, places: &[(usize, usize)]) {
    if places.len() < 2 {
        return;
    }
    let values = places.iter().filter_map(|(row, column)| table.rows[*row][*column].value);
    let best = values.fold(f64::NEG_INFINITY, f64::max);
    for (row, column) in places {
        let cell = &mut table.rows[*row][*column];
        cell.is_best = cell.value == Some(best);
    }
}

/// A row a section, after the sections of a machine their mean; a group of columns a setting.
fn paper(results: &Results, best: &[System]) -> Table {
    let columns = columns(results);
    let columns: Vec<usize> =
        if best.len() > 2 { columns.into_iter().filter(|c| *c < 4).collect() } else { columns };
    let titles = best.iter().flat_map(|_| &columns).map(|column| COLUMNS[*column].2);
    let mut table = Table::new(["machine", "section"].into_iter().chain(titles));
    table.groups = vec![(String::new(), 2)];
    table.groups.extend(best.iter().map(|system| (system.label.clone(), columns.len())));
    let lines: Vec<Vec<Line>> = best.iter().map(|system| lines(system)).collect();
    let Some(first) = lines.first() else { return table };
    for (number, line) in first.iter().enumerate() {
        let mut row: Vec<Cell> = vec![(&line.machine).into(), (&line.section).into()];
        for lines in &lines {
            // Another setting may lack a section that failed.
            let same =
                |other: &&Line| (&other.machine, &other.section) == (&line.machine, &line.section);
            let other = lines.get(number).filter(same).or_else(|| lines.iter().find(same));
            row.extend(
                columns
                    .iter()
                    .map(|column| other.map_or_else(Cell::default, |line| cell(line, *column))),
            );
        }
        table.push(row);
    }
    // In each row the best of each kind of number.
    for row in 0..table.rows.len() {
        for column in 0..columns.len() {
            let same: Vec<(usize, usize)> =
                (0..best.len()).map(|s| (row, 2 + s * columns.len() + column)).collect();
            mark(&mut table, &same);
        }
    }
    table
}

fn cell(line: &Line, column: usize) -> Cell {
    match line.intervals[column] {
        Some(ends) => {
            let mean = line.values[column].map(|stat| stat.mean);
            Cell::number(
                mean,
                format!("{} {}", show(line.values[column]), brackets(ends.low, ends.high)),
            )
        }
        None => stat(line.values[column]),
    }
}

fn lines(system: &System) -> Vec<Line> {
    let sections = system.group.sections();
    // The mean of the one machine is that of all.
    let several = sections.iter().any(|line| line.machine != sections[0].machine);
    let mut lines = Vec::new();
    for (number, line) in sections.iter().enumerate() {
        lines.push(line.clone());
        let machine = &line.machine;
        let last = several && sections.get(number + 1).is_none_or(|next| next.machine != *machine);
        if last && sections.iter().filter(|other| other.machine == *machine).count() > 1 {
            lines.extend(system.group.means(Some(machine)));
        }
    }
    lines.extend(system.group.means(None));
    lines
}
