// SVMRegressor and SVMClassifier of ai.onnx.ml: libsvm's machines, and liblinear's where there are no support vectors.
#include <algorithm>
#include <cmath>

#include "ops/ml_scores.h"
#include "ops/prepared.h"

namespace vivace::ops {

namespace {

Status bad(const std::string& what) { return {Code::invalid_model, what}; }

enum class Kernel : uint8_t { linear, poly, rbf, sigmoid };

struct Machine {
  Kernel kernel = Kernel::linear;
  double gamma = 0, coef0 = 0, degree = 0;
  std::vector<float> coefficients, vectors, rho, prob_a, prob_b;
  int64_t features = 0, vector_count = 0;  // no vectors: the coefficients are a linear model
  PostTransform transform = PostTransform::none;
  bool one_class = false;
  // Of a classifier.
  Labels labels;
  std::vector<int64_t> first_vector;  // of each class, and one more
  bool all_positive = false;          // no coefficient is negative

  int64_t classes() const { return static_cast<int64_t>(labels.size()); }
  int64_t pairs() const { return classes() * (classes() - 1) / 2; }
};

Result<Machine> read_common(const ir::Attributes& attributes) {
  constexpr std::string_view kNames[] = {"LINEAR", "POLY", "RBF", "SIGMOID"};
  Machine made;
  const std::string name = attributes.text("kernel_type", "LINEAR");
  const auto at = std::find(std::begin(kNames), std::end(kNames), name);
  if (at == std::end(kNames)) return bad("unknown kernel_type '" + name + "'");
  made.kernel = static_cast<Kernel>(at - std::begin(kNames));
  const std::vector<float> parameters = attributes.reals("kernel_params");
  if (!parameters.empty() && parameters.size() != 3) return bad("kernel_params must be gamma, coef0 and degree");
  if (!parameters.empty()) made.gamma = parameters[0], made.coef0 = parameters[1], made.degree = parameters[2];
  VIVACE_ASSIGN(made.transform, post_transform_of(attributes));
  made.coefficients = attributes.reals("coefficients");
  made.vectors = attributes.reals("support_vectors");
  made.rho = attributes.reals("rho");
  if (made.coefficients.empty() || made.rho.empty()) return bad("coefficients and rho must not be empty");
  return made;
}

Status split_vectors(Machine& m, int64_t count) {
  if (count < 1 || m.vectors.empty() || static_cast<int64_t>(m.vectors.size()) % count != 0)
    return bad("support_vectors has " + std::to_string(m.vectors.size()) + " elements for " + std::to_string(count) +
               " vectors");
  m.vector_count = count;
  m.features = static_cast<int64_t>(m.vectors.size()) / count;
  return {};
}

Result<Machine> make_regressor(const ir::Node& node) {
  VIVACE_ASSIGN(Machine m, read_common(node.attributes));
  m.one_class = node.attributes.integer("one_class") != 0;
  const int64_t count = node.attributes.integer("n_supports");
  if (count < 0) return bad("n_supports is " + std::to_string(count));
  if (count == 0) {
    m.kernel = Kernel::linear;
    m.features = static_cast<int64_t>(m.coefficients.size());
    return m;
  }
  VIVACE_TRY(split_vectors(m, count));
  if (static_cast<int64_t>(m.coefficients.size()) != count)
    return bad("it has " + std::to_string(m.coefficients.size()) + " coefficients for " + std::to_string(count) +
               " support vectors");
  return m;
}

Result<Machine> make_classifier(const ir::Node& node) {
  VIVACE_ASSIGN(Machine m, read_common(node.attributes));
  VIVACE_ASSIGN(m.labels, labels_of(node.attributes, "classlabels_ints"));
  m.prob_a = node.attributes.reals("prob_a");
  m.prob_b = node.attributes.reals("prob_b");
  m.all_positive = std::all_of(m.coefficients.begin(), m.coefficients.end(), [](float v) { return v >= 0; });
  const std::vector<int64_t> counts = node.attributes.integers("vectors_per_class");
  const auto coefficients = static_cast<int64_t>(m.coefficients.size());
  if (counts.empty()) {
    m.kernel = Kernel::linear;
    if (coefficients % m.classes() != 0)
      return bad("it has " + std::to_string(coefficients) + " coefficients for " + std::to_string(m.classes()) +
                 " classes");
    m.features = coefficients / m.classes();
    return m;
  }
  if (static_cast<int64_t>(counts.size()) != m.classes() || m.classes() > 65535)
    return bad("vectors_per_class has " + std::to_string(counts.size()) + " elements for " +
               std::to_string(m.classes()) + " classes");
  m.first_vector = {0};
  for (const int64_t n : counts) {
    if (n < 0 || n > static_cast<int64_t>(m.vectors.size())) return bad("vectors_per_class holds " + std::to_string(n));
    m.first_vector.push_back(m.first_vector.back() + n);
  }
  VIVACE_TRY(split_vectors(m, m.first_vector.back()));
  if (coefficients != (m.classes() - 1) * m.vector_count)
    return bad("it has " + std::to_string(coefficients) + " coefficients for " + std::to_string(m.vector_count) +
               " vectors of " + std::to_string(m.classes()) + " classes");
  for (const auto* list : {&m.rho, &m.prob_a, &m.prob_b})
    if (static_cast<int64_t>(list->size()) != m.pairs() && (list == &m.rho || !(m.prob_a.empty() && m.prob_b.empty())))
      return bad("rho, prob_a and prob_b must have an element for each of " + std::to_string(m.pairs()) +
                 " pairs of classes");
  return m;
}

double kernel_value(const Machine& m, const float* x, const float* v) {
  double sum = 0;
  for (int64_t i = 0; i < m.features; ++i) {
    const double a = x[i], b = v[i];
    sum += m.kernel == Kernel::rbf ? (a - b) * (a - b) : a * b;
  }
  switch (m.kernel) {
    case Kernel::linear: return sum;
    case Kernel::poly: return std::pow(m.gamma * sum + m.coef0, m.degree);
    case Kernel::rbf: return std::exp(-m.gamma * sum);
    case Kernel::sigmoid: return std::tanh(m.gamma * sum + m.coef0);
  }
  return 0;
}

std::vector<double> kernel_values(const Machine& m, const float* x) {
  std::vector<double> values(static_cast<size_t>(m.vector_count));
  for (int64_t i = 0; i < m.vector_count; ++i)
    values[static_cast<size_t>(i)] = kernel_value(m, x, m.vectors.data() + i * m.features);
  return values;
}

double linear_value(const Machine& m, const float* x, int64_t row) {
  double sum = m.rho[0];
  for (int64_t i = 0; i < m.features; ++i)
    sum += static_cast<double>(x[i]) * static_cast<double>(m.coefficients[static_cast<size_t>(row * m.features + i)]);
  return sum;
}

template <class F>
Status for_each_row(const Call& call, const Machine& m, F f) {
  const FeatureRows shape = feature_rows(call.input(0));
  if (shape.features != m.features)
    return call.error("the input has " + std::to_string(shape.features) + " features, the machine " +
                      std::to_string(m.features));
  const std::vector<float> x = numbers_as<float>(call.input(0));
  const int64_t work = std::max<int64_t>(1, m.features * std::max<int64_t>(1, m.vector_count));
  parallel_for(call.pool, shape.rows, std::max<int64_t>(1, (1 << 14) / work), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) f(row, x.data() + row * m.features);
  });
  return {};
}

