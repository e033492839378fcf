// The protobuf wire format, one field at a time. Lengths have 64 bits: a model may be larger than protobuf's own limit.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <protozero/exception.hpp>
#include <protozero/varint.hpp>
#include <string_view>
#include <vector>

namespace vivace::onnx {

using Bytes = std::string_view;

/// Walks the fields of one message. Throws protozero's exceptions on damaged bytes; import.cc catches them.
///
///     for (Fields f(message); f.next();)
///       switch (f.number()) {
///         case 1: f.read(name); break;
///       }
///
/// A field whose wire type is not that of the variable it is read into is skipped, as protobuf skips unknown fields.
class Fields {
 public:
  explicit Fields(Bytes message) : at_(message.data()), end_(at_ + message.size()) {}

  bool next() {
    if (at_ == end_) return false;
    const uint64_t key = varint();
    number_ = static_cast<uint32_t>(key >> 3);
    wire_ = static_cast<uint32_t>(key & 7);
    if (number_ == 0 || (key >> 32) != 0) throw protozero::invalid_tag_exception{};
    switch (wire_) {
      case kVarint: number_value_ = varint(); break;
      case kFixed64: bytes_ = take(8); break;
      case kBytes: bytes_ = take(varint()); break;
      case kFixed32: bytes_ = take(4); break;
      default: throw protozero::unknown_pbf_wire_type_exception{};
    }
    return true;
  }
  uint32_t number() const { return number_; }

  void read(Bytes& to) const { if (wire_ == kBytes) to = bytes_; }
  void read(int64_t& to) const { if (wire_ == kVarint) to = static_cast<int64_t>(number_value_); }
  void read(int32_t& to) const { if (wire_ == kVarint) to = static_cast<int32_t>(number_value_); }
  void read(float& to) const { if (wire_ == kFixed32) std::memcpy(&to, bytes_.data(), 4); }
  void read(std::vector<Bytes>& to) const { if (wire_ == kBytes) to.push_back(bytes_); }
  /// Repeated numbers come packed or one by one; T: int32_t, int64_t, uint64_t.
  template <class T>
  void read_varints(std::vector<T>& to) const {
    if (wire_ == kVarint) to.push_back(static_cast<T>(number_value_));
    if (wire_ != kBytes) return;
    for (const char *p = bytes_.data(), *end = p + bytes_.size(); p != end;)
      to.push_back(static_cast<T>(protozero::decode_varint(&p, end)));
  }
  /// T: float, double.
  template <class T>
  void read_fixed(std::vector<T>& to) const {
    if (wire_ != kBytes && wire_ != (sizeof(T) == 4 ? kFixed32 : kFixed64)) return;
    if (bytes_.size() % sizeof(T) != 0) throw protozero::invalid_length_exception{};
    if (bytes_.empty()) return;
    const size_t before = to.size();
    to.resize(before + bytes_.size() / sizeof(T));
    std::memcpy(to.data() + before, bytes_.data(), bytes_.size());
  }

 private:
  static constexpr uint32_t kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;

  uint64_t varint() { return protozero::decode_varint(&at_, end_); }
  Bytes take(uint64_t length) {
    if (length > static_cast<uint64_t>(end_ - at_)) throw protozero::end_of_buffer_exception{};
    const Bytes taken(at_, static_cast<size_t>(length));
    at_ += length;
    return taken;
  }

  const char* at_;
  const char* end_;
  uint32_t number_ = 0, wire_ = 0;
  uint64_t number_value_ = 0;
  Bytes bytes_;
};
static_assert(std::endian::native == std::endian::little, "fixed-width fields are copied as they are");

}  // namespace vivace::onnx
