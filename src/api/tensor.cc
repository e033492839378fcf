// Tensors of the C interface.
#include <algorithm>

#include "api/handles.h"
#include "ops/kernel.h"

namespace vivace::api {

Info::Info(const std::string& name, const ir::Type& type, const plan::ShapeRange* range)
    : name_(name), type_(type.to_string()) {
  info_.name = name_.c_str();
  info_.dtype = static_cast<vivace_dtype>(type.dtype);
  info_.kind = static_cast<vivace_kind>(type.kind);
  info_.key = static_cast<vivace_dtype>(type.key);
  info_.type = type_.c_str();
  info_.rank = type.rank();
  if (type.element) {
    element_ = std::make_unique<Info>(name, *type.element);
    info_.element = element_->get();
  }
  if (type.dims) {
    for (const ir::Dim& d : *type.dims) {
      dims_.push_back(d.known() ? d.value() : -1);
      texts_.push_back(d.symbol());
    }
    for (const std::string& text : texts_) symbols_.push_back(text.empty() ? nullptr : text.c_str());
    info_.dims = dims_.data();
    info_.symbols = symbols_.data();
  }
  if (range) {
    min_ = range->min, opt_ = range->opt, max_ = range->max;
    info_.min = min_.data(), info_.opt = opt_.data(), info_.max = max_.data();
  }
}

Result<std::vector<TensorView>> views_of(const vivace_tensor* const* tensors, size_t count) {
  if (!tensors && count) return Status(Code::invalid_argument, "the list of input tensors is NULL");
  std::vector<TensorView> views;
  views.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    if (!tensors[i]) return Status(Code::invalid_argument, "input tensor " + std::to_string(i) + " is NULL");
    views.push_back(tensors[i]->tensor.view());
  }
  return views;
}

Result<Tensor> copy_of(const Tensor& tensor) {
  VIVACE_ASSIGN(Tensor copy, Tensor::allocate(tensor.type(), tensor.shape()));
  ops::copy_elements({copy, 0}, {tensor, 0}, tensor.count());
  return copy;
}

Result<std::vector<Shape>> shapes_of(const runtime::Engine& engine, const vivace_tensor* const* inputs, size_t count) {
  std::vector<Shape> shapes;
  if (!inputs) {
    for (const plan::ShapeRange& range : engine.ranges()) shapes.push_back(range.opt);
    return shapes;
  }
  if (count != engine.inputs().size())
    return Status(Code::invalid_argument, "the engine has " + std::to_string(engine.inputs().size()) + " inputs, not " + std::to_string(count));
  VIVACE_ASSIGN(const std::vector<TensorView> views, views_of(inputs, count));
  for (const TensorView& view : views) shapes.push_back(view.type == DType::list ? Shape() : view.shape);
  return shapes;
}

Result<Shape> shape_of(vivace_dtype dtype, int32_t rank, const int64_t* shape) {
  if (dtype <= VIVACE_UNDEFINED || static_cast<int>(dtype) >= kDTypeCount)
    return Status(Code::invalid_argument, "a tensor's element type " + std::to_string(dtype) + " is none");
  if (rank < 0 || (rank > 0 && !shape)) return Status(Code::invalid_argument, "a tensor needs a shape");
  Shape made(shape, shape + rank);
  if (!checked_elements(made)) return Status(Code::invalid_argument, "a tensor cannot have shape " + to_string(made));
  return made;
}

namespace {

Result<std::string*> element(const vivace_tensor& tensor, int64_t index) {
  if (tensor.tensor.type() != DType::string) return Status(Code::invalid_argument, "the tensor holds no strings");
  if (index < 0 || index >= tensor.tensor.count())
    return Status(Code::invalid_argument, "the tensor has " + std::to_string(tensor.tensor.count()) + " strings, and none at " + std::to_string(index));
  return tensor.tensor.as<std::string>() + index;
}

}  // namespace
}  // namespace vivace::api

using namespace vivace;

const char* vivace_dtype_name(vivace_dtype dtype) {
  return to_string(static_cast<DType>(std::clamp(static_cast<int>(dtype), 0, 255)));
}

vivace_dtype vivace_dtype_from_name(const char* name) {
  return name ? static_cast<vivace_dtype>(dtype_from_string(name)) : VIVACE_UNDEFINED;
}

int vivace_dtype_bits(vivace_dtype dtype) { return bits_of(static_cast<DType>(dtype)); }

