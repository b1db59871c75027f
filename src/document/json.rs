//! Documents for programs: JSON of all blocks, CSV of the tables.

use serde_json::{Value, json};

use super::{Block, Cell, Document, Table};

impl Document {
    /// `{"blocks": [{"heading": .., "level": 1}, {"question": ..}, {"text": ..}, {"list": [..]},
    /// {"table": {"columns": [..], "rows": [[..]]}}]}`. A cell with a number becomes that number,
    /// unrounded; other cells become their text.
    pub fn json(&self) -> Value {
        let block = |block: &Block| match block {
            Block::Heading { level, text } => json!({ "heading": text, "level": level }),
            Block::Question(text) => json!({ "question": text }),
            Block::Text(text) => json!({ "text": text }),
            Block::List(items) => json!({ "list": items }),
            Block::Table(table) => json!({ "table": rows(table) }),
        };
        json!({ "blocks": self.blocks.iter().map(block).collect::<Vec<_>>() })
    }

    /// The tables one after another, separated by empty lines. A cell with a number becomes that
    /// number, unrounded.
    pub fn csv(&self) -> String {
        let tables: Vec<String> = self.tables().map(csv).collect();
        tables.join("\n")
    }
}

fn rows(table: &Table) -> Value {
    let cell = |cell: &Cell| cell.value.map_or_else(|| json!(cell.text), |value| json!(value));
    let rows: Vec<Value> = table.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    json!({ "columns": table.titles(), "rows": rows })
}

fn csv(table: &Table) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(table.titles()).expect("memory takes it");
    for row in &table.rows {
        let cells = row
            .iter()
            .map(|cell| cell.value.map_or_else(|| cell.text.clone(), |value| value.to_string()));
        writer.write_record(cells).expect("memory takes it");
    }
    String::from_utf8(writer.into_inner().expect("memory takes it")).expect("cells are text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_texts_stay_as_they_are() {
        let mut table = Table::new(["k", "AUC"]);
        table.push(vec!["1, \"one\"".into(), Cell::number(Some(2.0 / 3.0), "66.67")]);
        table.push(vec!["3".into(), Cell::number(None, "–")]);
        let document = Document::default().heading(2, "a").table(table);
        let expected = json!({ "blocks": [
            { "heading": "a", "level": 2 },
            { "table": { "columns": ["k", "AUC"], "rows": [["1, \"one\"", 2.0 / 3.0], ["3", "–"]] } },
        ] });
        assert_eq!(document.json(), expected);
        assert_eq!(document.csv(), "k,AUC\n\"1, \"\"one\"\"\",0.6666666666666666\n3,–\n");
    }
}
