//! Runs of a cache in a table, a row a run; and the points of runs in another.

use std::cmp::Ordering;

use super::number::{DASH, percent};
use super::{By, Group, NoTable, Results, Stat, is_repetition};
use crate::document::{Cell, Table};

/// A run, and its results as far as there are some.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// The first digits of its digest.
    pub digest: String,
    /// When it was recorded, as text that sorts.
    pub recorded: String,
    pub stages: usize,
    pub complete: bool,
    pub results: Results,
}

/// A row a run: what it is, and its best number with the settings that have it.
pub fn runs(listed: &[Listed]) -> Table {
    let titles = [
        "experiment",
        "run",
        "recorded",
        "points",
        "stages",
        "complete",
        "number",
        "best",
        "settings",
    ];
    let mut table = Table::new(titles);
    for run in listed {
        let by = By::usual(&run.results);
        let best = best(&run.results, by);
        let count = |n: usize| Cell::number(Some(n as f64), n.to_string());
        let (number, settings) = match &best {
            Some((stat, settings)) => {
                (Cell::number(Some(stat.mean), percent(stat.mean)), settings.clone())
            }
            None => (Cell::number(None, DASH), String::new()),
        };
        table.push(vec![
            run.results.name.as_str().into(),
            run.digest.as_str().into(),
            run.recorded.as_str().into(),
            count(run.results.points.len()),
            count(run.stages),
            if run.complete { "yes" } else { "no" }.into(),
            by.title().into(),
            number,
            settings.into(),
        ]);
    }
    table
}

/// The settings with the highest number, mean over seeds and draws, and their labels as `k=3,
/// mels=64`.
fn best(results: &Results, by: By) -> Option<(Stat, String)> {
    let number = |group: &Group| {
        Stat::of(&group.points.iter().map(|p| p.number(by.name())).collect::<Vec<_>>())
    };
    let mut best: Option<(Stat, &Group)> = None;
    let groups = results.groups();
    for group in &groups {
        let Some(stat) = number(group) else { continue };
        if best.is_none_or(|(known, _)| stat.mean > known.mean) {
            best = Some((stat, group));
        }
    }
    let (stat, group) = best?;
    let axes: Vec<&String> = results.axes.iter().filter(|axis| !is_repetition(axis)).collect();
    let names = short(&axes);
    let labels = axes
        .iter()
        .zip(names)
        .filter_map(|(axis, name)| Some(format!("{name}={}", group.settings.get(axis.as_str())?)));
    Some((stat, labels.collect::<Vec<_>>().join(", ")))
}

/// A row a point: the settings that differ among all of them, and the numbers that any of them has.
pub fn points(listed: &[Listed]) -> Table {
    let all =
        || listed.iter().flat_map(|run| run.results.points.iter().map(move |point| (run, point)));
    let mut axes: Vec<&String> = Vec::new();
    for axis in listed.iter().flat_map(|run| &run.results.axes) {
        if !axes.contains(&axis) {
            axes.push(axis);
        }
    }
    axes.retain(|axis| {
        let mut values = all().map(|(_, point)| point.settings.get(*axis));
        let first = values.next();
        values.any(|value| Some(value) != first)
    });
    let values: Vec<_> = all().map(|(_, point)| point.numbers()).collect();
    let known: Vec<usize> =
        (0..By::NAMES.len()).filter(|c| values.iter().any(|row| row[*c].is_some())).collect();
    let several = listed.len() > 1;
    let of_run = if several { &["experiment", "run"][..] } else { &[] };
    let titles = of_run.iter().map(|title| (*title).to_owned()).chain(short(&axes));
    let title = |c: &usize| By::parse(By::NAMES[*c]).map_or("", By::title).to_owned();
    let mut table = Table::new(titles.chain(known.iter().map(title)));
    for ((run, point), values) in all().zip(&values) {
        let name = several.then(|| [run.results.name.as_str().into(), run.digest.as_str().into()]);
        let settings = axes
            .iter()
            .map(|axis| Cell::from(point.settings.get(*axis).map_or("", String::as_str)));
        let number =
            |c: &usize| Cell::number(values[*c], values[*c].map_or(DASH.to_owned(), percent));
        table.push(
            name.into_iter().flatten().chain(settings).chain(known.iter().map(number)).collect(),
        );
    }
    table
}

/// The last words of paths; where two end alike the whole paths.
pub(super) fn short<T: AsRef<str>>(paths: &[T]) -> Vec<String> {
    let last = |path: &T| path.as_ref().rsplit('.').next().unwrap_or_default().to_owned();
    let alike = |path: &T| paths.iter().filter(|other| last(other) == last(path)).count() > 1;
    paths
        .iter()
        .map(|path| if alike(path) { path.as_ref().to_owned() } else { last(path) })
        .collect()
}

