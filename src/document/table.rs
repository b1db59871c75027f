//! Tables: titled columns, and cells with a text and its number.

/// Each row has one cell per column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub columns: Vec<String>,
    /// Titles above several columns, each with its number of columns. They cover all columns, or
    /// there are none.
    pub groups: Vec<(String, usize)>,
    pub rows: Vec<Vec<Cell>>,
}

/// The text of a cell and its number, as an unrounded share or count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    pub text: String,
    pub value: Option<f64>,
    /// Whether it is the best of its kind in the table, or significant.
    pub is_best: bool,
}

impl Table {
    pub fn new<T: Into<String>>(columns: impl IntoIterator<Item = T>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The column titles in one line, each with the title of its group before it.
    pub fn titles(&self) -> Vec<String> {
        let mut groups = self
            .groups
            .iter()
            .flat_map(|(title, columns)| std::iter::repeat_n(title.as_str(), *columns));
        let titled = |column: &String| match groups.next().unwrap_or_default() {
            "" => column.clone(),
            group => format!("{group} {column}"),
        };
        self.columns.iter().map(titled).collect()
    }

    /// # Panics
    /// If the row has more or fewer cells than the table has columns.
    pub fn push(&mut self, row: Vec<Cell>) {
        assert_eq!(row.len(), self.columns.len(), "a row has a cell for each column");
        self.rows.push(row);
    }

    /// The width in characters of the widest row in Markdown.
    pub fn width(&self) -> usize {
        let cell = |cell: &Cell| cell.text.chars().count() + if cell.is_best { 4 } else { 0 };
        let widest = |(column, title): (usize, &String)| {
            let cells = self.rows.iter().map(|row| cell(&row[column]));
            cells.chain([title.chars().count(), 3]).max().unwrap_or(0) + 3
        };
        self.columns.iter().enumerate().map(widest).sum::<usize>() + 1
    }

    /// Whether every cell of a column is a number, a dash for one, or empty. Such columns are
    /// aligned to the right.
    pub fn is_numeric(&self, column: usize) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row[column].is_number())
    }
}

impl Cell {
    /// Whether it is empty or shows only numbers: `12`, `65.00 ± 7.07`, `80.00 / –`. Digits with a
    /// zero before them are a name, as of section `00`.
    fn is_number(&self) -> bool {
        let begins =
            |text: &str| text.starts_with(|c: char| c.is_ascii_digit() || "–−+<".contains(c));
        let name = |word: &str| {
            word.len() > 1 && word.starts_with('0') && word.bytes().all(|b| b.is_ascii_digit())
        };
        let number = |word: &str| {
            "±/–".contains(word) || !name(word) && word.replace('−', "-").parse::<f64>().is_ok()
        };
        self.text.is_empty()
            || begins(&self.text) && (self.value.is_some() || self.text.split(' ').all(number))
    }

    pub fn number(value: Option<f64>, text: impl Into<String>) -> Self {
        Self { text: text.into(), value, is_best: false }
    }

    #[must_use]
    pub fn best(self, is_best: bool) -> Self {
        Self { is_best, ..self }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Self {
        text.clone().into()
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_numbers_is_numeric_and_one_of_names_is_not() {
        let mut table = Table::new(["section", "AUC", "clips", "mean"]);
        table.push(vec!["00".into(), "65.00 ± 7.07".into(), "10".into(), "−0.5".into()]);
        table.push(vec!["01".into(), "80.00 / –".into(), "0".into(), "".into()]);
        let numeric: Vec<bool> = (0..4).map(|column| table.is_numeric(column)).collect();
        assert_eq!(numeric, [false, true, true, true]);
    }
}
