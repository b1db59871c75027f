//! `humshift dataset`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use clap::{Args, Subcommand};
use rayon::prelude::*;
use serde_json::json;

use super::outputs::{Folder, unwritten};
use super::run::repeat_failures;
use super::session::Session;
use super::work::{self, Work};
use super::{CacheDir, CliError, Exit, SpecArgs, output, signal};
use crate::artifact::{Artifact, Audio, AudioTable, Blob, Channel, Clip, ClipSet, Part, Recipe};
use crate::exec::RunOutcome;
use crate::mix::{self, Quantised};
use crate::plan::NodeId;
use crate::source::written;
use crate::stage::{Features, Item, Mixed, Recorded, Role, SectionId, Split, StageSpec, record};
use crate::store::Store;

#[derive(Args)]
pub struct DatasetArgs {
    #[command(subcommand)]
    command: DatasetCommand,
}

#[derive(Subcommand)]
enum DatasetCommand {
    /// Write the mixed or synthetic data set of a spec as WAV files in the layout of DCASE 2022
    #[command(after_help = super::examples::DATASET_WRITE)]
    Write(WriteArgs),
}

#[derive(Args)]
struct WriteArgs {
    #[command(flatten)]
    spec: SpecArgs,
    #[command(flatten)]
    cache: CacheDir,
    /// The folder of the data set: a new or an empty one
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    work: Work,
    /// Say what was written as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &DatasetArgs) -> Result<Exit, CliError> {
    let DatasetCommand::Write(args) = &args.command;
    write(args)
}

/// A section to write.
struct Section<'a> {
    /// The machine, and the section as two digits.
    id: SectionId,
    features: &'a Features,
    clips: Vec<Clip>,
    audio: AudioTable,
    parts: BTreeMap<String, Vec<Part>>,
}

fn write(args: &WriteArgs) -> Result<Exit, CliError> {
    let cache = args.cache.open()?;
    let session = Session::open(&args.spec, Some(&cache.desk))?;
    let nodes = sections(&session)?;
    empty(&args.output)?;
    let folder = Folder::begin(&args.output)?;
    let cancel = signal::cancel();
    let needed: BTreeSet<NodeId> =
        nodes.values().flat_map(|(_, needs)| needs.values().copied()).collect();
    let outcome = work::only(&session, &cache, needed, &args.work)?;
    if outcome.interrupted {
        return Ok(Exit::Interrupted);
    }
    if outcome.failed() > 0 {
        repeat_failures(&session, &outcome, &cache.desk);
        return Ok(Exit::StageFailed);
    }
    let (mut clips, mut clipped) = (0, 0);
    let threads = rayon::ThreadPoolBuilder::new().num_threads(args.work.jobs());
    let pool = threads
        .build()
        .map_err(|e| CliError::usage("E0705", format!("cannot start threads: {e}")))?;
    for (id, (node, needs)) in number(nodes) {
        let section = read(&session, &cache.store, &outcome, id, node, &needs)?;
        let Some(lost) = pool.install(|| section.write(&folder, &cancel))? else {
            output::tell("interrupted; nothing is left of the data set");
            return Ok(Exit::Interrupted);
        };
        clips += section.clips.len();
        clipped += lost;
        if !args.json {
            output::tell(&format!(
                "{}/{}: {} clips",
                section.id.machine,
                section.id.section,
                section.clips.len()
            ));
        }
    }
    folder.finish(&[])?;
    if args.json {
        output::json(&json!({ "output": args.output, "clips": clips, "clipped_clips": clipped }));
    } else {
        output::line(&format!("{clips} clips in {}", args.output.display()));
    }
    if clipped > 0 {
        output::tell(&format!(
            "warning: {clipped} clips do not fit 16 bits and are clipped; `--set mix.gain_db=-6` makes room"
        ));
    }
    Ok(Exit::Done)
}

/// An input of every features stage.
const AUDIO: Role = Role::Of(Split::Train, Item::Audio);

type Nodes = BTreeMap<SectionId, (NodeId, BTreeMap<Role, NodeId>)>;

