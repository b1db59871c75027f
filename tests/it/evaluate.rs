//! `evaluate` on submissions that are made up: every year's names and rules, and everything that
//! can be wrong with them.

use std::fs;

use humshift::metric::harmonic_mean;

use crate::project::{Output, Project};

/// The clips of a section: domain, label, score. AUC source 8 / 8, AUC target 4 / 8, of its own
/// anomalies 1 / 4.
const CLIPS: [(&str, &str, f64); 8] = [
    ("source", "normal", 0.1),
    ("source", "normal", 0.2),
    ("target", "normal", 0.3),
    ("target", "normal", 0.6),
    ("source", "anomaly", 0.5),
    ("source", "anomaly", 0.7),
    ("target", "anomaly", 0.4),
    ("target", "anomaly", 0.25),
];

/// Lines of clips that carry their truth in the name.
fn lines(section: &str, value: impl Fn(f64) -> String) -> Vec<String> {
    let line = |(number, (domain, label, score)): (usize, &(&str, &str, f64))| {
        format!(
            "section_{section}_{domain}_test_{label}_{number:04}_vel_{number}.wav,{}\n",
            value(*score)
        )
    };
    CLIPS.iter().enumerate().map(line).collect()
}

/// A submission with scores and decisions (above 0.35) for two machines, one of them with two
/// sections.
fn submission() -> Project {
    let project = Project::new();
    for (machine, section) in [("fan", "00"), ("fan", "01"), ("valve", "00")] {
        let file = |kind: &str| format!("scores/{kind}_{machine}_section_{section}_test.csv");
        project.write(&file("anomaly_score"), lines(section, |score| score.to_string()).concat());
        project.write(
            &file("decision_result"),
            lines(section, |score| u8::from(score > 0.35).to_string()).concat(),
        );
    }
    project
}

const RUN: &str = "evaluate scores --protocol dcase2022";

fn number(output: &Output, path: &str) -> f64 {
    output
        .json()
        .pointer(path)
        .and_then(|v| v.as_f64())
        .unwrap_or_else(|| panic!("{path}: {}", output.stdout))
}

#[test]
fn the_numbers_of_a_submission() {
    let project = submission();
    let run = project.run(RUN).done();
    assert_eq!(run.stderr, "");
    insta::assert_snapshot!("evaluate", run.stdout);
    let json = project.run(&format!("{RUN} --json")).done();
    insta::assert_snapshot!("evaluate_json", json.stdout);
    let pauc = number(&json, "/machines/0/sections/0/metrics/pauc");
    let expected = harmonic_mean(&[1.0, 0.5, pauc].repeat(3)).unwrap();
    assert_eq!(number(&json, "/official_score"), expected);
    let csv = project.run(&format!("{RUN} --format csv -o out.csv")).done();
    assert_eq!(csv.stdout, "");
    let csv = fs::read_to_string(project.path("out.csv")).unwrap();
    assert!(
        csv.starts_with(
            "system,machine,section,metric,value\nscores,fan,arithmetic mean,auc,0.75\n"
        ),
        "{csv}"
    );
    assert!(csv.contains("\nscores,valve,00,auc_target,0.5\n"), "{csv}");
    assert!(csv.ends_with(&format!("\nscores,,,official_score,{expected}\n")), "{csv}");
    let wide = project.run(&format!("{RUN} --max-fpr 0.5 --json")).done();
    assert!(number(&wide, "/official_score") > expected);
}

#[test]
fn order_headers_folders_and_line_ends_change_nothing() {
    let project = submission();
    let expected = project.run(RUN).done().stdout;
    let mut turned = lines("00", |score| score.to_string());
    turned.reverse();
    let text = turned.concat().replace("section", "fan\\test\\section").replace('\n', "\r\n");
    project.write(
        "scores/anomaly_score_fan_section_00_test.csv",
        format!("\u{feff}file_name,anomaly_score\r\n{text}"),
    );
    // As one published system has it: the threshold in front, the score again in every row.
    let decisions = lines("01", |score| format!("{score},{}", u8::from(score > 0.35))).concat();
    let text = format!("decision threshold,0.35,max,0.7,min,0.1\n{decisions}");
    project.write("scores/decision_result_fan_section_01_test.csv", text);
    assert_eq!(project.run(RUN).done().stdout, expected);
}

