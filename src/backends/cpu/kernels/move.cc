#include "backends/cpu/kernels/move.h"

#include "backends/cpu/kernels/launch.h"
#include "backends/cpu/kernels/simd_shuffle.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {

constexpr int64_t kTaskBytes = 128 << 10;
constexpr double kBytesPerNs = 5;  // for the choice of tasks only

// Runs body(first, count) over units of so many bytes, several to a task where they are small.
template <class Body>
void for_units(ThreadPool& pool, int64_t units, int64_t unit_bytes, Body body) {
  if (units <= 0) return;
  const int64_t per_task = larger<int64_t>(1, kTaskBytes / larger<int64_t>(1, unit_bytes));
  const int64_t tasks = ceil_div(units, per_task);
  launch(&pool, tasks, static_cast<double>(units) * unit_bytes / kBytesPerNs, [&](int64_t task, int) {
    const auto [first, count] = part(units, tasks, task);
    body(first, count);
  });
}

// Calls f with a value of the unsigned type of so many bytes.
template <class F>
void with_element(int bytes, F&& f) {
  if (bytes == 1)
    f(uint8_t{});
  else if (bytes == 2)
    f(uint16_t{});
  else if (bytes == 4)
    f(uint32_t{});
  else
    f(uint64_t{});
}

void copy_bytes(void* to, const void* from, int64_t bytes) { std::memcpy(to, from, static_cast<size_t>(bytes)); }

// ---- strided copies

// Walks the index space of some dimensions of a plan; the last one runs fastest.
struct Walk {
  int rank = 0;
  int64_t count = 1;
  int64_t size[kMoveRank], from[kMoveRank], to[kMoveRank];
  void add(const CopyPlan& plan, int d) {
    size[rank] = plan.dims[d], from[rank] = plan.from[d], to[rank] = plan.to[d];
    count *= plan.dims[d], ++rank;
  }
  struct At {
    int64_t from, to;
  };
  At at(int64_t index) const {
    At at{0, 0};
    for (int d = rank - 1; d >= 0; --d) {
      at.from += index % size[d] * from[d], at.to += index % size[d] * to[d];
      index /= size[d];
    }
    return at;
  }
  // The place of one index, moved on to the next without divisions.
  struct Cursor {
    const Walk& walk;
    At at;
    int64_t index[kMoveRank];
    Cursor(const Walk& w, int64_t first) : walk(w), at(w.at(first)) {
      for (int d = w.rank - 1; d >= 0; --d) index[d] = first % w.size[d], first /= w.size[d];
    }
    void next() {
      for (int d = walk.rank - 1; d >= 0; --d) {
        at.from += walk.from[d], at.to += walk.to[d];
        if (++index[d] < walk.size[d]) return;
        at.from -= walk.size[d] * walk.from[d], at.to -= walk.size[d] * walk.to[d];
        index[d] = 0;
      }
    }
  };
};

template <class T>
void copy_row(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t n) {
  if (from_stride == 1 && to_stride == 1) return copy_bytes(to, from, n * static_cast<int64_t>(sizeof(T)));
  if (to_stride == 1 && from_stride == 0) {
    const T value = *from;
    for (int64_t i = 0; i < n; ++i) to[i] = value;
    return;
  }
  for (int64_t i = 0; i < n; ++i) to[i * to_stride] = from[i * from_stride];
}

template <class T>
void copy_rows(const CopyPlan& plan, const T* from, T* to, ThreadPool& pool) {
  Walk rows;
  const int last = plan.rank - 1;
  for (int d = 0; d < last; ++d) rows.add(plan, d);
  // Long rows are cut in pieces.
  const int64_t n = plan.dims[last], most = kTaskBytes / static_cast<int64_t>(sizeof(T));
  const int64_t pieces = larger<int64_t>(1, n / most);
  if (pieces == 1)
    return for_units(pool, rows.count, n * static_cast<int64_t>(sizeof(T)), [&](int64_t first, int64_t count) {
      Walk::Cursor cursor(rows, first);
      for (int64_t i = 0; i < count; ++i, cursor.next())
        copy_row(from + cursor.at.from, plan.from[last], to + cursor.at.to, plan.to[last], n);
    });
  for_units(pool, rows.count * pieces, n / pieces * static_cast<int64_t>(sizeof(T)), [&](int64_t first, int64_t count) {
    for (int64_t unit = first; unit < first + count; ++unit) {
      const Walk::At at = rows.at(unit / pieces);
      const auto [begin, length] = part(n, pieces, unit % pieces);
      copy_row(from + at.from + begin * plan.from[last], plan.from[last], to + at.to + begin * plan.to[last],
               plan.to[last], length);
    }
  });
}

