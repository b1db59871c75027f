//! The content of a report, independent of its format: headings, paragraphs, lists and tables.
//!
//! Builders in `report` and `evaluate` make a [`Document`]; renderers write it as Markdown, HTML,
//! LaTeX, CSV or JSON, or for a terminal. A document holds names as users wrote them. Builders must
//! not escape them, because each renderer escapes for its format. A document computes nothing.

mod html;
mod json;
mod latex;
mod markdown;
mod table;
mod terminal;

pub use table::{Cell, Table};

/// Blocks in reading order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    pub blocks: Vec<Block>,
}

/// One piece of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Level 1 is the title of the document.
    Heading {
        level: u8,
        text: String,
    },
    /// The question of an experiment, with its line breaks.
    Question(String),
    /// A paragraph.
    Text(String),
    List(Vec<String>),
    Table(Table),
}

impl Document {
    /// A document with a title, and below it the question it answers.
    pub fn titled(title: &str, question: Option<&str>) -> Self {
        let document = Self::default().heading(1, title);
        match question {
            Some(question) => document.with(Block::Question(question.trim().to_owned())),
            None => document,
        }
    }

    #[must_use]
    pub fn heading(self, level: u8, text: impl Into<String>) -> Self {
        self.with(Block::Heading { level, text: text.into() })
    }

    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.with(Block::Text(text.into()))
    }

    #[must_use]
    pub fn table(self, table: Table) -> Self {
        self.with(Block::Table(table))
    }

    /// Adds a list; nothing if it has no items.
    #[must_use]
    pub fn list(self, items: Vec<String>) -> Self {
        if items.is_empty() { self } else { self.with(Block::List(items)) }
    }

    /// Adds a sentence and the list it introduces; nothing if the list has no items.
    #[must_use]
    pub fn announced(self, sentence: &str, items: Vec<String>) -> Self {
        if items.is_empty() { self } else { self.text(sentence).list(items) }
    }

    /// Appends the blocks of another document.
    #[must_use]
    pub fn then(mut self, other: Document) -> Self {
        self.blocks.extend(other.blocks);
        self
    }

    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Table(table) => Some(table),
            _ => None,
        })
    }

    fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }
}
