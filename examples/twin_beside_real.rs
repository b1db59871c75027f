//! How near the synthetic twin comes to real MIMII DG clips: long-term spectra and modulation, as
//! tables and a figure.
//!
//! ```text
//! cargo run --release --example twin_beside_real -- [FIGURE.svg]
//! ```
//!
//! The real clips are those of `clips/dcase2023/<machine>/{train,test}` in the folder of real data
//! (`HUMSHIFT_TEST_DATA`, or else `../shared/data` beside the checkout); without them the program
//! says so and ends. For each of them the twin makes clips of the same rate, length, label and
//! attributes, of several units, with the calibration of the section that has such attributes, and
//! mixes them with the noise of that section.
//!
//! Two measures, each without the level of the clip:
//!
//! * **Spectrum**: the mean over frames of log-mel in dB (128 bands, frames of 1024, hop of 512),
//!   less its own mean over bands. Distance: root mean square of the difference over bands, in dB.
//! * **Modulation**: in each of six broad mel bands, the energy of frames of 512 samples every 128,
//!   divided by its mean; of that, the mean square in each octave from 0.5 to 16 Hz, in dB (0 dB:
//!   as large as the mean itself; a steady noise is far below, clicks are above). Distance: root
//!   mean square of the difference over bands and octaves, in dB, which is that of the log ratio.
//!
//! The distance of a real clip to a twin (`real–twin`) is to be read against that of two real clips
//! of a machine (`real–real`) and of two clips of one unit of the twin (`twin–twin`): a twin that
//! is as far from real clips as they are from each other cannot be told apart by this measure, and
//! one whose own clips are nearer to each other than real ones are varies too little.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use humshift::artifact::{Channel, Clip, Domain, Label, Split};
use humshift::dsp::{MelScale, hann};
use humshift::feature::Feature;
use humshift::feature::log_mel::LogMel;
use humshift::math;
use humshift::mimii_dg;
use humshift::seed::Seed;
use humshift::source::{Wave, names, wav};
use humshift::twin::{self, MACHINES, Scene};
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

/// Units of each machine, and clips of each unit for each real clip.
const UNITS: usize = 3;
const TAKES: usize = 2;
/// Broad bands of the modulation, and edges of its octaves in Hz.
const BANDS: usize = 6;
const OCTAVES: [f64; 6] = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0];
/// What says where spectra differ: so many neighbouring bands of 128.
const GROUP: usize = 8;
/// No modulation is told apart below this.
const FLOOR_DB: f64 = -60.0;

/// What is measured of a clip.
#[derive(Clone)]
struct Measures {
    /// dB by mel band, of mean zero.
    spectrum: Vec<f64>,
    /// dB by broad band and octave, band by band.
    modulation: Vec<f64>,
}

/// The clips of one machine.
struct Machine {
    name: &'static str,
    rate: u32,
    real: Vec<Measures>,
    /// Of each unit, for each real clip some takes.
    twin: Vec<Vec<(usize, Measures)>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("HUMSHIFT_TEST_DATA")
        .map_or(beside, PathBuf::from)
        .join("clips/dcase2023");
    if !folder.is_dir() {
        eprintln!("no real clips to compare with: there is no `{}`", folder.display());
        return Ok(());
    }
    let mut machines = Vec::new();
    for name in MACHINES {
        match Machine::load(name, &folder.join(name)) {
            Ok(machine) => machines.push(machine),
            Err(why) => eprintln!("{name} is left out: {why}"),
        }
    }
    print!("{}", tables(&machines));
    if let Some(path) = std::env::args_os().nth(1) {
        std::fs::write(&path, figure(&machines))
            .map_err(|e| format!("`{}`: {e}", path.display()))?;
    }
    Ok(())
}

