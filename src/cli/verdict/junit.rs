//! Cases as JUnit XML, which GitLab, Jenkins and most others show.
//!
//! All of them read this form: `testsuites`, `testsuite`, `testcase`, `failure`, `skipped`. The XML
//! is written by hand, because the crates for it bring six others for these five elements.

use super::{Case, Suite, Verdict};
use crate::shown::html as escaped;

/// The document. Cases of one suite may share a name.
pub fn xml(experiment: &str, cases: &[Case]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text.push_str(&format!("<testsuites name=\"{}\"{}>\n", escaped(experiment), counts(cases)));
    for suite in Suite::ALL {
        let own: Vec<Case> = cases.iter().filter(|case| case.suite == suite).cloned().collect();
        if own.is_empty() {
            continue;
        }
        text.push_str(&format!("  <testsuite name=\"{}\"{}>\n", suite.name(), counts(&own)));
        own.iter().for_each(|case| text.push_str(&test_case(experiment, case)));
        text.push_str("  </testsuite>\n");
    }
    text + "</testsuites>\n"
}

fn counts(cases: &[Case]) -> String {
    let count = |what: fn(&Verdict) -> bool| cases.iter().filter(|c| what(&c.verdict)).count();
    format!(
        " tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{:.3}\"",
        cases.len(),
        count(|verdict| matches!(verdict, Verdict::Failed { .. })),
        count(|verdict| matches!(verdict, Verdict::Skipped(_))),
        // The sum of an empty iterator is -0.
        cases.iter().filter_map(|case| case.seconds).sum::<f64>() + 0.0,
    )
}

fn test_case(experiment: &str, case: &Case) -> String {
    let head = format!(
        "    <testcase classname=\"{}.{}\" name=\"{}\" time=\"{:.3}\"",
        escaped(experiment),
        case.suite.name(),
        escaped(&case.name),
        case.seconds.unwrap_or(0.0),
    );
    let body = match &case.verdict {
        Verdict::Passed => return head + "/>\n",
        Verdict::Failed { message, lines } => {
            let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
            format!("<failure message=\"{}\">{}</failure>", escaped(message), lines.join("\n"))
        }
        Verdict::Skipped(why) => format!("<skipped message=\"{}\"/>", escaped(why)),
    };
    format!("{head}>\n      {body}\n    </testcase>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_count_their_cases_and_names_are_no_markup() {
        let cases = [
            Case {
                seconds: Some(1.25),
                ..Case::new(Suite::Stages, "training/<a>&\"b\"/\u{1b}", Verdict::Passed)
            },
            Case::new(Suite::Stages, "scoring/a", Verdict::Skipped("training/a failed".into())),
            Case::new(
                Suite::Baseline,
                "knn",
                Verdict::Failed { message: "fell".into(), lines: vec!["]]>".into(), "b".into()] },
            ),
        ];
        let expected = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites name=\"x\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"1.250\">
  <testsuite name=\"stages\" tests=\"2\" failures=\"0\" errors=\"0\" skipped=\"1\" time=\"1.250\">
    <testcase classname=\"x.stages\" name=\"training/&lt;a&gt;&amp;&quot;b&quot;/&lt;U+001B&gt;\" time=\"1.250\"/>
    <testcase classname=\"x.stages\" name=\"scoring/a\" time=\"0.000\">
      <skipped message=\"training/a failed\"/>
    </testcase>
  </testsuite>
  <testsuite name=\"baseline\" tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"0.000\">
    <testcase classname=\"x.baseline\" name=\"knn\" time=\"0.000\">
      <failure message=\"fell\">]]&gt;
b</failure>
    </testcase>
  </testsuite>
</testsuites>
";
        assert_eq!(xml("x", &cases), expected);
    }
}
