//! `report --format html`: one page that needs nothing else, in which names do nothing.

mod browser;

use std::fs;

use serde_json::json;

use self::browser::Browser;
use crate::project::{Project, tree};
use crate::sounds::{self, SPEC};

/// Fourteen settings, a threshold, noise, a network; names that would be markup, and a text that
/// would turn round.
const HOSTILE: &str = r#"
name: hostile
question: "</title></style><script>alert(0)</script> <img src=x onerror=alert(2)> \u202e why?\u001b[31m\n--> ]]> <svg/onload=alert(3)>"
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: { k: 1 } }
threshold: { gamma: { percentile: 0.9 } }
sweep:
  detector: [ { knn: { k: 1 } }, { knn: { k: 2 } }, { knn: { k: 3 } }, { mahalanobis: {} }, { pca: { components: 2 } }, { kmeans: { clusters: 2 } }, { autoencoder: { epochs: 2 } } ]
  features.log_mel.mels: [8, 12, 16]
metrics: [auc, pauc, { intervals: { resamples: 100, level: 0.9 } }]
"#;

/// A label of the user's own, which is markup.
const LABEL: &str = "spec.yaml --label pca=</td></style><script>alert(1)</script>";

const ELEMENTS_WITHOUT_END: [&str; 7] = ["!DOCTYPE", "meta", "link", "br", "input", "img", "hr"];

/// The data set with a machine and attributes whose names are markup.
fn hostile() -> Project {
    let project = Project::with(HOSTILE);
    for (path, bytes) in sounds::data_set() {
        let text = String::from_utf8(bytes.clone()).map(|text| {
            let text = text
                .replace("near", "</td><script>alert(4)</script>")
                .replace("far", "'onload=alert(5)");
            text.replace("d1p", "<b>").replace("fan/", "fan<b onclick=alert(6)>'\"&/")
        });
        let path = path.replace("/fan/", "/fan<b onclick=alert(6)>'\"&/");
        project.write(&path, text.map_or(bytes, String::into_bytes));
    }
    project.run("run spec.yaml --quiet").done();
    project
}

fn page(project: &Project, arguments: &str) -> String {
    project.run(&format!("report {arguments} --format html")).done().stdout
}

