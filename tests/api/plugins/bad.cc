// Libraries that are not what they should be.
#include "vivace/plugin.hpp"

namespace {

class Half : public vivace::plugin::Operator {
 public:
  explicit Half(const Node&) {}
  void infer(const Inference& in) const override { in.output(0).like(in.input(0)); }
  void run(const Call&) const override {}
};

}  // namespace

#if defined(EMPTY)
extern "C" __attribute__((visibility("default"))) int something_else() { return sizeof(Half); }
#elif defined(ABI)
VIVACE_PLUGINS(registry) {
  vivace_plugin p = vivace::plugin::make<Half>("com.test", "Half", 1);
  p.abi = 2;
  registry.add(p);
}
#elif defined(FAILS)
extern "C" __attribute__((visibility("default"))) vivace_status vivace_plugins(vivace_plugin_registry* registry) {
  vivace::plugin::Registry to(registry);
  vivace::plugin::add<Half>(to, "com.test", "Half", 1);
  return VIVACE_DEVICE_UNAVAILABLE;
}
#endif