#[test]
fn every_year_has_its_names_and_its_rule() {
    let half = |project: &Project, name: &str, domain: &str| {
        let lines = lines("00", |score| score.to_string());
        project.write(name, lines.into_iter().filter(|l| l.contains(domain)).collect::<String>());
    };
    let project = Project::new();
    half(&project, "2021/anomaly_score_fan_section_00_source_test.csv", "_source_");
    half(&project, "2021/anomaly_score_fan_section_00_target_test.csv", "_target_");
    let run = project.run("evaluate 2021 --protocol dcase2021 --json").done();
    let value = |name: &str| number(&run, &format!("/machines/0/sections/0/metrics/{name}"));
    assert_eq!((value("auc_source"), value("auc_target")), (1.0, 0.25));
    let all =
        [value("auc_source"), value("auc_target"), value("pauc_source"), value("pauc_target")];
    assert_eq!(number(&run, "/official_score"), harmonic_mean(&all).unwrap());

    let name = "2023/anomaly_score_DCASE2023T2fan_section_00_test_seed13711_id(0_)_Eval.csv";
    project.write(name, lines("00", |score| score.to_string()).concat());
    for year in ["dcase2022", "dcase2023", "dcase2024"] {
        let run = project.run(&format!("evaluate 2023 --protocol {year} --json")).done();
        assert_eq!(run.json().pointer("/machines/0/machine").unwrap(), "fan");
        let value = |name: &str| number(&run, &format!("/machines/0/sections/0/metrics/{name}"));
        let all = [value("auc_source"), value("auc_target"), value("pauc")];
        assert_eq!((all[1], number(&run, "/official_score")), (0.5, harmonic_mean(&all).unwrap()));
    }

    let of_id = |id: &str, shift: f64| {
        let line = |(number, (_, label, score)): (usize, &(&str, &str, f64))| {
            format!(
                "{label}_id_{id}_{number:08}.wav,{}\n",
                score + if *label == "anomaly" { shift } else { 0.0 }
            )
        };
        CLIPS.iter().enumerate().map(line).collect::<String>()
    };
    project.write("2020/anomaly_score_ToyCar_id_01.csv", of_id("01", 0.0));
    project.write("2020/anomaly_score_ToyCar_id_02.csv", of_id("02", 1.0));
    project.write("2020/anomaly_score_pump_id_00.csv", of_id("00", 0.0));
    let run = project.run("evaluate 2020 --protocol dcase2020 --json").done();
    let (auc, pauc) = (0.75, number(&run, "/machines/0/sections/0/metrics/pauc"));
    assert_eq!(number(&run, "/machines/0/arithmetic_mean/auc"), (auc + 1.0) / 2.0);
    // Of the ids of a machine first, then of the machines.
    let expected = ((auc + 1.0 + pauc + 1.0) / 4.0 + (auc + pauc) / 2.0) / 2.0;
    assert!((number(&run, "/official_score") - expected).abs() < 1e-15);
}

/// The truth of the made-up submission in the form of the evaluators, and scores under names
/// without truth.
fn with_truth() -> Project {
    let project = Project::new();
    for (machine, section) in [("ToyCar", "03"), ("valve", "05")] {
        let of = |value: &dyn Fn(&str, &str, f64) -> String| -> String {
            let line = |(n, (domain, label, score)): (usize, &(&str, &str, f64))| {
                format!("section_{section}_{n:04}.wav,{}\n", value(domain, label, *score))
            };
            CLIPS.iter().enumerate().map(line).collect()
        };
        let file = format!("{machine}_section_{section}_test.csv");
        let flag = |yes: bool| u8::from(yes).to_string();
        let data = of(&|_, label, _| flag(label == "anomaly"));
        project.write(&format!("truth/dcase2022/ground_truth_data/ground_truth_{file}"), data);
        let domains = of(&|domain, _, _| flag(domain == "target"));
        project.write(&format!("truth/dcase2022/ground_truth_domain/ground_truth_{file}"), domains);
        project
            .write(&format!("scores/anomaly_score_{file}"), of(&|_, _, score| score.to_string()));
    }
    project
}