impl Machine {
    fn load(name: &'static str, folder: &Path) -> Result<Self, Box<dyn Error>> {
        let mut paths = Vec::new();
        for split in ["train", "test"] {
            let folder = folder.join(split);
            let entries =
                std::fs::read_dir(&folder).map_err(|e| format!("`{}`: {e}", folder.display()))?;
            paths.extend(
                entries
                    .flatten()
                    .map(|entry| entry.path())
                    .filter(|p| p.extension().is_some_and(|e| e == "wav")),
            );
        }
        paths.sort();
        let mut machine = Self { name, rate: 0, real: Vec::new(), twin: vec![Vec::new(); UNITS] };
        for (number, path) in paths.iter().enumerate() {
            let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
            let real = wav::read(path, Channel::First)?;
            machine.rate = real.rate;
            machine.real.push(measure(&real).map_err(|why| format!("`{file}`: {why}"))?);
            for (unit, clips) in machine.twin.iter_mut().enumerate() {
                for take in 0..TAKES {
                    let twin = beside(name, file, &real, unit, take);
                    match twin.map_err(Into::into).and_then(|wave| measure(&wave)) {
                        Ok(measures) => clips.push((number, measures)),
                        Err(why) => eprintln!("no twin of {name} `{file}`: {why}"),
                    }
                }
            }
        }
        if machine.real.is_empty() { Err("no clips".into()) } else { Ok(machine) }
    }

    fn twins(&self) -> impl Iterator<Item = &Measures> + Clone {
        self.twin.iter().flatten().map(|(_, measures)| measures)
    }
}

/// The section of MIMII DG whose attributes the real clips of a machine have.
fn section(machine: &str) -> &'static str {
    match machine {
        "fan" | "valve" => "00",
        _ => "01",
    }
}

/// A twin of a real clip: the sound its name speaks of, in the noise of its section.
fn beside(
    machine: &str,
    file: &str,
    real: &Wave,
    unit: usize,
    take: usize,
) -> Result<Wave, String> {
    let name = names::parse(file)?;
    let (unit, seed) = (unit.to_string(), Seed(0).derive(&["twin_beside_real", &take.to_string()]));
    let rate = real.rate;
    let render = |kind: &str, attributes, fault, tuning| {
        let unit = Seed(0).derive(&["twin_beside_real", kind, &unit]);
        let clip = seed.derive(&[kind, file]);
        let samples = real.samples.len();
        let rate = f64::from(rate);
        twin::render(kind, &Scene { rate, samples, unit, clip, attributes, fault, tuning })
    };
    let sizes = mimii_dg::calibration(machine, section(machine)).ok_or("it is not calibrated")?;
    let tuning = if name.domain == Some(Domain::Target) { sizes.target() } else { sizes.source() };
    let mut rng = seed.derive(&["noise", file]).rng();
    let faults = twin::faults(machine);
    let fault =
        (name.label == Some(Label::Anomaly)).then(|| (faults[rng.below(faults.len())], 1.0));
    let (mut samples, nothing) =
        (render(machine, &name.attributes, fault, tuning)?, BTreeMap::new());
    let machine_power = power(&samples);
    let clip = Clip {
        id: file.to_owned(),
        machine: machine.to_owned(),
        section: section(machine).to_owned(),
        domain: name.domain,
        split: Split::Train,
        label: name.label,
        attributes: name.attributes.clone(),
    };
    for layer in &mimii_dg::section(machine, section(machine)).ok_or("it has no noise")?.noise {
        let types = layer.types.of(&clip)?;
        let kind = &types[rng.below(types.len())];
        let noise = render(kind, &nothing, None, Default::default())?;
        let snr = layer.snr_db.of(&clip, seed)?;
        add(&mut samples, &noise, machine_power / math::powf(10f64, snr / 10.0));
    }
    Ok(Wave { rate, samples })
}

/// Mean square.
fn power(samples: &[f32]) -> f64 {
    samples.iter().map(|x| math::square(f64::from(*x))).sum::<f64>() / samples.len().max(1) as f64
}

/// Adds a sound, made as strong as is wanted.
fn add(to: &mut [f32], sound: &[f32], wanted: f64) {
    let gain = (wanted / power(sound).max(f64::MIN_POSITIVE)).sqrt();
    to.iter_mut().zip(sound).for_each(|(x, y)| *x += (gain * f64::from(*y)) as f32);
}

