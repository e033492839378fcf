#include "plan/plan.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "base/version.h"
#include "plan/header.h"
#include "sample.h"

namespace vivace::plan {
namespace {

using Bytes = std::vector<std::byte>;

void expect_same(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.type(), b.type());
  ASSERT_EQ(a.shape(), b.shape());
  if (a.type() == DType::string) {
    for (int64_t i = 0; i < a.count(); ++i) EXPECT_EQ(a.as<std::string>()[i], b.as<std::string>()[i]);
  } else if (a.bytes()) {
    EXPECT_EQ(std::memcmp(a.data(), b.data(), a.bytes()), 0);
  }
}

std::string known_text(const ir::Value& v) { return v.known ? "[" + ir::to_string(*v.known) + "]" : "-"; }

void expect_same(const ir::Graph& a, const ir::Graph& b);

void expect_same(const ir::Attribute& a, const ir::Attribute& b) {
  ASSERT_EQ(a.index(), b.index());
  if (const auto* t = std::get_if<Tensor>(&a)) return expect_same(*t, std::get<Tensor>(b));
  if (const auto* g = std::get_if<std::shared_ptr<ir::Graph>>(&a))
    return expect_same(**g, *std::get<std::shared_ptr<ir::Graph>>(b));
  EXPECT_TRUE(std::visit(
      [&]<class T>(const T& x) {
        if constexpr (std::is_same_v<T, Tensor>) return false;
        else return x == std::get<T>(b);
      },
      a));
}

void expect_same(const ir::Graph& a, const ir::Graph& b) {
  EXPECT_EQ(a.name, b.name);
  const auto va = a.values(), vb = b.values();
  ASSERT_EQ(va.size(), vb.size());
  for (size_t i = 0; i < va.size(); ++i) {
    EXPECT_EQ(va[i]->name, vb[i]->name);
    EXPECT_EQ(va[i]->type.to_string(), vb[i]->type.to_string());
    EXPECT_EQ(va[i]->is_input(), vb[i]->is_input());
    EXPECT_EQ(known_text(*va[i]), known_text(*vb[i]));
    ASSERT_EQ(va[i]->is_constant(), vb[i]->is_constant());
    if (va[i]->is_constant()) expect_same(va[i]->constant(), vb[i]->constant());
  }
  const auto na = a.node_list(), nb = b.node_list();
  ASSERT_EQ(na.size(), nb.size());
  for (size_t i = 0; i < na.size(); ++i) {
    EXPECT_EQ(na[i]->name, nb[i]->name);
    EXPECT_EQ(na[i]->op, nb[i]->op);
    ASSERT_EQ(na[i]->inputs().size(), nb[i]->inputs().size());
    for (size_t k = 0; k < na[i]->inputs().size(); ++k)
      EXPECT_EQ(na[i]->input(k) ? na[i]->input(k)->name : "-", nb[i]->input(k) ? nb[i]->input(k)->name : "-");
    ASSERT_EQ(na[i]->attributes.size(), nb[i]->attributes.size());
    for (const auto& [key, value] : na[i]->attributes) {
      ASSERT_TRUE(nb[i]->attributes.has(key)) << key;
      expect_same(value, nb[i]->attributes.find(key)->second);
    }
  }
  ASSERT_EQ(a.outputs().size(), b.outputs().size());
  for (size_t i = 0; i < a.outputs().size(); ++i) {
    EXPECT_EQ(a.output_name(i), b.output_name(i));
    EXPECT_EQ(a.outputs()[i]->name, b.outputs()[i]->name);
  }
}

void expect_same(const Program& a, const Program& b) {
  expect_same(*a.graph, *b.graph);
  ASSERT_EQ(a.choices.size(), b.choices.size());
  for (size_t i = 0; i < a.choices.size(); ++i) {
    EXPECT_EQ(a.choices[i].tactic, b.choices[i].tactic);
    EXPECT_EQ(a.choices[i].version, b.choices[i].version);
    EXPECT_EQ(a.choices[i].configuration, b.choices[i].configuration);
    EXPECT_EQ(a.choices[i].seconds, b.choices[i].seconds);
    EXPECT_EQ(a.choices[i].beside, b.choices[i].beside);
    ASSERT_EQ(a.choices[i].packed.size(), b.choices[i].packed.size());
    for (size_t k = 0; k < a.choices[i].packed.size(); ++k) expect_same(a.choices[i].packed[k], b.choices[i].packed[k]);
  }
  ASSERT_EQ(a.bodies.size(), b.bodies.size());
  for (const auto& [where, body] : a.bodies) expect_same(body, b.bodies.at(where));
}

void expect_same(const Plan& a, const Plan& b) {
  EXPECT_EQ(a.origin.library_version, b.origin.library_version);
  EXPECT_EQ(a.origin.device, b.origin.device);
  EXPECT_EQ(a.origin.machine, b.origin.machine);
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.options, b.options);
  EXPECT_EQ(a.report, b.report);
  EXPECT_EQ(a.memory_limit, b.memory_limit);
  EXPECT_EQ(a.metadata, b.metadata);
  ASSERT_EQ(a.ranges.size(), b.ranges.size());
  for (size_t i = 0; i < a.ranges.size(); ++i) {
    EXPECT_EQ(a.ranges[i].min, b.ranges[i].min);
    EXPECT_EQ(a.ranges[i].opt, b.ranges[i].opt);
    EXPECT_EQ(a.ranges[i].max, b.ranges[i].max);
  }
  expect_same(*a.portable, *b.portable);
  expect_same(a.program, b.program);
}

