//! Tests of the settings in every program, and of the engine against onnxruntime in those that have
//! it, on the numbers of `benches/peers/onnx_features.py`.

use ndarray::{Array, Array2, ArrayD, IxDyn};

use super::*;

fn of(settings: Value) -> Onnx {
    let mut settings = settings;
    settings["model"] = json!("network.onnx");
    serde_json::from_value(settings).unwrap()
}

fn fields(settings: Value) -> Vec<String> {
    of(settings).problems().into_iter().map(|problem| problem.field).collect()
}

#[test]
fn settings_that_do_not_fit_are_told_by_their_names() {
    assert_eq!(fields(json!({})), [] as [&str; 0]);
    assert_eq!(Onnx::default().problems()[0].field, "model");
    let mel = |more: Value| {
        let mut all = json!({"input": "log_mel"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields(all)
    };
    assert_eq!(fields(json!({"log_mel": {}})), ["log_mel"]);
    assert_eq!(mel(json!({"log_mel": {"mels": 0}})), ["log_mel.mels"]);
    assert_eq!(fields(json!({"layout": ["batch", "frame", "mel"]})), ["layout"]);
    assert_eq!(mel(json!({"layout": ["batch", "frame"]})), ["layout"]);
    assert_eq!(mel(json!({"layout": ["mel", "frame"], "axes": ["time"]})), ["axes"]);
    assert_eq!(fields(json!({"hop": 5})), ["hop"]);
    assert_eq!(fields(json!({"hop": 5, "window": 4})), ["hop"]);
    assert_eq!(fields(json!({"hop": 0, "window": 0, "sample_rate": 0})).len(), 3);
}

#[test]
fn keys_have_the_spectrogram_and_no_path() {
    let plain = of(json!({"input": "log_mel", "layer": "a"})).keyed();
    assert_eq!(plain["log_mel"]["mels"], 128);
    assert_eq!((plain.get("model"), &plain["layer"]), (None, &json!("a")));
    let written = of(json!({"input": "log_mel", "layer": "a", "log_mel": {}})).keyed();
    assert_eq!(written, plain);
    assert_eq!(of(json!({})).keyed(), json!({"input": "waveform", "sample_rate": 16000}));
}

#[test]
fn windows_cover_a_clip_as_far_as_they_fit() {
    let windows = |settings: Value, length, fixed| {
        let found = of(settings).windows(length, fixed)?;
        Ok::<_, String>((found.length, found.hop, found.count))
    };
    assert_eq!(windows(json!({}), 4000, None), Ok((4000, 4000, 1)));
    assert_eq!(windows(json!({}), 4000, Some(1600)), Ok((1600, 1600, 2)));
    assert_eq!(windows(json!({"window": 1600, "hop": 700}), 4000, None), Ok((1600, 700, 4)));
    let short = windows(json!({"window": 1600}), 1599, None).unwrap_err();
    assert_eq!(short, "its 1599 samples are fewer than a window of 1600");
    assert!(windows(json!({}), 0, None).is_err());
}

#[test]
fn windows_become_inputs_in_the_order_of_the_layout() {
    let clip = Array2::from_shape_fn((4, 3), |(frame, mel)| (10 * frame + mel) as f32);
    let mel = of(json!({"input": "log_mel"}));
    let layout = mel.layout(None).unwrap();
    let input = mel.input(&layout, clip.view(), 1, 2);
    assert_eq!(input.shape(), [1, 1, 2, 3]);
    assert_eq!(input.iter().copied().collect::<Vec<_>>(), [10.0, 11.0, 12.0, 20.0, 21.0, 22.0]);
    let turned = of(json!({"input": "log_mel", "layout": ["mel", "batch", "frame"]}));
    let input = turned.input(&turned.layout(Some(3)).unwrap(), clip.view(), 1, 2);
    assert_eq!(input.shape(), [3, 1, 2]);
    assert_eq!(input.iter().copied().collect::<Vec<_>>(), [10.0, 20.0, 11.0, 21.0, 12.0, 22.0]);
    let wave = of(json!({}));
    let column = clip.column(0).insert_axis(ndarray::Axis(1));
    let input = wave.input(&wave.layout(Some(3)).unwrap(), column, 2, 2);
    assert_eq!((input.shape(), input.as_slice().unwrap()), (&[1, 1, 2][..], &[20.0, 30.0][..]));
    let error = wave.layout(Some(4)).unwrap_err().why;
    assert_eq!(error, "its input has 4 axes, and a waveform has not");
    let error = turned.layout(Some(2)).unwrap_err().why;
    assert_eq!(error, "its input has 2 axes, and `layout` has 3 names");
}

#[test]
fn values_of_a_layer_become_frames() {
    use OnnxAxis::{Batch, Frame, Mel};
    let numbers = |shape: &[usize]| -> ArrayD<f32> {
        let count = shape.iter().product::<usize>();
        let all = Array::from_iter((0..count).map(|x| x as f32));
        all.into_shape_with_order(IxDyn(shape)).unwrap()
    };
    let plain = of(json!({}));
    let frames = |shape: &[usize]| plain.frames(&[Batch, Frame, Mel], numbers(shape));
    assert_eq!(frames(&[3]).unwrap().dim(), (1, 3));
    assert_eq!(frames(&[1, 3]).unwrap().dim(), (1, 3));
    assert_eq!(frames(&[1, 2, 3]).unwrap().dim(), (2, 3));
    // Two channels, three times, two bands.
    let grid = frames(&[1, 2, 3, 2]).unwrap();
    assert_eq!(grid.dim(), (3, 4));
    assert_eq!(grid.row(1).to_vec(), [2.0, 8.0, 3.0, 9.0]);
    let turned = plain.frames(&[Batch, Mel, Frame], numbers(&[1, 2, 2, 3])).unwrap();
    assert_eq!(turned.row(1).to_vec(), [1.0, 7.0, 4.0, 10.0]);
    let error = frames(&[2, 3]).unwrap_err();
    assert_eq!(error.why, "its layer has the shape [2, 3]: the axis `one` has 2 places");
    assert!(error.hint.unwrap().contains("`axes`"));
    assert!(frames(&[1, 0, 3]).is_err());
    assert!(frames(&[1; 5]).is_err());
}

#[test]
#[cfg(not(feature = "onnx"))]
fn a_program_without_the_engine_tells_how_to_build_one_with_it() {
    assert_eq!((BUILT, kernels()), (false, None));
    let misfit = of(json!({})).look(b"", None).unwrap_err();
    assert_eq!(misfit.why, "this humshift was built without networks of ONNX files");
    assert!(misfit.hint.unwrap().contains("--features onnx"));
}

#[cfg(feature = "onnx")]
mod engine {
    use super::*;
    use crate::nn::{Activation, Builder, Cpu, Engine, Network, NormSettings, Shape, draws};
    use crate::protobuf::Message;

    const WAVEFORM: &[u8] = include_bytes!("../../../tests/data/onnx_waveform.onnx");
    const LOG_MEL: &[u8] = include_bytes!("../../../tests/data/onnx_log_mel.onnx");

    #[derive(Deserialize)]
    struct Reference {
        rate: u32,
        samples_times_256: Vec<i32>,
        clip: Vec<f64>,
        windows: Vec<f64>,
        second: Vec<f64>,
        tokens: Vec<f64>,
        all: Vec<f64>,
        conv: Vec<f64>,
    }

    fn reference() -> Reference {
        serde_json::from_str(include_str!("../../../tests/data/onnx.json")).unwrap()
    }

    fn samples() -> Vec<f32> {
        reference().samples_times_256.into_iter().map(|x| x as f32 / 256.0).collect()
    }

    /// Settings for the network of the name.
    fn settings(more: Value) -> Onnx {
        let mut all = json!({"model": "network.onnx", "sample_rate": 8000});
        if more.get("input").is_some() {
            all["log_mel"] = json!({"frame": 256, "hop": 128, "mels": 16});
        }
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    fn extracted(network: &[u8], more: Value) -> Array2<f32> {
        let Reference { rate, .. } = reference();
        let own = settings(more);
        assert_eq!(own.problems(), []);
        own.look(network, Some(rate)).unwrap();
        let extractor = own.with_network(network, kernels().as_deref(), rate).unwrap();
        let frames = extractor.extract(&samples()).unwrap();
        assert_eq!(extractor.extract(&samples()).unwrap(), frames);
        frames
    }

    fn assert_near(ours: &Array2<f32>, dims: usize, theirs: &[f64]) {
        assert_eq!(ours.dim(), (theirs.len() / dims, dims));
        let far = ours.iter().zip(theirs).map(|(a, b)| (f64::from(*a) - b).abs());
        let far = far.fold(0.0, f64::max);
        assert!(far <= 1e-4, "{far}");
    }

    #[test]
    fn a_network_of_waveforms_is_that_of_onnxruntime() {
        let expected = reference();
        assert_near(&extracted(WAVEFORM, json!({})), 5, &expected.clip);
        let windows = json!({"window": 1600, "hop": 700, "layer": "output"});
        assert_near(&extracted(WAVEFORM, windows), 5, &expected.windows);
        for layer in ["/second/Conv", "/second/Conv_output_0"] {
            let second = json!({"layer": layer, "axes": ["one", "dim", "time"]});
            assert_near(&extracted(WAVEFORM, second), 5, &expected.second);
        }
    }

    #[test]
    fn a_network_of_spectrograms_is_that_of_onnxruntime() {
        let expected = reference();
        assert_near(&extracted(LOG_MEL, json!({"input": "log_mel"})), 6, &expected.all);
        let windows = json!({"input": "log_mel", "window": 9, "hop": 5});
        assert_near(&extracted(LOG_MEL, windows), 6, &expected.tokens);
        // Their window is our second one.
        let conv = json!({"input": "log_mel", "layer": "/conv/Conv", "window": 20, "hop": 2});
        let ours = extracted(LOG_MEL, conv).slice_move(ndarray::s![10..20, ..]);
        assert_near(&ours, 24, &expected.conv);
    }

    #[test]
    fn networks_that_do_not_fit_are_told_with_what_to_do() {
        let told = |network: &[u8], more: Value| {
            let misfit = settings(more).look(network, None).unwrap_err();
            format!("{} | {}", misfit.why, misfit.hint.unwrap_or_default())
        };
        let near = told(WAVEFORM, json!({"layer": "/secnd/Conv"}));
        assert_eq!(near, "it has no layer `/secnd/Conv` | did you mean `/second/Conv`?");
        let far = told(WAVEFORM, json!({"layer": "embedding"}));
        assert!(far.contains("known: /") && far.contains("/norm/BatchNormalization"), "{far}");
        let rank = told(LOG_MEL, json!({}));
        assert!(rank.starts_with("its input has 4 axes, and a waveform has not"), "{rank}");
        let mut mels = settings(json!({"input": "log_mel"}));
        mels.log_mel = None;
        let mels = mels.look(LOG_MEL, None).unwrap_err();
        assert_eq!(mels.why, "the axis `mel` of its input has 16 places, not 128");
        assert!(mels.hint.unwrap().starts_with("write `log_mel: { mels: 16 }`"));
        let small = told(WAVEFORM, json!({"window": 40}));
        assert!(small.contains("[1, 40]"), "{small}");
        let rate = settings(json!({})).look(WAVEFORM, Some(44_100)).unwrap_err();
        assert!(rate.why.starts_with("recordings have 44100 Hz"), "{}", rate.why);
        assert!(told(b"RIFF", json!({})).starts_with("it is no ONNX file"));
        assert!(told(b"", json!({})).starts_with("it cannot be read"));
    }

    #[test]
    fn operators_and_files_that_are_not_there_are_named() {
        let at = WAVEFORM.windows(6).position(|bytes| bytes == b"\x22\x04Tanh").unwrap();
        let mut unknown = WAVEFORM.to_vec();
        unknown[at + 2..at + 6].copy_from_slice(b"Tann");
        let misfit = settings(json!({})).look(&unknown, None).unwrap_err();
        let expected = "its node `/Tanh` has the operator `Tann`, which tract does not know";
        assert_eq!(misfit.why, expected);
        // Layers before it can be taken.
        let before = json!({"layer": "/second/Conv", "axes": ["one", "dim", "time"]});
        settings(before).look(&unknown, None).unwrap();
        let place = Message::default().text(1, "location").text(2, "../weights.bin");
        let tensor = Message::default().integers(1, &[2]).integer(2, 1).text(8, "w");
        let tensor = tensor.message(13, &place).integer(14, 1);
        let graph = Message::default().message(5, &tensor);
        let file = Message::default().integer(1, 8).message(7, &graph).finish();
        let misfit = settings(json!({})).look(&file, None).unwrap_err();
        assert_eq!(misfit.why, "its weights are in `../weights.bin`, not in the file");
        // Files that are cut or changed anywhere end in a message or in numbers, and in no panic.
        for at in (0..WAVEFORM.len()).step_by(31) {
            let _ = settings(json!({})).look(&WAVEFORM[..at], None);
            let mut changed = WAVEFORM.to_vec();
            changed[at] ^= 0x15;
            let _ = settings(json!({"window": 200})).look(&changed, None);
        }
    }

    #[test]
    fn other_kernels_than_those_of_the_plan_are_refused() {
        let other = settings(json!({})).with_network(WAVEFORM, Some("tract 0.1, z80"), 8000);
        let error = other.err().unwrap().to_string();
        assert!(error.contains("planned for the kernels `tract 0.1, z80`"), "{error}");
        let rate = settings(json!({})).with_network(WAVEFORM, None, 16_000);
        assert!(rate.err().unwrap().to_string().contains("16000 Hz"));
        let short = settings(json!({"window": 1600})).with_network(WAVEFORM, None, 8000).unwrap();
        let error = short.extract(&[0.5; 100]).unwrap_err().to_string();
        assert_eq!(error, "its 100 samples are fewer than a window of 1600");
    }

    /// An autoencoder of single frames that `humshift export` writes gives what our engine gives.
    #[test]
    fn networks_of_our_own_give_the_same_here() {
        let mut builder = Builder::new(NormSettings { epsilon: 1e-3, follow: 0.01 });
        let x = builder.input(Shape::vector(16));
        let x = builder.dense("in", x, 12, true);
        let x = builder.norm("norm", x, Activation::Relu);
        let x = builder.dense("code", x, 4, true);
        builder.dense("out", x, 16, true);
        let network = Network::new(builder.finish(), &mut draws(0.37));
        let log_mel: LogMel =
            serde_json::from_value(json!({"frame": 256, "hop": 128, "mels": 16})).unwrap();
        let frames = log_mel.extractor(8000).unwrap().extract(&samples()).unwrap();
        let ours = Cpu::default().infer(&network, &[frames.as_slice().unwrap()]).to_vec();
        let frames_first = json!({
            "input": "log_mel", "layout": ["frame", "mel"], "axes": ["time", "dim"],
        });
        let theirs = extracted(&crate::weights::onnx(&network, "network"), frames_first);
        let expected: Vec<f64> = ours.into_iter().map(f64::from).collect();
        assert_near(&theirs, 16, &expected);
    }
}
