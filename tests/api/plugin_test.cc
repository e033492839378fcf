// Plugins, as libraries and programs bring them: through the C interface and its C++ wrapper alone.
#include "vivace/plugin.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <numeric>
#include <thread>

#include "vivace/vivace.hpp"

namespace {

using vivace::Attributes;
using vivace::Config;
using vivace::Engine;
using vivace::EngineOptions;
using vivace::Network;
using vivace::Plan;
using vivace::Tensor;
namespace plugin = vivace::plugin;

void expect_error(const std::function<void()>& call, vivace_status status, const std::vector<std::string>& said) {
  try {
    call();
    ADD_FAILURE() << "no error";
  } catch (const vivace::Error& e) {
    EXPECT_EQ(e.status(), status) << e.what();
    for (const std::string& part : said)
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what() << "\nlacks: " << part;
  }
}

vivace_status add(const vivace_plugin& p) { return vivace_add_plugin(&p); }

// Builds for GPUs need NVIDIA's compiler; empty where it is here.
std::string missing_compiler() {
  try {
    const Network network = Network::from_text("graph \"g\" (%x: f32[2]) { %y = Relu(%x) return %y }");
    (void)vivace::build(network, Config().device("sm_90").effort(0));
    return "";
  } catch (const vivace::Error& e) {
    return e.what();
  }
}

// Registered for a test, and gone after it.
class Registered {
 public:
  explicit Registered(const vivace_plugin& p) : domain_(p.domain), name_(p.name), version_(p.version) {
    EXPECT_EQ(add(p), VIVACE_OK) << vivace_last_error();
  }
  ~Registered() { EXPECT_EQ(vivace_remove_plugin(domain_.c_str(), name_.c_str(), version_), VIVACE_OK); }

