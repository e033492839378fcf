// Deflate (RFC 1951), bit by bit for long codes and without tables: images at a model's entry are small.
#include <array>

#include "ops/images/images.h"

namespace vivace::ops::images {

namespace {

class Bits {
 public:
  explicit Bits(Bytes bytes) : bytes_(bytes) {}
  bool failed() const { return failed_; }
  void fail() { failed_ = true; }

  uint32_t bit() {
    if (at_ >= bytes_.size() * 8) return fail(), 0;
    const uint32_t value = bytes_[at_ / 8] >> (at_ % 8) & 1;
    ++at_;
    return value;
  }
  uint32_t number(int count) {  // low bits first
    uint32_t value = 0;
    for (int i = 0; i < count; ++i) value |= bit() << i;
    return value;
  }
  Bytes stored(size_t count) {  // whole bytes
    const size_t start = at_ / 8;
    if (start > bytes_.size() || count > bytes_.size() - start) return fail(), Bytes();
    at_ = (start + count) * 8;
    return bytes_.subspan(start, count);
  }
  void align() { at_ = (at_ + 7) / 8 * 8; }

 private:
  Bytes bytes_;
  size_t at_ = 0;
  bool failed_ = false;
};

constexpr int kLongest = 15;

// Codes of one length are consecutive numbers, in the order of their symbols.
class Codes {
 public:
  explicit Codes(std::span<const uint8_t> lengths) : symbols_(lengths.size()) {
    for (const uint8_t length : lengths) ++counts_[length];
    counts_[0] = 0;
    std::array<uint16_t, kLongest + 2> next{};
    for (size_t n = 1; n <= kLongest; ++n) next[n + 1] = static_cast<uint16_t>(next[n] + counts_[n]);
    for (size_t s = 0; s < lengths.size(); ++s)
      if (lengths[s]) symbols_[next[lengths[s]]++] = static_cast<uint16_t>(s);
  }
  size_t read(Bits& bits) const {
    int code = 0, first = 0, index = 0;
    for (size_t n = 1; n <= kLongest; ++n) {
      code |= static_cast<int>(bits.bit());
      const int count = counts_[n];
      if (code >= first && code - first < count) return symbols_[static_cast<size_t>(index + code - first)];
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return bits.fail(), 0;
  }

 private:
  std::array<uint16_t, kLongest + 1> counts_{};
  std::vector<uint16_t> symbols_;
};

// Base and extra bits of the symbols for lengths and distances.
constexpr uint16_t kLengths[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
constexpr uint8_t kLengthBits[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                   2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
constexpr uint16_t kDistances[] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                   33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                   1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

void read_compressed(Bits& bits, const Codes& literals, const Codes& distances, std::vector<uint8_t>& out,
                     size_t most) {
  while (!bits.failed()) {
    const size_t symbol = literals.read(bits);
    if (symbol == 256) return;
    if (symbol < 256) {
      if (out.size() >= most) return bits.fail();
      out.push_back(static_cast<uint8_t>(symbol));
      continue;
    }
    if (symbol - 257 >= std::size(kLengths)) return bits.fail();
    const size_t length = kLengths[symbol - 257] + bits.number(kLengthBits[symbol - 257]);
    const size_t code = distances.read(bits);
    if (code >= std::size(kDistances)) return bits.fail();
    const size_t distance = kDistances[code] + bits.number(code < 4 ? 0 : static_cast<int>(code / 2 - 1));
    if (bits.failed() || distance > out.size() || length > most - out.size()) return bits.fail();
    for (size_t i = 0; i < length; ++i) out.push_back(out[out.size() - distance]);
  }
}

void read_fixed(Bits& bits, std::vector<uint8_t>& out, size_t most) {
  std::array<uint8_t, 288> lengths;
  for (size_t s = 0; s < lengths.size(); ++s) lengths[s] = s < 144 ? 8 : s < 256 ? 9 : s < 280 ? 7 : 8;
  std::array<uint8_t, 30> five;
  five.fill(5);
  read_compressed(bits, Codes(lengths), Codes(five), out, most);
}

// The lengths of both codes are packed by a third.
void read_dynamic(Bits& bits, std::vector<uint8_t>& out, size_t most) {
  constexpr uint8_t kOrder[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  const size_t literals = bits.number(5) + 257, distances = bits.number(5) + 1, given = bits.number(4) + 4;
  std::array<uint8_t, 19> packing{};
  for (size_t i = 0; i < given; ++i) packing[kOrder[i]] = static_cast<uint8_t>(bits.number(3));
  const Codes codes(packing);
  std::vector<uint8_t> lengths;
  while (!bits.failed() && lengths.size() < literals + distances) {
    const size_t symbol = codes.read(bits);
    if (symbol < 16) {
      lengths.push_back(static_cast<uint8_t>(symbol));
      continue;
    }
    if (symbol == 16 && lengths.empty()) return bits.fail();
    const uint8_t value = symbol == 16 ? lengths.back() : 0;
    const size_t times = symbol == 16 ? 3 + bits.number(2) : symbol == 17 ? 3 + bits.number(3) : 11 + bits.number(7);
    lengths.insert(lengths.end(), times, value);
  }
  if (bits.failed() || lengths.size() != literals + distances || literals > 286) return bits.fail();
  const std::span<const uint8_t> all(lengths);
  read_compressed(bits, Codes(all.first(literals)), Codes(all.subspan(literals)), out, most);
}

}  // namespace

std::vector<uint8_t> inflate(Bytes packed, size_t most) {
  Bits bits(packed);
  std::vector<uint8_t> out;
  for (bool last = false; !last && !bits.failed();) {
    last = bits.bit();
    const uint32_t kind = bits.number(2);
    if (kind == 0) {
      bits.align();
      const uint32_t length = bits.number(16), inverse = bits.number(16);
      const Bytes bytes = (length ^ inverse) == 0xffff && length <= most - out.size() ? bits.stored(length) : Bytes();
      if (bytes.size() != length) bits.fail();
      out.insert(out.end(), bytes.begin(), bytes.end());
    } else if (kind == 1) {
      read_fixed(bits, out, most);
    } else if (kind == 2) {
      read_dynamic(bits, out, most);
    } else {
      bits.fail();
    }
  }
  if (bits.failed()) out.clear();
  return out;
}

}  // namespace vivace::ops::images
