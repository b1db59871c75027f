//! Tables in Markdown files, made and compared by the real program.

use std::fs;
use std::path::Path;

use crate::project::Project;
use humshift::report::Template;
use humshift::spec;

const SPEC: &str = "\
name: tiny
data:
  synthetic:
    machines: [fan, valve]
    sections: 2
    seconds: 0.25
    rate: 8000
    clips: { source_train: 8, target_train: 2, normal: 6, anomaly: 6 }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
sweep:
  detector: [ { knn: {} }, { mahalanobis: {} }, { kmeans: { clusters: 5 } } ]
  pool: [ { mean: {} }, { max: {} } ]
  seed: [0, 1]
";

const REAL: &str = "\
name: real
data: { dcase: { root: ../recordings } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: {} }
";

const PAGE: &str = "\
# Results

<!-- humshift: spec.yaml --where pool=mean --rows machine,section --columns detector --show auc_source,auc_target --label knn=kNN -->
<!-- /humshift -->

<!-- humshift: spec.yaml --best-of detector --show official,pauc -->
<!-- /humshift -->

<!-- humshift: spec.yaml --where pool=max --table means -->
<!-- /humshift -->

<!-- humshift: spec.yaml --select leave-one-section-out --table sections,means -->
<!-- /humshift -->

<!-- humshift-value chosen: spec.yaml --select leave-one-section-out --value official -->
<!-- humshift-value knn: spec.yaml --where detector=knn --where pool=mean --value auc_target -->

Chosen blindly <!-- humshift-value chosen -->?<!-- /humshift -->; kNN **<!-- humshift-value knn -->?<!-- /humshift -->**.
";

fn page(text: &str) -> Project {
    let project = Project::with(SPEC);
    project.write("page.md", text);
    project
}

fn read(project: &Project) -> String {
    fs::read_to_string(project.path("page.md")).expect("a text")
}

#[test]
fn tables_are_made_by_the_program_and_compared() {
    let project = page(PAGE);
    let first = project.run("report --splice page.md").exits(1);
    assert!(
        first.stderr.contains("page.md:3: left as it is: not run yet: humshift run spec.yaml"),
        "{}",
        first.stderr
    );
    assert_eq!(read(&project), PAGE);
    project.run("report --splice page.md --check").exits(1);

    project.run("report --splice page.md --run").done();
    let made = read(&project);
    insta::assert_snapshot!("page", made);
    let again = project.run("report --splice page.md --run").done();
    assert!(
        again.stderr.contains("page.md: made 6 of 6, 0 changed") && again.ran().is_empty(),
        "{}",
        again.stderr
    );
    project.run("report --splice page.md --check").done();
    // The words of a marker are those of the command.
    let alone =
        project.run("report spec.yaml --best-of detector --show official,pauc").done().stdout;
    assert!(made.contains(&alone), "{alone}");

    let wrong = made.replacen(" / ", " / 1", 1);
    project.write("page.md", &wrong);
    let red = project.run("report --splice page.md --check").exits(1);
    assert!(
        red.stdout.starts_with("page.md:3: not what the program makes\n-| fan     |"),
        "{}",
        red.stdout
    );
    assert_eq!(red.stdout.lines().count(), 3, "{}", red.stdout);
    assert_eq!(read(&project), wrong);
    project.run("report --splice page.md").done();
    assert_eq!(read(&project), made);
    assert!(!project.path("page.md.part").exists());
}

#[test]
fn what_is_costly_or_not_here_is_passed_over() {
    let project = page(
        "<!-- humshift: spec.yaml --table means --costly -->\n<!-- /humshift -->\n\n\
         <!-- humshift: real.yaml --table means -->\nfrom elsewhere\n<!-- /humshift -->\n",
    );
    project.write("real.yaml", REAL);
    let before = read(&project);
    let passed = project.run("report --splice page.md --run").done();
    assert_eq!(read(&project), before);
    insta::assert_snapshot!("passed_over", passed.stderr);
    project.run("report --splice page.md --run --costly").done();
    assert_eq!(read(&project).matches("| knn ").count(), 2);
    // Data that were to be at a place and are not: a mistake, and nothing is written.
    let absent =
        project.run("report --splice page.md --set data.dcase.root=nowhere").exits(2).stderr;
    assert!(absent.contains("E0701") && absent.contains("nowhere"), "{absent}");
}

#[test]
fn mistakes_are_told_with_their_place_and_nothing_is_written() {
    let project = page("");
    project.run("run spec.yaml --quiet").done();
    let blocks = [
        "spec.yaml --table meens",
        "spec.yaml --tabel means",
        "spec.yaml --cache elsewhere",
        "spek.yaml --table means",
        "--table means",
        "spec.yaml --value official",
        "spec.yaml --rows detector",
        "spec.yaml --rows detektor",
        "spec.yaml --where pool=mean --rows detector --columns pool --show f1",
        "spec.yaml --where pool=median --table means",
        "spec.yaml --where pool=mean --label kn=kNN --table means",
        "spec.yaml --set detektor=knn --table means",
        "spec.yaml --table means --by auc",
    ];
    let told = blocks.map(|words| {
        let text = format!("# Results\n\n<!-- humshift: {words} -->\nold\n<!-- /humshift -->\n");
        project.write("page.md", &text);
        let stderr = project.run("report --splice page.md").exits(2).stderr;
        assert_eq!(read(&project), text);
        stderr
    });
    insta::assert_snapshot!("mistakes", told.join("\n"));
    let usage = [
        "report --splice page.md --set seed=3",
        "report --splice nowhere.md",
        "report spec.yaml --value official --json",
    ];
    let usage = usage.map(|arguments| project.run(arguments).exits(2).stderr);
    insta::assert_snapshot!("usage", usage.join("\n"));
    for arguments in [
        "spec.yaml --splice page.md",
        "--splice page.md --table means",
        "spec.yaml --run",
        "spec.yaml --costly",
    ] {
        project.run(&format!("report {arguments}")).exits(2);
    }
}

