//! Finds settings that change nothing, from the clips alone. A technique that finds nothing to do
//! leaves the numbers of a run without it, so a sweep over it would seem to show no effect.

use super::{Generalization, Normalization, References, ScoreNormalization, SourceValues};
use crate::artifact::{Clip, Domain, Label, Split};
use crate::detector::Scope;

/// The numbers of training clips in a section, updated technique by technique.
struct Count {
    source: usize,
    target: usize,
    /// Whether mixup added random clips of either domain, so that the numbers above are lower
    /// bounds.
    drawn: bool,
}

impl Generalization {
    /// The settings that change nothing for a section with these clips, each with the reason. Empty
    /// if no clips can be chosen.
    pub fn idle(&self, clips: &[Clip]) -> Vec<String> {
        let Ok(chosen) = self.choose(clips) else { return Vec::new() };
        let train: Vec<&Clip> = clips
            .iter()
            .filter(|c| c.split == Split::Train && c.label != Some(Label::Anomaly))
            .collect();
        let is_target = |clip: &&&Clip| clip.domain == Some(Domain::Target);
        let there = train.iter().filter(is_target).count();
        let left: Vec<&Clip> =
            train.iter().filter(|clip| chosen.contains(clip.id.as_str())).copied().collect();
        let target = left.iter().filter(is_target).count();
        let count = Count { source: left.len() - target, target, drawn: false };
        let mut idle = self.idle_limits(count.source, train.len() - there, there);
        idle.extend(self.idle_domains(&count));
        idle.extend(self.idle_techniques(count));
        idle
    }

    /// Limits above the number of clips.
    fn idle_limits(&self, source: usize, all_source: usize, target: usize) -> Vec<String> {
        let mut idle = Vec::new();
        let mut above = |name: &str, limit: Option<usize>, there: usize, domain: &str| {
            if let Some(limit) = limit.filter(|limit| *limit > there) {
                idle.push(format!(
                    "`{name}: {limit}` leaves out nothing: there {} to train on",
                    be(there, domain)
                ));
            }
        };
        // Beside `source_values` the number of clips with those values is unknown.
        if self.source_values.is_none() {
            above("source_clips", self.source_clips, source.max(all_source), "source");
        }
        above("target_clips", self.target_clips, target, "target");
        if let Some(SourceValues::Count(values)) = &self.source_values
            && self.source_clips.is_none()
            && source == all_source
            && source > 0
        {
            idle.push(format!(
                "`source_values: {values}` leaves out nothing: the source clips have no more values"
            ));
        }
        idle
    }

    /// Settings by domain, if there is only one domain.
    fn idle_domains(&self, count: &Count) -> Vec<String> {
        let domain = match (count.source, count.target) {
            (1.., 0) => "source",
            (0, 1..) => "target",
            _ => return Vec::new(),
        };
        // Another section of the machine may have the other domain.
        let alone = self.scope != Some(Scope::Machine);
        let by_domain = [
            ("feature_normalization", self.feature_normalization == Some(Normalization::Domain)),
            ("references", self.references == Some(References::Domain)),
            ("score_normalization", self.score_normalization == Some(ScoreNormalization::Domain)),
        ];
        let told = |name| {
            format!("`{name}: domain` has no effect: all training clips are of the {domain} domain")
        };
        by_domain.into_iter().filter(|(_, set)| *set && alone).map(|(name, _)| told(name)).collect()
    }

