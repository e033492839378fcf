#include "frontends/onnx/tensors.h"

#include <charconv>
#include <cstring>
#include <filesystem>

namespace vivace::onnx {

namespace {

Status bad(const std::string& what) { return {Code::invalid_model, what}; }

std::string described(DType type, const Shape& shape) { return std::string(to_string(type)) + " " + to_string(shape); }

Status wrong_length(DType type, const Shape& shape, size_t has, size_t needs, const char* unit) {
  std::string what = "it holds " + std::to_string(has) + unit + " of data, but " + described(type, shape) + " takes " +
                     std::to_string(needs);
  if (has == 0) what += "; was the model saved without its weights?";
  return bad(what);
}

// The dimensions that are not 0 must have a product that can be counted, so that strides can too.
Status check_shape(const Shape& shape) {
  int64_t count = 1;
  bool fine = shape.size() <= 1024;
  for (const int64_t d : shape) fine = fine && d >= 0 && !__builtin_mul_overflow(count, d == 0 ? 1 : d, &count);
  return fine && count <= (int64_t{1} << 56) ? Status() : bad("shape " + to_string(shape) + " is not one a tensor can have");
}

Bytes as_text(const MappedFile& file) { return {reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()}; }

bool parse_number(Bytes text, uint64_t& to) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  return error == std::errc() && end == text.data() + text.size();
}

// Copies numbers of a typed data field, narrowing each to To.
template <class To, class From>
Result<Tensor> narrowed(DType type, const Shape& shape, const std::vector<From>& values, size_t expected) {
  if (values.size() != expected) return wrong_length(type, shape, values.size(), expected, " numbers");
  VIVACE_ASSIGN(Tensor tensor, Tensor::allocate(type, shape));
  To* to = tensor.as<To>();
  for (const From value : values) *to++ = static_cast<To>(value);
  return tensor;
}

Result<Tensor> from_strings(const Shape& shape, const std::vector<Bytes>& values) {
  const auto count = static_cast<size_t>(elements(shape));
  if (values.size() != count) return wrong_length(DType::string, shape, values.size(), count, " strings");
  VIVACE_ASSIGN(Tensor tensor, Tensor::allocate(DType::string, shape));
  for (size_t i = 0; i < count; ++i) tensor.as<std::string>()[i] = std::string(values[i]);
  return tensor;
}

// Data in the typed fields. 16-bit and smaller types are in int32_data as their bits, one number each; types of less
// than a byte as packed bytes, one number for each byte. Complex numbers are pairs.
Result<Tensor> from_typed(const proto::Tensor& t, DType type) {
  const Shape& shape = t.dims;
  const auto count = static_cast<size_t>(elements(shape));
  switch (type) {
    case DType::f32: return narrowed<float>(type, shape, t.floats, count);
    case DType::c64: return narrowed<float>(type, shape, t.floats, 2 * count);
    case DType::f64: return narrowed<double>(type, shape, t.doubles, count);
    case DType::c128: return narrowed<double>(type, shape, t.doubles, 2 * count);
    case DType::i64: return narrowed<int64_t>(type, shape, t.int64s, count);
    case DType::u64: return narrowed<uint64_t>(type, shape, t.uint64s, count);
    case DType::u32: return narrowed<uint32_t>(type, shape, t.uint64s, count);
    case DType::i32: return narrowed<int32_t>(type, shape, t.int32s, count);
    case DType::boolean: return narrowed<bool>(type, shape, t.int32s, count);
    case DType::string: return from_strings(shape, t.strings);
    default: break;
  }
  return bits_of(type) == 16 ? narrowed<uint16_t>(type, shape, t.int32s, count)
                             : narrowed<uint8_t>(type, shape, t.int32s, byte_size(type, static_cast<int64_t>(count)));
}

}  // namespace

DType dtype_of_number(int32_t number) {
  return number > 0 && number < kDTypeCount ? static_cast<DType>(number) : DType::undefined;
}

Result<Tensor> TensorReader::from_bytes(DType type, const Shape& shape, Bytes bytes,
                                        const MappedFile& file) const {
  const size_t needs = byte_size(type, elements(shape));
  if (bytes.size() != needs) return wrong_length(type, shape, bytes.size(), needs, " bytes");
  // Kernels may read one line past a tensor's end: the pages of the map must reach that far.
  constexpr size_t kPage = 4096;
  if (file.owner && type != DType::boolean && needs > 0 && reinterpret_cast<uintptr_t>(bytes.data()) % kAlignment == 0) {
    const size_t end = static_cast<size_t>(bytes.data() - as_text(file).data()) + needs;
    if (end + kAlignment <= (file.bytes.size() + kPage - 1) / kPage * kPage)
      return Tensor::wrap(type, shape, const_cast<char*>(bytes.data()), file.owner);
  }
  VIVACE_ASSIGN(Tensor tensor, Tensor::allocate(type, shape));
  if (type == DType::boolean) {
    for (size_t i = 0; i < needs; ++i) tensor.as<bool>()[i] = bytes[i] != 0;
  } else if (needs > 0) {
    std::memcpy(tensor.data(), bytes.data(), needs);
  }
  return tensor;
}

