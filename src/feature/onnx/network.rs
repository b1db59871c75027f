//! The engine: networks of ONNX files by the crate tract (github.com/sonos/tract).
//!
//! tract chooses its kernels by what the processor can do, and their sums have other orders. Each
//! class of processors is held to one set of kernels here, and the name of the set is part of the
//! keys, so that equal keys mean equal bytes.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError};

use ndarray::{ArrayD, IxDyn};
use tract_onnx::pb::{ModelProto, tensor_proto::DataLocation};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::unimpl::UnimplementedOp;
use tract_onnx::tract_hir::infer::Factoid;

use super::Misfit;
use crate::diagnose::{closest, suggest};
use crate::math::Level;

/// The version of tract; a test holds that it is the one that is built in.
const TRACT: &str = "0.23.9";
/// The most characters of a message of tract that are shown.
const MOST: usize = 300;
/// The most layers that a message names.
const NAMED: usize = 40;

thread_local! {
    /// Whether panics of this thread are caught and told as messages.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

type Plan = Arc<TypedRunnableModel>;

/// A network whose chosen layer is its output.
pub struct Network {
    model: InferenceModel,
    /// The lengths of the axes of its input, as far as the file says them.
    input: Option<Vec<Option<usize>>>,
    /// What was prepared for inputs of a shape.
    plans: Mutex<BTreeMap<Vec<usize>, Plan>>,
}

/// The version of tract, and the set of kernels that processors of this class use. Sets of wider
/// vectors and of other products are left out for all of them.
pub fn kernels() -> Option<String> {
    static CHOSEN: OnceLock<String> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| {
        const WIDER: &str = "-avx512f,-avx512vnni,-avx512fp16,-avxvnni,-amx-int8,-amx-bf16";
        let (set, without) = match (std::env::consts::ARCH, Level::best()) {
            ("x86_64", Level::Portable) => ("sse2", format!("{WIDER},-avx,-avx2,-fma,-f16c")),
            ("x86_64", _) => ("fma", WIDER.to_owned()),
            ("aarch64", _) => ("neon", "-fp16,-dotprod,-sve2,-sme,-sme2,-apple-amx".to_owned()),
            _ => ("generic", String::new()),
        };
        // It is asked for once, before the first network is prepared.
        tract_linalg::knobs::TRACT_CPU_ISA.set(Some(without));
        format!("tract {TRACT}, {} {set}", std::env::consts::ARCH)
    });
    Some(chosen.clone())
}

