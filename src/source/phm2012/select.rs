//! Which snapshots of which bearing become which clips.
//!
//! Labels are by time. The first 3 % of a life are left out, as a bearing runs in. Up to 23 % it
//! gives clips for training, and from 26 to 40 % normal ones for testing. The last ten minutes
//! before the failure are anomalies, or the last 5 % if they are shorter.

use std::collections::BTreeMap;

use crate::artifact::{Axis, Domain, Label, Split};

/// Snapshots of a clip, which follow each other.
pub const JOINED: usize = 5;
/// Snapshots of the last ten minutes: one is taken every ten seconds.
const LAST: usize = 60;
/// Training clips of the target domain.
const TARGET: usize = 10;
/// Test clips of each domain and label.
const TEST: usize = 50;

/// The bearings of a domain in a section, as `condition_number`, and the axis that is heard.
type Heard = (&'static [&'static str], Axis);

/// A shift between two domains.
pub struct Shift {
    pub section: &'static str,
    source: Heard,
    target: Heard,
}

use Axis::{Horizontal, Vertical};

/// Operating condition, bearing, axis of the accelerometer.
pub const SHIFTS: [Shift; 3] = [
    Shift {
        section: "00",
        source: (
            &["1_1", "1_2", "1_3", "1_4", "1_5", "1_6", "1_7", "3_1", "3_2", "3_3"],
            Horizontal,
        ),
        target: (&["2_1", "2_2", "2_3", "2_4", "2_5", "2_6", "2_7"], Horizontal),
    },
    Shift {
        section: "01",
        source: (&["1_1", "1_2", "1_3", "1_4"], Horizontal),
        target: (&["1_5", "1_6", "1_7"], Horizontal),
    },
    Shift { section: "02", source: (BOTH_AXES, Horizontal), target: (BOTH_AXES, Vertical) },
];

const BOTH_AXES: &[&str] = &["2_1", "2_2", "2_3", "2_4", "2_5", "2_6", "3_1", "3_2"];

impl Shift {
    /// The shift of a section.
    pub fn of(section: &str) -> Option<&'static Self> {
        SHIFTS.iter().find(|shift| shift.section == section)
    }

    /// The bearings of both domains.
    pub fn bearings(&self) -> impl Iterator<Item = &'static str> {
        let own = self.source.0.iter();
        own.chain(self.target.0.iter().filter(move |name| !self.source.0.contains(name))).copied()
    }
}

/// A clip of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    pub bearing: &'static str,
    pub axis: Axis,
    pub domain: Domain,
    pub split: Split,
    pub label: Label,
    /// Its number among those of its domain, split and label.
    pub number: usize,
    /// Its first snapshot, counted from 1 as in the names of files.
    pub first: usize,
}

impl Excerpt {
    /// Speed in revolutions per minute and radial load in newton: the first digit of a bearing's
    /// name is the number of its operating condition.
    fn condition(&self) -> (&'static str, &'static str) {
        match self.bearing.as_bytes()[0] {
            b'1' => ("1800", "4000"),
            b'2' => ("1650", "4200"),
            _ => ("1500", "5000"),
        }
    }

