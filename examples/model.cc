// Builds a plan from an ONNX model, or from a network of its own, saves it, loads it and runs it.
//
// usage: model [MODEL.onnx]
#include <cstdio>
#include <vivace/vivace.hpp>

namespace {

vivace::Network small_network() {
  vivace::Network network("example");
  const vivace::Value x = network.add_input("x", VIVACE_F32, {1, 3, 8, 8});
  const vivace::Value w = network.add_constant(vivace::Tensor::copy_of({4, 3, 3, 3}, std::vector<float>(108, 0.5f)));
  vivace::Attributes conv;
  conv.set("pads", {1, 1, 1, 1}).set("strides", {2, 2});
  network.mark_output(network.add("Relu", {network.add("Conv", {x, w}, conv, "conv")}), "y");
  return network;
}

}  // namespace

int main(int argc, char** argv) try {
  const vivace::Network network = argc > 1 ? vivace::Network::from_onnx_file(argv[1]) : small_network();
  vivace::build(network, vivace::Config().threads(1).effort(1)).save("example.plan");
  vivace::Engine engine(vivace::Plan::load("example.plan"));
  std::remove("example.plan");

  std::vector<vivace::Tensor> inputs;
  for (const vivace::TensorInfo& info : engine.inputs()) inputs.emplace_back(info.dtype, info.opt);
  for (const vivace::Tensor& output : engine.run(inputs))
    std::printf("%s with %lld elements\n", vivace_dtype_name(output.dtype()), static_cast<long long>(output.count()));
  return 0;
} catch (const vivace::Error& e) {
  std::fprintf(stderr, "%s: %s\n", vivace_status_name(e.status()), e.what());
  return 1;
}