/// What a page loads from elsewhere: nothing.
fn is_alone(page: &str) {
    for word in [
        "http:",
        "https:",
        "//cdn",
        "@import",
        "url(",
        "<iframe",
        "<object",
        "<embed",
        "javascript:",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    let sources = page.match_indices(" src=\"").count() + page.match_indices(" href=\"").count();
    let own = page.match_indices(" href=\"#").count() + page.match_indices(" href=\"data:").count();
    assert_eq!(sources, own, "links lead into the page");
}

/// Every element is closed by its own name, and every attribute stands between quotes.
fn is_balanced(page: &str) {
    let mut open: Vec<String> = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let (tag, tail) = rest[start + 1..].split_once('>').expect("a tag ends");
        rest = tail;
        assert!(tag.matches('"').count().is_multiple_of(2) && !tag.contains('<'), "{tag}");
        let name = tag
            .trim_start_matches('/')
            .split([' ', '/'])
            .next()
            .expect("a tag has a name")
            .to_owned();
        if tag.starts_with('/') {
            assert_eq!(open.pop().as_ref(), Some(&name), "{}", &rest[..rest.len().min(200)]);
        } else if !tag.ends_with('/') && !ELEMENTS_WITHOUT_END.contains(&name.as_str()) {
            // What stands in these two is no markup.
            if ["script", "style"].contains(&name.as_str()) {
                let end = rest.find(&format!("</{name}>")).expect("it ends");
                rest = &rest[end..];
            }
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_page_is_whole_and_hostile_names_are_text() {
    let project = hostile();
    let text = page(&project, LABEL);
    is_alone(&text);
    is_balanced(&text);
    for odd in ["<script>alert", "<img", "<svg/", "<b onclick", "\u{202e}", "\u{1b}", "</td><"] {
        let count = text.matches(odd).count();
        let own = if odd == "</td><" {
            text.matches("</td><td").count() + text.matches("</td></tr>").count()
        } else {
            0
        };
        assert_eq!(count, own, "{odd}");
    }
    assert_eq!((text.matches("<script>").count(), text.matches("</style>").count()), (1, 1));
    let parts =
        ["answer", "tables", "effects", "parallel", "best", "worst", "ranks", "stages", "about"];
    for part in parts {
        assert!(text.contains(&format!("<section id=\"{part}\">")), "{part}");
        assert!(text.contains(&format!("<a href=\"#{part}\">")), "{part}");
    }
    let words = [
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "no test clip, label or attribute of a test clip was seen",
        "ROC curves of ",
        "data:image/png;base64,",
        "threshold ",
        "critical difference",
        "fan&lt;b onclick=alert(6)&gt;&#39;&quot;&amp;",
    ];
    words.iter().for_each(|words| assert!(text.contains(words), "{words}"));
    // Everything is shown without a script.
    let body = text.split("</style>").nth(1).and_then(|rest| rest.split("<script>").next());
    let body = body.expect("a body between style and script");
    assert!(!body.contains(" hidden") && !body.contains("display:"), "nothing waits for a script");
    assert_eq!(page(&project, LABEL), text, "the same bytes");
    project.run(&format!("report {LABEL} --format html -o page.html")).done();
    assert_eq!(fs::read_to_string(project.path("page.html")).unwrap(), text);
}

#[test]
fn a_page_needs_neither_spec_nor_data_and_says_what_is_gone() {
    let project = Project::with(
        &format!("{SPEC}sweep: {{ detector.knn.k: [1, 2] }}\n")
            .replace("detector: { knn: { k: 1 } }", "detector: { knn: {} }"),
    );
    project.write_all(&sounds::data_set());
    let never = project.run("report spec.yaml --format html").exits(2);
    assert!(never.stderr.contains("E0704"), "{}", never.stderr);
    project.run("run spec.yaml").done();
    let whole = page(&project, "spec.yaml");
    project.rename("data", "elsewhere");
    let run = page(&project, "laws");
    is_balanced(&run);
    // Without recordings nobody knows their rate, and frames are counted.
    assert!(whole.contains("Time (s)") && run.contains("Frame") && !run.contains("Time (s)"));
    let objects = |kind: &str| {
        let files = tree(&project.cache().join("objects")).into_values();
        let own = files.filter(|path| path.extension().is_some_and(|extension| extension == kind));
        own.for_each(|path| fs::remove_file(path).expect("ours"));
    };
    objects("npy");
    let without = page(&project, "laws");
    assert!(
        without.contains("No spectrogram without") && !without.contains("<image "),
        "features are gone"
    );
    assert!(without.contains("ROC curves of fan 00"));
    objects("csv");
    let without = page(&project, "laws");
    is_balanced(&without);
    assert!(
        without.contains("No scores without") && !without.contains("ROC curves of"),
        "scores are gone"
    );
    assert!(without.contains("All settings, the best first"));
}

#[test]
fn parts_of_a_report_are_pages_too() {
    let project = Project::with(&format!(
        "{SPEC}sweep: {{ features.log_mel.mels: [8, 16], seed: [0, 1] }}\n"
    ));
    project.write_all(&sounds::data_set());
    project.run("run spec.yaml").done();
    for arguments in [
        "spec.yaml --compare",
        "spec.yaml --table means",
        "spec.yaml --rows machine --where mels=8",
    ] {
        let text = page(&project, arguments);
        is_balanced(&text);
        is_alone(&text);
        assert!(text.contains("<title>laws</title>") && text.contains("<table>"), "{arguments}");
    }
    let narrow = page(&project, "spec.yaml --where machine=fan --where mels=16");
    is_balanced(&narrow);
    assert!(narrow.contains("ROC curves of fan 00") && !narrow.contains("ROC curves of valve"));
    assert!(
        project.run("report spec.yaml --value auc --format html").exits(2).stderr.contains("E0710")
    );
}

/// 400 points without data of their own: a sweep over what changes features, detectors and seeds.
#[test]
fn a_large_sweep_has_a_small_page() {
    let spec = SPEC.replace("detector: { knn: { k: 1 } }\n", "detector: { knn: {} }\n");
    let sweep = "sweep:\n  detector.knn.k: [1, 2, 3, 4]\n  features.log_mel.mels: { range: [6, 16] }\n  \
                 generalization.target_clips: [1, 2]\n  pool: [ { mean: {} }, { max: {} }, { std: {} }, \
                 [ { mean: {} }, { std: {} } ], [ { mean: {} }, { max: {} } ] ]\n";
    let project = Project::with(&format!("{spec}{sweep}"));
    project.write_all(&sounds::data_set());
    project.run("run spec.yaml --quiet").done();
    let text = page(&project, "laws");
    assert!(text.contains("among 400 settings"), "{}", &text[..3000]);
    assert!(text.len() < 5 << 20, "{} bytes", text.len());
    is_balanced(&text);
}

#[test]
fn in_a_browser_nothing_is_asked_for_and_tables_sort_and_filter() {
    let Some(mut browser) = Browser::start() else {
        eprintln!("skipped: there is no chromium");
        return;
    };
    let project = hostile();
    project.run(&format!("report {LABEL} --format html -o page.html")).done();
    browser.open(&project.path("page.html"));

    let column = "[...document.querySelector('#tables table').tHead.rows[1].cells].findIndex(c => c.textContent == 'AUC target')";
    let values = format!(
        "[...document.querySelector('#tables table').tBodies[0].rows].map(r => parseFloat(r.cells[{column}].textContent))"
    );
    let click = format!(
        "document.querySelector('#tables table').tHead.rows[1].cells[{column}].querySelector('button').click()"
    );
    let sorted = |browser: &mut Browser| -> Vec<f64> {
        browser.evaluate(&click);
        let values = browser.evaluate(&values);
        values
            .as_array()
            .expect("numbers")
            .iter()
            .map(|value| value.as_f64().expect("a number"))
            .collect()
    };
    let down = sorted(&mut browser);
    assert!(down.len() == 21 && down.is_sorted_by(|a, b| a >= b), "{down:?}");
    let up = sorted(&mut browser);
    assert!(up.is_sorted() && up.first() < up.last(), "{up:?}");

    let filter = |words: &str| {
        format!(
            "(() => {{ const input = document.querySelector('#tables input'); input.value = {}; \
             input.dispatchEvent(new Event('input')); \
             return [...document.querySelector('#tables table').tBodies[0].rows].filter(r => r.offsetHeight > 0).length; }})()",
            json!(words)
        )
    };
    for (words, rows) in
        [("knn", 9), ("KNN k=2", 3), ("-knn", 12), ("alert(1) -knn", 3), ("nothing", 0), ("", 21)]
    {
        assert_eq!(browser.evaluate(&filter(words)), rows, "{words}");
    }
    // A shape tells what it is.
    let tips = browser.evaluate("document.querySelectorAll('[data-tip]').length");
    assert!(tips.as_u64() > Some(50), "{tips}");
    assert_eq!(
        browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth"),
        true,
        "no page is too wide"
    );

    assert_eq!(browser.asked, Vec::<String>::new(), "a page asks for nothing");
    assert_eq!(browser.complaints, Vec::<String>::new(), "a page has no errors, and no name runs");
}
