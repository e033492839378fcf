// Arithmetic on constants and facts about types that several passes need.
#pragma once

#include <optional>
#include <vector>

#include "ir/graph.h"

namespace vivace::passes {

/// Half a unit in the last place of 1: 2^-24 for f32, 2^-11 for f16, 2^-8 for bf16, 2^-53 for f64.
double rounding_of(DType type);

/// A tensor of a float type with these elements, each rounded once.
Tensor float_tensor(DType type, Shape shape, const std::vector<double>& values);
/// A scalar of a float type.
inline Tensor float_scalar(DType type, double value) { return float_tensor(type, {}, {value}); }

/// x * factors along one axis; computed in f64, rounded once.
Tensor scaled_along(const Tensor& x, int axis, const std::vector<double>& factors);

/// No element of a float tensor is infinite or NaN.
bool all_finite(const Tensor& x);

/// The one value all elements of a float or integer constant have; empty for NaN too.
std::optional<double> splat_of(const ir::Value* value);

/// The same as f32, as attributes and parameters of fused operators are; empty where that is another number, as of f64.
std::optional<float> f32_splat_of(const ir::Value* value);

/// The one value all elements have, where that follows from constants even if the size does not.
std::optional<double> filled_with(const ir::Value* value);

/// The elements along `axis` of a float constant that broadcasts to `rank` dimensions and is the same along all others:
/// `channels` numbers. Empty where it is no such constant.
std::optional<std::vector<double>> per_channel(const ir::Value* value, int rank, int axis, int64_t channels);

/// The dimension where it is a number.
std::optional<int64_t> dim_of(const ir::Value* value, int axis);
/// Equal element types and certainly equal dimensions.
bool same_type(const ir::Value* a, const ir::Value* b);
/// Certainly equal dimensions, each.
bool same_dims(const ir::Dims& a, const ir::Dims& b);

/// Checks that `with` can stand for `old`, and gives it what is known of old's type; internal error where they clash.
Status keep_type(const ir::Value& old, ir::Value& with);

/// Integer elements of a constant; empty where the value is none.
std::optional<std::vector<int64_t>> constant_ints(const ir::Value* value);
/// The shape input of a Reshape from `in` to `out`: numbers, 0 for a symbol kept in its place, one -1 for another.
/// Empty where that does not say it.
std::optional<std::vector<int64_t>> reshape_shape(const ir::Dims& in, const ir::Dims& out);
/// The permutation of a Transpose whose input's rank is known; empty otherwise.
std::vector<int64_t> permutation_of(const ir::Node& transpose);

}  // namespace vivace::passes