fn measure(wave: &Wave) -> Result<Measures, Box<dyn Error>> {
    let log_mel = LogMel::default().extractor(wave.rate)?.extract(&wave.samples)?;
    let frames = log_mel.nrows() as f64;
    let mut spectrum: Vec<f64> = log_mel
        .columns()
        .into_iter()
        .map(|band| band.iter().map(|db| f64::from(*db)).sum::<f64>() / frames)
        .collect();
    let level = spectrum.iter().sum::<f64>() / spectrum.len() as f64;
    spectrum.iter_mut().for_each(|db| *db -= level);

    let settings = LogMel { frame: 512, hop: 128, mels: BANDS, ..LogMel::default() };
    let bands = settings.extractor(wave.rate)?.extract(&wave.samples)?;
    let frames_a_second = f64::from(wave.rate) / settings.hop as f64;
    let modulation = bands.columns().into_iter().flat_map(|band| {
        octaves(
            &band.iter().map(|db| math::powf(10f64, f64::from(*db) / 10.0)).collect::<Vec<_>>(),
            frames_a_second,
        )
    });
    Ok(Measures { modulation: modulation.collect(), spectrum })
}

/// Mean square of an envelope over its mean, in dB, by octave.
fn octaves(envelope: &[f64], rate: f64) -> Vec<f64> {
    let n = envelope.len();
    let mean = envelope.iter().sum::<f64>() / n as f64;
    let window: Vec<f64> = hann(n).into_iter().map(f64::from).collect();
    let mut points: Vec<Complex<f64>> = envelope
        .iter()
        .zip(&window)
        .map(|(x, w)| Complex::new(w * (x / mean - 1.0), 0.0))
        .collect();
    FftPlanner::new().plan_fft_forward(n).process(&mut points);
    let norm = 2.0 / (n as f64 * window.iter().map(|w| w * w).sum::<f64>());
    let hz = |bin: usize| bin as f64 * rate / n as f64;
    OCTAVES
        .windows(2)
        .map(|edges| {
            let bins = (1..n.div_ceil(2)).filter(|bin| (edges[0]..edges[1]).contains(&hz(*bin)));
            let power: f64 = bins.map(|bin| norm * points[bin].norm_sqr()).sum();
            (10.0 * math::log10(power)).max(FLOOR_DB)
        })
        .collect()
}

/// Root mean square of the difference.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    (a.iter().zip(b).map(|(a, b)| math::square(a - b)).sum::<f64>() / a.len() as f64).sqrt()
}

fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.into_iter().fold((0.0, 0), |(sum, count), x| (sum + x, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// The mean of vectors of one length, value by value; empty without any.
fn center<'a>(vectors: impl Iterator<Item = &'a [f64]> + Clone) -> Vec<f64> {
    let length = vectors.clone().next().map_or(0, <[f64]>::len);
    (0..length).filter_map(|i| mean(vectors.clone().map(|v| v[i]))).collect()
}

fn pairs<'a>(
    clips: &'a [&'a Measures],
    of: fn(&Measures) -> &[f64],
) -> impl Iterator<Item = f64> + 'a {
    let pair = move |(i, a): (usize, &&'a Measures)| {
        let a = *a;
        clips[i + 1..].iter().map(move |b| distance(of(a), of(b)))
    };
    clips.iter().enumerate().flat_map(pair)
}

/// Both measures of all machines, as Markdown.
fn tables(machines: &[Machine]) -> String {
    let mut text = format!(
        "Twin: {UNITS} units, {TAKES} clips of each for each real clip, noise of the paper's levels.\n"
    );
    let spectrum: fn(&Measures) -> &[f64] = |m| &m.spectrum;
    let modulation: fn(&Measures) -> &[f64] = |m| &m.modulation;
    for (title, of, place) in [
        ("Long-term spectrum", spectrum, furthest_band as fn(&Machine, &[f64]) -> String),
        ("Modulation", modulation, furthest_octave),
    ] {
        let _ = write!(text, "\n## {title}: mean distances in dB\n\n");
        text.push_str(
            "| machine | real–real | twin–twin | real–twin | where the twin is furthest off |\n",
        );
        text.push_str("| --- | ---: | ---: | ---: | --- |\n");
        for machine in machines {
            let real = mean(pairs(&machine.real.iter().collect::<Vec<_>>(), of));
            let units: Vec<Vec<&Measures>> =
                machine.twin.iter().map(|u| u.iter().map(|(_, m)| m).collect()).collect();
            let twin = mean(units.iter().flat_map(|unit| pairs(unit, of)));
            let across = machine
                .twin
                .iter()
                .flatten()
                .map(|(number, m)| distance(of(&machine.real[*number]), of(m)));
            let off: Vec<f64> = center(machine.twins().map(of))
                .iter()
                .zip(center(machine.real.iter().map(of)))
                .map(|(twin, real)| twin - real)
                .collect();
            let [real, twin, across] =
                [real, twin, mean(across)].map(|d| d.map_or("–".into(), |d| format!("{d:.2}")));
            let _ = writeln!(
                text,
                "| {} | {real} | {twin} | {across} | {} |",
                machine.name,
                place(machine, &off)
            );
        }
    }
    text
}