Bytes sample_bytes() {
  auto bytes = to_bytes(sample_plan());
  EXPECT_TRUE(bytes.ok()) << bytes.status().message();
  return std::move(bytes).value();
}

TEST(Plan, RoundTripThroughMemory) {
  const Bytes bytes = sample_bytes();
  EXPECT_TRUE(looks_like_plan(bytes));
  const auto plan = from_bytes(bytes, nullptr, {.verify_weights = true});
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  expect_same(sample_plan(), *plan);
  EXPECT_TRUE(ir::verify(*plan->portable).ok());
}

TEST(Plan, RoundTripThroughAFile) {
  const std::string path = testing::TempDir() + "sample.vivace";
  ASSERT_TRUE(write_file(sample_plan(), path).ok());
  EXPECT_EQ(std::filesystem::file_size(path), sample_bytes().size());
  const auto plan = read_file(path, {.verify_weights = true});
  std::filesystem::remove(path);  // the map stays
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  expect_same(sample_plan(), *plan);
  for (const ir::Value* v : plan->portable->values()) {
    if (v->is_constant() && v->type.dtype != DType::string) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(v->constant().data()) % kAlignment, 0u) << v->name;
    }
  }
}

TEST(Plan, SameBytesEachTimeAndAfterReading) {
  const Bytes bytes = sample_bytes();
  EXPECT_EQ(bytes, sample_bytes());
  const auto again = to_bytes(*from_bytes(bytes, nullptr));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(bytes, *again);
}

TEST(Plan, ThePortableGraphMayBeLeftOut) {
  Plan plan = sample_plan();
  plan.portable = nullptr;
  const auto bytes = to_bytes(plan);
  ASSERT_TRUE(bytes.ok());
  EXPECT_LT(bytes->size(), sample_bytes().size());
  const auto read = from_bytes(*bytes, nullptr);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->portable, nullptr);
  expect_same(plan.program, read->program);
}

TEST(Plan, EqualWeightsAreStoredOnce) {
  const auto plan = from_bytes(sample_bytes(), nullptr);
  ASSERT_TRUE(plan.ok());
  const auto find = [](const ir::Graph& graph, const std::string& name) {
    for (const ir::Value* v : graph.values())
      if (v->name == name) return v->constant();
    return Tensor();
  };
  const void* w = find(*plan->portable, "w").data();
  EXPECT_EQ(find(*plan->portable, "w_column").data(), w);
  EXPECT_EQ(find(*plan->portable, "w_copy").data(), w);
  EXPECT_EQ(find(*plan->program.graph, "w").data(), w);
  EXPECT_EQ(plan->program.choices[0].packed[0].data(), w);
}

TEST(Plan, SharedBytesAreNotCopied) {
  const Bytes bytes = sample_bytes();
  const Tensor memory = *Tensor::allocate(DType::u8, {static_cast<int64_t>(bytes.size())});
  std::memcpy(memory.data(), bytes.data(), bytes.size());
  const auto plan = from_bytes({memory.as<std::byte>(), bytes.size()}, memory.owner());
  ASSERT_TRUE(plan.ok());
  const auto* at = plan->program.choices[0].packed[0].as<std::byte>();
  EXPECT_TRUE(at >= memory.as<std::byte>() && at < memory.as<std::byte>() + bytes.size());
}

TEST(Plan, CutOffAnywhereIsAnError) {
  const Bytes bytes = sample_bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto plan = from_bytes(std::span(bytes).first(size), nullptr);
    ASSERT_EQ(plan.status().code(), Code::corrupt_file) << size;
  }
  Bytes longer = bytes;
  longer.resize(bytes.size() + 1);
  EXPECT_EQ(from_bytes(longer, nullptr).status().code(), Code::corrupt_file);
}

TEST(Plan, FlippedBitsAreFound) {
  const Bytes bytes = sample_bytes();
  const Header header = read_header(bytes);
  const size_t checked = header.metadata_offset + header.metadata_bytes;
  for (size_t bit = 0; bit < checked * 8; ++bit) {
    Bytes damaged = bytes;
    damaged[bit / 8] ^= std::byte{1} << (bit % 8);
    const auto code = from_bytes(damaged, nullptr).status().code();
    ASSERT_TRUE(code == Code::corrupt_file || code == Code::version_mismatch) << bit;
  }
  Bytes damaged = bytes;
  damaged[header.weights_offset] ^= std::byte{1};
  EXPECT_TRUE(from_bytes(damaged, nullptr).ok());
  EXPECT_EQ(from_bytes(damaged, nullptr, {.verify_weights = true}).status().code(), Code::corrupt_file);
}

