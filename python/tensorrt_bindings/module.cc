// The module tensorrt.tensorrt: TensorRT's Python names over the C++ interface of libnvinfer.
#include "NvInferPlugin.h"
#include "bind.h"

namespace tensorrt_python {
int32_t client_version = NV_TENSORRT_VERSION;
}

NB_MODULE(tensorrt, m) {
  using namespace tensorrt_python;  // NOLINT
  // Programs leave engines in globals: the end of the interpreter is no leak to warn of.
  nb::set_leak_warnings(false);

  bind_enums(m);
  bind_network_enums(m);
  bind_values(m);
  bind_clients(m);
  bind_calibration(m);
  bind_plugins(m);
  bind_layers(m);
  bind_more_layers(m);
  bind_network(m);
  bind_config(m);
  bind_build(m);
  bind_context(m);
  bind_runtime(m);
  bind_parser(m);

  m.def("_speak_as", [](int generation) { client_version = generation < 9 ? NV_TENSORRT_VERSION : 9300; });

  const int32_t version = getInferLibVersion();
  const int32_t major = version >= 100000 ? version / 10000 : version / 1000;
  const int32_t minor = version >= 100000 ? version / 100 % 100 : version / 100 % 10;
  const std::string text = std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(version % 100);
  m.attr("__version__") = nb::str(text.c_str());
}