/// For each section, a node that reads its clips, and the inputs of that node by role. Errors: the
/// points differ.
fn sections(session: &Session) -> Result<Nodes, CliError> {
    let plan = &session.plan;
    let mut nodes = Nodes::new();
    for id in plan.nodes() {
        let StageSpec::Features(features) = &plan.node(id).stage else { continue };
        let needs: BTreeMap<Role, NodeId> =
            plan.needs(id).iter().map(|need| (need.role.clone(), need.node)).collect();
        let StageSpec::Dataset(dataset) = &plan.node(needs[&AUDIO]).stage else { continue };
        if let Some((other, known)) = nodes.get(&dataset.section) {
            let StageSpec::Features(other) = &plan.node(*other).stage else { continue };
            if *known != needs || as_written(other) != as_written(features) {
                let message =
                    "the points of the sweep have different data sets, and one can be written";
                let hint = "set what differs, such as `--set mix.snr_db=-6`";
                return Err(
                    vec![crate::diagnose::Diagnostic::new("E0709", message).hint(hint)].into()
                );
            }
        } else {
            nodes.insert(dataset.section.clone(), (id, needs));
        }
    }
    if nodes.is_empty() {
        let message = "scores of another program come without recordings, so none can be written";
        return Err(CliError::usage("E0709", message));
    }
    Ok(nodes)
}

/// What mixing makes of a recording. Of two microphones both are written, whichever a point hears.
fn as_written(features: &Features) -> Option<Mixed> {
    let mixed = features.mixed.clone()?;
    Some(Mixed { channel: mixed.channel.map(|_| Channel::First), uses: BTreeMap::new(), ..mixed })
}

/// Sections named by machine and two digits. Names with two digits are kept; others are numbered
/// from `00` on.
fn number(nodes: Nodes) -> Nodes {
    let plain =
        |id: &SectionId| id.section.len() == 2 && id.section.bytes().all(|b| b.is_ascii_digit());
    let mut named: BTreeMap<String, Vec<SectionId>> = BTreeMap::new();
    for id in nodes.keys() {
        named.entry(id.machine.clone()).or_default().push(id.clone());
    }
    let kept: BTreeSet<String> =
        named.iter().filter(|(_, ids)| ids.iter().all(plain)).map(|(m, _)| m.clone()).collect();
    nodes
        .into_iter()
        .map(|(id, node)| {
            let place =
                named[&id.machine].iter().position(|other| *other == id).unwrap_or_default();
            let section =
                if kept.contains(&id.machine) { id.section } else { format!("{place:02}") };
            (SectionId { machine: id.machine, section }, node)
        })
        .collect()
}

/// An artifact of a node, from the cache.
fn artifact(
    store: &Store,
    outcome: &RunOutcome,
    node: NodeId,
    role: Role,
) -> Result<Vec<u8>, CliError> {
    let role = &role.to_string();
    let lost = || {
        CliError::usage("E0704", format!("the cache lost `{role}` while it was needed; run again"))
    };
    let record = outcome.nodes[node.index()].record().ok_or_else(lost)?;
    let object = record.outputs.get(role).ok_or_else(lost)?;
    Ok(store.get(object).map_err(|_| lost())?.to_vec())
}

fn read<'a>(
    session: &'a Session,
    store: &Store,
    outcome: &RunOutcome,
    id: SectionId,
    node: NodeId,
    needs: &BTreeMap<Role, NodeId>,
) -> Result<Section<'a>, CliError> {
    let StageSpec::Features(features) = &session.plan.node(node).stage else {
        unreachable!("chosen as such")
    };
    let wrong = |e: crate::artifact::DecodeError| CliError::usage("E0704", e.to_string());
    let bytes =
        |node, split, item| artifact(store, outcome, node, Role::Of(split, item)).map(Blob::new);
    let (mut clips, mut audio) = (Vec::new(), AudioTable(BTreeMap::new()));
    let mut parts: BTreeMap<String, Vec<Part>> = BTreeMap::new();
    for split in [Split::Train, Split::Test] {
        let dataset = needs[&AUDIO];
        clips.extend_from_slice(
            ClipSet::decode(bytes(dataset, split, Item::Clips)?).map_err(wrong)?.clips(),
        );
        audio.0.extend(AudioTable::decode(bytes(dataset, split, Item::Audio)?).map_err(wrong)?.0);
        if let Some(node) = needs.get(&Role::Of(split, Item::Recipe)) {
            for part in Recipe::decode(bytes(*node, split, Item::Recipe)?).map_err(wrong)?.0 {
                parts.entry(part.clip.clone()).or_default().push(part);
            }
        }
    }
    let clips = ClipSet::new(clips).clips().to_vec();
    Ok(Section { id, features, clips, audio, parts })
}

