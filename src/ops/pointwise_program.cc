#include "ops/pointwise_program.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace vivace {

namespace {

constexpr PointwiseOpInfo kOps[] = {
#define VIVACE_OP(name, operands, parameters) {#name, operands, parameters},
    VIVACE_POINTWISE_OPS(VIVACE_OP)
#undef VIVACE_OP
};

Status invalid(const std::string& message) { return {Code::invalid_argument, "pointwise program: " + message}; }

std::string number(float value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char text[32];
  for (int digits = 1; digits <= 9; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, static_cast<double>(value));
    if (std::strtof(text, nullptr) == value) break;
  }
  return text;
}

bool read_number(std::string_view token, float& value) {
  const std::string text(token);
  char* end = nullptr;
  value = std::strtof(text.c_str(), &end);
  return !text.empty() && *end == '\0';
}

// "x12" -> 12 for letter x; -1 where it is something else.
int read_index(std::string_view token, char letter) {
  if (token.size() < 2 || token.size() > 6 || token[0] != letter) return -1;
  int index = 0;
  for (char digit : token.substr(1)) {
    if (digit < '0' || digit > '9') return -1;
    index = index * 10 + (digit - '0');
  }
  return index;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

template <class T>
T softplus(T x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

template <class T>
T apply(const PointwiseInstruction& i, T a, T b, T c) {
  using Op = PointwiseOp;
  const T alpha = i.alpha, beta = i.beta, one = 1;
  const auto clip = [](T x, T lo, T hi) { return x < lo ? lo : x > hi ? hi : x; };
  const auto elu = [&](T x) { return x < 0 ? alpha * std::expm1(x) : x; };
  switch (i.op) {
    case Op::constant: return alpha;
    case Op::add: return a + b;
    case Op::sub: return a - b;
    case Op::mul: return a * b;
    case Op::div: return a / b;
    case Op::pow: return std::pow(a, b);
    case Op::max: return a > b || std::isnan(a) ? a : b;
    case Op::min: return a < b || std::isnan(a) ? a : b;
    case Op::less: return a < b;
    case Op::less_equal: return a <= b;
    case Op::greater: return a > b;
    case Op::greater_equal: return a >= b;
    case Op::equal: return a == b;
    case Op::not_equal: return a != b;
    case Op::logical_and: return a != 0 && b != 0;
    case Op::logical_or: return a != 0 || b != 0;
    case Op::logical_not: return a == 0;
    case Op::fma: return a * b + c;
    case Op::where: return a != 0 ? b : c;
    case Op::neg: return -a;
    case Op::abs: return std::fabs(a);
    case Op::sign: return a > 0 ? one : a < 0 ? -one : a;
    case Op::reciprocal: return one / a;
    case Op::sqrt: return std::sqrt(a);
    case Op::rsqrt: return one / std::sqrt(a);
    case Op::square: return a * a;
    case Op::floor: return std::floor(a);
    case Op::ceil: return std::ceil(a);
    case Op::round: return std::nearbyint(a);
    case Op::exp: return std::exp(a);
    case Op::log: return std::log(a);
    case Op::sin: return std::sin(a);
    case Op::cos: return std::cos(a);
    case Op::tanh: return std::tanh(a);
    case Op::erf: return std::erf(a);
    case Op::sigmoid: return one / (one + std::exp(-a));
    case Op::relu: return a < 0 ? T(0) : a;
    case Op::clip: return clip(a, alpha, beta);
    case Op::leaky_relu: return a < 0 ? alpha * a : a;
    case Op::elu: return elu(a);
    case Op::selu: return beta * elu(a);
    case Op::hard_sigmoid: return clip(alpha * a + beta, 0, 1);
    case Op::hard_swish: return a * clip(a / 6 + T(0.5), 0, 1);
    case Op::silu: return a / (one + std::exp(-a));
    case Op::gelu: return a * T(0.5) * (one + std::erf(a * T(M_SQRT1_2)));
    case Op::gelu_tanh:
      return a * T(0.5) * (one + std::tanh(T(M_2_SQRTPI * M_SQRT1_2) * (a + T(0.044715) * a * a * a)));
    case Op::softplus: return softplus(a);
    case Op::softsign: return a / (one + std::fabs(a));
    case Op::mish: return a * std::tanh(softplus(a));
  }
  return 0;
}

template <class T>
T evaluate_as(const PointwiseProgram& program, const T* inputs) {
  std::vector<T> values(inputs, inputs + program.inputs);
  for (const PointwiseInstruction& i : program.instructions) {
    const auto value = [&](int k) { return i.operand[k] < 0 ? T(0) : values[static_cast<size_t>(i.operand[k])]; };
    values.push_back(apply<T>(i, value(0), value(1), value(2)));
  }
  return values.back();
}

// Turns text into a program one instruction at a time.
class Parser {
 public:
  Result<PointwiseProgram> parse(std::string_view text) {
    const std::vector<std::string_view> lines = split(text, ';');
    // Inputs come before results in the numbering of operands: count them first.
    for (const std::string_view line : lines) {
      const std::vector<std::string_view> words = split(line, ' ');
      if (words.size() == 2 && words[0] == "inputs") {
        float count = 0;
        if (!read_number(words[1], count) || count < 0 || count > 9999 || count != std::floor(count))
          return invalid("'" + std::string(words[1]) + "' is no number of inputs");
        program_.inputs = std::max(program_.inputs, static_cast<int>(count));
      }
      for (const std::string_view word : words) program_.inputs = std::max(program_.inputs, read_index(word, 'x') + 1);
    }
    for (const std::string_view line : lines) {
      const std::vector<std::string_view> words = split(line, ' ');
      if (!words.empty() && words[0] != "inputs") VIVACE_TRY(instruction(words));
    }
    VIVACE_TRY(verify(program_));
    return program_;
  }

 private:
  Status instruction(std::vector<std::string_view> words) {
    int name = -1;
    if (words.size() >= 2 && words[1] == "=") {
      name = read_index(words[0], 't');
      if (name < 0) return invalid("'" + std::string(words[0]) + "' is no name of a result, such as t0");
      words.erase(words.begin(), words.begin() + 2);
    }
    if (words.empty()) return invalid("an instruction is empty");
    size_t op = 0;
    while (op < std::size(kOps) && words[0] != kOps[op].name) ++op;
    if (op == std::size(kOps)) return invalid("there is no instruction '" + std::string(words[0]) + "'");
    const PointwiseOpInfo& about = kOps[op];
    const size_t operands = static_cast<size_t>(about.operands), parameters = static_cast<size_t>(about.parameters);
    if (words.size() != 1 + operands + parameters)
      return invalid(std::string(about.name) + " takes " + std::to_string(operands) + " operands and " +
                     std::to_string(parameters) + " parameters");
    PointwiseInstruction i{.op = static_cast<PointwiseOp>(op)};
    for (size_t k = 0; k < operands; ++k) VIVACE_TRY(operand(words[1 + k], i.operand[k]));
    float value[2] = {0, 0};
    for (size_t k = 0; k < parameters; ++k)
      if (!read_number(words[1 + operands + k], value[k]))
        return invalid("'" + std::string(words[1 + operands + k]) + "' is no number");
    const int result = program_.append(i.op, i.operand[0], i.operand[1], i.operand[2], value[0], value[1]);
    if (name >= 0) named_.emplace_back(name, result);
    return {};
  }

  Status operand(std::string_view word, int& index) {
    if ((index = read_index(word, 'x')) >= 0) return {};
    if (const int name = read_index(word, 't'); name >= 0) {
      for (auto it = named_.rbegin(); it != named_.rend(); ++it)
        if (it->first == name) return index = it->second, Status();
      return invalid("'" + std::string(word) + "' is used before it is computed");
    }
    float value = 0;
    if (!read_number(word, value)) return invalid("'" + std::string(word) + "' is no operand: x0, t0 or a number");
    for (size_t i = 0; i < program_.instructions.size(); ++i) {
      const PointwiseInstruction& known = program_.instructions[i];
      if (known.op == PointwiseOp::constant && std::memcmp(&known.alpha, &value, sizeof value) == 0)
        return index = program_.inputs + static_cast<int>(i), Status();
    }
    index = program_.append(PointwiseOp::constant, -1, -1, -1, value);
    return {};
  }

  PointwiseProgram program_;
  std::vector<std::pair<int, int>> named_;  // (number of t, operand)
};

}  // namespace

int PointwiseProgram::append(PointwiseOp op, int a, int b, int c, float alpha, float beta) {
  instructions.push_back({op, {a, b, c}, alpha, beta});
  return inputs + static_cast<int>(instructions.size()) - 1;
}

const PointwiseOpInfo& info(PointwiseOp op) { return kOps[static_cast<size_t>(op)]; }

Status verify(const PointwiseProgram& program) {
  if (program.inputs < 0) return invalid("a negative number of inputs");
  if (program.instructions.empty()) return invalid("it has no instruction");
  int known = program.inputs;
  for (const PointwiseInstruction& i : program.instructions) {
    if (static_cast<size_t>(i.op) >= std::size(kOps)) return invalid("an unknown instruction");
    for (int k = 0; k < 3; ++k) {
      const bool used = k < info(i.op).operands;
      if (used && (i.operand[k] < 0 || i.operand[k] >= known))
        return invalid(std::string("operand ") + std::to_string(k) + " of " + info(i.op).name +
                       " does not come earlier");
      if (!used && i.operand[k] != -1)
        return invalid(std::string(info(i.op).name) + " takes only " + std::to_string(info(i.op).operands) +
                       " operands");
    }
    ++known;
  }
  return {};
}

std::string to_string(const PointwiseProgram& program) {
  int used = 0;
  std::vector<int> names(program.instructions.size(), -1);
  for (const PointwiseInstruction& i : program.instructions)
    for (const int operand : i.operand)
      if (operand < program.inputs) used = std::max(used, operand + 1);
  std::string text = used == program.inputs ? "" : "inputs " + std::to_string(program.inputs) + "; ";
  int results = 0;
  for (size_t n = 0; n < program.instructions.size(); ++n) {
    const PointwiseInstruction& i = program.instructions[n];
    const bool last = n + 1 == program.instructions.size();
    if (i.op == PointwiseOp::constant && !last) continue;  // printed where it is used
    if (!last) names[n] = results++, text += "t" + std::to_string(names[n]) + " = ";
    text += info(i.op).name;
    for (int k = 0; k < info(i.op).operands; ++k) {
      if (i.operand[k] < program.inputs) {
        text += " x" + std::to_string(i.operand[k]);
        continue;
      }
      const size_t from = static_cast<size_t>(i.operand[k] - program.inputs);
      text += " " + (names[from] < 0 ? number(program.instructions[from].alpha) : "t" + std::to_string(names[from]));
    }
    if (info(i.op).parameters > 0) text += " " + number(i.alpha);
    if (info(i.op).parameters > 1) text += " " + number(i.beta);
    if (!last) text += "; ";
  }
  return text;
}

Result<PointwiseProgram> parse_pointwise(std::string_view text) { return Parser().parse(text); }

double evaluate(const PointwiseProgram& program, const double* inputs) { return evaluate_as(program, inputs); }
float evaluate(const PointwiseProgram& program, const float* inputs) { return evaluate_as(program, inputs); }

}  // namespace vivace