 private:
  std::string domain_, name_;
  int32_t version_;
};

Config fast() {
  Config config;
  config.threads(2).effort(0).timing_cache("");
  return config;
}

// y = OP(x), x f32[n, 4], and its opposite, so that a layer of Vivace's stands on each side.
Network network_of(const std::string& op, const Attributes& attributes = Attributes(), int64_t rows = -1,
                   bool name = true) {
  Network network("plugged");
  const auto x = network.add_input("x", VIVACE_F32, {rows, 4}, {rows < 0 ? "n" : ""});
  const auto y = network.add(op, {network.add("Neg", {x})}, attributes, name ? "plugged" : "");
  network.mark_output(network.add("Neg", {y}), "y");
  return network;
}

Plan plan_of(const Network& network, Config config = fast()) {
  for (const auto& input : network.inputs())
    if (input.dims[0] < 0) config.shape("x", {1, 4}, {3, 4}, {16, 4});
  return vivace::build(network, config);
}

std::vector<float> run(Engine& engine, int64_t rows, float first = 1) {
  std::vector<float> values(static_cast<size_t>(4 * rows));
  std::iota(values.begin(), values.end(), first);
  std::vector<Tensor> inputs;
  inputs.push_back(Tensor::copy_of<float>({rows, 4}, values));
  const std::vector<Tensor> outputs = engine.run(inputs);
  const auto* y = static_cast<const float*>(outputs[0].data());
  return {y, y + outputs[0].count()};
}

// ---- In C ----

struct Counts {
  std::atomic<int> made{0}, gone{0}, released{0};
};

struct Instance {
  Counts* counts;
  float factor;
};

vivace_status create_scale(void* user, const vivace_plugin_node* node, void** instance, vivace_plugin_error*) {
  auto* made = new Instance{static_cast<Counts*>(user), 2};
  for (size_t i = 0; i < node->field_count; ++i)
    if (std::string(node->fields[i].name) == "factor" && node->fields[i].kind == VIVACE_FIELD_FLOAT)
      made->factor = *static_cast<const float*>(node->fields[i].values);
  ++made->counts->made;
  *instance = made;
  return VIVACE_OK;
}
void destroy_scale(void* instance) {
  ++static_cast<Instance*>(instance)->counts->gone;
  delete static_cast<Instance*>(instance);
}
vivace_status infer_scale(void*, const vivace_plugin_tensor* inputs, size_t, vivace_plugin_type* outputs, size_t,
                          vivace_plugin_error*) {
  outputs[0].dtype = inputs[0].dtype;
  outputs[0].rank = inputs[0].rank;
  for (int i = 0; i < inputs[0].rank; ++i) {
    outputs[0].dims[i] = inputs[0].dims[i];
    if (inputs[0].symbols) outputs[0].symbols[i] = inputs[0].symbols[i];
  }
  return VIVACE_OK;
}
vivace_status run_scale(void* instance, const vivace_plugin_call* call, vivace_plugin_error*) {
  const auto* x = static_cast<const float*>(call->inputs[0].data);
  auto* y = static_cast<float*>(call->outputs[0].data);
  for (size_t i = 0; i < call->inputs[0].bytes / sizeof(float); ++i)
    y[i] = static_cast<Instance*>(instance)->factor * x[i];
  return VIVACE_OK;
}

vivace_plugin scale(Counts& counts, int32_t version = 1) {
  vivace_plugin p{};
  p.size = sizeof(p);
  p.abi = VIVACE_PLUGIN_ABI;
  p.version = version;
  p.domain = "com.test";
  p.name = "Scale";
  p.user = &counts;
  p.create = create_scale;
  p.destroy = destroy_scale;
  p.infer = infer_scale;
  p.run = run_scale;
  p.release = [](void* user) { ++static_cast<Counts*>(user)->released; };
  return p;
}

TEST(Plugins, InCRunWithTheirFieldsAndComeBackFromAPlan) {
  Counts counts;
  {
    const Registered registered(scale(counts));
    const Plan plan = plan_of(network_of("com.test.Scale", Attributes().set("factor", 3.0f)));
    Engine engine(plan);
    EXPECT_EQ(run(engine, 2), (std::vector<float>{3, 6, 9, 12, 15, 18, 21, 24}));
    EXPECT_EQ(run(engine, 1, -1), (std::vector<float>{-3, 0, 3, 6}));
    const std::string bytes = plan.to_memory();
    Engine again(Plan::from_memory(bytes.data(), bytes.size()));
    EXPECT_EQ(run(again, 1), (std::vector<float>{3, 6, 9, 12}));
    EXPECT_NE(again.inspect().find("com.test.Scale"), std::string::npos) << again.inspect();
    EXPECT_GT(counts.made, counts.gone);
    EXPECT_EQ(counts.released, 0);
  }
  EXPECT_EQ(counts.made, counts.gone);
  EXPECT_EQ(counts.released, 1);
}

TEST(Plugins, AreNamedByProfiles) {
  Counts counts;
  const Registered registered(scale(counts));
  Engine engine(plan_of(network_of("com.test.Scale")));
  vivace::Context context(engine);
  context.set_profiling(true);
  std::vector<Tensor> inputs;
  inputs.push_back(Tensor::copy_of<float>({1, 4}, {1, 2, 3, 4}));
  context.run(inputs);
  bool found = false;
  for (const auto& layer : context.profile())
    found = found || (layer.op == "com.test.Scale" && layer.tactic == "plugin");
  EXPECT_TRUE(found);
}

TEST(Plugins, OfTwoNodesHaveAnInstanceEach) {
  Counts counts;
  const Registered registered(scale(counts));
  Network network("two");
  const auto x = network.add_input("x", VIVACE_F32, {1, 4});
  const auto a = network.add("com.test.Scale", {x}, Attributes().set("factor", 5.0f), "a");
  network.mark_output(network.add("com.test.Scale", {a}, Attributes().set("factor", 0.5f), "b"), "y");
  Engine engine(plan_of(network));
  EXPECT_EQ(counts.made - counts.gone, 2);
  EXPECT_EQ(run(engine, 1), (std::vector<float>{2.5, 5, 7.5, 10}));
  EXPECT_EQ(counts.made - counts.gone, 2);
}

TEST(Plugins, RunInSeveralThreadsAtOnce) {
  Counts counts;
  const Registered registered(scale(counts));
  Engine engine(plan_of(network_of("com.test.Scale")));
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const int64_t rows = 1 + (t + i) % 5;
        const std::vector<float> y = run(engine, rows, static_cast<float>(t));
        for (size_t k = 0; k < y.size(); ++k) wrong += y[k] != 2 * (static_cast<float>(t) + static_cast<float>(k));
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Plugins, ThatArePartOfAPlanAreMissedByName) {
  Counts counts;
  std::string bytes;
  {
    const Registered registered(scale(counts, 7));
    bytes = plan_of(network_of("com.test.Scale")).to_memory();
  }
  const auto load = [&] { Engine engine(Plan::from_memory(bytes.data(), bytes.size())); };
  expect_error(load, VIVACE_UNSUPPORTED, {"'plugged'", "'Scale'", "version 7", "'com.test'", "--plugins"});
  const Registered other(scale(counts, 8));
  expect_error(load, VIVACE_UNSUPPORTED, {"'plugged'", "'Scale'", "version 7", "'com.test'", "only version 8"});
}

TEST(Plugins, TakeTheNewestVersionUnlessTheNodeSaysWhich) {
  Counts first, second;
  const Registered one(scale(first, 1)), two(scale(second, 2));
  const Plan plan = plan_of(network_of("com.test.Scale"));
  EXPECT_EQ(first.made, 0);
  EXPECT_GT(second.made, 0);
  plan_of(network_of("com.test.Scale", Attributes().set("plugin_version", int64_t{1})));
  EXPECT_GT(first.made, 0);
  const int made = first.made;
  plan_of(network_of("com.test.Scale", Attributes().set("plugin_version", std::string("1"))));
  EXPECT_GT(first.made, made);
  expect_error([] { network_of("com.test.Scale", Attributes().set("plugin_version", int64_t{3})); }, VIVACE_UNSUPPORTED,
               {"version 3", "only version 1, 2"});
}

TEST(Plugins, AreRefusedWhereTheyDoNotFit) {
  Counts counts;
  const auto refused = [&](vivace_status status, const std::string& said,
                           const std::function<void(vivace_plugin&)>& change) {
    vivace_plugin p = scale(counts);
    change(p);
    EXPECT_EQ(add(p), status) << said;
    EXPECT_NE(std::string(vivace_last_error()).find(said), std::string::npos) << vivace_last_error();
  };
  refused(VIVACE_VERSION_MISMATCH, "version 99", [](vivace_plugin& p) { p.abi = 99; });
  refused(VIVACE_VERSION_MISMATCH, "8 bytes", [](vivace_plugin& p) { p.size = 8; });
  refused(VIVACE_INVALID_ARGUMENT, "lacks a function", [](vivace_plugin& p) { p.infer = nullptr; });
  refused(VIVACE_INVALID_ARGUMENT, "lacks a function", [](vivace_plugin& p) { p.run = nullptr; });
  refused(VIVACE_INVALID_ARGUMENT, "no name", [](vivace_plugin& p) { p.name = nullptr; });
  refused(VIVACE_INVALID_ARGUMENT, "no version", [](vivace_plugin& p) { p.version = 0; });
  refused(VIVACE_INVALID_ARGUMENT, "Vivace's own", [](vivace_plugin& p) { p.domain = "", p.name = "Relu"; });
  refused(VIVACE_INVALID_ARGUMENT, "Vivace's own", [](vivace_plugin& p) { p.domain = "ai.onnx", p.name = "Upsample"; });
  refused(VIVACE_INVALID_ARGUMENT, "Vivace's own",
          [](vivace_plugin& p) { p.domain = "com.microsoft", p.name = "Attention"; });
  const Registered registered(scale(counts));
  refused(VIVACE_INVALID_ARGUMENT, "registered already", [](vivace_plugin&) {});
  EXPECT_EQ(vivace_remove_plugin("com.test", "Scale", 5), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(counts.released, 0);
}

// ---- In C++ ----

// Gives what its fields say.
class Everything : public plugin::Operator {
 public:
  explicit Everything(const Node& node) {
    if (node.has("bad")) node.integer("bad");
    if (node.texts("words") != std::vector<std::string>{"ab", "", "c"} || node.text("word") != "xyz" ||
        node.text("none", "else") != "else" || node.integers("list") != std::vector<int64_t>{3, 4} ||
        node.reals("floats") != std::vector<float>{0.5f} || node.integer("one") != 1 || node.real("two") != 2 ||
        node.integer("none", 9) != 9 || node.has("plugin_version"))
      throw plugin::Failure("the fields are wrong");
    const plugin::Tensor t = node.tensor("table");
    table_.assign(t.data<int32_t>(), t.data<int32_t>() + t.count());
  }
  void infer(const Inference& in) const override { in.output(0).like(in.input(0)); }
  size_t workspace(vivace_plugin_place, const Tensors& t) const override { return t.inputs[0].bytes() + 1; }
  // By way of the workspace, in parts.
  void run(const Call& call) const override {
    auto* between = static_cast<float*>(call.workspace());
    const auto* x = call.input(0).data<float>();
    auto* y = call.output(0).data<float>();
    call.parallel(call.input(0).count(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) between[i] = x[i];
    });
    for (int64_t i = 0; i < call.input(0).count(); ++i) y[i] = between[i] * static_cast<float>(table_[0] + table_[1]);
  }

 private:
  std::vector<int32_t> table_;
};

Attributes everything() {
  Attributes fields;
  fields.set("words", std::vector<std::string>{"ab", "", "c"}).set("word", std::string("xyz"));
  fields.set("list", std::vector<int64_t>{3, 4}).set("floats", std::vector<float>{0.5f});
  fields.set("one", int64_t{1}).set("two", 2.0f).set("table", Tensor::copy_of<int32_t>({2}, {4, 6}));
  return fields;
}

TEST(Plugins, InCppHaveFieldsOfAllKindsWorkspaceAndThreads) {
  const Registered registered(plugin::make<Everything>("com.test", "Everything", 1));
  const Plan plan = plan_of(network_of("com.test.Everything", everything()));
  const std::string bytes = plan.to_memory();
  Engine engine(Plan::from_memory(bytes.data(), bytes.size()));
  EXPECT_EQ(run(engine, 1), (std::vector<float>{10, 20, 30, 40}));
  expect_error([] { network_of("com.test.Everything"); }, VIVACE_INVALID_ARGUMENT, {"'plugged'", "fields are wrong"});
  expect_error([] { network_of("com.test.Everything", std::move(everything().set("bad", 1.0f))); },
               VIVACE_INVALID_MODEL, {"'bad' is of another kind"});
}

// Fails as it is told.
class Failing : public plugin::Operator {
 public:
  explicit Failing(const Node& node) : how_(node.text("how", "")) {
    if (how_ == "create") throw std::runtime_error("no such thing");
  }
  void infer(const Inference& in) const override {
    if (how_ == "infer") throw plugin::Failure("these types do not fit", VIVACE_INVALID_MODEL);
    if (how_ == "lacks") (void)in.input(3);
    if (how_ == "type") return;
    if (how_ == "size") return in.output(0).set(VIVACE_F32, {-5});
    in.output(0).like(in.input(0));
  }
  size_t workspace(vivace_plugin_place, const Tensors&) const override {
    if (how_ == "workspace") throw 1;
    return 0;
  }
  void run(const Call& call) const override {
    if (how_ == "run") throw plugin::Failure("the third point is infinite");
    if (how_ == "int") throw 3;
    if (how_ == "parallel") call.parallel(100, 1, [](int64_t, int64_t) { throw plugin::Failure("in a thread"); });
    if (how_ == "allocate") call.allocate(0, {7});
    if (how_ == "type of data") (void)call.input(0).data<int64_t>();
  }

