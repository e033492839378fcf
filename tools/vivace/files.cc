#include "files.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <protozero/pbf_reader.hpp>
#include <sstream>

namespace tool {

namespace {

using vivace::Shape;
using vivace::Tensor;

struct NpyType {
  const char* name;  // after the byte order
  vivace_dtype dtype;
};
constexpr NpyType kNpyTypes[] = {
    {"f4", VIVACE_F32}, {"f8", VIVACE_F64}, {"f2", VIVACE_F16}, {"i1", VIVACE_I8},  {"i2", VIVACE_I16},
    {"i4", VIVACE_I32}, {"i8", VIVACE_I64}, {"u1", VIVACE_U8},  {"u2", VIVACE_U16}, {"u4", VIVACE_U32},
    {"u8", VIVACE_U64}, {"b1", VIVACE_BOOL}, {"c8", VIVACE_C64}, {"c16", VIVACE_C128}};

const char* npy_name(vivace_dtype dtype) {
  for (const NpyType& type : kNpyTypes)
    if (type.dtype == dtype) return type.name;
  return vivace_dtype_bits(dtype) == 16 ? "u2" : "u1";
}

[[noreturn]] void damaged(const std::string& path, const std::string& what) { throw FileError(path + ": " + what); }

// The text after "'key':" in the header's dictionary.
std::string header_field(const std::string& header, const std::string& key) {
  const size_t at = header.find("'" + key + "'");
  const size_t colon = at == std::string::npos ? at : header.find(':', at);
  return colon == std::string::npos ? "" : header.substr(header.find_first_not_of(' ', colon + 1));
}

Tensor parse_npy(const std::string& path, const std::string& bytes) {
  if (bytes.size() < 10 || bytes.compare(0, 6, "\x93NUMPY") != 0) damaged(path, "is no .npy file");
  const bool long_header = bytes[6] >= 2;
  const size_t length_size = long_header ? 4 : 2;
  if (bytes.size() < 8 + length_size) damaged(path, "is cut off");
  size_t length = 0;
  for (size_t i = 0; i < length_size; ++i) length |= size_t{static_cast<unsigned char>(bytes[8 + i])} << (8 * i);
  const size_t data = 8 + length_size + length;
  if (data > bytes.size()) damaged(path, "is cut off");
  const std::string header = bytes.substr(8 + length_size, length);
  const std::string descr = header_field(header, "descr");
  vivace_dtype dtype = VIVACE_UNDEFINED;
  for (const NpyType& type : kNpyTypes) {
    const std::string name = std::string(type.name) + "'";
    if (descr.compare(0, 2, "'<") == 0 || descr.compare(0, 2, "'|") == 0)
      if (descr.compare(2, name.size(), name) == 0) dtype = type.dtype;
  }
  if (dtype == VIVACE_UNDEFINED) damaged(path, "has elements of type " + descr.substr(0, descr.find(',')) + ", which cannot be read");
  if (header_field(header, "fortran_order").compare(0, 4, "True") == 0)
    damaged(path, "is in Fortran order; save numpy.ascontiguousarray(array)");
  const std::string shape_text = header_field(header, "shape");
  Shape shape;
  for (size_t i = 1; i < shape_text.size() && shape_text[i] != ')';) {
    char* end = nullptr;
    const long long dim = std::strtoll(shape_text.c_str() + i, &end, 10);
    if (end == shape_text.c_str() + i || dim < 0) damaged(path, "has an unreadable shape");
    shape.push_back(dim);
    i = static_cast<size_t>(end - shape_text.c_str());
    while (i < shape_text.size() && (shape_text[i] == ',' || shape_text[i] == ' ')) ++i;
  }
  Tensor tensor(dtype, shape);
  if (tensor.bytes() > bytes.size() - data) damaged(path, "is cut off");
  if (tensor.bytes()) std::memcpy(tensor.data(), bytes.data() + data, tensor.bytes());
  return tensor;
}

std::string npy_bytes(const Tensor& tensor) {
  std::string shape = "(";
  for (const int64_t d : tensor.shape()) shape += std::to_string(d) + ",";
  shape += ")";
  const int bits = vivace_dtype_bits(tensor.dtype());
  if (bits < 8) shape = "(" + std::to_string(tensor.bytes()) + ",)";  // packed
  std::string header = std::string("{'descr': '") + (bits <= 8 ? "|" : "<") + npy_name(tensor.dtype()) +
                       "', 'fortran_order': False, 'shape': " + shape + ", }";
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 255);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  bytes.append(static_cast<const char*>(tensor.data()), tensor.bytes());
  return bytes;
}

uint32_t crc32(const std::string& bytes) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> made{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
      made[i] = c;
    }
    return made;
  }();
  uint32_t c = ~0u;
  for (const char byte : bytes) c = table[(c ^ static_cast<unsigned char>(byte)) & 255] ^ (c >> 8);
  return ~c;
}