impl Network {
    /// The network in the bytes of a file, up to a layer.
    ///
    /// Errors: it is no such file or has operators that tract does not know; it has several inputs or
    /// outputs; there is no such layer.
    pub fn open(file: &[u8], layer: Option<&str>) -> Result<Self, Misfit> {
        kernels();
        let framework = tract_onnx::onnx().with_ignore_value_info(true);
        let proto = guarded(|| framework.proto_model_for_read(&mut &file[..]))
            .map_err(|why| Misfit::new(format!("it is no ONNX file: {why}")))?;
        inside(&proto)?;
        let mut model = guarded(|| framework.model_for_proto_model(&proto)).map_err(|why| {
            Misfit::new(format!("it cannot be read: {why}"))
                .hint("opsets 9 to 18 are known best: `torch.onnx.export(..., opset_version=17)`")
        })?;
        let outlet = chosen(&model, layer)?;
        let needed = guarded(|| {
            model.select_output_outlets(&[outlet])?;
            model.eval_order()
        })
        .map_err(Misfit::new)?;
        for node in needed.iter().map(|id| model.node(*id)) {
            if node.op_is::<UnimplementedOp>() {
                let operator = node.op().name().replace("Unimplemented(", "").replace(')', "");
                let why = format!("its node `{}` has the operator `{operator}`", node.name);
                return Err(Misfit::new(format!("{why}, which tract does not know"))
                    .hint("choose a `layer` before it, or export the network without it"));
            }
        }
        let inputs: Vec<OutletId> = model.input_outlets().map_or(Vec::new(), <[_]>::to_vec);
        let inputs: Vec<OutletId> =
            inputs.into_iter().filter(|input| needed.contains(&input.node)).collect();
        let [input] = inputs[..] else {
            let names: Vec<&str> =
                inputs.iter().map(|input| model.node(input.node).name.as_str()).collect();
            let why = format!("it has {} inputs, not one: {}", names.len(), names.join(", "));
            return Err(Misfit::new(why).hint("export it with the others as constants"));
        };
        let fact = guarded(|| Ok(model.outlet_fact(input)?.clone())).map_err(Misfit::new)?;
        let kind = fact.datum_type.concretize();
        if let Some(kind) = kind.filter(|kind| *kind != f32::datum_type()) {
            let why = format!("its input has numbers of the type {kind:?}, not F32");
            return Err(Misfit::new(why).hint("export it with an input of 32-bit floats"));
        }
        let known = fact.shape.rank().concretize().is_some();
        let size = |dim: &TDim| dim.to_i64().ok().and_then(|size| usize::try_from(size).ok());
        let input_sizes = fact.shape.dims().map(|dim| dim.concretize().as_ref().and_then(size));
        let sizes = known.then(|| input_sizes.collect());
        guarded(|| {
            model.set_input_outlets(&[input])?;
            model.compact()
        })
        .map_err(Misfit::new)?;
        Ok(Self { model, input: sizes, plans: Mutex::default() })
    }

    /// The lengths of the axes of its input, as far as the file says them.
    pub fn input(&self) -> Option<&[Option<usize>]> {
        self.input.as_deref()
    }

    /// The network for inputs of a shape, before it is made fast.
    fn typed(&self, shape: &[usize]) -> TractResult<TypedModel> {
        let fact = InferenceFact::dt_shape(f32::datum_type(), shape.iter().copied());
        self.model.clone().with_input_fact(0, fact)?.into_typed()
    }

    /// The shape of the layer's values for an input of a shape.
    pub fn shape(&self, shape: &[usize]) -> Result<Vec<usize>, Misfit> {
        let found = guarded(|| {
            let typed = self.typed(shape)?;
            Ok(typed.output_fact(0)?.shape.as_concrete().map(<[usize]>::to_vec))
        });
        found.map_err(|why| unfit(shape, &why))?.ok_or_else(|| {
            Misfit::new(format!("the shape of its layer depends on more than its input {shape:?}"))
        })
    }

    fn plan(&self, shape: &[usize]) -> Result<Plan, Misfit> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.get(shape) {
            return Ok(plan.clone());
        }
        let plan = guarded(|| self.typed(shape)?.into_optimized()?.into_runnable());
        let plan = plan.map_err(|why| unfit(shape, &why))?;
        plans.insert(shape.to_vec(), plan.clone());
        Ok(plan)
    }

    /// The values of the layer for an input. Equal inputs give equal bytes on processors with equal
    /// [`kernels`].
    pub fn run(&self, input: ArrayD<f32>) -> Result<ArrayD<f32>, Misfit> {
        let shape = input.shape().to_vec();
        let plan = self.plan(&shape)?;
        let values = input.into_raw_vec_and_offset().0;
        let output = guarded(|| {
            let tensor = Tensor::from_shape(&shape, &values)?;
            let output = plan.run(tvec!(tensor.into_tvalue()))?;
            let output = output[0].cast_to::<f32>()?;
            let values: Vec<f32> = output.to_plain_array_view::<f32>()?.iter().copied().collect();
            Ok((output.shape().to_vec(), values))
        });
        let (shape, values) = output.map_err(|why| unfit(&shape, &why))?;
        ArrayD::from_shape_vec(IxDyn(&shape), values)
            .map_err(|error| Misfit::new(error.to_string()))
    }
}