Status check_features(const Inference& in, const Machine& m) {
  if (in.rank(0) < 1 || !in.dims(0)->back().known() || in.dims(0)->back().is(m.features)) return {};
  return in.error("the input has " + std::to_string(in.dims(0)->back().value()) + " features, the machine " +
                  std::to_string(m.features));
}

}  // namespace

// --- SVMRegressor

Status infer_svm_regressor(Inference& in) {
  VIVACE_TRY(require_feature_rows(in));
  VIVACE_ASSIGN(const std::shared_ptr<const Machine> m, prepared<Machine>(in.node, make_regressor));
  VIVACE_TRY(check_features(in, *m));
  in.set(0, DType::f32, {rows_of(in), 1});
  return {};
}

Status reference_svm_regressor(Call& call) {
  VIVACE_ASSIGN(const std::shared_ptr<const Machine> m, prepared<Machine>(call.node, make_regressor));
  return for_each_row(call, *m, [&](int64_t row, const float* x) {
    double sum = m->rho[0];
    if (m->vector_count == 0) {
      sum = linear_value(*m, x, 0);
    } else {
      const std::vector<double> kernels = kernel_values(*m, x);
      for (size_t i = 0; i < kernels.size(); ++i) sum += kernels[i] * static_cast<double>(m->coefficients[i]);
    }
    if (m->one_class) sum = sum > 0 ? 1 : -1;
    apply_transform(m->transform, {&sum, 1});
    call.output().as<float>()[row] = static_cast<float>(sum);
  });
}

// --- SVMClassifier

