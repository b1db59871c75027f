//! The only entry from a spec to an experiment: it fills in all defaults and reports all mistakes.

mod scored;
mod unused;

use std::collections::{BTreeMap, BTreeSet};

use super::decode::{self, Look};
use super::misfits::{doubts, without_distances, without_samples};
use super::node::Node;
use super::points::{Exclusion, Section, Swept, coordinates, expand};
use super::sweep::{self, Sweep};
use super::{Experiment, Passage, Point, expect, plain, rules, wire};
use crate::detector::{DetectorSpec, Takes};
use crate::diagnose::Diagnostic;
use crate::feature::FeatureSpec;
use crate::pool::PoolSpec;
use crate::source::SourceSpec;
use crate::stage::metrics::MetricsSpec;
use crate::stage::{Generalization, Mix};
use crate::threshold::ThresholdSpec;

/// The experiment that `root` describes. `stem` is its name if it has none. `edited` means that
/// `--set` changed the spec, so `exclude` and `expect` may refer to points that are gone.
pub fn resolve(root: &Node, stem: &str, edited: bool) -> Result<Experiment, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    if root.as_map().is_none() {
        return Err(vec![not_a_map(root)]);
    }
    let meant = wire::check_words(root, &mut diagnostics);
    let given = |word: &str| root.get(word).filter(|n| !n.is_null());
    let name = match given("name") {
        Some(name) => rules::name(name, &mut diagnostics),
        None => rules::stem(stem, &mut diagnostics),
    };
    let question = given("question").and_then(|n| rules::text("question", n, &mut diagnostics));

    let mut sweep = sweep::parse(root.get("sweep"), &mut diagnostics);
    // If `detectors:` is reported as unknown, a missing `detector` would be the same mistake again.
    sweep.broken.extend(meant.into_iter().map(String::from));
    let size = match sweep::size(&sweep, root.get("sweep")) {
        Ok(size) => size,
        Err(diagnostic) => {
            diagnostics.push(diagnostic);
            return Err(diagnostics);
        }
    };
    let mut axes = expand(&sweep, &mut diagnostics);
    let mut exclusions = Exclusion::parse(&sweep, &axes, &mut diagnostics);
    let mut sections = Sections::new(root, &axes);
    sections.check_base(root, &sweep, &axes, &mut diagnostics);

    let mut points = Vec::new();
    let mut seen = BTreeSet::new();
    for n in 0..size {
        let at = coordinates(&sweep, &axes, n);
        let mut applied = vec![true; axes.len()];
        let point = sections.at(&mut axes, &at, &mut applied, &mut diagnostics);
        if applied.contains(&false) {
            let key: Vec<Option<u32>> =
                at.iter().zip(&applied).map(|(i, yes)| yes.then_some(*i)).collect();
            if !seen.insert(key) {
                continue;
            }
        }
        let mut dropped = false;
        for exclusion in &mut exclusions {
            dropped |= exclusion.drops(&axes, &at, &applied);
        }
        let misfits = std::mem::take(&mut sections.misfits);
        if !dropped {
            points.extend(point);
            diagnostics.extend(misfits);
        }
    }
    diagnostics.extend(sections.unused(&axes));
    if diagnostics.is_empty() {
        if !edited {
            diagnostics.extend(exclusions.iter().filter(|e| e.hits == 0).map(Exclusion::idle));
        }
        if points.is_empty() {
            let at = root.get("sweep").and_then(|s| s.get("exclude")).and_then(Node::key_place);
            diagnostics
                .push(Diagnostic::new("E0406", "every point of the sweep is excluded").at(at));
        }
    }
    let paths: Vec<&str> = axes.iter().map(|a| a.column.path.as_str()).collect();
    // The points that an expectation applies to are known only after the points.
    let shaped = if diagnostics.is_empty() { points.as_slice() } else { &[] };
    let edited = edited || !diagnostics.is_empty();
    let expect = given("expect")
        .map(|n| expect::parse(n, &paths, shaped, edited, &mut diagnostics))
        .unwrap_or_default();
    let published = given("published").and_then(|n| rules::published(n, &mut diagnostics));
    match name {
        Some(name) if diagnostics.is_empty() => {
            let notes = sections.notes.into_iter().collect();
            Ok(Experiment {
                name,
                question,
                axes: axes.iter().map(Swept::axis).collect(),
                points,
                expect,
                published,
                notes,
            })
        }
        _ => Err(diagnostics),
    }
}

