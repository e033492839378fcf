// The C interface and its C++ wrapper, as a program sees them: this test links libvivace.so alone.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "vivace/vivace.hpp"

namespace {

using vivace::Attributes;
using vivace::Config;
using vivace::Engine;
using vivace::Error;
using vivace::Network;
using vivace::Plan;
using vivace::Tensor;
using vivace::Value;

// A GPU of host memory that runs no kernel, in place of any that is here.
const bool null_device = setenv("VIVACE_CUDA", "null", 1) == 0;

// y = relu(x * w) with x [batch, 2] and w = [[1, -1], [1, 1]].
Network small_network() {
  Network network("small");
  const Value x = network.add_input("x", VIVACE_F32, {-1, 2}, {"batch"});
  const Value w = network.add_constant(Tensor::copy_of<float>({2, 2}, {1, -1, 1, 1}), "w");
  network.mark_output(network.add("Relu", {network.add("MatMul", {x, w}, Attributes(), "product")}), "y");
  return network;
}

Config small_config() {
  Config config;
  config.threads(1).effort(0).timing_cache("").shape("x", {1, 2}, {3, 2}, {16, 2});
  return config;
}

Tensor rows(int count) {
  std::vector<float> values;
  for (int i = 0; i < 2 * count; ++i) values.push_back(static_cast<float>(i + 1));
  return Tensor::copy_of<float>({count, 2}, values);
}

std::vector<Tensor> one(Tensor tensor) {
  std::vector<Tensor> list;
  list.push_back(std::move(tensor));
  return list;
}

template <class... T>
std::vector<Tensor> several(T... tensors) {
  std::vector<Tensor> list;
  (list.push_back(std::move(tensors)), ...);
  return list;
}

vivace_status status_of(const std::function<void()>& call, const std::string& said = "") {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(said), std::string::npos) << e.what();
    return e.status();
  }
  return VIVACE_OK;
}

TEST(Api, BuildsAndRunsANetwork) {
  Engine engine(vivace::build(small_network(), small_config()));
  ASSERT_EQ(engine.inputs().size(), 1u);
  EXPECT_EQ(engine.inputs()[0].name, "x");
  EXPECT_EQ(engine.inputs()[0].dims, (vivace::Shape{-1, 2}));
  EXPECT_EQ(engine.inputs()[0].symbols[0], "batch");
  EXPECT_EQ(engine.inputs()[0].max, (vivace::Shape{16, 2}));
  EXPECT_EQ(engine.outputs()[0].name, "y");
  const std::vector<Tensor> outputs = engine.run(one(rows(3)));
  EXPECT_EQ(outputs[0].values<float>(), (std::vector<float>{3, 1, 7, 1, 11, 1}));
  EXPECT_EQ(engine.threads(), 1);
  EXPECT_EQ(engine.notice(), "");
}

TEST(Api, WritesIntoTheCallersMemory) {
  Engine engine(vivace::build(small_network(), small_config()));
  std::vector<float> memory(6, -1);
  std::vector<Tensor> outputs = one(Tensor::wrap({3, 2}, memory));
  engine.run(one(rows(3)), outputs);
  EXPECT_EQ(memory, (std::vector<float>{3, 1, 7, 1, 11, 1}));
  outputs = one(Tensor(VIVACE_F32, {2, 2}));
  EXPECT_EQ(status_of([&] { engine.run(one(rows(3)), outputs); }, "output 'y' has shape 3x2"), VIVACE_SHAPE_MISMATCH);
  outputs = one(Tensor(VIVACE_F64, {3, 2}));
  EXPECT_EQ(status_of([&] { engine.run(one(rows(3)), outputs); }, "f64"), VIVACE_INVALID_ARGUMENT);
}

TEST(Api, RefusesInputsThatDoNotFit) {
  Engine engine(vivace::build(small_network(), small_config()));
  EXPECT_EQ(status_of([&] { engine.run(one(rows(17))); }, "17x2"), VIVACE_SHAPE_MISMATCH);
  EXPECT_EQ(status_of([&] { engine.run({}); }, "x"), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([&] { engine.run(one(Tensor(VIVACE_F64, {3, 2}))); }, "f32"), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([&] { engine.run(one(Tensor())); }), VIVACE_INVALID_ARGUMENT);
}

