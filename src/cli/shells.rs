//! `humshift completions` and `humshift man`, generated from the arguments of the program.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, CliError, Exit, output, outputs};

#[derive(Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Args)]
pub struct ManArgs {
    /// Write the pages of all commands into this folder instead of the first page to stdout
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Writes the completions of a shell to stdout.
pub fn completions(args: &CompletionsArgs) -> Result<Exit, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "humshift", &mut text);
    output::text(&String::from_utf8_lossy(&text));
    Ok(Exit::Done)
}

/// Writes manual pages.
///
/// Errors (E0705): the folder cannot be written.
pub fn man(args: &ManArgs) -> Result<Exit, CliError> {
    let mut command = Cli::command();
    command.build();
    let Some(folder) = &args.output else {
        output::text(&page(&command));
        return Ok(Exit::Done);
    };
    outputs::make(folder)?;
    let pages = pages(command);
    for (name, text) in &pages {
        outputs::write(&folder.join(format!("{name}.1")), text.as_bytes())?;
    }
    output::tell(&format!("{} pages written to {}", pages.len(), folder.display()));
    Ok(Exit::Done)
}

/// The pages of a command and its subcommands, by name.
fn pages(command: clap::Command) -> Vec<(String, String)> {
    let inner: Vec<clap::Command> = command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set() && inner.get_name() != "help")
        .cloned()
        .collect();
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let own = (name.clone(), page(&command.display_name(name)));
    [own].into_iter().chain(inner.into_iter().flat_map(pages)).collect()
}

fn page(command: &clap::Command) -> String {
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text).expect("memory can be written");
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All visible commands, by their full names.
    fn commands(command: &clap::Command, path: &str, all: &mut Vec<(String, clap::Command)>) {
        for inner in
            command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help")
        {
            let path = format!("{path} {}", inner.get_name());
            commands(inner, &path, all);
            if inner.get_subcommands().next().is_none() {
                all.push((path, inner.clone()));
            }
        }
    }

    #[test]
    fn the_help_of_every_command_has_an_example_that_the_program_takes() {
        let mut root = Cli::command();
        root.build();
        let mut all = Vec::new();
        commands(&root, "humshift", &mut all);
        assert!(all.len() > 18);
        for (path, mut command) in all {
            let help = command.render_long_help().to_string();
            let lines: Vec<&str> = help.lines().filter(|l| l.starts_with("  humshift ")).collect();
            assert!(lines.iter().any(|line| line.trim().starts_with(&path)), "{path}:\n{help}");
            for line in lines {
                let words = line.split(['|', '#', '>', '&']).next().unwrap().split_whitespace();
                let taken =
                    Cli::command().try_get_matches_from(words.map(|w| w.trim_matches('\'')));
                assert!(taken.is_ok(), "{line}: {}", taken.unwrap_err());
            }
        }
    }

    #[test]
    fn every_command_has_a_page() {
        let mut root = Cli::command();
        root.build();
        let pages = pages(root);
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert!(names.contains(&"humshift") && names.contains(&"humshift-cache-gc"), "{names:?}");
        assert!(!names.contains(&"humshift-internal"));
        assert!(pages.iter().all(|(_, text)| text.contains(".SH SYNOPSIS")));
    }
}