Result<Tensor> TensorReader::read(const proto::Tensor& t) {
  const DType type = dtype_of_number(t.data_type);
  if (type == DType::undefined)
    return bad("element type " + std::to_string(t.data_type) + " is not one of the standard's");
  VIVACE_TRY(check_shape(t.dims));
  if (t.segmented) return Status(Code::unsupported, "tensors stored in segments are not supported");
  if (t.data_location == 1) return read_external(t, type);
  if (!t.raw) return from_typed(t, type);
  if (type == DType::string) return bad("strings must be in string_data, not in raw_data");
  return from_bytes(type, t.dims, *t.raw, file_);
}

Result<Tensor> TensorReader::read_external(const proto::Tensor& t, DType type) {
  if (type == DType::string) return bad("strings cannot be external data");
  std::string location;
  uint64_t offset = 0, length = byte_size(type, elements(t.dims));
  for (const proto::Entry& entry : t.external) {
    if (entry.key == "location") location = std::string(entry.value);
    if (entry.key == "offset" && !parse_number(entry.value, offset))
      return bad("external data: offset '" + std::string(entry.value) + "' is not a number");
    if (entry.key == "length" && !parse_number(entry.value, length))
      return bad("external data: length '" + std::string(entry.value) + "' is not a number");
  }
  VIVACE_ASSIGN(const MappedFile file, open_external(location));
  const Bytes all = as_text(file);
  if (offset > all.size() || length > all.size() - offset)
    return Status(Code::corrupt_file, "external data: bytes " + std::to_string(offset) + " to " +
                                          std::to_string(offset) + "+" + std::to_string(length) + " are beyond the " +
                                          std::to_string(all.size()) + " bytes of '" + location + "'; is it cut off?");
  return from_bytes(type, t.dims, all.substr(offset, length), file);
}

Result<MappedFile> TensorReader::open_external(const std::string& location) {
  namespace fs = std::filesystem;
  const auto refused = [&](const std::string& why) {
    return Status(Code::invalid_model, "external data '" + location + "' " + why);
  };
  if (const auto at = external_.find(location); at != external_.end()) return at->second;
  if (location.empty() || location.find('\0') != std::string::npos) return refused("has no file name");
  if (base_dir_.empty()) return refused("needs the model's folder, and a model in memory has none");
  const fs::path relative(location);
  bool leaves = relative.is_absolute();
  for (const fs::path& part : relative) leaves |= part == "..";
  std::error_code error;
  const fs::path base = fs::canonical(base_dir_, error);
  if (error) return Status(Code::io_error, "cannot open the folder '" + base_dir_ + "': " + error.message());
  const fs::path path = fs::canonical(base / relative, error);  // links resolved
  if (!leaves && error)
    return Status(Code::io_error, "cannot read external data '" + (base / relative).string() + "': " + error.message() +
                                      "; it belongs beside the model");
  const std::string inside = base == base.root_path() ? base.string() : base.string() + "/";
  if (leaves || !path.string().starts_with(inside)) return refused("lies outside the model's folder and is not read");
  VIVACE_ASSIGN(MappedFile file, map_file(path.string()));
  external_[location] = file;
  return file;
}

Result<Tensor> TensorReader::read_sparse(Bytes message) {
  const proto::SparseTensor sparse = proto::decode_sparse_tensor(message);
  VIVACE_ASSIGN(const Tensor values, read(sparse.values));
  VIVACE_ASSIGN(const Tensor indices, read(sparse.indices));
  const auto rank = static_cast<int64_t>(sparse.dims.size());
  VIVACE_TRY(check_shape(sparse.dims));
  const int64_t n = values.count(), count = elements(sparse.dims);
  const bool linear = indices.shape().size() == 1, coordinates = indices.shape() == Shape{n, rank};
  if (values.shape().size() != 1 || indices.type() != DType::i64 || !(linear || coordinates) || indices.shape()[0] != n)
    return bad("a sparse tensor's values must be 1-D and its indices i64 [values] or [values, rank]");
  if (bits_of(values.type()) % 8 != 0 || values.type() == DType::string)
    return Status(Code::unsupported, std::string("sparse tensors of ") + to_string(values.type()) + " are not supported");
  if (byte_size(values.type(), count) > static_cast<size_t>(max_sparse_bytes_))
    return Status(Code::unsupported, "a sparse tensor of " + described(values.type(), sparse.dims) +
                                         " is too large to be made dense");
  VIVACE_ASSIGN(Tensor dense, Tensor::allocate(values.type(), sparse.dims));
  const Shape strides = strides_of(sparse.dims);
  const size_t width = byte_size(values.type(), 1);
  for (int64_t i = 0; i < n; ++i) {
    int64_t at = linear ? indices.as<int64_t>()[i] : 0;
    bool inside = at >= 0 && at < count;
    for (int64_t d = 0; !linear && d < rank; ++d) {
      const int64_t index = indices.as<int64_t>()[i * rank + d], size = sparse.dims[static_cast<size_t>(d)];
      inside &= index >= 0 && index < size;
      if (inside) at += index * strides[static_cast<size_t>(d)];
    }
    if (!inside) return bad("a sparse tensor has an index outside " + to_string(sparse.dims));
    std::memcpy(dense.as<char>() + static_cast<size_t>(at) * width, values.as<char>() + static_cast<size_t>(i) * width, width);
  }
  return dense;
}

}  // namespace vivace::onnx