TEST(Api, PlansAreSavedAndLoaded) {
  const std::string path = testing::TempDir() + "api_test.plan";
  const Plan plan = vivace::build(small_network(), small_config());
  plan.save(path);
  EXPECT_TRUE(Plan::is_plan_file(path));
  Engine from_file(Plan::load(path));
  EXPECT_EQ(from_file.run(one(rows(1)))[0].values<float>(), (std::vector<float>{3, 1}));
  const std::string bytes = plan.to_memory();
  EXPECT_EQ(bytes.size(), std::filesystem::file_size(path));
  Engine from_memory(Plan::from_memory(bytes.data(), bytes.size()));
  EXPECT_EQ(from_memory.run(one(rows(1)))[0].values<float>(), (std::vector<float>{3, 1}));
  EXPECT_EQ(status_of([&] { Plan::from_memory(bytes.data(), bytes.size() / 2); }), VIVACE_CORRUPT_FILE);
  EXPECT_EQ(status_of([&] { Plan::load("/nowhere/x.plan"); }, "/nowhere/x.plan"), VIVACE_IO_ERROR);
  std::filesystem::remove(path);
}

TEST(Api, ReportsAndInspects) {
  const Plan plan = vivace::build(small_network(), small_config());
  for (const vivace_format format : {VIVACE_TEXT, VIVACE_SUMMARY, VIVACE_JSON, VIVACE_HTML})
    EXPECT_FALSE(plan.report(format).empty()) << format;
  EXPECT_EQ(status_of([&] { plan.report(VIVACE_DOT); }), VIVACE_INVALID_ARGUMENT);
  const Engine engine(plan);
  for (const vivace_format format : {VIVACE_TEXT, VIVACE_JSON, VIVACE_GRAPH, VIVACE_DOT, VIVACE_SVG})
    EXPECT_NE(engine.inspect(format).find("MatMul"), std::string::npos) << format;
  EXPECT_GT(engine.memory().weight_bytes, 0u);
  const Network network = small_network();
  for (const vivace_format format : {VIVACE_TEXT, VIVACE_JSON, VIVACE_GRAPH, VIVACE_DOT, VIVACE_SVG})
    EXPECT_NE(network.describe(format).find("MatMul"), std::string::npos) << format;
}

TEST(Api, NetworksAsTextReadBack) {
  const Network network = Network::from_text(small_network().describe(VIVACE_GRAPH));
  EXPECT_EQ(network.run_reference(one(rows(2)))[0].values<float>(), (std::vector<float>{3, 1, 7, 1}));
  EXPECT_EQ(status_of([] { Network::from_text("graph {"); }), VIVACE_INVALID_ARGUMENT);
}

