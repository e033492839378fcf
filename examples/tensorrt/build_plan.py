"""Build a plan from an ONNX model.

usage: build_plan.py MODEL.onnx MODEL.plan [LARGEST]     LARGEST: of each free dimension, which may be 1 to that
"""

import sys

import tensorrt as trt


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    model, path = sys.argv[1:3]
    largest = int(sys.argv[3]) if len(sys.argv) == 4 else 8

    logger = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(model):
        sys.exit("\n".join(str(parser.get_error(i)) for i in range(parser.num_errors)))

    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 256 << 20)
    profile = builder.create_optimization_profile()
    is_dynamic = False
    for i in range(network.num_inputs):
        tensor = network.get_input(i)
        shape = tuple(tensor.shape)
        if -1 in shape:
            least = tuple(1 if size == -1 else size for size in shape)
            most = tuple(largest if size == -1 else size for size in shape)
            profile.set_shape(tensor.name, least, least, most)
            is_dynamic = True
    if is_dynamic:
        config.add_optimization_profile(profile)

    plan = builder.build_serialized_network(network, config)
    if plan is None:
        sys.exit("the plan could not be built; the logger says why")
    with open(path, "wb") as file:
        file.write(plan)
    print(f"{path}: {plan.nbytes} bytes")


if __name__ == "__main__":
    main()