// Little-endian numbers of zip records.
uint64_t number(const std::string& bytes, size_t at, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size && at + i < bytes.size(); ++i)
    value |= uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return value;
}
void put(std::string& to, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; ++i) to += static_cast<char>(value >> (8 * i) & 255);
}

constexpr uint64_t kIn64 = 0xffffffff;  // a zip field whose value is in the zip64 part

template <class T, class Range>
void copy_range(Tensor& tensor, const Range& range) {
  int64_t i = 0;
  for (const auto value : range)
    if (i < tensor.count()) tensor.data<T>()[i++] = static_cast<T>(value);
}

}  // namespace

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  if (!file || !(file.peek() == EOF || bytes << file.rdbuf())) throw FileError(path + ": cannot be read");
  return bytes.str();
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw FileError(path + ": cannot be written");
}

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw FileError("standard output: cannot be written");
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

Tensor read_npy(const std::string& path) { return parse_npy(path, read_file(path)); }

Tensors read_npz(const std::string& path) {
  const std::string bytes = read_file(path);
  const size_t end = bytes.rfind("PK\x05\x06");
  if (end == std::string::npos) damaged(path, "is no .npz file");
  uint64_t at = number(bytes, end + 16, 4), count = number(bytes, end + 10, 2);
  if (at == kIn64 || count == 0xffff) {
    const size_t record = bytes.rfind("PK\x06\x06", end);
    if (record == std::string::npos) damaged(path, "is damaged");
    count = number(bytes, record + 32, 8);
    at = number(bytes, record + 48, 8);
  }
  Tensors tensors;
  for (uint64_t i = 0; i < count; ++i) {
    if (at > bytes.size() || bytes.compare(at, 4, "PK\x01\x02") != 0) damaged(path, "is damaged");
    const uint64_t method = number(bytes, at + 10, 2), name_size = number(bytes, at + 28, 2),
                   extra_size = number(bytes, at + 30, 2), comment_size = number(bytes, at + 32, 2);
    uint64_t size = number(bytes, at + 20, 4), local = number(bytes, at + 42, 4);
    if (at + 46 + name_size + extra_size > bytes.size()) damaged(path, "is cut off");
    std::string name = bytes.substr(at + 46, name_size);
    size_t extra = at + 46 + name_size + 4;
    for (uint64_t* field : {&size, &local}) {
      if (*field != kIn64) continue;
      if (field == &size && number(bytes, at + 24, 4) == kIn64) extra += 8;  // the uncompressed size comes first
      *field = number(bytes, extra, 8);
      extra += 8;
    }
    if (method != 0) damaged(path, "is compressed; save it with numpy.savez");
    const uint64_t data = local + 30 + number(bytes, local + 26, 2) + number(bytes, local + 28, 2);
    if (data > bytes.size() || size > bytes.size() - data) damaged(path, "is cut off");
    if (ends_with(name, ".npy")) {
      name.resize(name.size() - 4);
      tensors.emplace_back(name, parse_npy(path + ": " + name, bytes.substr(data, size)));
    }
    at += 46 + name_size + extra_size + comment_size;
  }
  return tensors;
}

