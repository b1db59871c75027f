//! Names are untrusted text: what a folder, a file or a record is called leads nowhere, moves no
//! cursor, breaks no table.

use std::fs;

use humshift::digest::Digest;

use crate::cache;
use crate::project::{Output, Project};
use crate::sounds::{self, SPEC};

/// The recordings of the fan, under another name.
fn machine(name: &str) -> Project {
    let project = Project::with(SPEC);
    for (path, bytes) in sounds::data_set().into_iter().filter(|(path, _)| path.contains("/fan/")) {
        project.write(&path.replace("/fan/", &format!("/{name}/")), bytes);
    }
    project
}

/// What a user sees; the folder is left out.
fn seen(project: &Project, output: &Output) -> String {
    let real = fs::canonicalize(project.dir()).expect("it is there");
    let text = format!("exit code {}\n{}{}", output.code, output.stdout, output.stderr);
    text.replace(&real.display().to_string(), "DIR")
        .replace(&project.dir().display().to_string(), "DIR")
}

/// Whether a terminal would obey a part of a text.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || !c.is_control())
}

/// The number of columns of each row of the tables, by the bars that are not escaped.
fn columns(text: &str) -> Vec<usize> {
    let rows = text.lines().filter(|line| line.starts_with('|'));
    rows.map(|row| row.replace("\\|", "").matches('|').count()).collect()
}

#[test]
fn a_bar_in_a_name_stays_in_its_cell() {
    let project = machine("fan|A");
    project.run("run spec.yaml").done();
    let report = project.run("report spec.yaml").done().stdout;
    assert!(report.contains("| fan\\|A "), "{report}");
    for table in report.split("\n\n").filter(|part| part.starts_with('|')) {
        let columns = columns(table);
        assert!(columns.iter().all(|count| *count == columns[0]), "{table}");
    }
    assert!(project.report().contains(",fan|A,00,"), "in CSV it is as it is");
    project.run("report spec.yaml --submission scores").done();
    let evaluation = project.run("evaluate scores --protocol dcase2022").done().stdout;
    assert!(evaluation.contains("| fan\\|A "), "{evaluation}");
    let columns = columns(&evaluation);
    assert!(columns.iter().all(|count| *count == columns[0]), "{evaluation}");
}

#[test]
fn quotes_in_a_name_stay_in_the_label_of_a_graph() {
    let project = machine("fan\"A");
    let dot = project.run("plan spec.yaml --dot").done().stdout;
    assert!(dot.contains("[ label=\"dataset/fan\\\"A/00\" "), "{dot}");
}

#[cfg(unix)]
#[test]
fn a_name_that_a_terminal_obeys_is_no_name() {
    let project = machine("fan\u{1b}[31m\n## injected\n|x");
    for command in ["check spec.yaml", "plan spec.yaml", "run spec.yaml"] {
        let output = project.run(command).exits(2);
        assert!(is_plain(&output.stderr) && !output.stderr.contains("\n##"), "{}", output.stderr);
        if command.starts_with("check") {
            insta::assert_snapshot!("control_character", seen(&project, &output));
        }
    }
}

#[cfg(unix)]
#[test]
fn a_stray_file_is_told_in_one_line() {
    let project = machine("fan");
    project.write("data/fan/train/odd\u{1b}[2J\nwarning: all is well.wav", "");
    let output = project.run("check spec.yaml").done();
    insta::assert_snapshot!("stray", seen(&project, &output));
}

#[test]
fn a_name_that_leads_elsewhere_is_a_mistake_of_the_spec() {
    for (name, what) in
        [("../../elsewhere", "parent"), ("/tmp/elsewhere", "absolute"), ("", "empty")]
    {
        let data = format!(
            "data: {{ folder: {{ root: data, pattern: \"fan/train/{{*}}.wav\", defaults: {{ machine: \"{name}\", split: \
             train }} }} }}"
        );
        let project = machine("fan");
        project.spec(&SPEC.replace("data: { dcase: { root: data } }", &data));
        let output = project.run("check spec.yaml").exits(2);
        insta::assert_snapshot!(format!("leads_elsewhere_{what}"), seen(&project, &output));
        project.run("dataset write spec.yaml -o out/set").exits(2);
        assert!(!project.path("out").exists() && !project.path("elsewhere").exists());
    }
    let project = machine("fan");
    project.spec(&SPEC.replace("root: data", "root: data, machines: [fan, ../valve]"));
    let output = project.run("check spec.yaml").exits(2);
    insta::assert_snapshot!("leads_elsewhere_chosen", seen(&project, &output));
}

#[cfg(unix)]
#[test]
fn a_name_that_leads_elsewhere_is_a_mistake_of_the_data() {
    let project = Project::with(&SPEC.replace(
        "dcase: { root: data }",
        "folder: { root: data, pattern: \"{machine}_{section}.wav\", defaults: { split: train } }",
    ));
    project.write("data/fan_...wav", sounds::clip("fan"));
    let output = project.run("run spec.yaml").exits(2);
    insta::assert_snapshot!("leads_elsewhere_file", seen(&project, &output));
}

#[test]
fn one_letter_in_two_spellings_is_one_letter() {
    // A letter and its accent apart, as macOS writes them; the spec has them as one.
    let project = machine("Lu\u{308}fter");
    project.spec(&SPEC.replace("root: data", "root: data, machines: [L\u{fc}fter]"));
    let output = project.run("run spec.yaml").done();
    assert!(output.stdout.contains("fter"), "{}", output.stdout);
}

#[test]
fn a_letter_that_nobody_sees_is_shown() {
    let project = machine("fan");
    for (name, what) in
        [("fan\u{200b}", "zero_width"), ("fan\u{a0}", "no_break"), ("\u{feff}fan", "mark")]
    {
        project.spec(&SPEC.replace("root: data", &format!("root: data, machines: [\"{name}\"]")));
        let output = project.run("check spec.yaml").exits(2);
        insta::assert_snapshot!(format!("invisible_{what}"), seen(&project, &output));
    }
}

#[test]
fn a_label_of_a_record_is_shown_and_not_obeyed() {
    let project = machine("fan");
    project.run("run spec.yaml").done();
    let records = cache::records(&project.cache());
    let record = records.iter().find(|record| record.label == "metrics/fan/00").expect("it ran");
    let mut json = record.json.clone();
    json["label"] = "metrics\u{1b}[2J\nall is well".into();
    let line = json.to_string();
    fs::write(&record.path, format!("{line}\n\"{}\"\n", Digest::of(line.as_bytes()).hex()))
        .expect("a file");
    let list = project.run("cache ls").done().stdout;
    assert!(
        list.contains("  metrics<U+001B>[2J<U+000A>all is well\n") && is_plain(&list),
        "{list}"
    );
    assert_eq!(list.lines().count(), records.len());
}

#[cfg(unix)]
#[test]
fn score_files_with_odd_names_are_evaluated_and_shown() {
    let project = machine("fan");
    project.run("run spec.yaml").done();
    project.run("report spec.yaml --submission scores --team a --system b").done();
    for section in ["00", "01"] {
        let name = |machine: &str| {
            format!("scores/teams/a/b/anomaly_score_{machine}_section_{section}_test.csv")
        };
        project.rename(&name("fan"), &name("fan\u{1b}[2J\n# all is well"));
    }
    let output = project.run("evaluate scores --protocol dcase2022").done();
    assert!(output.stdout.contains("| fan<U+001B>[2J<U+000A># all is well "), "{}", output.stdout);
    assert!(is_plain(&output.stdout) && is_plain(&output.stderr));
    assert!(!output.stdout.contains("\n# all"), "{}", output.stdout);
}