    /// Techniques that add or remove clips, in the order of their application.
    fn idle_techniques(&self, mut count: Count) -> Vec<String> {
        let mut idle = Vec::new();
        if let Some(smote) = &self.smote {
            let wanted = (smote.ratio * count.source as f64).floor() as usize;
            if count.target < 2 {
                idle.push(format!(
                    "`smote` makes no clips: it needs 2 target clips, but there {}",
                    be(count.target, "")
                ));
            } else if wanted <= count.target {
                let both =
                    format!("{} for {}", be(count.target, "target"), clips(count.source, "source"));
                idle.push(format!(
                    "`smote: {{ ratio: {} }}` makes no clips: there {both} already",
                    smote.ratio
                ));
            }
            count.target = if count.target < 2 { count.target } else { count.target.max(wanted) };
        }
        if let Some(memmixup) = &self.memmixup {
            if count.source == 0 || count.target == 0 {
                let both =
                    format!("{} and {}", be(count.source, "source"), clips(count.target, "target"));
                idle.push(format!(
                    "`memmixup` makes no clips: it needs clips of both domains, but there {both}"
                ));
            }
            count.target += count.target * memmixup.neighbours.min(count.source);
        }
        if let Some(mixup) = &self.mixup {
            let all = count.source + count.target;
            let new = (mixup.ratio * all as f64).floor() as usize;
            if all < 2 || new == 0 {
                let there = be(all, "");
                idle.push(format!(
                    "`mixup: {{ ratio: {} }}` makes no clips: there {there} to train on",
                    mixup.ratio
                ));
            }
            count.drawn = all >= 2 && new > 0 && count.source > 0 && count.target > 0;
        }
        if let Some(means) = self.source_means {
            if count.source <= means && !count.drawn {
                idle.push(format!(
                    "`source_means: {means}` changes nothing: there {}",
                    be(count.source, "source")
                ));
            }
            count.source = count.source.min(means);
        }
        if let Some(ratio) = self.oversampling {
            let wanted = (ratio * count.source as f64).floor() as usize;
            if count.target == 0 || (wanted <= count.target && !count.drawn) {
                let both =
                    format!("{} for {}", be(count.target, "target"), clips(count.source, "source"));
                idle.push(format!("`oversampling: {ratio}` repeats no clip: there {both}"));
            }
        }
        idle
    }
}

/// `1 target clip`, `no source clips`.
fn clips(count: usize, domain: &str) -> String {
    let domain = if domain.is_empty() { String::new() } else { format!(" {domain}") };
    match count {
        0 => format!("no{domain} clips"),
        1 => format!("1{domain} clip"),
        n => format!("{n}{domain} clips"),
    }
}

/// The same with a verb, for use after `there`: `is 1 clip`, `are 2 clips`.
fn be(count: usize, domain: &str) -> String {
    format!("{} {}", if count == 1 { "is" } else { "are" }, clips(count, domain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn train(source: usize, target: usize) -> Vec<Clip> {
        let clip = |i: usize| Clip {
            id: format!("{i:03}"),
            machine: "fan".into(),
            section: "00".into(),
            domain: Some(if i < source { Domain::Source } else { Domain::Target }),
            split: Split::Train,
            label: Some(Label::Normal),
            attributes: [("vel".to_owned(), (i % 2).to_string())].into(),
        };
        (0..source + target).map(clip).collect()
    }

    fn idle(settings: Value, source: usize, target: usize) -> Vec<String> {
        let g: Generalization = serde_json::from_value(settings).unwrap();
        g.idle(&train(source, target))
    }

    #[test]
    fn what_has_nothing_to_do_says_why() {
        let told = [
            (json!({"smote": {"ratio": 0.5}}), 10, 1),
            (json!({"smote": {"ratio": 0.2}}), 10, 4),
            (json!({"smote": {"ratio": 1.0, "on": "waveforms"}}), 10, 0),
            (json!({"memmixup": {}}), 10, 0),
            (json!({"mixup": {"ratio": 0.01}}), 10, 2),
            (json!({"source_means": 16}), 10, 2),
            (json!({"oversampling": 1.0}), 10, 0),
            (json!({"oversampling": 0.1}), 10, 3),
            (json!({"target_clips": 10, "source_clips": 20}), 10, 1),
            (json!({"source_values": 3}), 10, 1),
            (json!({"references": "domain", "score_normalization": "domain"}), 10, 0),
        ];
        let text: Vec<String> =
            told.into_iter().flat_map(|(settings, s, t)| idle(settings, s, t)).collect();
        insta::assert_snapshot!(text.join("\n"));
    }

    #[test]
    fn what_does_something_says_nothing() {
        for settings in [
            json!({}),
            json!({"smote": {"ratio": 0.5}, "memmixup": {}, "mixup": {}, "source_means": 4, "oversampling": 200.0}),
            json!({"target_clips": 3, "source_clips": 10, "source_values": 1, "draw": 3}),
            json!({"references": "domain", "score_normalization": "domain", "feature_normalization": "domain"}),
            // Nine tenths of twenty centres are more than the two target clips.
            json!({"source_means": 5, "oversampling": 0.9}),
        ] {
            assert_eq!(idle(settings.clone(), 20, 3), Vec::<String>::new(), "{settings}");
        }
    }

    #[test]
    fn a_technique_counts_what_those_before_it_made() {
        // SMOTE makes ten target clips from three, so nothing is left to repeat.
        let told = idle(json!({"smote": {"ratio": 0.5}, "oversampling": 0.4}), 20, 3);
        assert_eq!(
            told,
            ["`oversampling: 0.4` repeats no clip: there are 10 target clips for 20 source clips"]
        );
    }
}