Tensor read_pb(const std::string& path) try {
  const std::string bytes = read_file(path);
  enum { kDims = 1, kType = 2, kFloats = 4, kInt32s = 5, kStrings = 6, kInt64s = 7, kRaw = 9, kDoubles = 10, kUint64s = 11 };
  Shape shape;
  int type = 0;
  for (protozero::pbf_reader fields(bytes); fields.next();) {
    if (fields.tag() == kDims && fields.wire_type() == protozero::pbf_wire_type::varint) shape.push_back(fields.get_int64());
    else if (fields.tag() == kDims) for (const int64_t d : fields.get_packed_int64()) shape.push_back(d);
    else if (fields.tag() == kType) type = fields.get_int32();
    else fields.skip();
  }
  Tensor tensor(static_cast<vivace_dtype>(type), shape);
  const int bits = vivace_dtype_bits(tensor.dtype());
  int64_t strings = 0;
  for (protozero::pbf_reader fields(bytes); fields.next();) {
    switch (fields.tag()) {
      case kRaw: {
        const protozero::data_view raw = fields.get_view();
        if (raw.size() != tensor.bytes()) damaged(path, "has " + std::to_string(raw.size()) + " bytes of data, its shape needs " + std::to_string(tensor.bytes()));
        if (raw.size()) std::memcpy(tensor.data(), raw.data(), raw.size());
        break;
      }
      case kStrings: {
        const std::string text = fields.get_string();
        if (strings < tensor.count()) tensor.set_string(strings++, text);
        break;
      }
      case kFloats: copy_range<float>(tensor, fields.get_packed_float()); break;
      case kDoubles: copy_range<double>(tensor, fields.get_packed_double()); break;
      case kInt64s: copy_range<int64_t>(tensor, fields.get_packed_int64()); break;
      case kUint64s:
        if (bits == 32) copy_range<uint32_t>(tensor, fields.get_packed_uint64());
        else copy_range<uint64_t>(tensor, fields.get_packed_uint64());
        break;
      case kInt32s:
        if (bits == 32) copy_range<int32_t>(tensor, fields.get_packed_int32());
        else if (bits == 16) copy_range<uint16_t>(tensor, fields.get_packed_int32());
        else if (bits == 8) copy_range<uint8_t>(tensor, fields.get_packed_int32());
        else damaged(path, "has packed elements outside raw_data, which cannot be read");
        break;
      default: fields.skip();
    }
  }
  return tensor;
} catch (const protozero::exception&) {
  damaged(path, "is no TensorProto");
} catch (const vivace::Error& e) {
  damaged(path, std::string("is no TensorProto: ") + e.what());
}

void write_npy(const std::string& path, const Tensor& tensor) {
  if (tensor.dtype() == VIVACE_STRING) throw FileError(path + ": strings cannot be written as .npy");
  write_file(path, npy_bytes(tensor));
}

void write_npz(const std::string& path, const Tensors& tensors) {
  std::string bytes, directory;
  for (const auto& [tensor_name, tensor] : tensors) {
    if (tensor.dtype() == VIVACE_STRING) throw FileError(path + ": strings cannot be written as .npz");
    const std::string data = npy_bytes(tensor), name = tensor_name + ".npy";
    if (bytes.size() + data.size() > kIn64 - (1 << 20)) throw FileError(path + ": would be 4 GiB or more; use .npy files");
    std::string common;  // of both headers: version 2.0, no flags, stored, 1980-01-01
    put(common, 20, 2), put(common, 0, 2), put(common, 0, 2), put(common, 0, 2), put(common, 33, 2);
    put(common, crc32(data), 4), put(common, data.size(), 4), put(common, data.size(), 4);
    put(common, name.size(), 2), put(common, 0, 2);
    directory += std::string("PK\x01\x02\x14\x00", 6) + common;
    put(directory, 0, 2), put(directory, 0, 2), put(directory, 0, 2), put(directory, 0, 4), put(directory, bytes.size(), 4);
    directory += name;
    bytes += "PK\x03\x04" + common + name + data;
  }
  const size_t at = bytes.size();
  bytes += directory;
  bytes += "PK\x05\x06";
  put(bytes, 0, 4), put(bytes, tensors.size(), 2), put(bytes, tensors.size(), 2);
  put(bytes, directory.size(), 4), put(bytes, at, 4), put(bytes, 0, 2);
  write_file(path, bytes);
}

}  // namespace tool