fn not_a_map(root: &Node) -> Diagnostic {
    let hint = "a spec begins with words such as `data:`, `features:` and `detector:`";
    let diagnostic = match root.is_null() {
        true => Diagnostic::new("E0110", format!("`{}` is empty", root.source.name)),
        false => Diagnostic::new(
            "E0110",
            format!("a spec must be a map of settings, not {}", root.shown()),
        )
        .at(root.place()),
    };
    diagnostic.hint(hint)
}

/// A hint with an example of a missing section.
pub fn example(word: &str) -> &'static str {
    match word {
        "data" => "write where the clips are, such as `data: { dcase: { root: ../data } }`",
        "features" => {
            "write `features: { log_mel: {} }` for log-mel frames with the usual settings"
        }
        _ => "write `detector: { knn: {} }`, or several under `sweep:`",
    }
}

/// The sections of a point.
struct Sections<'a> {
    data: Section<'a, SourceSpec>,
    mix: Section<'a, Option<Mix>>,
    features: Section<'a, FeatureSpec>,
    pool: Section<'a, Vec<PoolSpec>>,
    detector: Section<'a, DetectorSpec>,
    generalization: Section<'a, Generalization>,
    metrics: Section<'a, MetricsSpec>,
    threshold: Section<'a, Option<ThresholdSpec>>,
    seed: Section<'a, u64>,
    notes: BTreeSet<String>,
    /// Whether no point has recordings.
    silent: bool,
    /// Errors about sections that do not fit together, for points that are not excluded.
    misfits: Vec<Diagnostic>,
}

impl<'a> Sections<'a> {
    fn new(root: &'a Node, axes: &[Swept]) -> Self {
        Self {
            data: Section::new("data", root, None, decode::variant, axes),
            mix: Section::new("mix", root, Some(None), plain::mix, axes),
            features: Section::new("features", root, None, decode::variant, axes),
            pool: Section::new("pool", root, Some(Vec::new()), pools, axes),
            detector: Section::new("detector", root, None, decode::variant, axes),
            generalization: Section::new(
                "generalization",
                root,
                Some(Generalization::default()),
                plain::generalization,
                axes,
            ),
            metrics: Section::new(
                "metrics",
                root,
                Some(MetricsSpec::default()),
                |n, _, d| rules::metrics(n, d),
                axes,
            ),
            threshold: Section::new("threshold", root, Some(None), threshold, axes),
            seed: Section::new("seed", root, Some(0), |n, _, d| rules::seed(n, d), axes),
            notes: BTreeSet::new(),
            silent: scored::every_point(root, axes),
            misfits: Vec::new(),
        }
    }

    fn check_base(
        &mut self,
        root: &Node,
        sweep: &Sweep,
        axes: &[Swept],
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        self.data.check_base(root, &sweep.broken, axes, diagnostics);
        self.metrics.check_base(root, &sweep.broken, axes, diagnostics);
        self.threshold.check_base(root, &sweep.broken, axes, diagnostics);
        if self.silent {
            return self.check_scored(root, axes, diagnostics);
        }
        self.mix.check_base(root, &sweep.broken, axes, diagnostics);
        self.features.check_base(root, &sweep.broken, axes, diagnostics);
        self.pool.check_base(root, &sweep.broken, axes, diagnostics);
        self.detector.check_base(root, &sweep.broken, axes, diagnostics);
        self.generalization.check_base(root, &sweep.broken, axes, diagnostics);
        self.seed.check_base(root, &sweep.broken, axes, diagnostics);
    }