/// Sorts the rows of a table by a column: numbers from the largest, texts from A to Z, each as the
/// values they are. What has no number comes last.
///
/// # Errors
/// A column that there is not.
pub fn sort(table: &mut Table, title: &str) -> Result<(), NoTable> {
    let same = |column: &String| {
        column.to_lowercase().replace(' ', "_") == title.to_lowercase().replace(' ', "_")
    };
    let Some(column) = table.columns.iter().position(same) else {
        return Err(NoTable::Column { name: title.to_owned(), known: table.columns.clone() });
    };
    let numeric = table.rows.iter().any(|row| row[column].value.is_some());
    table.rows.sort_by(|a, b| {
        let (a, b) = (&a[column], &b[column]);
        match (a.value, b.value) {
            (Some(a), Some(b)) => b.total_cmp(&a),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) if numeric => Ordering::Equal,
            (None, None) => natural(&a.text, &b.text),
        }
    });
    Ok(())
}

/// Texts by their words, in which runs of digits are numbers: `k=9` before `k=10`.
fn natural(a: &str, b: &str) -> Ordering {
    if let (Ok(a), Ok(b)) = (a.parse::<f64>(), b.parse::<f64>()) {
        return a.total_cmp(&b);
    }
    let parts = |text: &str| -> Vec<(String, Option<u64>)> {
        let mut parts: Vec<String> = Vec::new();
        for c in text.chars() {
            match parts.last_mut() {
                Some(part)
                    if part.ends_with(|last: char| last.is_ascii_digit()) == c.is_ascii_digit() =>
                {
                    part.push(c)
                }
                _ => parts.push(c.to_string()),
            }
        }
        parts.into_iter().map(|part| (part.clone(), part.parse().ok())).collect()
    };
    let (left, right) = (parts(a), parts(b));
    for ((a, m), (b, n)) in left.iter().zip(&right) {
        let order = match (m, n) {
            (Some(m), Some(n)) => m.cmp(n),
            _ => a.cmp(b),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::super::systems::testing::results;
    use super::*;

    fn listed(digest: &str, numbers: &[(&str, &str, &[Option<f64>])]) -> Listed {
        Listed {
            digest: digest.into(),
            complete: true,
            results: results("detector.knn.k", numbers),
            ..Default::default()
        }
    }

    fn column(table: &Table, title: &str) -> Vec<String> {
        let column = table.columns.iter().position(|known| known == title).unwrap();
        table.rows.iter().map(|row| row[column].text.clone()).collect()
    }

    #[test]
    fn a_run_has_its_best_settings_by_the_mean_over_seeds() {
        let run = listed(
            "ab",
            &[("1", "0", &[Some(0.9)]), ("1", "1", &[Some(0.5)]), ("3", "0", &[Some(0.8)])],
        );
        let table = runs(&[run, listed("cd", &[("1", "0", &[None])])]);
        assert_eq!(column(&table, "best"), ["80.00", "–"]);
        assert_eq!(column(&table, "settings"), ["k=3", ""]);
        assert_eq!(column(&table, "number"), ["official", "official"]);
    }

    #[test]
    fn points_have_the_settings_that_differ_and_those_of_several_runs_their_run() {
        let one = listed("ab", &[("10", "0", &[Some(0.9)]), ("9", "0", &[Some(0.8)])]);
        let table = points(std::slice::from_ref(&one));
        assert_eq!(table.columns[..2], ["k", "official"]);
        let two = points(&[one, listed("cd", &[("9", "1", &[Some(0.7)])])]);
        assert_eq!(two.columns[..5], ["experiment", "run", "k", "seed", "official"]);
        assert_eq!(column(&two, "run"), ["ab", "ab", "cd"]);
    }

    #[test]
    fn labels_are_sorted_as_the_values_they_are_and_numbers_from_the_largest() {
        let numbers: [(&str, &str, &[Option<f64>]); 3] =
            [("10", "0", &[None]), ("9", "0", &[Some(0.8)]), ("-1", "0", &[Some(0.9)])];
        let mut table = points(&[listed("ab", &numbers)]);
        sort(&mut table, "K").unwrap();
        assert_eq!(column(&table, "k"), ["-1", "9", "10"]);
        sort(&mut table, "auc_source").unwrap();
        assert_eq!(column(&table, "k"), ["-1", "9", "10"]);
        assert_eq!(natural("knn k=10", "knn k=9"), Ordering::Greater);
        assert_eq!(natural("knn", "knn k=9"), Ordering::Less);
        let why = sort(&mut table, "offical").unwrap_err();
        assert_eq!(
            (why.to_string().as_str(), why.hint().as_str()),
            ("there is no column `offical`", "did you mean `official`?")
        );
    }

    #[test]
    fn paths_that_end_alike_stay_whole() {
        assert_eq!(short(&["a.k", "b.mels"]), ["k", "mels"]);
        assert_eq!(short(&["a.k", "b.k"]), ["a.k", "b.k"]);
    }
}
