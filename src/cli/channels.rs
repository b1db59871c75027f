//! Recordings of several channels: those of which a spec chooses none, and those that lack the one it
//! chooses.

use std::collections::{BTreeMap, BTreeSet};

use super::heard;
use super::session::Session;
use crate::artifact::Channel;
use crate::diagnose::Diagnostic;
use crate::shown::visible;
use crate::source::{FileList, Listing, SectionId, SourceSpec, wav};

/// Notes on recordings of several channels without a choice, those of noise and rooms among them. Of
/// each section the first recording, one in the middle and the last are looked at.
pub fn unchosen(session: &Session) -> BTreeSet<String> {
    let open = session.seen().filter(|(_, source, _)| source.channel().is_none());
    open.filter_map(|(word, source, listing)| {
        let mut most: BTreeMap<&str, usize> = BTreeMap::new();
        for (SectionId { machine, .. }, FileList { audio, .. }) in &listing.sections {
            let some = [audio.first(), audio.get(audio.len() / 2), audio.last()];
            for count in some.into_iter().flatten().filter_map(|path| channels(source, path)) {
                let known = most.entry(machine).or_default();
                *known = count.max(*known);
            }
        }
        most.retain(|_, count| *count > 1);
        let count = most.values().max()?;
        let advice = match word {
            "data" => {
                ", noise of a far microphone included; the baseline of 2026 takes the first \
                 (`channel: first`)"
            }
            _ => "; `channel: first` takes one",
        };
        Some(format!(
            "recordings of {} have {count} channels, and `{word}.{}.channel` is not set: the mean of the channels \
             is taken{advice}",
            names(most.keys()),
            source.name()
        ))
    })
    .collect()
}

/// Recordings of one channel where the spec needs two. All that a run reads are looked at: it would
/// fail at each.
pub fn without_second(session: &Session) -> Vec<Diagnostic> {
    let needy = session.seen().filter_map(|(word, source, listing)| {
        let needs = |channel: &Channel| {
            matches!(channel, Channel::Second | Channel::Difference | Channel::Cancel)
        };
        let channel = source.channel().filter(needs)?;
        let lone = Lone::of(session, (word, source, listing));
        let message = format!(
            "{}, and `{word}.{}.channel: {channel}` needs two",
            lone.shown()?,
            source.name()
        );
        let hint = match word {
            "data" => "leave `channel` out, or choose machines that have two",
            _ => "leave `channel` out, or take recordings that have two",
        };
        Some(Diagnostic::new("E0723", message).hint(hint))
    });
    needy.collect()
}

/// The recordings of one channel.
#[derive(Default)]
struct Lone<'a> {
    machines: BTreeSet<&'a String>,
    first: Option<&'a String>,
    count: usize,
    /// Number of recordings of these and of more channels.
    all: usize,
}

impl<'a> Lone<'a> {
    fn of(session: &Session, (word, source, listing): (&str, &SourceSpec, &'a Listing)) -> Self {
        let mut lone = Self::default();
        for (SectionId { machine, .. }, audio) in
            heard::recordings(session, (word, source, listing))
        {
            for path in audio {
                let Some(channels) = channels(source, path) else { continue };
                lone.all += 1;
                if channels == 1 {
                    lone.count += 1;
                    lone.first.get_or_insert(path);
                    lone.machines.insert(machine);
                }
            }
        }
        lone
    }

    /// `None` if there are none.
    fn shown(&self) -> Option<String> {
        let Self { machines, first, count, all } = self;
        let (first, names) = (visible((*first)?), names(machines.iter()));
        Some(match count {
            _ if count == all => format!("recordings of {names} have one channel"),
            1 => format!("1 of {all} recordings has one channel, `{first}`"),
            _ => format!("{count} of {all} recordings have one channel, `{first}` for one"),
        })
    }
}

/// The number of channels that the head of a recording gives; `None` without a readable head.
fn channels(source: &SourceSpec, path: &str) -> Option<usize> {
    wav::head(&source.member().root()?.join(path)).map(|head| head.channels)
}

fn names(machines: impl Iterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<String> = machines.map(|name| format!("`{}`", visible(name.as_ref()))).collect();
    names.join(", ")
}