    /// The point at the coordinates, if it is valid; `applied` tells which axes affect it.
    fn at(
        &mut self,
        axes: &mut [Swept],
        at: &[u32],
        applied: &mut [bool],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Point> {
        macro_rules! section {
            ($name:ident) => {{
                let decoded = self.$name.at(axes, at, diagnostics);
                let value = decoded.value.clone();
                let flags = decoded.applied.clone();
                self.$name.mark(&flags, applied);
                value
            }};
        }
        let data = section!(data);
        if data.as_ref().is_some_and(SourceSpec::is_scored) {
            return self.scored(axes, at, applied, data?, diagnostics);
        }
        let mix = section!(mix);
        let applies = match (&mix, &data) {
            (Some(Some(mix)), Some(data)) => mix.applies(data),
            _ => true,
        };
        if let (false, Some(data)) = (applies, &data) {
            let name = data.name();
            let note = format!(
                "nothing is mixed: recordings of `{name}` come with their noise; `mix.snr_db` adds more"
            );
            self.notes.insert(note);
            axes.iter()
                .zip(applied.iter_mut())
                .filter(|(a, _)| a.column.keys[0] == "mix")
                .for_each(|(_, a)| *a = false);
        }
        let features = section!(features);
        let pool = section!(pool);
        let detector = section!(detector);
        let generalization = section!(generalization);
        let metrics = section!(metrics);
        let threshold = section!(threshold);
        let seed = section!(seed);
        if let (Some(pool), Some(detector)) = (&pool, &detector)
            && pool.is_empty()
            && (detector.member().takes() == Takes::Vectors || detector.with_pool())
        {
            let node = self.detector.node(axes, at).0;
            let what = if detector.with_pool() {
                "`with_pool`".to_owned()
            } else {
                format!("`{}`", detector.name())
            };
            let message =
                format!("{what} takes one vector per clip, but there is no `pool` to make it");
            let place =
                node.as_ref().and_then(|n| n.get(detector.name())).and_then(Node::key_place);
            self.misfits.push(
                Diagnostic::new("E0602", message).at(place).hint("write `pool: { mean: {} }`"),
            );
        }
        if let (Some(generalization), Some(detector)) = (&generalization, &detector)
            && generalization.for_waveforms().is_some()
            && let Some(embedding) = detector.network()
            && (detector.with_pool() || embedding.member().hears_spectrum())
        {
            let what = if detector.with_pool() { "`with_pool`" } else { "the spectrum" };
            let message = format!(
                "interpolated waveforms have only frames, but the embedding also needs {what} of them"
            );
            let node = self.generalization.node(axes, at).0;
            let place = node.as_ref().and_then(|n| n.get("smote")).and_then(Node::key_place);
            let hint =
                "write `smote: { on: features }`, or `branches: [spectrogram]` without `with_pool`";
            self.misfits.push(Diagnostic::new("E0607", message).at(place).hint(hint));
        }
        if let (Some(generalization), Some(detector)) = (&generalization, &detector)
            && let Some((word, does)) = without_distances(generalization, detector)
        {
            let name = detector.backend().name();
            let message =
                format!("`{word}` {does} distances to training clips, but `{name}` measures none");
            let node = self.generalization.node(axes, at).0;
            let place = node.as_ref().and_then(|n| n.get(word)).and_then(Node::key_place);
            let hint = "use `knn`, or leave these points out with `sweep.exclude`";
            self.misfits.push(Diagnostic::new("E0606", message).at(place).hint(hint));
        }
        let mixes = applies && mix.as_ref().is_some_and(Option::is_some);
        if let (Some(features), Some(generalization)) = (&features, &generalization)
            && let Some((message, hint)) = without_samples(features, mixes, generalization)
        {
            let node = self.features.node(axes, at).0;
            let place =
                node.as_ref().and_then(|n| n.get(features.name())).and_then(Node::key_place);
            self.misfits.push(Diagnostic::new("E0608", message).at(place).hint(hint));
        }
        if let (Some(generalization), Some(pool), Some(detector)) =
            (&generalization, &pool, &detector)
        {
            let pools = pool
                .iter()
                .map(PoolSpec::name)
                .filter(|_| detector.member().takes() == Takes::Vectors);
            self.notes.extend(doubts(generalization, pools));
        }
        let settings: BTreeMap<String, String> = axes
            .iter()
            .enumerate()
            .filter(|(i, _)| applied[*i])
            .map(|(i, axis)| (axis.column.path.clone(), axis.labels[at[i] as usize].clone()))
            .collect();
        let asks = mix.as_ref().is_some_and(|mix| mix.as_ref().is_some_and(Mix::asks_data));
        Some(Point {
            settings,
            data: data?,
            mix: mix?.filter(|_| applies),
            mix_at: Passage::of(asks.then(|| self.mix.node(axes, at).0).flatten()),
            features: features?,
            pool: pool?,
            detector: detector?,
            generalization: generalization?,
            metrics: metrics?,
            threshold: threshold?,
            seed: seed?,
        })
    }
}

/// `pool`: one pool, or a list of pools whose vectors are joined end to end.
fn pools(node: &Node, look: Look, diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<PoolSpec>> {
    match node.as_list() {
        Some(items) => {
            let decoded: Vec<Option<PoolSpec>> =
                items.iter().map(|n| decode::variant(n, look, diagnostics)).collect();
            decoded.into_iter().collect()
        }
        None => decode::variant(node, look, diagnostics).map(|pool| vec![pool]),
    }
}

/// `threshold`; it may be empty (`~`, as one value of a sweep).
fn threshold(
    node: &Node,
    look: Look,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Option<ThresholdSpec>> {
    if node.is_null() {
        return Some(None);
    }
    decode::variant(node, look, diagnostics).map(Some)
}