fn unfit(shape: &[usize], why: &str) -> Misfit {
    Misfit::new(format!("it does not take an input of the shape {shape:?}: {why}"))
        .hint("`layout`, `window` and `log_mel.mels` give the shape")
}

/// The result of a call of tract, whose panics become messages like its errors.
fn guarded<T>(call: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    static HOOKED: Once = Once::new();
    // Programs write a panic to the terminal before anybody can catch it.
    HOOKED.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !CAUGHT.get() {
                usual(panic);
            }
        }));
    });
    let outside = CAUGHT.replace(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    CAUGHT.set(outside);
    let why = match result {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => "tract stopped at a part of it that it does not expect".to_owned(),
    };
    Err(match why.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &why[..end]),
        None => why,
    })
}

/// Refuses weights in files beside the file, which have no digest.
fn inside(proto: &ModelProto) -> Result<(), Misfit> {
    let tensors = proto.graph.iter().flat_map(|graph| &graph.initializer);
    let outside = |place: Option<i32>| place == Some(DataLocation::External as i32);
    let first = tensors.into_iter().find(|tensor| outside(tensor.data_location));
    let Some(tensor) = first else { return Ok(()) };
    let place = tensor.external_data.iter().find(|entry| entry.key == "location");
    let place = place.map_or("another file", |entry| entry.value.as_str());
    let hint = "write one file: `torch.onnx.export(..., external_data=False)`, or \
                `onnx.save(onnx.load(\"in.onnx\"), \"out.onnx\")`";
    Err(Misfit::new(format!("its weights are in `{place}`, not in the file")).hint(hint))
}

/// The output of a layer by the name of its node or of itself; without a name, the only output.
fn chosen(model: &InferenceModel, layer: Option<&str>) -> Result<OutletId, Misfit> {
    let name = |outlet: OutletId| {
        model.outlet_label(outlet).unwrap_or(&model.node(outlet.node).name).to_owned()
    };
    let Some(layer) = layer else {
        let outputs = model.output_outlets().map_or(&[][..], |outputs| outputs);
        let names: Vec<String> = outputs.iter().map(|outlet| name(*outlet)).collect();
        let several = || {
            let why = format!("it has {} outputs: {}", names.len(), names.join(", "));
            let first = names.first().map_or("NAME", String::as_str);
            Misfit::new(why).hint(format!("choose one: `layer: {first}`"))
        };
        return if let [outlet] = outputs { Ok(*outlet) } else { Err(several()) };
    };
    let mut names = Vec::new();
    let mut found = None;
    for node in model.nodes().iter().filter(|node| !node.inputs.is_empty()) {
        let outlet = OutletId::new(node.id, 0);
        if node.name == layer {
            found = found.or(Some(outlet));
        }
        names.push(node.name.as_str());
        for slot in 0..node.outputs.len() {
            let outlet = OutletId::new(node.id, slot);
            let label = model.outlet_label(outlet).filter(|label| *label != node.name);
            if label == Some(layer) {
                found = found.or(Some(outlet));
            }
            names.extend(label);
        }
    }
    found.ok_or_else(|| {
        let hint = match closest(layer, names.iter().copied()) {
            None if names.len() > NAMED => {
                format!(
                    "the last of its {}: {}",
                    names.len(),
                    names[names.len() - NAMED..].join(", ")
                )
            }
            _ => suggest(layer, names.iter().copied()),
        };
        Misfit::new(format!("it has no layer `{layer}`")).hint(hint)
    })
}

#[cfg(test)]
mod tests {
    use super::TRACT;

    #[test]
    fn the_named_version_is_that_of_the_library() {
        let lock = include_str!("../../../Cargo.lock");
        for library in ["tract-onnx", "tract-core", "tract-linalg"] {
            let entry = format!("name = \"{library}\"\nversion = \"{TRACT}\"");
            assert!(lock.contains(&entry), "{entry}");
        }
    }
}
