// Arithmetic put into the form the other rules look for, or a cheaper one. Each rule states what it does to the result.
#include <algorithm>
#include <cmath>

#include "passes/constants.h"
#include "passes/rules.h"

namespace vivace::passes {

// Correctly rounded products against a power function: at most 2 units in the last place.
const Rule power_to_products{
    .name = "power_to_products",
    .purpose = "x^2, x^3, x^0.5, x^-0.5 and x^-1 by products, square root and reciprocal",
    .pattern = op("Pow", any("x").floating(), scalar("exponent")),
    .build =
        [](const Match& m, Rewriter& to) {
          ir::Value* x = m["x"];
          const double exponent = *splat_of(m["exponent"]);
          if (!same_type(x, m.root())) return false;
          if (exponent == 2) return to.replace(m.root(), to.add("Mul", {x, x}));
          if (exponent == 3) return to.replace(m.root(), to.add("Mul", {to.add("Mul", {x, x}), x}));
          if (exponent == 0.5) return to.replace(m.root(), to.add("Sqrt", {x}));
          if (exponent == -0.5) return to.replace(m.root(), to.add("Reciprocal", {to.add("Sqrt", {x})}));
          if (exponent == -1) return to.replace(m.root(), to.add("Reciprocal", {x}));
          return false;
        },
};

// Exact: the reciprocal of a power of two is one, as long as it is a normal number.
const Rule divide_to_multiply{
    .name = "divide_to_multiply",
    .purpose = "a division by constant powers of two is a multiplication",
    .pattern = op("Div", any("x"), constant("divisor").floating()),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Value* divisor = m["divisor"];
          std::vector<double> values = to_double(divisor->constant());
          for (double& v : values) {
            int exponent = 0;
            const int most = divisor->type.dtype == DType::f16 ? 13 : 120;
            if (v == 0 || !std::isfinite(v) || std::abs(std::frexp(v, &exponent)) != 0.5 || std::abs(exponent) > most)
              return false;
            v = 1 / v;
          }
          ir::Value* factor = to.constant(float_tensor(divisor->type.dtype, divisor->constant().shape(), values));
          return to.replace(m.root(), to.add("Mul", {m["x"], factor}));
        },
};

// Exact.
const Rule subtract_to_add{
    .name = "subtract_to_add",
    .purpose = "x - c is x + -c",
    .pattern = op("Sub", any("x"), constant("c").floating()),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Value* c = m["c"];
          std::vector<double> values = to_double(c->constant());
          for (double& v : values) v = -v;
          ir::Value* negated = to.constant(float_tensor(c->type.dtype, c->constant().shape(), values), c->name);
          return to.replace(m.root(), to.add("Add", {m["x"], negated}));
        },
};

// One rounding instead of two: 1.5 units in the last place. Refused where the product leaves the comfortable range.
const Rule merge_scalar_factors{
    .name = "merge_scalar_factors",
    .purpose = "(x * a) * b is x * (a * b)",
    .pattern = op("Mul", op("Mul", any("x"), scalar("a").floating()).commutative().single_use(), scalar("b").floating())
                   .commutative(),
    .build =
        [](const Match& m, Rewriter& to) {
          const DType type = m["a"]->type.dtype;
          const double product = *splat_of(m["a"]) * *splat_of(m["b"]);
          const double most = type == DType::f16 ? 0x1p13 : 0x1p100;
          if (!same_type(m["x"], m.root()) || !(std::abs(product) < most && std::abs(product) > 1 / most)) return false;
          return to.replace(m.root(), to.add("Mul", {m["x"], to.scalar(type, product)}));
        },
};

// Differs by the rounding of the larger of x, a and b.
const Rule merge_added_constants{
    .name = "merge_added_constants",
    .purpose = "(x + a) + b is x + (a + b) for scalars",
    .pattern = op("Add", op("Add", any("x"), scalar("a").floating()).commutative().single_use(), scalar("b").floating())
                   .commutative(),
    .build =
        [](const Match& m, Rewriter& to) {
          if (!same_type(m["x"], m.root())) return false;
          ir::Value* sum = to.scalar(m["a"]->type.dtype, *splat_of(m["a"]) + *splat_of(m["b"]));
          return to.replace(m.root(), to.add("Add", {m["x"], sum}));
        },
};

const Rule reduce_mean_to_global_pool{
    .name = "reduce_mean_to_global_pool",
    .purpose = "the mean over all spatial dimensions is GlobalAveragePool",
    .pattern = op("ReduceMean", any("x").floating(), constant("axes")),
    .build =
        [](const Match& m, Rewriter& to) {
          const int rank = m["x"]->type.rank();
          if (rank != 4 && rank != 5) return false;
          std::vector<int64_t> axes = *constant_ints(m["axes"]);
          for (int64_t& axis : axes) axis = axis < 0 ? axis + rank : axis;
          std::sort(axes.begin(), axes.end());
          axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
          if (static_cast<int>(axes.size()) != rank - 2 || axes[0] != 2) return false;
          ir::Value* pooled = to.add("GlobalAveragePool", {m["x"]});
          if (m.root_node()->attributes.integer("keepdims", 1) == 0) {
            if (!m.root()->type.dims) return false;
            pooled = to.reshape(pooled, *m.root()->type.dims);
          }
          return pooled && to.replace(m.root(), pooled);
        },
};

const Rule average_pool_to_global_pool{
    .name = "average_pool_to_global_pool",
    .purpose = "an AveragePool over the whole of its input is GlobalAveragePool",
    .pattern = op("AveragePool", any("x")),
    .build =
        [](const Match& m, Rewriter& to) {
          const std::vector<int64_t> kernel = m.root_node()->attributes.integers("kernel_shape");
          for (const int64_t pad : m.root_node()->attributes.integers("pads"))
            if (pad != 0) return false;
          for (size_t i = 0; i < kernel.size(); ++i)
            if (dim_of(m["x"], static_cast<int>(i) + 2) != kernel[i] || dim_of(m.root(), static_cast<int>(i) + 2) != 1)
              return false;
          return to.replace(m.root(), to.add("GlobalAveragePool", {m["x"]}));
        },
};

}  // namespace vivace::passes