// Behind valid checksums any damage must end in an error or in a sane plan that can be written again.
TEST(Plan, DamageBehindRightChecksumsIsHarmless) {
  const Bytes bytes = sample_bytes();
  const Header header = read_header(bytes);
  size_t refused = 0;
  for (size_t at = header.metadata_offset; at < header.metadata_offset + header.metadata_bytes; ++at) {
    for (const int value : {0, 1, 0x7f, 0x80, 0xff}) {
      Bytes damaged = bytes;
      damaged[at] = static_cast<std::byte>(value);
      reseal(damaged);
      const auto plan = from_bytes(damaged, nullptr);
      refused += !plan.ok();
      if (plan.ok()) {
        EXPECT_TRUE(ir::verify(*plan->program.graph).ok()) << at;
        EXPECT_TRUE(to_bytes(*plan).ok()) << at;
      }
    }
  }
  EXPECT_GT(refused, header.metadata_bytes);  // most of five tries a byte
}

TEST(Plan, AnotherFormatNamesBothVersions) {
  Bytes bytes = sample_bytes();
  Header header = read_header(bytes);
  header.format_version = 99;
  std::strcpy(header.library_version, "7.8.9");
  std::memcpy(bytes.data(), &header, sizeof(header));
  const Status status = from_bytes(bytes, nullptr).status();
  EXPECT_EQ(status.code(), Code::version_mismatch);
  for (const char* part : {"Version tag does not match", "7.8.9", version(), "99"})
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
}

TEST(Plan, OtherFilesAreNoPlans) {
  const std::string text = "\x08\x07\x12 an ONNX model perhaps, long enough to hold a whole header and then quite a bit "
                           "more, so that only its beginning can tell";
  const auto status = from_bytes(std::as_bytes(std::span(text)), nullptr).status();
  EXPECT_EQ(status.code(), Code::corrupt_file);
  EXPECT_NE(status.message().find("no plan"), std::string::npos);
  EXPECT_EQ(read_file("/nowhere/x.vivace").status().code(), Code::io_error);
}

TEST(Plan, WriterRefusesWhatIsIncomplete) {
  Plan plan = sample_plan();
  plan.program.choices.pop_back();
  EXPECT_EQ(to_bytes(plan).status().code(), Code::internal);
  plan.program.graph = nullptr;
  EXPECT_EQ(to_bytes(plan).status().code(), Code::invalid_argument);
}

// Expectations of ranges and shapes that only the reader can check.
TEST(Plan, SemanticDefectsAreFound) {
  const auto refuse = [](auto&& change) {
    Plan plan = sample_plan();
    change(plan);
    const auto bytes = to_bytes(plan);
    ASSERT_TRUE(bytes.ok()) << bytes.status().message();
    EXPECT_EQ(from_bytes(*bytes, nullptr).status().code(), Code::corrupt_file);
  };
  refuse([](Plan& p) { p.ranges.pop_back(); });
  const auto list_of = [](Plan& p) -> ir::Type& { return p.program.graph->node_list()[0]->output(1)->type; };
  refuse([&](Plan& p) {
    for (int i = 0; i < 2 * ir::kMaxTypeDepth; ++i) list_of(p) = ir::Type::sequence(list_of(p));
  });
  refuse([&](Plan& p) { list_of(p).dims = ir::Dims{3}; });
  refuse([&](Plan& p) { list_of(p).key = DType::i64; });
  refuse([&](Plan& p) { list_of(p).kind = ir::Kind::tensor; });
  refuse([](Plan& p) { p.ranges[0].min[0] = 5; });
  refuse([](Plan& p) { p.ranges[0].opt.pop_back(); });
  refuse([](Plan& p) { p.program.choices[0].seconds = -1; });
  refuse([](Plan& p) { p.program.choices[1].beside = 1; });
  refuse([](Plan& p) { p.program.bodies[{1, "then_branch"}] = p.program.bodies.begin()->second; });
  refuse([](Plan& p) { p.portable->inputs()[0]->type.channel_block = -8; });
  refuse([](Plan& p) { p.portable->inputs()[0]->type.dims = ir::Dims{-1, 3}; });
  refuse([](Plan& p) { p.portable->inputs()[0]->type.dtype = static_cast<DType>(99); });
  refuse([](Plan& p) { p.program.graph->set_output(0, p.program.graph->inputs()[0]), p.program.graph->add_input("x2", {}); });
  refuse([](Plan& p) {
    for (ir::Value* v : p.portable->values())
      if (v->name == "w") v->type.dims = ir::Dims{1000};
  });
}

}  // namespace
}  // namespace vivace::plan
