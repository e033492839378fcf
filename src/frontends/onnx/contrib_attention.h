// What converters of ONNX Runtime's operators of attention share.
#pragma once

#include "frontends/onnx/contrib.h"

namespace vivace::onnx::contrib {

using ir::Value;

// What the standard's Attention takes. Q, K and V are all [B, S, heads * size] or all [B, heads, S, size].
struct AttentionParts {
  Value *q = nullptr, *k = nullptr, *v = nullptr;
  int64_t heads = 0, kv_heads = 0;
  Value* mask = nullptr;  // added to scores
  Value *past_key = nullptr, *past_value = nullptr;
  bool causal = false;
  float scale = 0, softcap = 0;  // 0: the default
  int64_t scores = 0;            // which are wanted, where a fourth output is
};
std::vector<Value*> attention_of(Step&, const AttentionParts&, size_t outputs);

/// A number of heads; the step fails where it is not positive.
int64_t heads_from(Step&, const char* attribute);

// [B, S, heads * size] <-> [B, heads, S, size]
Value* apart(Step&, Value* x, int64_t heads);
Value* together(Step&, Value* x);

}  // namespace vivace::onnx::contrib