TEST(Api, NetworksCheckWhatIsAdded) {
  Network network("checks");
  const Value x = network.add_input("x", VIVACE_F32, {2, 3});
  EXPECT_EQ(status_of([&] { network.add_input("x", VIVACE_F32, {1}); }, "there already"), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([&] { network.add_input("z", VIVACE_F32, {-2}); }), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([&] { network.add("Sofmax", {x}); }, "Softmax"), VIVACE_UNSUPPORTED);
  EXPECT_EQ(status_of([&] { network.add("MatMul", {x, x}); }, "MatMul"), VIVACE_INVALID_MODEL);
  Network other("other");
  EXPECT_EQ(status_of([&] { other.add("Relu", {x}); }, "not one of this network"), VIVACE_INVALID_ARGUMENT);
  // What failed left nothing behind.
  network.mark_output(network.add("Relu", {x}), "y");
  EXPECT_EQ(status_of([&] { network.mark_output(x, "y"); }), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(network.run_reference(one(Tensor(VIVACE_F32, {2, 3})))[0].count(), 6);
}

TEST(Api, ControlFlowRunsSubgraphs) {
  const auto branch = [](float factor) {
    Network body("body");
    const Value x = body.add_input("inner", VIVACE_F32, {2});
    body.mark_output(body.add("Mul", {x, body.add_constant(Tensor::copy_of<float>({}, {factor}))}), "out");
    return body;
  };
  Network network("if");
  const Value condition = network.add_input("condition", VIVACE_BOOL, {});
  const Value x = network.add_input("x", VIVACE_F32, {2});
  Attributes attributes;
  attributes.set("then_branch", branch(2)).set("else_branch", branch(3)).set("captures", 1);
  network.mark_output(network.add("If", {condition, x}, attributes), "y");
  Engine engine(vivace::build(network, Config().threads(1).effort(0)));
  for (const bool yes : {false, true}) {
    std::vector<Tensor> inputs;
    inputs.emplace_back(VIVACE_BOOL, vivace::Shape{});
    *inputs[0].data<bool>() = yes;
    inputs.push_back(Tensor::copy_of<float>({2}, {1, 10}));
    EXPECT_EQ(engine.run(inputs)[0].values<float>(), yes ? (std::vector<float>{2, 20}) : (std::vector<float>{3, 30}));
  }
}

TEST(Api, StringsGoThrough) {
  Network network("strings");
  network.mark_output(network.add("Identity", {network.add_input("x", VIVACE_STRING, {2})}), "y");
  Engine engine(vivace::build(network, Config().effort(0)));
  Tensor texts(VIVACE_STRING, {2});
  texts.set_string(0, std::string("a\0b", 3));
  const std::vector<Tensor> outputs = engine.run(one(std::move(texts)));
  EXPECT_EQ(outputs[0].string(0), std::string("a\0b", 3));
  EXPECT_EQ(outputs[0].string(1), "");
  EXPECT_EQ(status_of([&] { outputs[0].string(2); }), VIVACE_INVALID_ARGUMENT);
}

TEST(Api, ListsGoThrough) {
  const Network network = Network::from_text(
      "graph (%s: seq(f32[?]), %o: optional(i64[])) { %y = SequenceErase(%s, const i64[] {0}) return %y, %o }");
  Engine engine(vivace::build(network, Config().effort(0)));
  const vivace::TensorInfo& input = engine.inputs()[0];
  EXPECT_EQ(input.kind, VIVACE_SEQUENCE);
  EXPECT_EQ(input.dtype, VIVACE_LIST);
  EXPECT_FALSE(input.has_rank);
  EXPECT_EQ(input.type, "seq(f32[?])");
  ASSERT_EQ(input.element.size(), 1u);
  EXPECT_EQ(input.element[0].dtype, VIVACE_F32);
  EXPECT_EQ(engine.outputs()[1].kind, VIVACE_OPTIONAL);
  std::vector<Tensor> outputs;
  {
    std::vector<float> borrowed{3, 4};
    const std::vector<Tensor> elements =
        several(Tensor::copy_of<float>({1}, {1}), Tensor::wrap<float>({2}, borrowed));
    outputs = engine.run(several(Tensor::list(elements), Tensor::list({})));
  }
  ASSERT_EQ(outputs[0].count(), 1);
  EXPECT_EQ(outputs[0].elements()[0].values<float>(), (std::vector<float>{3, 4}));  // the list had a copy
  EXPECT_EQ(outputs[0].data(), nullptr);
  EXPECT_EQ(outputs[1].count(), 0);
  const std::vector<Tensor> wrong = several(Tensor::list({}), Tensor::copy_of<float>({1}, {1}));
  EXPECT_EQ(status_of([&] { engine.run(wrong); }, "input 'o'"), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([] { Tensor(VIVACE_LIST, {2}); }), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([] { Tensor::list(one(Tensor())); }), VIVACE_INVALID_ARGUMENT);
  vivace_tensor* element = nullptr;
  EXPECT_EQ(vivace_list_element(outputs[0].get(), 1, &element), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(vivace_list_element(wrong[1].get(), 0, &element), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(vivace_list_create(nullptr, 1, &element), VIVACE_INVALID_ARGUMENT);
}

TEST(Api, ProgressCancels) {
  int calls = 0;
  Config config = small_config();
  config.progress([&](const std::string& phase, double fraction) {
    EXPECT_FALSE(phase.empty());
    EXPECT_TRUE(fraction >= 0 && fraction <= 1) << fraction;
    return ++calls < 2;
  });
  EXPECT_EQ(status_of([&] { vivace::build(small_network(), config); }), VIVACE_CANCELLED);
  EXPECT_EQ(calls, 2);
}

TEST(Api, ConfigurationsAreChecked) {
  Config config;
  EXPECT_EQ(status_of([&] { config.threads(-1); }), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([&] { config.effort(6); }), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([&] { config.time_budget(std::nan("")); }), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([&] { config.shape("x", {2}, {1}, {3}); }, "'x'"), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([&] { config.precision(VIVACE_PRECISION_INT8); }), VIVACE_UNSUPPORTED);
  EXPECT_EQ(status_of([&] { config.force_tactic("reference"); }, "NAME=TACTIC"), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([&] { vivace::build(small_network(), small_config().memory_limit(1)); }), VIVACE_OUT_OF_MEMORY);
  EXPECT_EQ(status_of([&] { vivace::build(small_network(), small_config().force_tactic("MatMul=nothing")); }, "nothing"), VIVACE_INVALID_ARGUMENT);
}

TEST(Api, NullIsAnErrorNotACrash) {
  vivace_network* network = nullptr;
  EXPECT_EQ(vivace_network_from_onnx_file(nullptr, &network), VIVACE_INVALID_ARGUMENT);
  EXPECT_NE(std::string(vivace_last_error()).find("'path' is NULL"), std::string::npos);
  EXPECT_EQ(vivace_network_create("x", nullptr), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(vivace_build(nullptr, nullptr, nullptr), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(vivace_engine_create(nullptr, nullptr, nullptr), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(vivace_engine_run(nullptr, nullptr, 0, nullptr, 0), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(vivace_plan_save(nullptr, "x"), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(vivace_attributes_set_int(nullptr, "x", 1), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(vivace_engine_input(nullptr, 0), nullptr);
  vivace_engine_destroy(nullptr);
  vivace_plan_destroy(nullptr);
  vivace_network_destroy(nullptr);
}

TEST(Api, TensorsAreChecked) {
  EXPECT_EQ(status_of([] { Tensor(VIVACE_UNDEFINED, {1}); }), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([] { Tensor(static_cast<vivace_dtype>(99), {1}); }), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([] { Tensor(VIVACE_F32, {-1}); }), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([] { Tensor(VIVACE_F32, {int64_t{1} << 40, int64_t{1} << 40}); }), VIVACE_INVALID_ARGUMENT);
  float value = 0;
  EXPECT_EQ(status_of([&] { Tensor::wrap(VIVACE_F32, {2}, &value, 4); }, "8 bytes"), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(vivace_dtype_from_name("bf16"), VIVACE_BF16);
  EXPECT_STREQ(vivace_dtype_name(VIVACE_I4), "i4");
}

TEST(Api, EnvironmentSetsThreadsAndCache) {
  const std::string folder = testing::TempDir() + "api_test_cache";
  setenv("VIVACE_NUM_THREADS", "2", 1);
  setenv("VIVACE_CACHE_DIR", folder.c_str(), 1);
  Config config;
  config.shape("x", {1, 2}, {3, 2}, {16, 2}).effort(1);
  EXPECT_EQ(Engine(vivace::build(small_network(), config)).threads(), 2);
  EXPECT_TRUE(std::filesystem::exists(folder + "/timings"));
  setenv("VIVACE_NUM_THREADS", "many", 1);
  EXPECT_EQ(status_of([&] { vivace::build(small_network(), config); }, "VIVACE_NUM_THREADS"), VIVACE_INVALID_ARGUMENT);
  unsetenv("VIVACE_NUM_THREADS");
  unsetenv("VIVACE_CACHE_DIR");
  std::filesystem::remove_all(folder);
}

TEST(Api, ContextsProfile) {
  const Engine engine(vivace::build(small_network(), small_config()));
  vivace::Context context(engine, 1);
  context.set_profiling(true);
  for (int i = 0; i < 3; ++i) context.run(one(rows(3)));
  const std::vector<vivace::LayerTime> layers = context.profile();
  ASSERT_FALSE(layers.empty());
  EXPECT_EQ(layers[0].runs, 3);
  EXPECT_FALSE(layers[0].tactic.empty());
}

// The null device runs no kernel, but copies: a network without layers gives its input.
TEST(Api, RunsOnDeviceMemoryAndStreams) {
  Network network("same");
  const Value x = network.add_input("x", VIVACE_F32, {-1, 2}, {"batch"});
  network.mark_output(network.add("Identity", {x}), "y");
  Config config;
  config.device("cuda").effort(0).timing_cache("").shape("x", {1, 2}, {3, 2}, {16, 2});
  const Engine engine(vivace::build(network, config));
  EXPECT_EQ(engine.device(), "cuda:0");
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  for (const vivace_place place : {VIVACE_ON_DEVICE, VIVACE_PINNED}) {
    const std::vector<Tensor> inputs = one(engine.allocate(place, VIVACE_F32, {3, 2}));
    std::copy(values.begin(), values.end(), inputs[0].data<float>());  // whose memory is the host's
    ASSERT_EQ(engine.output_shape(inputs, 0), (vivace::Shape{3, 2}));
    const std::vector<Tensor> outputs = one(engine.allocate(place, VIVACE_F32, {3, 2}));
    vivace::Context context(engine);
    for (int run = 0; run < 3; ++run) {  // queued, recorded, replayed
      std::fill_n(outputs[0].data<float>(), 6, 0.0f);
      context.enqueue(inputs, outputs, nullptr);
      engine.wait(nullptr);
      EXPECT_EQ(outputs[0].values<float>(), values) << run;
    }
  }
  vivace::Context context(engine);
  const std::vector<Tensor> inputs = one(rows(3));
  EXPECT_GE(context.time(inputs, 3, true).minimum, 0);
  const auto enqueue = [&](Tensor from, Tensor to) {
    const std::vector<Tensor> a = one(std::move(from)), b = one(std::move(to));
    context.enqueue(a, b, nullptr);
  };
  EXPECT_EQ(status_of([&] { enqueue(rows(3), Tensor(VIVACE_F32, {2, 2})); }, "'y' has shape 3x2"), VIVACE_SHAPE_MISMATCH);
  EXPECT_EQ(status_of([&] { enqueue(rows(17), Tensor(VIVACE_F32, {17, 2})); }, "17x2"), VIVACE_SHAPE_MISMATCH);
  EXPECT_EQ(status_of([&] { enqueue(Tensor(VIVACE_I32, {3, 2}), Tensor(VIVACE_F32, {3, 2})); }, "not i32"), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([&] { context.enqueue({}, {}, nullptr); }, "1 inputs"), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([&] { context.time(inputs, 0, false); }), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([&] { engine.allocate(static_cast<vivace_place>(3), VIVACE_F32, {1}); }), VIVACE_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([&] { engine.allocate(VIVACE_PINNED, VIVACE_STRING, {1}); }), VIVACE_INVALID_ARGUMENT);
}

TEST(Api, StreamsNeedAGpu) {
  const Engine engine(vivace::build(small_network(), small_config()));
  EXPECT_EQ(engine.device(), "cpu");
  vivace::Context context(engine);
  const std::vector<Tensor> inputs = one(rows(3)), outputs = one(engine.allocate(VIVACE_PINNED, VIVACE_F32, {3, 2}));
  EXPECT_EQ(status_of([&] { context.enqueue(inputs, outputs, nullptr); }, "needs a GPU"), VIVACE_UNSUPPORTED);
  EXPECT_EQ(status_of([&] { context.time(inputs, 3, false); }, "needs a GPU"), VIVACE_UNSUPPORTED);
}

TEST(Api, ManyThreadsShareAnEngine) {
  Engine engine(vivace::build(small_network(), small_config()));
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const int count = 1 + (t + i) % 16;
        const std::vector<Tensor> outputs = engine.run(one(rows(count)));
        if (outputs[0].count() != 2 * count || outputs[0].data<float>()[0] != 3) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Api, ListsAreThere) {
  EXPECT_NE(vivace::list_operators().find("Conv"), std::string::npos);
  EXPECT_NE(vivace::list_tactics(VIVACE_JSON).find("reference"), std::string::npos);
  EXPECT_NE(vivace::list_devices().find("cpu"), std::string::npos);
  EXPECT_EQ(vivace::version(), std::string(vivace_version()));
}

}  // namespace
