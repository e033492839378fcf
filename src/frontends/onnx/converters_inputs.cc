#include "frontends/onnx/converters.h"

namespace vivace::onnx {

namespace {

void set_input(Step& s, size_t index, ir::Value* value) {
  if (s.inputs.size() <= index) s.inputs.resize(index + 1, nullptr);
  s.inputs[index] = value;
}

// An attribute of integers becomes input `index`, a vector; false where it is absent.
bool move_integers(Step& s, const char* name, size_t index) {
  const auto at = s.attributes.find(name);
  if (at == s.attributes.end()) return false;
  const auto* values = std::get_if<std::vector<int64_t>>(&at->second);
  if (!values) {
    s.fail(s.error(std::string("attribute '") + name + "' must be a list of integers"));
    return false;
  }
  set_input(s, index, s.constant(*values));
  s.attributes.erase(at);
  return true;
}

// An attribute that is one float becomes input `index`, a scalar of the type of input 0.
void move_real(Step& s, const char* name, size_t index) {
  const auto at = s.attributes.find(name);
  if (at == s.attributes.end()) return;
  set_input(s, index, s.scalar(s.dtype(0), s.attributes.real(name)));
  s.attributes.erase(at);
}

}  // namespace

void axes_to_input(Step& s) {
  if (s.attributes.integers("axes").empty()) s.attributes.erase("axes");  // all axes, as without
  move_integers(s, "axes", 1);
}

void clip_bounds_to_inputs(Step& s) {
  move_real(s, "min", 1);
  move_real(s, "max", 2);
}

void dft_axis_to_input(Step& s) {
  set_input(s, 2, s.scalar(DType::i64, static_cast<double>(s.attributes.integer("axis", 1))));
  s.attributes.erase("axis");
}

void pad_names(Step& s) {
  if (auto pads = s.attributes.extract("paddings")) {
    pads.key() = "pads";
    s.attributes.insert(std::move(pads));
  }
}

void pads_to_inputs(Step& s) {
  move_integers(s, "pads", 1);
  move_real(s, "value", 2);
}

void reshape_shape_to_input(Step& s) { move_integers(s, "shape", 1); }

void slice_bounds_to_inputs(Step& s) {
  move_integers(s, "starts", 1);
  move_integers(s, "ends", 2);
  move_integers(s, "axes", 3);
}

void split_sizes_to_input(Step& s) { move_integers(s, "split", 1); }

void split_count(Step& s) {
  if (!s.input(1)) s.attributes["num_outputs"] = static_cast<int64_t>(s.outputs);
}

void tile_axis_to_repeats(Step& s) {
  const auto number = [&](size_t i) { return s.input(i) && s.input(i)->known && s.input(i)->known->size() == 1 ? (*s.input(i)->known)[0] : ir::Dim(); };
  const ir::Dim tiles = number(1), axis = number(2);
  if (!tiles.known() || !axis.known() || s.rank(0) < 0 || axis.value() < 0 || axis.value() >= s.rank(0))
    return s.fail(s.unsupported("tiles and axis must be constants, and the axis one of the input's"));
  std::vector<int64_t> repeats(static_cast<size_t>(s.rank(0)), 1);
  repeats[static_cast<size_t>(axis.value())] = tiles.value();
  s.inputs = {s.inputs[0], s.constant(std::move(repeats))};
}

void topk_count_to_input(Step& s) {
  set_input(s, 1, s.constant({s.attributes.integer("k")}));
  s.attributes.erase("k");
}

void upsample_sides_to_scales(Step& s) {
  s.attributes["scales"] = std::vector<float>{1, 1, s.attributes.real("height_scale"), s.attributes.real("width_scale")};
  s.attributes.erase("height_scale");
  s.attributes.erase("width_scale");
  if (s.attributes.text("mode") == "bilinear") s.attributes["mode"] = std::string("linear");
}

void upsample_scales_to_input(Step& s) {
  set_input(s, 1, s.graph.add_constant(Tensor::of(s.attributes.reals("scales"))));
  s.attributes.erase("scales");
}

}  // namespace vivace::onnx