 private:
  std::string how_;
};

TEST(Plugins, SayWhatIsWrongWithoutAnExceptionGettingOut) {
  const Registered registered(plugin::make<Failing>("com.test", "Failing", 1));
  const auto how = [](const char* text) {
    Attributes fields;
    fields.set("how", text);
    return fields;
  };
  const auto building = [&](const char* text, vivace_status status, const std::string& said) {
    expect_error([&] { network_of("com.test.Failing", how(text)); }, status, {"'plugged'", said});
  };
  building("create", VIVACE_INVALID_ARGUMENT, "no such thing");
  building("infer", VIVACE_INVALID_MODEL, "these types do not fit");
  building("lacks", VIVACE_INVALID_MODEL, "lacks input 3");
  building("type", VIVACE_INVALID_MODEL, "output 0 has no type");
  building("size", VIVACE_INVALID_MODEL, "size -5");
  const auto running = [&](const char* text, vivace_status status, const std::string& said) {
    expect_error(
        [&] {
          Engine engine(plan_of(network_of("com.test.Failing", how(text))));
          run(engine, 1);
        },
        status, {"'plugged'", said});
  };
  running("run", VIVACE_INVALID_ARGUMENT, "the third point is infinite");
  running("int", VIVACE_INTERNAL, "no std::exception");
  running("parallel", VIVACE_INVALID_ARGUMENT, "in a thread");
  running("allocate", VIVACE_INVALID_ARGUMENT, "of shape 7, but said");
  running("type of data", VIVACE_INVALID_ARGUMENT, "type asked for");
  running("workspace", VIVACE_INVALID_ARGUMENT, "workspace()");
  Counts counts;
  vivace_plugin odd = scale(counts);
  odd.name = "Odd";
  odd.infer = [](void*, const vivace_plugin_tensor*, size_t, vivace_plugin_type* outputs, size_t,
                 vivace_plugin_error*) {
    outputs[0].dtype = VIVACE_F32;
    outputs[0].rank = 1;
    outputs[0].dims[0] = -1;
    outputs[0].symbols[0] = "m";
    return VIVACE_OK;
  };
  {
    const Registered registered_too(odd);
    expect_error([] { network_of("com.test.Odd"); }, VIVACE_INVALID_MODEL, {"called 'm', as no input has one"});
  }
  vivace_plugin silent = scale(counts);
  silent.name = "Silent";
  silent.run = [](void*, const vivace_plugin_call*, vivace_plugin_error*) { return VIVACE_UNSUPPORTED; };
  const Registered another(silent);
  Engine engine(plan_of(network_of("com.test.Silent")));
  expect_error([&] { run(engine, 1); }, VIVACE_UNSUPPORTED, {"com.test.Silent", "without saying why"});
}

// The elements above a bound, as text too: shapes that depend on the data, and strings.
class Above : public plugin::Operator {
 public:
  explicit Above(const Node& node) : bound_(node.real("bound")) {}
  void infer(const Inference& in) const override {
    in.output(0).set_unknown(VIVACE_F32);
    if (in.output_count() > 1) in.output(1).set_unknown(VIVACE_STRING);
  }
  void run(const Call& call) const override {
    std::vector<float> kept;
    for (int64_t i = 0; i < call.input(0).count(); ++i)
      if (call.input(0).data<float>()[i] > bound_) kept.push_back(call.input(0).data<float>()[i]);
    if (bound_ < -90) return;
    const auto n = static_cast<int64_t>(kept.size());
    std::copy(kept.begin(), kept.end(), call.allocate(0, {n}).data<float>());
    call.allocate(1, {n});
    for (int64_t i = 0; i < n; ++i)
      call.set_string(1, i, std::to_string(static_cast<int>(kept[static_cast<size_t>(i)])));
  }