// to[j * to_row + i] = from[i * from_row + j] for i < rows, j < columns; columns <= kStrip.
constexpr int kStrip = 16;
template <class T>
void transpose_strip(const T* from, int64_t from_row, T* to, int64_t to_row, int64_t rows, int64_t columns) {
  for (int64_t first = 0; first < rows; first += kStrip) {
    const int64_t end = smaller(rows, first + kStrip);
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t i = first; i < end; ++i) to[j * to_row + i] = from[i * from_row + j];
  }
}
// Floats, and whatever else has four bytes, by squares in registers.
void transpose_strip(const uint32_t* from_bits, int64_t from_row, uint32_t* to_bits, int64_t to_row, int64_t rows,
                     int64_t columns) {
  const float* from = reinterpret_cast<const float*>(from_bits);
  float* to = reinterpret_cast<float*>(to_bits);
  for (int64_t first = 0; first < columns; first += kLanes) {
    const int width = static_cast<int>(smaller<int64_t>(kLanes, columns - first));
    for (int64_t row = 0; row < rows; row += kLanes) {
      const int height = static_cast<int>(smaller<int64_t>(kLanes, rows - row));
      const float* source = from + row * from_row + first;
      float* target = to + first * to_row + row;
      Vec square[kLanes];
      if (width == kLanes && height == kLanes) {
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) square[i] = load(source + i * from_row);
        transpose(square);
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) store(target + i * to_row, square[i]);
        continue;
      }
      for (int i = 0; i < kLanes; ++i) square[i] = i < height ? load_first(source + i * from_row, width) : Vec{};
      transpose(square);
      for (int i = 0; i < width; ++i) store_first(target + i * to_row, square[i], height);
    }
  }
}

// The last dimension is contiguous in `to`, plan.other in `from`.
template <class T>
void copy_transposed(const CopyPlan& plan, const T* from, T* to, ThreadPool& pool) {
  Walk outer;
  const int last = plan.rank - 1, other = plan.other;
  for (int d = 0; d < last; ++d)
    if (d != other) outer.add(plan, d);
  const int64_t rows = plan.dims[last], columns = plan.dims[other], strips = ceil_div(columns, kStrip);
  for_units(pool, outer.count * strips, rows * smaller<int64_t>(kStrip, columns) * static_cast<int64_t>(sizeof(T)),
            [&](int64_t first, int64_t count) {
              for (int64_t unit = first; unit < first + count; ++unit) {
                const Walk::At at = outer.at(unit / strips);
                const int64_t column = unit % strips * kStrip;
                transpose_strip(from + at.from + column, plan.from[last], to + at.to + column * plan.to[other],
                                plan.to[other], rows, smaller<int64_t>(kStrip, columns - column));
              }
            });
}

void copy(const CopyPlan& plan, const void* from, void* to, ThreadPool& pool) {
  if (plan.elements == 0) return;
  with_element(plan.element_bytes, [&]<class T>(T) {
    if (plan.other >= 0)
      copy_transposed(plan, static_cast<const T*>(from), static_cast<T*>(to), pool);
    else
      copy_rows(plan, static_cast<const T*>(from), static_cast<T*>(to), pool);
  });
}

// ---- gather

bool gather(const void* from, const void* indices, int index_bytes, void* to, int64_t outer, int64_t size,
            int64_t count, int64_t row_bytes, ThreadPool& pool) {
  const auto index = [=](int64_t i) {
    const int64_t v =
        index_bytes == 4 ? static_cast<const int32_t*>(indices)[i] : static_cast<const int64_t*>(indices)[i];
    return v < 0 ? v + size : v;
  };
  for (int64_t i = 0; i < count; ++i)
    if (index(i) < 0 || index(i) >= size) return false;
  const char* source = static_cast<const char*>(from);
  char* target = static_cast<char*>(to);
  for_units(pool, outer * count, row_bytes, [&](int64_t first, int64_t rows) {
    for (int64_t r = first; r < first + rows; ++r) {
      const char* row = source + (r / count * size + index(r % count)) * row_bytes;
      if (row_bytes == 4)
        std::memcpy(target + r * 4, row, 4);
      else
        copy_bytes(target + r * row_bytes, row, row_bytes);
    }
  });
  return true;
}

// ---- selection

void select_row(const uint8_t* condition, int64_t condition_step, const uint32_t* a, int64_t a_step, const uint32_t* b,
                int64_t b_step, uint32_t* to, int64_t n) {
  if (condition_step == 0) return copy_row(*condition ? a : b, *condition ? a_step : b_step, to, 1, n);
  const uint32_t one_a = *a, one_b = *b;
  if (a_step && b_step)
    for (int64_t i = 0; i < n; ++i) to[i] = condition[i] ? a[i] : b[i];
  else if (a_step)
    for (int64_t i = 0; i < n; ++i) to[i] = condition[i] ? a[i] : one_b;
  else if (b_step)
    for (int64_t i = 0; i < n; ++i) to[i] = condition[i] ? one_a : b[i];
  else
    for (int64_t i = 0; i < n; ++i) to[i] = condition[i] ? one_a : one_b;
}

// ---- padding

