"""Whether onnxruntime, on one thread, makes of an exported network's input what it should.

usage: check_onnx.py MODEL.onnx INPUT.npy EXPECTED.npy [TOLERANCE]

Prints the largest absolute difference (the model has one input; its first output counts), and ends with status 1
where that is above TOLERANCE (1e-4) or the shapes differ. A first dimension that the model fixes to less than the
rows of INPUT is filled piece by piece.
"""

import sys

import numpy
import onnx
import onnxruntime

if len(sys.argv) not in (4, 5):
    sys.exit(__doc__)
path, tolerance = sys.argv[1], float(sys.argv[4]) if len(sys.argv) == 5 else 1e-4
data, expected = (numpy.load(name) for name in sys.argv[2:4])
model = onnx.load(path)
onnx.checker.check_model(model, full_check=True)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
(model_input,) = session.get_inputs()
batch = model_input.shape[0] if isinstance(model_input.shape[0], int) else len(data)
if len(data) % batch != 0:
    sys.exit(f"{path}: {len(data)} rows cannot be fed {batch} at a time")
pieces = [data[i : i + batch] for i in range(0, len(data), batch)]
output = numpy.concatenate([session.run(None, {model_input.name: piece})[0] for piece in pieces])
if output.shape != expected.shape:
    sys.exit(f"{path}: the output has shape {output.shape}, expected was {expected.shape}")
difference = float(numpy.abs(output.astype(numpy.float64) - expected).max())
opset = ", ".join(f"{entry.domain or 'ai.onnx'} {entry.version}" for entry in model.opset_import)
print(f"{difference:.3e}")
print(f"onnxruntime {onnxruntime.__version__}, {opset}, {model_input.name} {model_input.shape}", file=sys.stderr)
# Not "above": NaN is no agreement.
sys.exit(0 if difference <= tolerance else 1)
