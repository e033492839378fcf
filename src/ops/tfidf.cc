// TfIdfVectorizer: counts the n-grams of each row that stand in a pool.
#include <algorithm>
#include <limits>
#include <unordered_map>

#include "ops/kernel.h"
#include "ops/prepared.h"

namespace vivace::ops {

namespace {

Status bad(const std::string& what) { return {Code::invalid_model, what}; }

// The pool as a tree of prefixes. Items are numbered first, so that strings are hashed once for each row.
struct Pool {
  std::unordered_map<std::string, int64_t> texts;
  std::unordered_map<int64_t, int64_t> numbers;
  std::unordered_map<uint64_t, int32_t> children;  // of (prefix, item)
  std::vector<int64_t> outputs{-1};                // of each prefix: where it is counted, or -1
  int64_t shortest = 1, longest = 1, skips = 0, width = 0;
  bool of_texts = false, counts_once = false;
  std::vector<float> weights;  // of each output, or nothing

  static uint64_t step(int32_t prefix, int64_t item) {
    return static_cast<uint64_t>(prefix) << 32 | static_cast<uint64_t>(item);
  }
  int32_t next(int32_t prefix, int64_t item) const {
    const auto at = item < 0 ? children.end() : children.find(step(prefix, item));
    return at == children.end() ? -1 : at->second;
  }
};

Status read_sizes(const ir::Attributes& attributes, Pool& pool, size_t lengths) {
  pool.shortest = attributes.integer("min_gram_length");
  pool.longest = attributes.integer("max_gram_length");
  pool.skips = attributes.integer("max_skip_count");
  if (pool.shortest < 1 || pool.longest < pool.shortest || pool.longest > static_cast<int64_t>(lengths))
    return bad("n-grams of " + std::to_string(pool.shortest) + " to " + std::to_string(pool.longest) +
               " items are asked for; ngram_counts tells of 1 to " + std::to_string(lengths));
  if (pool.skips < 0) return bad("max_skip_count is negative");
  const std::string mode = attributes.text("mode");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF") return bad("unknown mode '" + mode + "'");
  pool.counts_once = mode == "IDF";
  return {};
}

Result<Pool> make_pool(const ir::Node& node) {
  Pool pool;
  const std::vector<int64_t> starts = node.attributes.integers("ngram_counts"),
                             places = node.attributes.integers("ngram_indexes"),
                             numbers = node.attributes.integers("pool_int64s");
  const std::vector<std::string> texts = node.attributes.texts("pool_strings");
  VIVACE_TRY(read_sizes(node.attributes, pool, starts.size()));
  if (texts.empty() == numbers.empty()) return bad("either pool_strings or pool_int64s must list n-grams");
  if (places.empty()) return bad("ngram_indexes is empty");
  for (const int64_t place : places)
    if (place < 0 || place >= std::numeric_limits<int32_t>::max())
      return bad("ngram_indexes holds " + std::to_string(place));
  pool.width = *std::max_element(places.begin(), places.end()) + 1;
  const std::vector<float> weights = node.attributes.reals("weights");
  if (!weights.empty() && weights.size() != places.size())
    return bad("weights has " + std::to_string(weights.size()) + " elements for " + std::to_string(places.size()) +
               " n-grams");
  if (!weights.empty() && node.attributes.text("mode") != "TF") {
    pool.weights.resize(static_cast<size_t>(pool.width), 1.0f);
    for (size_t i = 0; i < places.size(); ++i) pool.weights[static_cast<size_t>(places[i])] = weights[i];
  }
  pool.of_texts = !texts.empty();
  const size_t items = texts.size() + numbers.size();
  std::vector<int64_t> ids;
  for (size_t i = 0; i < items; ++i) {
    const auto fresh = static_cast<int64_t>(pool.texts.size() + pool.numbers.size());
    ids.push_back(pool.of_texts ? pool.texts.emplace(texts[i], fresh).first->second
                                : pool.numbers.emplace(numbers[i], fresh).first->second);
  }
  size_t gram = 0;  // number of the n-gram, over all lengths
  for (size_t n = 1; n <= starts.size(); ++n) {
    const int64_t begin = starts[n - 1], end = n < starts.size() ? starts[n] : static_cast<int64_t>(items);
    if (begin < 0 || end < begin || end > static_cast<int64_t>(items) || (end - begin) % static_cast<int64_t>(n) != 0)
      return bad("ngram_counts does not split the pool's " + std::to_string(items) + " items into whole n-grams");
    for (int64_t at = begin; at < end; at += static_cast<int64_t>(n), ++gram) {
      if (gram >= places.size()) return bad("the pool has more n-grams than ngram_indexes has elements");
      int32_t prefix = 0;
      for (size_t i = 0; i < n; ++i) {
        const auto fresh = static_cast<int32_t>(pool.outputs.size());
        const auto [step, is_new] = pool.children.emplace(Pool::step(prefix, ids[static_cast<size_t>(at) + i]), fresh);
        if (is_new) pool.outputs.push_back(-1);
        prefix = step->second;
      }
      pool.outputs[static_cast<size_t>(prefix)] = places[gram];
    }
  }
  return pool;
}

// Counts the n-grams of lengths [shortest, longest] whose items are `distance` apart.
void count_at(const Pool& pool, const std::vector<int64_t>& items, int64_t shortest, int64_t distance, float* counts) {
  const auto size = static_cast<int64_t>(items.size());
  for (int64_t first = 0; first < size; ++first) {
    int32_t prefix = 0;
    for (int64_t n = 1, at = first; n <= pool.longest && at < size; ++n, at += distance) {
      prefix = pool.next(prefix, items[static_cast<size_t>(at)]);
      if (prefix < 0) break;
      if (const int64_t place = pool.outputs[static_cast<size_t>(prefix)]; n >= shortest && place >= 0)
        counts[place] += 1;
    }
  }
}

}  // namespace

Status infer_tfidf_vectorizer(Inference& in) {
  VIVACE_ASSIGN(const std::shared_ptr<const Pool> pool, prepared<Pool>(in.node, make_pool));
  if (pool->of_texts)
    VIVACE_TRY(require_type(in, 0, {DType::string}));
  else
    VIVACE_TRY(require_type(in, 0, {DType::i32, DType::i64}));
  VIVACE_TRY(require_rank(in, 0, 0, 2));
  if (!in.dims(0)) return in.set_unknown_rank(0, DType::f32), Status();
  ir::Dims out{pool->width};
  if (in.rank(0) == 2) out.insert(out.begin(), in.dims(0)->front());
  in.set(0, DType::f32, std::move(out));
  return {};
}

Status reference_tfidf_vectorizer(Call& call) {
  VIVACE_TRY(size_outputs(call));
  VIVACE_ASSIGN(const std::shared_ptr<const Pool> pool, prepared<Pool>(call.node, make_pool));
  const TensorView& x = call.input(0);
  const int64_t rows = x.rank() == 2 ? x.shape[0] : 1, size = rows == 0 ? 0 : x.count() / rows;
  const auto id = [&](int64_t i) -> int64_t {
    if (pool->of_texts) {
      const auto at = pool->texts.find(x.as<std::string>()[i]);
      return at == pool->texts.end() ? -1 : at->second;
    }
    const auto at = pool->numbers.find(x.type == DType::i32 ? x.as<int32_t>()[i] : x.as<int64_t>()[i]);
    return at == pool->numbers.end() ? -1 : at->second;
  };
  parallel_for(call.pool, rows, std::max<int64_t>(1, 1024 / std::max<int64_t>(1, size)),
               [&](int64_t begin, int64_t end) {
                 std::vector<int64_t> items(static_cast<size_t>(size));
                 for (int64_t row = begin; row < end; ++row) {
                   float* counts = call.output().as<float>() + row * pool->width;
                   std::fill_n(counts, pool->width, 0.0f);
                   for (int64_t i = 0; i < size; ++i) items[static_cast<size_t>(i)] = id(row * size + i);
                   // Single items have nothing between them to skip: they are counted once.
                   int64_t shortest = pool->shortest;
                   for (int64_t skip = 0; skip <= pool->skips && skip < std::max<int64_t>(size, 1); ++skip) {
                     count_at(*pool, items, shortest, skip + 1, counts);
                     shortest = std::max<int64_t>(shortest, 2);
                   }
                   for (int64_t i = 0; i < pool->width; ++i) {
                     if (pool->counts_once) counts[i] = std::min(counts[i], 1.0f);
                     if (!pool->weights.empty()) counts[i] *= pool->weights[static_cast<size_t>(i)];
                   }
                 }
               });
  return {};
}

}  // namespace vivace::ops