template <class T>
void pad_rows(const PadProblem& p, const T* from, T* to, int64_t first, int64_t count) {
  const int last = p.rank - 1;
  const int64_t n = p.dims[last], stride = p.strides[last];
  const T value = static_cast<T>(p.value);
  for (int64_t r = first; r < first + count; ++r) {
    T* row = to + r * n;
    int64_t offset = 0, index = r;
    bool outside = false;
    for (int d = last - 1; d >= 0; --d) {
      const int32_t source = p.source[d][index % p.dims[d]];
      outside = outside || source < 0;
      offset += source * p.strides[d];
      index /= p.dims[d];
    }
    if (outside) {
      for (int64_t i = 0; i < n; ++i) row[i] = value;
      continue;
    }
    const auto one = [&](int64_t i) {
      const int32_t source = p.source[last][i];
      row[i] = source < 0 ? value : from[offset + source * stride];
    };
    for (int64_t i = 0; i < p.lead; ++i) one(i);
    if (p.middle > 0) copy_row(from + offset + p.source[last][p.lead] * stride, stride, row + p.lead, 1, p.middle);
    for (int64_t i = p.lead + p.middle; i < n; ++i) one(i);
  }
}

void pad(const PadProblem& p, const void* from, void* to, ThreadPool& pool) {
  int64_t rows = 1;
  for (int d = 0; d + 1 < p.rank; ++d) rows *= p.dims[d];
  with_element(p.element_bytes, [&]<class T>(T) {
    for_units(pool, rows, p.dims[p.rank - 1] * static_cast<int64_t>(sizeof(T)), [&](int64_t first, int64_t count) {
      pad_rows(p, static_cast<const T*>(from), static_cast<T*>(to), first, count);
    });
  });
}

// ---- resizing

void resize_nearest(const float* x, float* y, int64_t planes, int64_t in_rows, int64_t in_columns, int64_t out_rows,
                    int64_t out_columns, const int32_t* rows, const int32_t* columns, ThreadPool& pool) {
  bool twice = out_columns == 2 * in_columns;  // each column twice, the usual case
  for (int64_t i = 0; twice && i < out_columns; ++i) twice = columns[i] == i / 2;
  for_units(pool, planes * out_rows, out_columns * 4, [&](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) {
      float* to = y + r * out_columns;
      const int64_t row = r % out_rows;
      if (r > first && row > 0 && rows[row] == rows[row - 1]) {
        copy_bytes(to, to - out_columns, out_columns * 4);
        continue;
      }
      const float* from = x + (r / out_rows * in_rows + rows[row]) * in_columns;
      int64_t i = 0;
      if (twice)
        for (int64_t j = 0; j + kLanes <= in_columns; j += kLanes, i += 2 * kLanes) {
          const Vec v = load(from + j);
          store(to + i, interleave_low(v, v));
          store(to + i + kLanes, interleave_high(v, v));
        }
      for (; i < out_columns; ++i) to[i] = from[columns[i]];
    }
  });
}

// out[i] = sum over taps of weight * row; rows are `stride` apart, picked by indices.
void blend_rows(const float* plane, const ResizeAxis& axis, int64_t out, int64_t n, float* to) {
  for (int t = 0; t < axis.taps; ++t) {
    const float* row = plane + axis.indices[t * axis.out + out] * n;
    const float weight = axis.weights[t * axis.out + out];
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) store(to + i, (t ? load(to + i) : Vec{}) + load(row + i) * weight);
    for (; i < n; ++i) to[i] = (t ? to[i] : 0.f) + row[i] * weight;
  }
}
void blend_columns(const float* row, const ResizeAxis& axis, float* to) {
  for (int64_t i = 0; i < axis.out; ++i) to[i] = row[axis.indices[i]] * axis.weights[i];
  for (int t = 1; t < axis.taps; ++t) {
    const int32_t* indices = axis.indices + t * axis.out;
    const float* weights = axis.weights + t * axis.out;
    for (int64_t i = 0; i < axis.out; ++i) to[i] += row[indices[i]] * weights[i];
  }
}

void resize(const float* x, float* y, int64_t planes, const ResizeAxis& rows, const ResizeAxis& columns, float* scratch,
            ThreadPool& pool) {
  const int64_t units = planes * rows.out, unit_bytes = (columns.out + columns.in) * rows.taps * 4;
  const int64_t per_task = larger<int64_t>(1, kTaskBytes / larger<int64_t>(1, unit_bytes));
  launch(&pool, ceil_div(units, per_task), static_cast<double>(units) * unit_bytes / kBytesPerNs,
         [&](int64_t task, int worker) {
           float* blended = scratch + worker * columns.in;
           for (int64_t r = task * per_task; r < smaller(units, (task + 1) * per_task); ++r) {
             blend_rows(x + r / rows.out * rows.in * columns.in, rows, r % rows.out, columns.in, blended);
             blend_columns(blended, columns, y + r * columns.out);
           }
         });
}

}  // namespace

const MoveKernels& move_kernels() {
  static constexpr MoveKernels table{.copy = copy,
                                     .gather = gather,
                                     .select_row = select_row,
                                     .pad = pad,
                                     .resize_nearest = resize_nearest,
                                     .resize = resize};
  return table;
}

}  // namespace vivace::cpu::VIVACE_ISA