 private:
  float bound_;
};

TEST(Plugins, MakeOutputsWhoseShapesDependOnTheData) {
  const Registered registered(plugin::make<Above>("com.test", "Above", 1));
  const auto engine_of = [](float bound) {
    Network network("above");
    const auto x = network.add_input("x", VIVACE_F32, {1, 4});
    const auto made = network.add_node("com.test.Above", {x}, 2, Attributes().set("bound", bound), "plugged");
    network.mark_output(made[0], "y");
    network.mark_output(made[1], "words");
    return Engine(plan_of(network));
  };
  std::vector<Tensor> inputs;
  inputs.push_back(Tensor::copy_of<float>({1, 4}, {7, 1, 8, 2}));
  Engine engine = engine_of(3);
  const std::vector<Tensor> outputs = engine.run(inputs);
  ASSERT_EQ(outputs[0].shape(), (vivace::Shape{2}));
  EXPECT_EQ(static_cast<const float*>(outputs[0].data())[1], 8);
  EXPECT_EQ(outputs[1].string(0), "7");
  EXPECT_EQ(engine_of(100).run(inputs)[0].shape(), (vivace::Shape{0}));
  Engine lazy = engine_of(-99);
  expect_error([&] { lazy.run(inputs); }, VIVACE_INVALID_ARGUMENT, {"did not make output 0"});
}

// How often it ran, whatever the input is.
std::atomic<int> runs{0};
class Counter : public plugin::Operator {
 public:
  explicit Counter(const Node&) {}
  void infer(const Inference& in) const override { in.output(0).like(in.input(0)); }
  void run(const Call& call) const override {
    std::fill_n(call.output(0).data<float>(), call.output(0).count(), static_cast<float>(++runs));
  }
};

TEST(Plugins, AreFoldedAndMergedUnlessTheySayThatTheyVary) {
  for (const bool varies : {false, true}) {
    const Registered registered(plugin::make<Counter>("com.test", "Counter", 1, varies ? VIVACE_PLUGIN_VARIES : 0));
    Network network("counter");
    const auto x = network.add_input("x", VIVACE_F32, {1, 4});
    const auto c = network.add_constant(Tensor::copy_of<float>({1, 4}, {0, 0, 0, 0}));
    network.mark_output(network.add("Add", {x, network.add("com.test.Counter", {c})}), "y");
    runs = 0;
    Engine folded(plan_of(network));
    EXPECT_EQ(runs, varies ? 0 : 1);
    run(folded, 1);
    EXPECT_EQ(runs, 1);

    Network twice("twice");
    const auto z = twice.add_input("x", VIVACE_F32, {1, 4});
    const auto a = twice.add("com.test.Counter", {z}), b = twice.add("com.test.Counter", {z});
    twice.mark_output(twice.add("Sub", {a, b}), "y");
    runs = 0;
    Engine merged(plan_of(twice));
    EXPECT_EQ(std::abs(run(merged, 1)[0]), varies ? 1 : 0);
    EXPECT_EQ(runs, varies ? 2 : 1);
  }
}

// ---- Layouts and GPUs (the null device: kernels do nothing, plugins work on the host) ----

std::atomic<int> on_cpu{0}, on_gpu{0}, in_blocks{0};
std::atomic<void*> stream_seen{nullptr};

class Double : public plugin::Operator {
 public:
  explicit Double(const Node& node) : blocks_(node.integer("blocks", 0) != 0) {}
  void infer(const Inference& in) const override { in.output(0).like(in.input(0)); }
  bool supports(vivace_plugin_place, const Tensors& t) const override {
    return t.all(VIVACE_F32) && (blocks_ || t.row_major());
  }
  void run(const Call& call) const override {
    ++on_cpu;
    work(call);
  }