vivace_status vivace_tensor_create(vivace_dtype dtype, int32_t rank, const int64_t* shape, vivace_tensor** tensor) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(tensor);
    VIVACE_ASSIGN(Shape dims, api::shape_of(dtype, rank, shape));
    VIVACE_ASSIGN(Tensor made, Tensor::allocate(static_cast<DType>(dtype), std::move(dims)));
    *tensor = new vivace_tensor{std::move(made)};
    return {};
  });
}

vivace_status vivace_tensor_wrap(vivace_dtype dtype, int32_t rank, const int64_t* shape, void* data, size_t bytes,
                                 vivace_tensor** tensor) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(tensor);
    VIVACE_ASSIGN(Shape dims, api::shape_of(dtype, rank, shape));
    if (dtype == VIVACE_STRING) return {Code::invalid_argument, "strings cannot be wrapped; use vivace_tensor_create"};
    Tensor made = Tensor::wrap(static_cast<DType>(dtype), std::move(dims), data, nullptr);
    if (made.bytes() != bytes)
      return {Code::invalid_argument, std::string("a tensor of ") + to_string(made.type()) + " and shape " +
                                          to_string(made.shape()) + " takes " + std::to_string(made.bytes()) +
                                          " bytes, not " + std::to_string(bytes)};
    if (bytes) VIVACE_NEED(data);
    *tensor = new vivace_tensor{std::move(made)};
    return {};
  });
}

void vivace_tensor_destroy(vivace_tensor* tensor) { delete tensor; }

vivace_dtype vivace_tensor_dtype(const vivace_tensor* tensor) {
  return tensor ? static_cast<vivace_dtype>(tensor->tensor.type()) : VIVACE_UNDEFINED;
}
int32_t vivace_tensor_rank(const vivace_tensor* tensor) {
  return tensor ? static_cast<int32_t>(tensor->tensor.shape().size()) : -1;
}
const int64_t* vivace_tensor_shape(const vivace_tensor* tensor) {
  return tensor ? tensor->tensor.shape().data() : nullptr;
}
int64_t vivace_tensor_count(const vivace_tensor* tensor) { return tensor ? tensor->tensor.count() : 0; }
void* vivace_tensor_data(const vivace_tensor* tensor) {
  return tensor && !are_objects(tensor->tensor.type()) ? tensor->tensor.data() : nullptr;
}
size_t vivace_tensor_bytes(const vivace_tensor* tensor) {
  return tensor && !are_objects(tensor->tensor.type()) ? tensor->tensor.bytes() : 0;
}

vivace_status vivace_tensor_set_string(vivace_tensor* tensor, int64_t index, const char* text, size_t length) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(tensor);
    if (length) VIVACE_NEED(text);
    VIVACE_ASSIGN(std::string* const at, api::element(*tensor, index));
    at->assign(text ? text : "", length);
    return {};
  });
}

vivace_status vivace_tensor_get_string(const vivace_tensor* tensor, int64_t index, const char** text, size_t* length) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(tensor);
    VIVACE_NEED(text);
    VIVACE_NEED(length);
    VIVACE_ASSIGN(const std::string* const at, api::element(*tensor, index));
    *text = at->data();
    *length = at->size();
    return {};
  });
}

vivace_status vivace_list_create(const vivace_tensor* const* elements, size_t count, vivace_tensor** list) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(list);
    if (count) VIVACE_NEED(elements);
    std::vector<Tensor> made;
    for (size_t i = 0; i < count; ++i) {
      if (!elements[i]) return {Code::invalid_argument, "element " + std::to_string(i) + " of the list is NULL"};
      Tensor element = elements[i]->tensor;
      if (!element.owner()) {  // it may come back in an output, which the caller keeps for longer
        VIVACE_ASSIGN(element, api::copy_of(element));
      }
      made.push_back(std::move(element));
    }
    *list = new vivace_tensor{Tensor::list(std::move(made))};
    return {};
  });
}

vivace_status vivace_list_element(const vivace_tensor* list, int64_t index, vivace_tensor** element) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(list);
    VIVACE_NEED(element);
    const Tensor& from = list->tensor;
    if (from.type() != DType::list) return {Code::invalid_argument, "the tensor is no list"};
    if (index < 0 || index >= from.count())
      return {Code::invalid_argument,
              "the list has " + std::to_string(from.count()) + " elements, and none at " + std::to_string(index)};
    *element = new vivace_tensor{from.as<Tensor>()[index]};
    return {};
  });
}