/// The group of neighbouring bands in which the mean spectra differ most.
fn furthest_band(machine: &Machine, off: &[f64]) -> String {
    let groups = off.chunks(GROUP).map(|group| mean(group.iter().copied()).unwrap_or_default());
    let Some((number, db)) = groups.enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
    else {
        return "–".into();
    };
    let first = GROUP * number;
    let hz = band_hz(machine.rate, first..(first + GROUP).min(off.len()), off.len());
    format!("{:.0} to {:.0} Hz: {db:+.1} dB", hz.start, hz.end)
}

/// The octave and broad band in which the mean modulations differ most.
fn furthest_octave(machine: &Machine, off: &[f64]) -> String {
    let Some((number, db)) = off.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
    else {
        return "–".into();
    };
    let (band, octave) = (number / (OCTAVES.len() - 1), number % (OCTAVES.len() - 1));
    let hz = band_hz(machine.rate, band..band + 1, BANDS);
    let (low, high) = (OCTAVES[octave], OCTAVES[octave + 1]);
    format!("{low} to {high} Hz of the band {:.0} to {:.0} Hz: {db:+.1} dB", hz.start, hz.end)
}

/// Where mel bands lie: half way between the middles of neighbours.
fn band_hz(rate: u32, bands: Range<usize>, count: usize) -> Range<f64> {
    let step = MelScale::Slaney.mel(f64::from(rate) / 2.0) / (count + 1) as f64;
    let edge = |band: usize| MelScale::Slaney.hz(step * (band as f64 + 0.5));
    edge(bands.start)..edge(bands.end)
}

// Lengths of the figure in pixels: a panel, the room between panels, the margins.
const PANEL: [(f64, f64); 2] = [(330.0, 118.0), (170.0, 118.0)];
const LEFT: f64 = 58.0;
const TOP: f64 = 44.0;
const PITCH: f64 = 160.0;
/// Ends of the axes in dB.
const SPECTRUM_DB: (f64, f64) = (-25.0, 35.0);
const MODULATION_DB: (f64, f64) = (-40.0, 10.0);