 protected:
  // Zeros stay zeros.
  static void work(const Call& call) {
    const plugin::Tensor x = call.input(0);
    int64_t count = x.count();
    if (const int block = x.channel_block()) {
      ++in_blocks;
      if (call.output(0).channel_block() != block) throw plugin::Failure("the layouts differ");
      count = count / x.dim(1) * ((x.dim(1) + block - 1) / block * block);
    }
    for (int64_t i = 0; i < count; ++i) call.output(0).data<float>()[i] = 2 * x.data<float>()[i];
  }

 private:
  bool blocks_;
};
class DoubleOnGpu : public Double {
 public:
  using Double::Double;
  void enqueue(const Call& call) const override {
    ++on_gpu;
    stream_seen = call.stream();
    work(call);
  }
};
class OnlyOnGpu : public plugin::Operator {
 public:
  explicit OnlyOnGpu(const Node&) {}
  void infer(const Inference& in) const override { in.output(0).like(in.input(0)); }
  void enqueue(const Call&) const override { ++on_gpu; }
};

TEST(Plugins, TakeImagesInBlocksWhereTheyOfferTo) {
  const Registered registered(plugin::make<Double>("com.test", "Double", 1));
  std::vector<std::vector<float>> results;
  for (const int64_t blocks : {0, 1}) {
    Network network("blocks");
    const auto x = network.add_input("x", VIVACE_F32, {1, 20, 6, 6});
    std::vector<float> weights(20 * 20);
    for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i % 7) - 3;
    const auto w = network.add_constant(Tensor::copy_of<float>({20, 20, 1, 1}, weights), "w");
    const auto a = network.add("Conv", {x, w});
    const auto b = network.add("com.test.Double", {a}, Attributes().set("blocks", blocks));
    network.mark_output(network.add("Conv", {b, w}), "y");
    in_blocks = 0;
    Engine engine(vivace::build(network, fast()));
    std::vector<float> values(20 * 36);
    std::iota(values.begin(), values.end(), 1.0f);
    std::vector<Tensor> inputs;
    inputs.push_back(Tensor::copy_of<float>({1, 20, 6, 6}, values));
    const std::vector<Tensor> outputs = engine.run(inputs);
    const auto* y = static_cast<const float*>(outputs[0].data());
    results.emplace_back(y, y + outputs[0].count());
    EXPECT_EQ(in_blocks > 0, blocks == 1);
  }
  for (size_t i = 0; i < results[0].size(); ++i)
    EXPECT_NEAR(results[0][i], results[1][i], 1e-3 * std::abs(results[0][i]) + 1e-3);
}

