"""Run a plan once, by the names of its tensors.

usage: run_plan.py MODEL.plan [INPUT.raw [OUTPUT.raw [BATCH]]]
INPUT.raw are the numbers of the first input; without it and for other inputs, ones. Free dimensions are BATCH (1).
"""

import sys

import numpy as np
import pycuda.autoinit  # noqa: F401
import pycuda.driver as cuda

import tensorrt as trt


def main():
    if not 2 <= len(sys.argv) <= 5:
        sys.exit(__doc__)
    files = sys.argv[2:4]
    batch = int(sys.argv[4]) if len(sys.argv) == 5 else 1

    runtime = trt.Runtime(trt.Logger(trt.Logger.WARNING))
    with open(sys.argv[1], "rb") as file:
        engine = runtime.deserialize_cuda_engine(file.read())
    if engine is None:
        sys.exit("the plan could not be loaded; the logger says why")
    context = engine.create_execution_context()
    stream = cuda.Stream()

    # The shapes of the inputs first: those of the outputs follow from them.
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
    for name in inputs:
        shape = tuple(batch if size == -1 else size for size in engine.get_tensor_shape(name))
        if not context.set_input_shape(name, shape):
            sys.exit(f"{name} cannot have the shape {shape}")

    arrays, memory = {}, {}
    for name in names:
        shape = tuple(context.get_tensor_shape(name))
        arrays[name] = cuda.pagelocked_empty(shape, trt.nptype(engine.get_tensor_dtype(name)))
        memory[name] = cuda.mem_alloc(arrays[name].nbytes)
        context.set_tensor_address(name, int(memory[name]))
    for name in inputs:
        arrays[name].fill(1)
        if files and name == inputs[0]:
            arrays[name][:] = np.fromfile(files[0], arrays[name].dtype).reshape(arrays[name].shape)
        cuda.memcpy_htod_async(memory[name], arrays[name], stream)

    if not context.execute_async_v3(stream.handle):
        sys.exit("the run failed; the logger says why")
    outputs = [name for name in names if name not in inputs]
    for name in outputs:
        cuda.memcpy_dtoh_async(arrays[name], memory[name], stream)
    stream.synchronize()

    for name in outputs:
        values = arrays[name].ravel()
        print(f"{name}:", *(f"{value:g}" for value in values[:5]), *(["..."] if values.size > 5 else []))
    if len(files) == 2:
        arrays[outputs[0]].tofile(files[1])


if __name__ == "__main__":
    main()