#[test]
fn truth_from_the_folders_of_the_evaluators() {
    let project = with_truth();
    let run = |truth: &str| project.run(&format!("{RUN} --json --truth {truth}"));
    let first = run("truth").done();
    assert_eq!(first.stderr, "");
    assert_eq!(number(&first, "/machines/1/sections/0/metrics/auc_target"), 0.5);
    assert_eq!(run("truth/dcase2022").done().stdout, first.stdout);

    // Full names stand for the clips they are of, also where rows are shorter than their header.
    let full = |number: usize| {
        format!("valve/test/section_05_target_test_normal_{number:04}_v1pat_05.wav")
    };
    let ragged = (0..8).map(|n| {
        let middle = if n % 2 == 0 { "v1pat,05,v2pat,05" } else { "v1pat,05" };
        format!("valve/test/section_05_{n:04}.wav,{middle},{}\n", full(n))
    });
    let table = format!(
        "file_name,d1p,d1v,d2p,d2v,file_name_with_full_attributes\n{}",
        ragged.collect::<String>()
    );
    project.write("truth/dcase2022/ground_truth_attributes/valve/attributes_05.csv", table);
    let named: String = CLIPS
        .iter()
        .enumerate()
        .map(|(n, (_, _, score))| format!("{},{score}\n", full(n)))
        .collect();
    project.write("scores/anomaly_score_valve_section_05_test.csv", named);
    assert_eq!(run("truth").done().stdout, first.stdout);
}