TEST(Plugins, RunOnTheStreamOfAGpuOrElseOnTheCpuInTheSameEngine) {
  if (const std::string why = missing_compiler(); !why.empty()) GTEST_SKIP() << why;
  const Registered cpu(plugin::make<Double>("com.test", "Double", 1));
  const Registered gpu(plugin::make<DoubleOnGpu>("com.test", "DoubleOnGpu", 1));
  for (const bool on_device : {false, true}) {
    Network network("gpu");
    const auto x = network.add_input("x", VIVACE_F32, {1, 4});
    network.mark_output(
        network.add(on_device ? "com.test.DoubleOnGpu" : "com.test.Double", {x}, Attributes(), "plugged"), "y");
    Config config = fast();
    config.device("cuda:0");
    on_cpu = on_gpu = 0;
    Engine engine(vivace::build(network, config));
    EXPECT_EQ(engine.device(), "cuda:0");
    std::vector<Tensor> inputs, outputs;
    inputs.push_back(engine.allocate(VIVACE_ON_DEVICE, VIVACE_F32, {1, 4}));
    outputs.push_back(engine.allocate(VIVACE_ON_DEVICE, VIVACE_F32, {1, 4}));
    for (int i = 0; i < 4; ++i) static_cast<float*>(inputs[0].data())[i] = static_cast<float>(i + 1);
    vivace::Context context(engine);
    void* const stream = reinterpret_cast<void*>(uintptr_t{16});
    context.enqueue(inputs, outputs, stream);
    engine.wait(stream);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(static_cast<float*>(outputs[0].data())[i], static_cast<float>(2 * i + 2));
    EXPECT_EQ(on_gpu, on_device ? 1 : 0);
    EXPECT_EQ(on_cpu, on_device ? 0 : 1);
    if (on_device) {
      EXPECT_EQ(stream_seen, stream);
    }
  }
}

