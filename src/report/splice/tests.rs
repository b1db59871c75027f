use proptest::prelude::*;

use super::*;

const TEXT: &str = "# Title\n\n<!-- humshift: a.yaml --set 'x={a: 1, b: 2}' -->\nold\n<!-- /humshift -->\nIn between.\n\
                    <!-- humshift-value n: b.yaml --value official -->\nIt is **<!-- humshift-value n -->1<!-- /humshift -->**, \
                    or <!-- humshift-value n -->1<!-- /humshift -->.\n```\n<!-- humshift: text -->\n```\n";

fn parse(text: &str) -> Template {
    Template::parse("README.md", text.to_owned()).unwrap_or_else(|all| panic!("{}", all[0]))
}

fn told(text: &str) -> String {
    let all = Template::parse("README.md", text.to_owned()).expect_err("it is wrong");
    all.iter().map(|diagnostic| diagnostic.render(false) + "\n").collect()
}

fn contents(contents: &[(usize, &str)]) -> BTreeMap<usize, String> {
    contents.iter().map(|(marker, text)| (*marker, (*text).to_owned())).collect()
}

#[test]
fn blocks_and_numbers_are_found() {
    let template = parse(TEXT);
    let words = |marker: usize| {
        template.markers()[marker].words.iter().map(|w| w.0.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(words(0), ["a.yaml", "--set", "x={a: 1, b: 2}"]);
    assert_eq!((words(1), template.line(1)), (vec!["b.yaml", "--value", "official"], 7));
    assert_eq!(
        (template.content(0).as_deref(), template.content(1).as_deref()),
        (Some("old"), Some("1"))
    );
    let place = &template.markers()[0].words[2].1;
    assert_eq!(&template.text()[place.bytes.clone()], "'x={a: 1, b: 2}'");
}

#[test]
fn what_is_between_the_markers_is_replaced_and_nothing_else() {
    let made = parse(TEXT).with(&contents(&[(0, "| new |\n| --- |\n"), (1, "2.5\n")]));
    let expected =
        TEXT.replace("-->\nold\n", "-->\n\n| new |\n| --- |\n\n").replace("-->1<!--", "-->2.5<!--");
    assert_eq!(made, expected);
    assert_eq!(parse(TEXT).with(&contents(&[])), TEXT);
}

#[test]
fn wrong_markers_are_told_with_their_line() {
    let wrong = [
        "a\n<!-- humshift: a.yaml -->\ntext\n",
        "<!-- humshift: a.yaml -->\n<!-- humshift: b.yaml -->\n<!-- /humshift -->\n",
        "text\n<!-- /humshift -->\n",
        "<!-- humshift a.yaml -->\n<!-- /humshift -->\n",
        "<!-- humshift: a.yaml --set 'x=1 -->\n<!-- /humshift -->\n",
        "It is <!-- humshift-value n -->1<!-- /humshift -->.\n",
        "<!-- humshift-value best: a.yaml -->\n<!-- humshift-value best: b.yaml -->\nIt is <!-- humshift-value bst -->1<!-- /humshift -->.\n",
        "<!-- humshift-value n: a.yaml -->\nIt is <!-- humshift-value n -->1.\n",
        "<!-- humshift-value n: a.yaml -->\n<!-- humshift-value n -->1<!-- /humshift --> it is.\n",
    ];
    let told = wrong.map(told).join("\n");
    insta::with_settings!({ snapshot_path => "../../../tests/it/snapshots" }, {
        insta::assert_snapshot!("wrong_markers", told);
    });
}

proptest! {
    #[test]
    fn splicing_is_idempotent_and_keeps_all_other_bytes(
        around in prop::collection::vec("[a-z|é `\t]{0,12}", 4),
        old in prop::collection::vec("[a-z |]{0,9}", 0..4),
        new in prop::collection::vec("[a-z0-9 |é]{1,9}", 1..4),
        crlf in any::<bool>(),
    ) {
        // Three backticks at the start of a line would turn the rest into code.
        let around: Vec<String> = around.iter().map(|line| line.replace("``", "`")).collect();
        let open = "<!-- humshift: a.yaml -->";
        let lines = [&around[..2], &[open.to_owned()], &old[..], &[CLOSE.to_owned()], &around[2..]].concat();
        let end = if crlf { "\r\n" } else { "\n" };
        let text = lines.join(end);
        let new = contents(&[(0, &(new.join("\n") + "\n"))]);
        let once = parse(&text).with(&new);
        prop_assert_eq!(parse(&once).with(&new), once.clone());
        let content = parse(&once).content(0);
        prop_assert_eq!(content.as_deref(), Some(new[&0].trim_matches('\n')));
        let head = [&around[..2], &[open.to_owned()]].concat().join(end) + end;
        let tail = [&[CLOSE.to_owned()], &around[2..]].concat().join(end);
        prop_assert!(once.starts_with(&head) && once.ends_with(&tail), "{once:?}");
        prop_assert_eq!(once.matches('\n').count() == once.matches("\r\n").count(), crlf);
    }
}