    /// Its attributes, in the order of its name.
    pub fn attributes(&self) -> [(&'static str, String); 4] {
        let (rpm, load) = self.condition();
        let axis = match self.axis {
            Horizontal => "h",
            Vertical => "v",
        };
        [
            ("rpm", rpm.to_owned()),
            ("load", load.to_owned()),
            ("id", self.bearing.replace('_', "-")),
            ("axis", axis.to_owned()),
        ]
    }

    /// Its name in the layout of DCASE 2022, below the folder of its machine.
    pub fn name(&self, section: &str) -> String {
        let Self { domain, split, label, number, .. } = self;
        let pairs = self.attributes().map(|(key, value)| format!("_{key}_{value}")).concat();
        format!("{split}/section_{section}_{domain}_{split}_{label}_{number:04}{pairs}.wav")
    }
}

/// The clips of a shift. `lives` has the number of snapshots of each bearing.
pub fn excerpts(shift: &Shift, lives: &BTreeMap<&str, usize>) -> Vec<Excerpt> {
    let mut all = Vec::new();
    for (split, label) in
        [(Split::Train, Label::Normal), (Split::Test, Label::Normal), (Split::Test, Label::Anomaly)]
    {
        for (domain, (bearings, axis)) in
            [(Domain::Source, shift.source), (Domain::Target, shift.target)]
        {
            let most = match (split, domain) {
                (Split::Train, Domain::Source) => usize::MAX,
                (Split::Train, Domain::Target) => TARGET,
                (Split::Test, _) => TEST,
            };
            let starts: Vec<Vec<usize>> = bearings
                .iter()
                .map(|bearing| starts(lives.get(bearing).copied().unwrap_or(0), split, label))
                .collect();
            let shares = shares(&starts.iter().map(Vec::len).collect::<Vec<_>>(), most);
            let chosen = bearings.iter().zip(starts).zip(shares).flat_map(|((bearing, all), n)| {
                spread(&all, n).into_iter().map(move |start| (*bearing, start))
            });
            all.extend(chosen.enumerate().map(|(number, (bearing, start))| Excerpt {
                bearing,
                axis,
                domain,
                split,
                label,
                number,
                first: start + 1,
            }));
        }
    }
    all
}

/// The starts of all clips in the part of a life that has this label, counted from 0.
fn starts(life: usize, split: Split, label: Label) -> Vec<usize> {
    let (from, to) = match (split, label) {
        (Split::Train, _) => (3 * life / 100, 23 * life / 100),
        (Split::Test, Label::Normal) => (26 * life / 100, 40 * life / 100),
        (Split::Test, Label::Anomaly) => (life - LAST.min(5 * life / 100), life),
    };
    (from..(to + 1).saturating_sub(JOINED)).step_by(JOINED).collect()
}

/// How many clips each bearing gives: as equal as can be, and none more than it has.
fn shares(available: &[usize], most: usize) -> Vec<usize> {
    let mut shares = vec![0; available.len()];
    let mut left = most.min(available.iter().sum());
    while left > 0 {
        for (share, available) in shares.iter_mut().zip(available) {
            if left > 0 && *share < *available {
                *share += 1;
                left -= 1;
            }
        }
    }
    shares
}

/// So many of the starts at equal distances, the first and the last among them. A place between two
/// is rounded to the nearer one, or to the even one.
fn spread(starts: &[usize], count: usize) -> Vec<usize> {
    match count {
        0 => Vec::new(),
        1 => starts[..1].to_vec(),
        _ => {
            let (last, steps) = (starts.len() - 1, count - 1);
            let place = |i: usize| {
                let (whole, rest) = (i * last / steps, i * last % steps);
                match (2 * rest).cmp(&steps) {
                    std::cmp::Ordering::Less => whole,
                    std::cmp::Ordering::Greater => whole + 1,
                    std::cmp::Ordering::Equal => whole + whole % 2,
                }
            };
            (0..count).map(|i| starts[place(i)]).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_equal_as_far_as_there_are_clips() {
        assert_eq!(shares(&[9, 2, 9], 10), [4, 2, 4]);
        assert_eq!(shares(&[9, 9, 9], 10), [4, 3, 3]);
        assert_eq!(shares(&[1, 0, 2], 10), [1, 0, 2]);
        assert_eq!(shares(&[700, 8], usize::MAX), [700, 8]);
    }

    #[test]
    fn chosen_clips_are_spread_from_the_first_to_the_last() {
        let starts: Vec<usize> = (0..78).collect();
        // As numpy.round(numpy.linspace(0, 77, 5)), which rounds 38.5 to the even number.
        assert_eq!(spread(&starts, 5), [0, 19, 38, 58, 77]);
        assert_eq!(spread(&starts[..24], 5), [0, 6, 12, 17, 23]);
        assert_eq!((spread(&starts, 1), spread(&starts, 0)), (vec![0], vec![]));
        assert_eq!(spread(&starts, 78), starts);
    }

    #[test]
    fn parts_of_a_life_do_not_touch() {
        let of = |split, label| starts(2803, split, label);
        let train = of(Split::Train, Label::Normal);
        let (normal, last) = (of(Split::Test, Label::Normal), of(Split::Test, Label::Anomaly));
        assert_eq!((train[0], train[train.len() - 1], train.len()), (84, 639, 112));
        assert_eq!((normal[0], normal[normal.len() - 1]), (728, 1113));
        assert_eq!((last[0], last[last.len() - 1], last.len()), (2743, 2798, 12));
        assert_eq!(starts(230, Split::Test, Label::Anomaly), [219, 224]);
        for life in 0..200 {
            let ends = |split, label| starts(life, split, label).last().map_or(0, |s| s + JOINED);
            assert!(ends(Split::Test, Label::Anomaly) <= life);
        }
    }
}