/// A row a machine: spectra, and modulation (mean over broad bands). Real clips thin, the mean of
/// the twin thick.
fn figure(machines: &[Machine]) -> String {
    let (width, height) =
        (LEFT + PANEL[0].0 + 66.0 + PANEL[1].0 + 16.0, TOP + PITCH * machines.len() as f64 + 6.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"Helvetica, Arial, sans-serif\" font-size=\"11\" fill=\"#222\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    key(&mut svg, LEFT, "real clips", REAL);
    key(&mut svg, LEFT + 96.0, "mean of the twin", TWIN);
    for (number, machine) in machines.iter().enumerate() {
        let top = TOP + PITCH * number as f64;
        let bands = machine.real[0].spectrum.len();
        let mel = |hz: f64| {
            MelScale::Slaney.mel(hz) / MelScale::Slaney.mel(f64::from(machine.rate) / 2.0)
        };
        let kilohertz: Vec<(f64, String)> = [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0]
            .iter()
            .map(|khz| (mel(1e3 * khz), khz.to_string()))
            .collect();
        let title = format!("{}: spectrum", machine.name);
        let spectra = Panel { left: LEFT, top, size: PANEL[0], db: SPECTRUM_DB };
        spectra.axes(&mut svg, &title, "kHz", &kilohertz);
        let at = |i: usize| (i + 1) as f64 / (bands + 1) as f64;
        machine.real.iter().for_each(|m| spectra.line(&mut svg, &m.spectrum, at, REAL));
        spectra.line(&mut svg, &center(machine.twins().map(|m| &m.spectrum[..])), at, TWIN);

        let count = OCTAVES.len() - 1;
        let at = |i: usize| (i as f64 + 0.5) / count as f64;
        let edges =
            OCTAVES.iter().enumerate().map(|(i, hz)| (i as f64 / count as f64, hz.to_string()));
        let panel =
            Panel { left: LEFT + PANEL[0].0 + 66.0, top, size: PANEL[1], db: MODULATION_DB };
        panel.axes(
            &mut svg,
            &format!("{}: modulation", machine.name),
            "Hz",
            &edges.collect::<Vec<_>>(),
        );
        let over_bands = |m: &[f64]| center(m.chunks(count));
        machine
            .real
            .iter()
            .for_each(|m| panel.line(&mut svg, &over_bands(&m.modulation), at, REAL));
        panel.line(
            &mut svg,
            &over_bands(&center(machine.twins().map(|m| &m.modulation[..]))),
            at,
            TWIN,
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// Colour and width of a line.
type Stroke = (&'static str, f64);
const REAL: Stroke = ("#5b7fb5", 0.8);
const TWIN: Stroke = ("#c4401c", 2.2);

fn key(svg: &mut String, x: f64, words: &str, (colour, width): Stroke) {
    let end = x + 22.0;
    let _ =
        writeln!(svg, "<path d=\"M{x} 16H{end}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>");
    let _ = writeln!(svg, "<text x=\"{}\" y=\"20\">{words}</text>", end + 5.0);
}

/// A frame with dB upwards.
struct Panel {
    left: f64,
    top: f64,
    size: (f64, f64),
    db: (f64, f64),
}

impl Panel {
    fn y(&self, db: f64) -> f64 {
        let (low, high) = self.db;
        self.top + self.size.1 * (high - db.clamp(low, high)) / (high - low)
    }

    /// The frame, its title, marks every 10 dB, and marks at shares of the width.
    fn axes(&self, svg: &mut String, title: &str, unit: &str, marks: &[(f64, String)]) {
        let (Self { left, top, .. }, (width, height)) = (self, self.size);
        let _ = writeln!(
            svg,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"none\" stroke=\"#222\" \
             stroke-width=\"0.8\"/>\n<text x=\"{left}\" y=\"{}\" font-weight=\"bold\">{title}</text>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">dB</text>",
            top - 6.0,
            left - 34.0,
            top + height / 2.0 + 4.0
        );
        let mut db = (self.db.0 / 10.0).ceil() * 10.0;
        while db <= self.db.1 {
            let y = self.y(db);
            let _ = writeln!(
                svg,
                "<path d=\"M{left} {y:.1}h{width}\" stroke=\"#ddd\" stroke-width=\"0.6\"/>"
            );
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{db}</text>",
                left - 6.0,
                y + 4.0
            );
            db += 10.0;
        }
        let bottom = top + height;
        for (share, words) in marks.iter().filter(|(share, _)| *share <= 1.0 + 1e-9) {
            let x = left + width * share;
            let words = if *share > 0.9 { format!("{words} {unit}") } else { words.clone() };
            let _ = writeln!(
                svg,
                "<path d=\"M{x:.1} {bottom}v4\" stroke=\"#222\" stroke-width=\"0.8\"/>"
            );
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{words}</text>",
                bottom + 15.0
            );
        }
    }

    /// A line through values at shares of the width; nothing of no values.
    fn line(
        &self,
        svg: &mut String,
        values: &[f64],
        at: impl Fn(usize) -> f64,
        (colour, width): Stroke,
    ) {
        let mut path = String::new();
        for (i, db) in values.iter().enumerate() {
            let x = self.left + self.size.0 * at(i);
            let _ = write!(path, "{}{x:.1} {:.1}", if i == 0 { "M" } else { "L" }, self.y(*db));
        }
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"/>"
        );
    }
}
