// One step of the optimizers that train models (ai.onnx.preview.training), written as arithmetic.
#include "frontends/onnx/converters.h"

namespace vivace::onnx {

namespace {

// Inputs: learning rate, count of updates, then groups of as many tensors each: what is trained, its gradients, and
// what the optimizer remembers of them. Outputs: the first group and what is remembered, made new.
class Update {
 public:
  Update(Step& step, size_t groups, size_t kept) : s_(step) {
    const size_t given = s_.inputs.size() < 2 ? 0 : s_.inputs.size() - 2;
    count_ = given / groups;
    bool typed = count_ > 0 && given % groups == 0 && s_.outputs <= count_ * kept;
    for (const ir::Value* input : s_.inputs) typed = typed && input;
    if (!typed) {
      s_.fail(s_.error("its inputs are a learning rate, a count of updates, and " + std::to_string(groups) +
                       " groups of as many tensors"));
      return;
    }
    for (size_t i = 2; i < s_.inputs.size(); ++i)
      if (s_.dtype(i) != DType::f32 && s_.dtype(i) != DType::f64)
        s_.fail(s_.error("input " + std::to_string(i) + " must be f32 or f64"));
    s_.results.resize(count_ * kept);
  }

  // Runs f(i) for each tensor that is trained.
  template <class F>
  void each(F f) {
    for (index_ = 0; index_ < count_ && s_.status.ok(); ++index_) f();
  }

  ir::Value* member(size_t group) const { return s_.input(2 + group * count_ + index_); }
  ir::Value* rate() const { return as_trained(s_.input(0)); }
  ir::Value* updates() const { return as_trained(s_.input(1)); }
  ir::Value* number(double value) const { return s_.scalar(type(), value); }
  ir::Value* attribute(const char* name, float otherwise) const { return number(s_.attributes.real(name, otherwise)); }
  ir::Value* add(ir::Value* a, ir::Value* b) const { return s_.add("Add", {a, b}); }
  ir::Value* subtract(ir::Value* a, ir::Value* b) const { return s_.add("Sub", {a, b}); }
  ir::Value* multiply(ir::Value* a, ir::Value* b) const { return s_.add("Mul", {a, b}); }
  ir::Value* divide(ir::Value* a, ir::Value* b) const { return s_.add("Div", {a, b}); }
  ir::Value* root(ir::Value* a) const { return s_.add("Sqrt", {a}); }
  // The gradient with that of the squared norm.
  ir::Value* gradient() const { return add(multiply(attribute("norm_coefficient", 0), member(0)), member(1)); }
  // a share of what was, the rest of what is.
  ir::Value* average(ir::Value* share, ir::Value* was, ir::Value* is) const {
    return add(multiply(share, was), multiply(subtract(number(1), share), is));
  }
  // `later` from the second update on.
  ir::Value* unless_first(ir::Value* later, ir::Value* first) const {
    return s_.add("Where", {s_.add("Greater", {updates(), number(0)}), later, first});
  }
  void give(size_t group, ir::Value* value) const { s_.results[group * count_ + index_] = value; }

 private:
  DType type() const { return s_.dtype(2 + index_); }
  ir::Value* as_trained(ir::Value* value) const {
    return s_.add("Cast", {value}, {{"to", static_cast<int64_t>(type())}});
  }

  Step& s_;
  size_t count_ = 0, index_ = 0;
};

}  // namespace

// Duchi, Hazan, Singer, 2011.
void adagrad(Step& s) {
  Update u(s, 3, 2);
  u.each([&] {
    ir::Value* rate = u.divide(u.rate(), u.add(u.number(1), u.multiply(u.updates(), u.attribute("decay_factor", 0))));
    ir::Value* g = u.gradient();
    ir::Value* squares = u.add(u.member(2), u.multiply(g, g));
    ir::Value* step = u.divide(u.multiply(rate, g), u.add(u.root(squares), u.attribute("epsilon", 1e-6f)));
    u.give(0, u.subtract(u.member(0), step));
    u.give(1, squares);
  });
}

// Kingma, Ba, 2014.
void adam(Step& s) {
  Update u(s, 4, 3);
  u.each([&] {
    ir::Value *alpha = u.attribute("alpha", 0.9f), *beta = u.attribute("beta", 0.999f), *g = u.gradient();
    ir::Value *mean = u.average(alpha, u.member(2), g), *squares = u.average(beta, u.member(3), u.multiply(g, g));
    const auto bias = [&](ir::Value* share) { return u.subtract(u.number(1), s.add("Pow", {share, u.updates()})); };
    ir::Value* rate = u.unless_first(u.divide(u.multiply(u.rate(), u.root(bias(beta))), bias(alpha)), u.rate());
    ir::Value* step = u.divide(u.multiply(rate, mean), u.add(u.root(squares), u.attribute("epsilon", 1e-6f)));
    ir::Value* kept = u.subtract(u.number(1), u.attribute("norm_coefficient_post", 0));
    u.give(0, u.multiply(kept, u.subtract(u.member(0), step)));
    u.give(1, mean);
    u.give(2, squares);
  });
}

void momentum(Step& s) {
  const std::string mode = s.attributes.text("mode");
  if (mode != "standard" && mode != "nesterov") return s.fail(s.error("unknown mode '" + mode + "'"));
  Update u(s, 3, 2);
  u.each([&] {
    ir::Value *alpha = u.attribute("alpha", 0), *g = u.gradient();
    ir::Value* beta = u.unless_first(u.attribute("beta", 0), u.number(1));
    ir::Value* velocity = u.add(u.multiply(alpha, u.member(2)), u.multiply(beta, g));
    ir::Value* direction = mode == "nesterov" ? u.add(g, u.multiply(alpha, velocity)) : velocity;
    u.give(0, u.subtract(u.member(0), u.multiply(u.rate(), direction)));
    u.give(1, velocity);
  });
}

}  // namespace vivace::onnx