namespace {

// A score for each pair of classes i < j: above 0 it is a vote for i. Coefficients of class i against the class of
// number k of the others stand in row k, below the vectors of i.
std::vector<double> pair_scores(const Machine& m, const std::vector<double>& kernels, std::vector<int>& votes) {
  std::vector<double> scores;
  const auto part = [&](int64_t own, int64_t row) {
    double sum = 0;
    for (int64_t v = m.first_vector[static_cast<size_t>(own)]; v < m.first_vector[static_cast<size_t>(own) + 1]; ++v)
      sum += static_cast<double>(m.coefficients[static_cast<size_t>(row * m.vector_count + v)]) *
             kernels[static_cast<size_t>(v)];
    return sum;
  };
  for (int64_t i = 0; i < m.classes(); ++i)
    for (int64_t j = i + 1; j < m.classes(); ++j) {
      scores.push_back(part(i, j - 1) + part(j, i) + static_cast<double>(m.rho[scores.size()]));
      ++votes[static_cast<size_t>(scores.back() > 0 ? i : j)];
    }
  return scores;
}

// Probabilities of classes from those of pairs, by the second method of Wu, Lin and Weng, "Probability estimates for
// multi-class classification by pairwise coupling" (2004): minimises sum over pairs of (r_ji p_i - r_ij p_j)^2.
std::vector<double> couple(const Machine& m, const std::vector<double>& scores) {
  const auto n = static_cast<size_t>(m.classes());
  std::vector<double> r(n * n), q(n * n), p(n, 1.0 / static_cast<double>(n)), qp(n);
  for (size_t i = 0, k = 0; i < n; ++i)
    for (size_t j = i + 1; j < n; ++j, ++k) {
      const double one = 1 - logistic(scores[k] * static_cast<double>(m.prob_a[k]) + static_cast<double>(m.prob_b[k]));
      r[i * n + j] = std::clamp(one, 1e-7, 1 - 1e-7);
      r[j * n + i] = 1 - r[i * n + j];
    }
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) {
      if (i == j) continue;
      q[i * n + i] += r[j * n + i] * r[j * n + i];
      q[i * n + j] = -r[j * n + i] * r[i * n + j];
    }
  constexpr int kMostSteps = 100;
  for (int step = 0; step < kMostSteps; ++step) {
    double total = 0, error = 0;
    for (size_t i = 0; i < n; ++i) {
      qp[i] = 0;
      for (size_t j = 0; j < n; ++j) qp[i] += q[i * n + j] * p[j];
      total += p[i] * qp[i];
    }
    for (size_t i = 0; i < n; ++i) error = std::max(error, std::abs(qp[i] - total));
    if (error < 0.005 / static_cast<double>(n)) break;
    for (size_t i = 0; i < n; ++i) {
      const double change = (total - qp[i]) / q[i * n + i], scale = 1 + change;
      p[i] += change;
      total = (total + change * (change * q[i * n + i] + 2 * qp[i])) / scale / scale;
      for (size_t j = 0; j < n; ++j) {
        qp[j] = (qp[j] + change * q[i * n + j]) / scale;
        p[j] /= scale;
      }
    }
  }
  return p;
}

int64_t columns_of(const Machine& m) {
  const bool pairwise = m.vector_count > 0 && m.prob_a.empty();
  return pairwise ? std::max<int64_t>(2, m.pairs()) : m.classes();
}

}  // namespace

Status infer_svm_classifier(Inference& in) {
  VIVACE_TRY(require_feature_rows(in));
  VIVACE_ASSIGN(const std::shared_ptr<const Machine> m, prepared<Machine>(in.node, make_classifier));
  VIVACE_TRY(check_features(in, *m));
  if (m->classes() < 2) return in.error("a classifier needs two classes");
  in.set(0, m->labels.type(), {rows_of(in)});
  in.set(1, DType::f32, {rows_of(in), columns_of(*m)});
  return {};
}

Status reference_svm_classifier(Call& call) {
  VIVACE_ASSIGN(const std::shared_ptr<const Machine> m, prepared<Machine>(call.node, make_classifier));
  const int64_t columns = columns_of(*m);
  return for_each_row(call, *m, [&](int64_t row, const float* x) {
    std::vector<double> scores;
    size_t label = 0;
    const auto largest = [](const auto& list) {
      return static_cast<size_t>(std::max_element(list.begin(), list.end()) - list.begin());
    };
    if (m->vector_count == 0) {
      for (int64_t i = 0; i < m->classes(); ++i) scores.push_back(linear_value(*m, x, i));
      label = largest(scores);
      // Of two classes the second is meant by any score that is high enough.
      const bool high = m->all_positive ? scores[label] >= 0.5 : scores[label] > 0;
      if (m->classes() == 2 && m->prob_a.empty() && high) label = 1;
      apply_transform(m->transform, scores);
    } else {
      std::vector<int> votes(m->labels.size(), 0);
      scores = pair_scores(*m, kernel_values(*m, x), votes);
      label = largest(votes);
      if (!m->prob_a.empty()) scores = couple(*m, scores);
      if (scores.size() > 1) {
        apply_transform(m->transform, scores);
      } else {  // two classes, one score
        const double s = scores[0];
        scores = m->transform == PostTransform::none       ? std::vector{-s, s}
                 : m->transform == PostTransform::logistic ? std::vector{logistic(-s), logistic(s)}
                                                           : std::vector{1 - s, s};
      }
    }
    if (call.wants(0)) m->labels.write(call.output(0), row, label);
    if (call.wants(1)) std::copy(scores.begin(), scores.end(), call.output(1).as<float>() + row * columns);
  });
}

}  // namespace vivace::ops
