// TfIdfVectorizer of numbers: a thread for each element of the result looks for its n-grams at every place of its row.
#include <map>

#include "backends/cuda/rows/rows.h"
#include "backends/cuda/rows/sets.h"

namespace vivace::cuda {

namespace {

// N-grams, those that one element counts next to each other.
struct Grams {
  std::vector<int64_t> items;                 // of all of them
  std::vector<int64_t> starts = {0}, firsts;  // of each n-gram's items; of each element's n-grams
};

// Of n-grams that are the same the last one counts. Inference has checked the attributes.
Grams grams_of(const Problem& p) {
  const ir::Attributes& attributes = p.attributes();
  const std::vector<int64_t> counts = attributes.integers("ngram_counts"),
                             places = attributes.integers("ngram_indexes"), pool = attributes.integers("pool_int64s");
  std::map<std::vector<int64_t>, int64_t> place_of;
  size_t gram = 0;
  for (size_t n = 1; n <= counts.size(); ++n) {
    const int64_t end = n < counts.size() ? counts[n] : static_cast<int64_t>(pool.size());
    for (int64_t at = counts[n - 1]; at < end; at += static_cast<int64_t>(n), ++gram)
      place_of[{pool.begin() + at, pool.begin() + at + static_cast<std::ptrdiff_t>(n)}] = places[gram];
  }
  const auto shortest = static_cast<size_t>(attributes.integer("min_gram_length")),
             longest = static_cast<size_t>(attributes.integer("max_gram_length"));
  std::vector<std::vector<const std::vector<int64_t>*>> of(static_cast<size_t>(p.outputs[0].shape.back()));
  for (const auto& [items, place] : place_of)
    if (items.size() >= shortest && items.size() <= longest) of[static_cast<size_t>(place)].push_back(&items);
  Grams grams;
  for (const auto& list : of) {
    grams.firsts.push_back(static_cast<int64_t>(grams.starts.size()) - 1);
    for (const std::vector<int64_t>* items : list) {
      grams.items.insert(grams.items.end(), items->begin(), items->end());
      grams.starts.push_back(static_cast<int64_t>(grams.items.size()));
    }
  }
  grams.firsts.push_back(static_cast<int64_t>(grams.starts.size()) - 1);
  return grams;
}

// What an element's count is multiplied with: the weight of its last n-gram, 1 without one.
std::vector<float> weights_of(const Problem& p) {
  std::vector<float> of(static_cast<size_t>(p.outputs[0].shape.back()), 1.0f);
  const std::vector<float> given = p.attributes().reals("weights");
  const std::vector<int64_t> places = p.attributes().integers("ngram_indexes");
  if (p.attributes().text("mode") == "TF") return of;
  for (size_t i = 0; i < given.size(); ++i) of[static_cast<size_t>(places[i])] = given[i];
  return of;
}

Verdict supports(const Problem& p, const Device&) {
  const TensorInfo& x = p.inputs[0];
  if (x.type != DType::i32 && x.type != DType::i64) return no("numbers only");
  if (elements(x.shape) > kMostElements || elements(p.outputs[0].shape) > kMostElements)
    return no("more than 2^31 elements");
  if (p.attributes().integers("pool_int64s").size() > INT32_MAX / 2) return no("more than 2^30 items");
  return yes();
}

Result<std::vector<Tensor>> prepare(const Problem& p, const std::string&, const Device&) {
  const Grams grams = grams_of(p);
  std::vector<Tensor> packed;
  packed.push_back(Tensor::of<int64_t>(grams.items.empty() ? std::vector<int64_t>{0} : grams.items));
  for (const std::vector<int64_t>* from : {&grams.starts, &grams.firsts})
    packed.push_back(Tensor::of<int32_t>(std::vector<int32_t>(from->begin(), from->end())));
  packed.push_back(Tensor::of<float>(weights_of(p)));
  return packed;
}

constexpr const char* kCount = R"(
extern "C" __global__ void __launch_bounds__(256) count(const X* __restrict__ x, const long long* __restrict__ items,
    const int* __restrict__ starts, const int* __restrict__ firsts, const float* __restrict__ weights, float* y) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kRows * kWidth) return;
  const X* const row = x + i / kWidth * kSize;
  const int place = i % kWidth;
  int found = 0;
  for (int gram = firsts[place]; gram < firsts[place + 1]; ++gram) {
    const long long* const wanted = items + starts[gram];
    const int length = starts[gram + 1] - starts[gram];
    // Single items have nothing between them to skip: they are counted once.
    const int skips = length == 1 ? 0 : min(kSkips, kSize - 1);
    for (int distance = 1; distance <= skips + 1; ++distance)
      for (long long at = 0; at + (long long)(length - 1) * distance < kSize; ++at) {
        int same = 0;
        while (same < length && row[at + (long long)same * distance] == wanted[same]) ++same;
        found += same == length;
      }
  }
  y[i] = (float)(kOnce ? min(found, 1) : found) * weights[place];
}
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  const Shape& x = p.inputs[0].shape;
  const int64_t rows = x.size() == 2 ? x[0] : 1, width = p.outputs[0].shape.back();
  if (rows == 0) return Job();
  Source s;
  s.add(prelude()).add(std::string("using X = ") + type_name(p.inputs[0].type) + ";\n");
  s.constant("kRows", rows).constant("kWidth", width).constant("kSize", elements(x) / rows);
  s.constant("kSkips", std::min<int64_t>(p.attributes().integer("max_skip_count"), INT32_MAX - 1));
  s.constant("kOnce", p.attributes().text("mode") == "IDF");
  return job_of_one(launch_of("count", s.add(kCount).text(), rows * width,
                              {input(0), packed(0), packed(1), packed(2), packed(3), output()}));
}

double estimate(const Problem& p, const std::string&, const Device& device) {
  const double grams = static_cast<double>(p.attributes().integers("ngram_indexes").size()),
               tries = static_cast<double>(p.attributes().integer("max_skip_count") + 1);
  return roofline_seconds(4 * grams * tries * static_cast<double>(elements(p.inputs[0].shape)), cpu::bytes_of(p), 0.1,
                          device);
}

}  // namespace

extern const Tactic tfidf_tactic{
    .name = "cuda_tfidf",
    .version = 1,
    .operators = {"TfIdfVectorizer"},
    .supports = supports,
    .estimate = estimate,
    .prepare = prepare,
    .generate = generate,
};

}  // namespace vivace::cuda
