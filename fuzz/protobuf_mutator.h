// Mutations that keep protobuf's lengths right, so that they reach what lies behind the decoder.
//
// A message is taken for a tree without knowing its schema: a field of bytes that decodes as a message is one. Fields
// are dropped, copied, moved; numbers become interesting ones; strings become words of the dictionary or of the model.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace vivace::fuzz {

struct Field {
  uint32_t number = 0, wire = 0;
  uint64_t varint = 0;
  std::string bytes;             // of fixed-width fields and of strings
  std::vector<Field> children;   // of messages
};

class ProtobufMutator {
 public:
  ProtobufMutator(const std::vector<std::string>& words, uint32_t seed) : words_(words), random_(seed) {}

  /// Empty where the bytes are no message.
  std::string mutate(std::string_view message) {
    std::vector<Field> root;
    if (!parse(message, root, 0)) return {};
    for (uint64_t n = 1 + below(3); n > 0; --n) change(root);
    return encode(root);
  }

 private:
  static bool read_varint(std::string_view& in, uint64_t& to) {
    to = 0;
    for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(in[0]);
      in.remove_prefix(1);
      to |= uint64_t{byte & 127u} << shift;
      if (byte < 128) return true;
    }
    return false;
  }
  static bool parse(std::string_view in, std::vector<Field>& to, int depth) {
    while (!in.empty()) {
      Field f;
      uint64_t key = 0, length = 0;
      if (!read_varint(in, key) || key >> 3 == 0 || key >> 3 > 100) return false;
      f.number = static_cast<uint32_t>(key >> 3);
      f.wire = static_cast<uint32_t>(key & 7);
      if (f.wire == 0) {
        if (!read_varint(in, f.varint)) return false;
      } else {
        if (f.wire == 1) length = 8;
        else if (f.wire == 5) length = 4;
        else if (f.wire != 2 || !read_varint(in, length)) return false;
        if (length > in.size()) return false;
        f.bytes = in.substr(0, length);
        in.remove_prefix(length);
        if (f.wire == 2 && depth < 20 && length > 1 && parse(f.bytes, f.children, depth + 1)) f.bytes.clear();
        else f.children.clear();
      }
      to.push_back(std::move(f));
    }
    return true;
  }
  static std::string varint(uint64_t v) {
    std::string out;
    for (; v >= 128; v >>= 7) out += static_cast<char>(v | 128);
    return out + static_cast<char>(v);
  }
  static std::string encode(const std::vector<Field>& fields) {
    std::string out;
    for (const Field& f : fields) {
      const std::string body = f.children.empty() ? f.bytes : encode(f.children);
      out += varint(uint64_t{f.number} << 3 | f.wire);
      if (f.wire == 0) out += varint(f.varint);
      else out += (f.wire == 2 ? varint(body.size()) : "") + body;
    }
    return out;
  }

  uint64_t below(uint64_t n) { return n ? random_() % n : 0; }

  // All fields of a tree with the list each is in.
  using Place = std::pair<std::vector<Field>*, size_t>;
  static void places(std::vector<Field>& in, std::vector<Place>& to) {
    for (size_t i = 0; i < in.size(); ++i) {
      to.push_back({&in, i});
      places(in[i].children, to);
    }
  }
  void change(std::vector<Field>& root) {
    std::vector<Place> all;
    places(root, all);
    if (all.empty()) return;
    const auto [list, i] = all[below(all.size())];
    const auto [other_list, j] = all[below(all.size())];
    Field& field = (*list)[i];
    switch (below(8)) {
      case 0: list->erase(list->begin() + static_cast<ptrdiff_t>(i)); return;
      case 1: list->insert(list->begin() + static_cast<ptrdiff_t>(below(list->size() + 1)), Field(field)); return;
      case 2: {  // what another place holds
        const Field copy = (*other_list)[j];
        if (copy.wire == field.wire) {
          const uint32_t number = field.number;
          field = copy;
          field.number = number;
        }
        return;
      }
      case 3: {
        const Field copy = (*other_list)[j];
        list->insert(list->begin() + static_cast<ptrdiff_t>(i), copy);
        return;
      }
      case 4: std::swap(field, (*list)[below(list->size())]); return;
      default: break;
    }
    if (field.wire == 0) {
      constexpr uint64_t interesting[] = {0, 1, 2, 3, 7, 8, 16, 255, 1u << 16, 1u << 31, 1ull << 40, 1ull << 62, ~0ull, ~0ull - 1, 1ull << 63};
      field.varint = below(2) ? interesting[below(std::size(interesting))] : field.varint + below(5) - 2;
    } else if (field.children.empty()) {
      if (below(3) != 0 && field.wire == 2 && !words_.empty()) field.bytes = words_[below(words_.size())];
      else if (!field.bytes.empty()) field.bytes[below(field.bytes.size())] = static_cast<char>(below(256));
      else if (field.wire == 2) field.bytes = std::string(below(20), static_cast<char>(below(256)));
    }
  }

  const std::vector<std::string>& words_;
  std::mt19937 random_;
};

}  // namespace vivace::fuzz