std::atomic<int> type_seen{0}, block_seen{0};

class ImageOnGpu : public plugin::Operator {
 public:
  explicit ImageOnGpu(const Node&) {}
  void infer(const Inference& in) const override { in.output(0).like(in.input(0)); }
  bool supports(vivace_plugin_place place, const Tensors& t) const override {
    return place == VIVACE_ON_CUDA && (t.all(VIVACE_F32) || t.all(VIVACE_F16));
  }
  void enqueue(const Call& call) const override {
    type_seen = call.input(0).dtype();
    block_seen = call.input(0).channel_block();
  }
};

TEST(Plugins, OnGpusMayTakeFewerBitsAndChannelsLast) {
  if (const std::string why = missing_compiler(); !why.empty()) GTEST_SKIP() << why;
  const Registered registered(plugin::make<ImageOnGpu>("com.test", "ImageOnGpu", 1));
  Network network("image");
  const auto x = network.add_input("x", VIVACE_F32, {1, 20, 6, 6});
  const auto w = network.add_constant(Tensor::copy_of<float>({20, 20, 1, 1}, std::vector<float>(400, 0.5f)), "w");
  const auto a = network.add("com.test.ImageOnGpu", {network.add("Conv", {x, w})});
  network.mark_output(network.add("Conv", {a, w}), "y");
  Config config = fast();
  config.device("cuda:0").precision(VIVACE_PRECISION_FP16);
  Engine engine(vivace::build(network, config));
  std::vector<Tensor> inputs;
  inputs.push_back(Tensor::copy_of<float>({1, 20, 6, 6}, std::vector<float>(720, 1)));
  engine.run(inputs);
  EXPECT_EQ(type_seen, VIVACE_F16);
  EXPECT_EQ(block_seen, 24);
}