#[test]
fn names_without_attributes_pair_as_a_whole_or_not_at_all() {
    let project = submission();
    let file = "scores/decision_result_fan_section_00_test.csv";
    let before = project.run(RUN).done().stdout;
    let text = fs::read_to_string(project.path(file)).unwrap();
    let hide = |text: String, n: usize| text.replace(&format!("_vel_{n}."), "_noAttribute.");
    let hidden = (0..8).fold(text, hide);
    project.write(file, &hidden);
    assert_eq!(project.run(RUN).done().stdout, before);
    // Data that hide attributes may count their clips anew, and then a number is of another clip.
    project.write(file, hidden.replace("_0001_", "_0077_"));
    let told = project.run(RUN).exits(2).stderr;
    for words in ["lacks 1 clip of the scores of fan 00", "has 1 clip that the scores of fan 00"] {
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn names_that_contradict_the_truth_of_2022_are_told_of() {
    let project = with_truth();
    let full = |n: usize, label: &str| {
        format!("ToyCar/test/section_03_source_test_{label}_{n:04}_car_A1.wav")
    };
    let row = |(n, (_, label, _)): (usize, &(&str, &str, f64))| {
        let label = if n < 3 { "anomaly" } else { label };
        format!("ToyCar/test/section_03_{n:04}.wav,car,A1,{}\n", full(n, label))
    };
    let rows: String = CLIPS.iter().enumerate().map(row).collect();
    let table = format!("file_name,d1p,d1v,file_name_with_attributes\n{rows}");
    project.write("truth/dcase2022/ground_truth_attributes/ToyCar/attributes_03.csv", table);
    project.write("truth/lists/eval_data_list_2022.csv", "ToyCar\n");
    let run = project.run(&format!("{RUN} --truth truth")).done();
    insta::assert_snapshot!("evaluate_contradiction", run.stderr);

    let label = |n: usize| if n < 4 { "normal" } else { "anomaly" };
    let list: String = (0..8)
        .map(|n| {
            format!("section_03_{n:04}.wav,{}\n", full(n, label(n)).replace("source", CLIPS[n].0))
        })
        .collect();
    project
        .write("lists/eval_data_list.csv", format!("ToyCar\n{list}").replace("ToyCar/test/", ""));
    let run = project.run(&format!("{RUN} --truth lists --json")).done();
    assert_eq!(number(&run, "/machines/0/sections/0/metrics/auc_target"), 0.5);
    insta::assert_snapshot!("evaluate_list", run.stderr);
}

#[test]
fn teams_lie_one_level_deeper() {
    let project = submission();
    for file in fs::read_dir(project.path("scores")).unwrap().flatten() {
        let (text, name) =
            (fs::read_to_string(file.path()).unwrap(), file.file_name().into_string().unwrap());
        project.write(&format!("teams/worse/{name}"), &text);
        let better = text.replace(",0.25", ",0.65");
        project.write(&format!("teams/better/{name}"), better);
    }
    let run = project.run("evaluate teams --protocol dcase2022").done();
    let ranks = run.stdout.split("# All systems").nth(1).expect("a table of all");
    assert!(
        ranks.find("better") < ranks.find("worse") && run.stdout.contains("# worse, dcase2022"),
        "{ranks}"
    );
    let json = project.run("evaluate teams --protocol dcase2022 --json").done();
    assert!(
        number(&json, "/systems/0/official_score") > number(&json, "/systems/1/official_score")
    );
}

#[test]
fn what_is_wrong_is_named() {
    let score = "scores/anomaly_score_fan_section_00_test.csv";
    let decision = "scores/decision_result_fan_section_00_test.csv";
    let third = "section_00_target_test_normal_0002_vel_2.wav,0.3\n";
    let wrong = |name: &str, change: &dyn Fn(&Project), arguments: &str| {
        let project = submission();
        change(&project);
        let run = project.run(&format!("{RUN} {arguments}")).exits(2);
        assert_eq!(run.stdout, "");
        insta::assert_snapshot!(format!("evaluate_{name}"), run.stderr);
    };
    wrong("nothing_there", &|p| fs::create_dir(p.path("empty")).unwrap(), "--truth gone");
    wrong("missing_in_decisions", &|p| p.edit(score, third, ""), "");
    wrong("doubled", &|p| p.edit(score, third, &third.repeat(2)), "");
    wrong("no_number", &|p| p.edit(score, ",0.3", ",high"), "");
    wrong("nan", &|p| p.edit(score, ",0.3", ",nan"), "");
    wrong("no_field", &|p| p.edit(score, ",0.3", ""), "");
    wrong("no_clip", &|p| p.edit(score, third, "noise.wav,0.3\n"), "");
    wrong(
        "no_decision",
        &|p| p.edit(decision, "normal_0003_vel_3.wav,1", "normal_0003_vel_3.wav,0.6"),
        "",
    );
    wrong("two_of_a_section", &|p| p.write("scores/anomaly_score_fan_section_00.csv", third), "");
    wrong("of_2020", &|p| p.rename(score, "scores/anomaly_score_fan_id_00.csv"), "");
    wrong("bytes", &|p| p.write(score, b"\xff\xfe\x00"), "");
    wrong("rate", &|_| {}, "--max-fpr 2");
    wrong("no_table", &|p| p.write("result.csv", "Hello,\nWorld,1\n"), "--compare result.csv");
    let alone = |p: &Project| {
        p.remove(decision);
        p.write(score, third);
    };
    wrong("one_side", &alone, "");
    let second = |p: &Project| p.rename(decision, "scores/my_anomaly_score_fan_section_00.csv");
    wrong("several", &second, "--compare other_result.csv");

    let project = submission();
    fs::create_dir(project.path("empty")).unwrap();
    insta::assert_snapshot!(
        "evaluate_no_files",
        project.run("evaluate empty --protocol dcase2024").exits(2).stderr
    );
    insta::assert_snapshot!(
        "evaluate_no_year",
        project.run("evaluate scores --protocol dcase2019").exits(2).stderr
    );
    insta::assert_snapshot!(
        "evaluate_no_folder",
        project.run("evaluate gone --protocol dcase2022").exits(2).stderr
    );
}

#[test]
fn nothing_vanishes_without_a_word() {
    let project = submission();
    let expected = project.run(RUN).done().stdout;
    project.write(
        "scores/my_decision_result_fan_section_00_test.csv",
        "section_00_source_test_normal_0000.wav,0\n",
    );
    let run = project.run(RUN).done();
    assert_eq!(run.stdout, expected);
    let told =
        "`scores/my_decision_result_fan_section_00_test.csv` is left out: there are no score files";
    assert!(run.stderr.contains(told), "{}", run.stderr);

    let project = submission();
    let score = "scores/anomaly_score_fan_section_01_test.csv";
    project.write(score, lines("00", |score| score.to_string()).concat());
    let run = project.run(RUN).exits(2);
    let told = "`scores/anomaly_score_fan_section_01_test.csv` belongs to fan 01, but has clips of another section: \
                `section_00_source_test_anomaly_0004_vel_4`; ";
    assert!(run.stderr.contains(told), "{}", run.stderr);

    // The mean would be over fewer clips than were handed in.
    let project = submission();
    project.edit(score, "section_01_source_test_normal_0000", "secton_01_source_test_normal_0000");
    let run = project.run(RUN).exits(2);
    assert!(
        run.stderr.contains("line 1 is of `secton_01_source_test_normal_0000"),
        "{}",
        run.stderr
    );
}

#[test]
fn truth_and_scores_must_be_of_the_same_clips() {
    let score = "scores/anomaly_score_valve_section_05_test.csv";
    let data = "truth/dcase2022/ground_truth_data/ground_truth_valve_section_05_test.csv";
    let domain = "truth/dcase2022/ground_truth_domain/ground_truth_valve_section_05_test.csv";
    let wrong = |name: &str, change: &dyn Fn(&Project), arguments: &str| {
        let project = with_truth();
        change(&project);
        let run = project.run(&format!("{RUN} {arguments}")).exits(2);
        insta::assert_snapshot!(format!("evaluate_truth_{name}"), run.stderr);
    };
    wrong("needed", &|_| {}, "");
    wrong(
        "clips",
        &|p| p.edit(score, "section_05_0003.wav", "section_05_0009.wav"),
        "--truth truth",
    );
    wrong("section", &|p| p.remove(score), "--truth truth");
    wrong(
        "label",
        &|p| p.edit(data, "section_05_0003.wav,0", "section_05_0003.wav,2"),
        "--truth truth",
    );
    wrong("domain", &|p| p.edit(domain, "section_05_0003.wav,1\n", ""), "--truth truth");
    wrong("of_no_form", &|_| {}, "--truth scores");
    wrong("of_another_year", &|p| p.rename("truth/dcase2022", "truth/x"), "--truth truth");

    let project = with_truth();
    project.remove(score);
    let partial = project.run(&format!("{RUN} --truth truth --partial")).done();
    insta::assert_snapshot!("evaluate_partial", partial.stderr);
    let project = with_truth();
    project.write(
        "scores/anomaly_score_valve_section_00_test.csv",
        lines("00", |s| s.to_string()).concat(),
    );
    insta::assert_snapshot!(
        "evaluate_extra_section",
        project.run(&format!("{RUN} --truth truth")).done().stderr
    );
}

/// A table in the forms of a baseline and of an evaluator.
const TABLE: &str = "\
valve
section,AUC(Source),AUC(Target),pAUC
00,1.0,0.5,0.6052631578947368
,,AUC,pAUC,precision,recall,F1 score
arithmetic mean,,0.75,0.6052631578947368,0.75,0.75,0.75
source harmonic mean,,1.0,0.6052631578947368,1.0,1.0,1.0

fan
section,AUC (source),AUC (target),pAUC,precision (source),precision (target),recall (source),F1 score (target)
00,1.0,0.5,0.6052631578947368,1.0,0.5,1.0,0.5
01,1.0,0.5,0.6052631578947368,1.0,0.5,1.0,0.5
arithmetic mean,1.0,0.5,0.6052631578947368,1.0,0.5,1.0,0.5
harmonic mean,1.0,0.5,0.6052631578947368,1.0,0.5,1.0,0.5

(A)Total Average,1.0000,0.5000,0.6053
(H)Total Average,1.0000,0.5000,0.6053
official score,,0.6448598130841121
official score ci95,,0.001
";

#[test]
fn a_table_that_is_stale_is_told_so() {
    let project = submission();
    let compare = |table: &str| {
        project.write("result.csv", table);
        project.run(&format!("{RUN} --compare result.csv"))
    };
    let said = |run: Output| {
        run.stdout.split("## Compared with a table").nth(1).expect("a comparison").to_owned()
    };
    insta::assert_snapshot!("evaluate_table", said(compare(TABLE).done()));
    let stale = TABLE
        .replace("01,1.0,0.5,", "01,0.96,0.5,")
        .replace("(A)Total Average,1.0000", "(A)Total Average,0.9998");
    let stale = stale.replace("valve\n", "pump\n");
    insta::assert_snapshot!("evaluate_stale_table", said(compare(&stale).exits(1)));
    let json = project.run(&format!("{RUN} --compare result.csv --json")).exits(1);
    assert_eq!(json.json().pointer("/comparison/differences/8/published").unwrap(), 0.96);
    assert!(
        json.stderr.starts_with("`result.csv` does not belong to these scores: "),
        "{}",
        json.stderr
    );
}
