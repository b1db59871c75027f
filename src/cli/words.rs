//! `humshift schema` and `humshift docs`: the words of a spec for editors and for readers.

use std::path::PathBuf;

use clap::Args;

use super::{CliError, Exit, output, outputs};
use crate::spec;

#[derive(Args)]
pub struct WordsArgs {
    /// Write into this file instead of to stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes the JSON Schema of a spec.
pub fn schema(args: &WordsArgs) -> Result<Exit, CliError> {
    let text = serde_json::to_string_pretty(&spec::schema()).expect("a schema is JSON");
    give(args, &(text + "\n"))
}

/// Writes the reference of all words as Markdown.
pub fn docs(args: &WordsArgs) -> Result<Exit, CliError> {
    give(args, &spec::reference())
}

fn give(args: &WordsArgs, text: &str) -> Result<Exit, CliError> {
    match &args.output {
        None => output::text(text),
        Some(path) => outputs::save(path, text, Vec::new)?,
    }
    Ok(Exit::Done)
}