TEST(Plugins, ThatNeedAGpuSayWhereThereIsNone) {
  const Registered gpu(plugin::make<OnlyOnGpu>("com.test", "OnlyOnGpu", 1));
  expect_error(
      [] {
        Engine engine(plan_of(network_of("com.test.OnlyOnGpu")));
        run(engine, 1);
      },
      VIVACE_INVALID_ARGUMENT, {"'plugged'", "com.test.OnlyOnGpu", "runs on GPUs only"});
}

// ---- From libraries ----

TEST(PluginLibraries, OfTheExampleRun) {
  EngineOptions options;
  options.plugins = {EXAMPLE_PLUGIN};
  Network first("load");  // an engine of anything loads them
  first.mark_output(first.add("Neg", {first.add_input("x", VIVACE_F32, {1, 4})}), "y");
  Engine loads(vivace::build(first, fast()), options);
  vivace::load_plugins(EXAMPLE_PLUGIN);  // again
  Config().load_plugins(EXAMPLE_PLUGIN);
  EXPECT_NE(vivace::list_plugins().find("FarthestPoints"), std::string::npos) << vivace::list_plugins();
  EXPECT_NE(vivace::list_operators(VIVACE_JSON).find("com.example.FarthestPoints"), std::string::npos);

  Network network("points");
  const auto x = network.add_input("x", VIVACE_F32, {-1, 5, 2}, {"batch", "", ""});
  network.mark_output(network.add("com.example.FarthestPoints", {x}, Attributes().set("samples", int64_t{3})), "y");
  EXPECT_EQ(network.outputs()[0].symbols[0], "batch");
  Config config = fast();
  config.shape("x", {1, 5, 2}, {2, 5, 2}, {4, 5, 2});
  Engine engine(vivace::build(network, config));
  std::vector<Tensor> inputs;
  inputs.push_back(Tensor::copy_of<float>({2, 5, 2}, {0, 0, 1, 0, 5, 0, 9, 0, 9, 1, 3, 3, 3, 4, 3, 3, -8, 3, 3, 9}));
  const std::vector<Tensor> outputs = engine.run(inputs);
  const auto* y = static_cast<const int64_t*>(outputs[0].data());
  EXPECT_EQ(std::vector<int64_t>(y, y + 6), (std::vector<int64_t>{0, 4, 2, 0, 3, 4}));
  expect_error(
      [] {
        Network wrong("wrong");
        wrong.add("com.example.FarthestPoints", {wrong.add_input("x", VIVACE_F32, {1, 5, 2})},
                  Attributes().set("samples", int64_t{6}), "plugged");
      },
      VIVACE_INVALID_ARGUMENT, {"'plugged'", "5 points, too few for 6 samples"});
}

TEST(PluginLibraries, ThatCannotBeLoadedSayWhy) {
  expect_error([] { vivace::load_plugins("/nowhere/libnone.so"); }, VIVACE_IO_ERROR,
               {"/nowhere/libnone.so", "cannot be loaded"});
  expect_error([] { vivace::load_plugins(BAD_PLUGIN_EMPTY); }, VIVACE_INVALID_ARGUMENT,
               {"exports no function vivace_plugins"});
  expect_error([] { vivace::load_plugins(BAD_PLUGIN_ABI); }, VIVACE_VERSION_MISMATCH, {"version 2", "this Vivace"});
  expect_error([] { vivace::load_plugins(BAD_PLUGIN_FAILS); }, VIVACE_DEVICE_UNAVAILABLE, {"device unavailable"});
  EXPECT_EQ(vivace::list_plugins().find("Half"), std::string::npos) << "what it added before stays";
  EngineOptions options;
  options.plugins = {"/nowhere/libnone.so"};
  Network network("load");
  network.mark_output(network.add("Neg", {network.add_input("x", VIVACE_F32, {1, 4})}), "y");
  const Plan plan = vivace::build(network, fast());
  expect_error([&] { Engine engine(plan, options); }, VIVACE_IO_ERROR, {"cannot be loaded"});
}

}  // namespace
