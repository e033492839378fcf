"""Build a small network layer by layer, y = softmax(relu(x) * w + b) for any number of rows, run it and check it."""

import numpy as np
import pycuda.autoinit  # noqa: F401
import pycuda.driver as cuda

import tensorrt as trt


def main():
    w = np.arange(12, dtype=np.float32).reshape(4, 3) * np.float32(0.1) - np.float32(0.5)
    b = np.arange(3, dtype=np.float32).reshape(1, 3) * np.float32(0.2)
    x = np.arange(8, dtype=np.float32).reshape(2, 4) - 3

    logger = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))
    tensor = network.add_input("x", trt.float32, (-1, 4))
    tensor = network.add_activation(tensor, trt.ActivationType.RELU).get_output(0)
    kernel = network.add_constant((4, 3), w).get_output(0)
    bias = network.add_constant((1, 3), b).get_output(0)
    none = trt.MatrixOperation.NONE
    tensor = network.add_matrix_multiply(tensor, none, kernel, none).get_output(0)
    tensor = network.add_elementwise(tensor, bias, trt.ElementWiseOperation.SUM).get_output(0)
    softmax = network.add_softmax(tensor)
    softmax.axes = 1 << 1
    softmax.get_output(0).name = "y"
    network.mark_output(softmax.get_output(0))

    config = builder.create_builder_config()
    profile = builder.create_optimization_profile()
    profile.set_shape("x", (1, 4), (2, 4), (16, 4))
    config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)

    engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
    context = engine.create_execution_context()
    context.set_input_shape("x", x.shape)
    y = np.empty(tuple(context.get_tensor_shape("y")), np.float32)
    device_x, device_y = cuda.mem_alloc(x.nbytes), cuda.mem_alloc(y.nbytes)
    context.set_tensor_address("x", int(device_x))
    context.set_tensor_address("y", int(device_y))
    stream = cuda.Stream()
    cuda.memcpy_htod_async(device_x, x, stream)
    assert context.execute_async_v3(stream.handle)
    cuda.memcpy_dtoh_async(y, device_y, stream)
    stream.synchronize()

    e = np.exp(np.maximum(x, 0) @ w + b)
    np.testing.assert_allclose(y, e / e.sum(axis=1, keepdims=True), rtol=1e-5)
    print(np.array_str(y, precision=4))


if __name__ == "__main__":
    main()