/// What a marker asks for, from the folder of its file: the spec and its settings.
fn asked(folder: &Path, words: &[String]) -> Vec<String> {
    let path = folder.join(&words[0]);
    let sets = words
        .windows(2)
        .filter(|pair| pair[0] == "--set")
        .map(|pair| pair[1].clone())
        .collect::<Vec<_>>();
    let experiment =
        spec::load(&path, &sets).unwrap_or_else(|all| panic!("{}: {}", path.display(), all[0]));
    experiment.axes.into_iter().map(|axis| axis.path).collect()
}

#[test]
fn the_markers_of_this_repository_are_good() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, least) in [("README.md", 2), ("experiments/README.md", 15)] {
        let path = root.join(name);
        let text = fs::read_to_string(&path).expect("a text");
        let document = Template::parse(name, text).unwrap_or_else(|all| panic!("{}", all[0]));
        assert!(document.markers().len() >= least, "{name}: {} markers", document.markers().len());
        for marker in document.markers() {
            let words: Vec<String> = marker.words.iter().map(|(word, _)| word.clone()).collect();
            let swept = asked(path.parent().expect("a folder"), &words);
            // Settings that rows and columns name are swept.
            for pair in words
                .windows(2)
                .filter(|pair| ["--rows", "--columns", "--best-of"].contains(&pair[0].as_str()))
            {
                for axis in pair[1].split(',').filter(|axis| !["machine", "section"].contains(axis))
                {
                    let known = swept
                        .iter()
                        .any(|path| path == axis || path.rsplit('.').next() == Some(axis));
                    assert!(known, "{name}: `{axis}` in {words:?} is none of {swept:?}");
                }
            }
        }
        // The program takes all words: without a cache it finds nothing to fill in, and no mistake.
        let project = Project::new();
        let output = project.run(&format!("report --splice {} --check", path.display()));
        assert!(output.code != 2, "{}", output.stderr);
    }
}

#[test]
fn the_readme_shows_the_quickstart() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(root.join(name)).expect("a text");
    let readme = read("README.md");
    let shown =
        readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a spec");
    let file = read("experiments/quickstart.yaml");
    let expected =
        file.split_once('\n').expect("a comment").1.split("expect:").next().expect("a spec");
    assert_eq!(shown, expected);
}

/// The number of points that the table of files tells.
#[test]
fn the_table_of_experiments_counts_their_points() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let text = fs::read_to_string(folder.join("README.md")).expect("a text");
    let rows: Vec<Vec<&str>> =
        text.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
    let mut seen = 0;
    for row in rows.iter().filter(|row| row.len() == 5 && row[1].ends_with(".yaml`")) {
        let path = folder.join(row[1].trim_matches('`'));
        let experiment = spec::load(&path, &[]).unwrap_or_else(|all| panic!("{}", all[0]));
        assert_eq!(row[3], experiment.points.len().to_string(), "{}", row[1]);
        seen += 1;
    }
    assert!(seen > 10, "{seen} rows");
}

#[test]
fn table_3_can_be_shown_alone() {
    let spec = "\
name: beside
data: { synthetic: { machines: [fan], sections: 2, seconds: 0.5, rate: 8000 } }
features: { log_mel: { frame: 256, hop: 128, mels: 8 } }
detector: { autoencoder: { window: 2, layers: [8, 4, 8] } }
sweep: { detector.autoencoder.epochs: [1, 2] }
published: mimii_dg
";
    let project = Project::with(spec);
    let all = project.run("run spec.yaml").done().stdout;
    let (_, beside) = all.split_once("## Beside ").expect("the report has Table 3");
    let alone = project.run("report spec.yaml --table published").done().stdout;
    assert!(beside.contains(&alone), "{alone}");
    let auc = humshift::mimii_dg::table3().sections["fan"]["01"].autoencoder.target;
    assert!(alone.contains("| 01      |") && alone.contains(&format!(" {auc:.2} |")), "{alone}");
    let chosen = "report spec.yaml --table published --select leave-one-section-out";
    let told = project.run(chosen).exits(2).stderr;
    assert!(told.contains("has no published results beside it"), "{told}");
    project.spec(&spec.replace("published: mimii_dg\n", ""));
    project.run("run spec.yaml").done();
    let told = project.run("report spec.yaml --table published").exits(2).stderr;
    assert!(told.contains("= help: write `published: mimii_dg` in the spec"), "{told}");
}