impl Section<'_> {
    /// The noise mixed to each file.
    fn recipe(&self, paths: &[String]) -> Recipe {
        let of = |(clip, path): (&Clip, &String)| {
            let parts = self.parts.get(&clip.id).cloned().unwrap_or_default();
            parts.into_iter().map(|part| Part { clip: path.clone(), ..part }).collect::<Vec<_>>()
        };
        Recipe(self.clips.iter().zip(paths).flat_map(of).collect())
    }

    /// Writes the clips and tables of the section. Returns the number of clips that did not fit 16
    /// bits, or `None` if the user cancelled.
    fn write(&self, folder: &Folder, cancel: &AtomicBool) -> Result<Option<usize>, CliError> {
        let SectionId { machine, section } = &self.id;
        let paths = written::paths(&self.clips, section);
        let clipped = AtomicUsize::new(0);
        self.clips.par_iter().zip(&paths).try_for_each(|(clip, path)| {
            if cancel.load(Ordering::Relaxed) {
                return Ok(());
            }
            let audio: &Audio = &self.audio.0[&clip.id];
            let parts = self.parts.get(&clip.id).map_or(&[][..], Vec::as_slice);
            let root_of_clips = self.features.root.as_deref();
            let mixed = self.features.mixed.as_ref();
            let recorded = record(&clip.id, audio, root_of_clips, parts, mixed);
            let Recorded { rate, channels, clipped: lost } =
                recorded.map_err(|e| CliError::usage("E0706", e.to_string()))?;
            // Mixed clips already have 16 bits; others may have any depth.
            let steps: Vec<Quantised> =
                channels.iter().map(|samples| mix::quantise(samples, 1.0)).collect();
            let lost = lost + steps.iter().map(|steps| steps.clipped).sum::<usize>();
            clipped.fetch_add(usize::from(lost > 0), Ordering::Relaxed);
            let channels: Vec<Vec<i16>> = steps.into_iter().map(|steps| steps.samples).collect();
            write_wav(&folder.place(path)?, rate, &channels)
        })?;
        if cancel.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let table = |name: &str, bytes: &[u8]| {
            let path = folder.place(&format!("{machine}/{name}_{section}.csv"))?;
            std::fs::write(&path, bytes).map_err(|e| unwritten(&path, &e))
        };
        if let Some(bytes) = written::attributes(&self.clips, &paths) {
            table("attributes", &bytes)?;
        }
        if let Some(bytes) = written::recordings(&self.clips, &paths, &self.audio) {
            table("recordings", &bytes)?;
        }
        if self.features.mixed.is_some() {
            table("mixing", &self.recipe(&paths).encode())?;
        }
        Ok(Some(clipped.into_inner()))
    }
}

/// Writes channels of equal lengths.
fn write_wav(path: &Path, rate: u32, channels: &[Vec<i16>]) -> Result<(), CliError> {
    let samples = channels[0].len();
    let spec = hound::WavSpec {
        channels: channels.len() as u16,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let write = || -> Result<(), hound::Error> {
        let mut writer = hound::WavWriter::create(path, spec)?;
        let mut bulk = writer.get_i16_writer((samples * channels.len()) as u32);
        for i in 0..samples {
            channels.iter().for_each(|channel| bulk.write_sample(channel[i]));
        }
        bulk.flush()?;
        writer.finalize()
    };
    write().map_err(|e| unwritten(path, &e))
}

/// Errors: the folder is not empty, and its files would be mixed up with the data set.
fn empty(folder: &Path) -> Result<(), CliError> {
    match std::fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(false) => Err(CliError::usage(
            "E0705",
            format!("`{}` is not empty; name a new folder", folder.display()),
        )),
        _ => Ok(()),
    }
}
