// Squeeze-and-excite of float32 images: y = x · outer(inner(mean(x) W1 + b1) W2 + b2), an image at a time.
//
// Shapes: x (B, pixels, C), W1 (C, R), b1 (R), W2 (R, C), b2 (C). Sums are taken in an order that depends on the shape
// alone, so results are the same on any number of threads.
#pragma once

#include "normalization.h"

static inline Vec activate(int64_t kind, Vec z) {
  switch (kind) {
    case kRelu: return activate<kRelu>(z);
    case kRelu6: return activate<kRelu6>(z);
    case kSilu: return activate<kSilu>(z);
    case kHardSwish: return activate<kHardSwish>(z);
    case kSigmoid: return sigmoid(z);
    case kHardSigmoid: return least(constant(6.f), most(Vec{}, z + 3.f)) * (1.f / 6.f);  // in this order NaN stays NaN
    default: return z;
  }
}

static inline Vec slope(int64_t kind, Vec z) {
  switch (kind) {
    case kRelu: return slope<kRelu>(z);
    case kRelu6: return slope<kRelu6>(z);
    case kSilu: return slope<kSilu>(z);
    case kHardSwish: return slope<kHardSwish>(z);
    case kSigmoid: {
      const Vec s = sigmoid(z);
      return s * (1.f - s);
    }
    case kHardSigmoid: return (z > -3.f) & (z < 3.f) ? constant(1.f / 6.f) : Vec{};
    default: return constant(1.f);
  }
}

// Rows that are whole vectors, zeros behind the last column.
struct Matrix {
  int64_t rows, columns, stride;
  std::vector<float> data;
  Matrix(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), stride((columns + V - 1) / V * V), data(rows * stride, 0.f) {}
  float* row(int64_t r) { return data.data() + r * stride; }
  const float* row(int64_t r) const { return data.data() + r * stride; }

  static Matrix copy(const float* from, int64_t rows, int64_t columns) {
    Matrix m(rows, columns);
    for (int64_t r = 0; r < rows; ++r) std::memcpy(m.row(r), from + r * columns, columns * 4);
    return m;
  }
  static Matrix transposed(const float* from, int64_t rows, int64_t columns) {
    Matrix m(columns, rows);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) m.row(c)[r] = from[r * columns + c];
    return m;
  }
};

template <int K>
inline void some_columns(const float* v, int64_t step, const Matrix& m, int64_t column, float* to) {
  Vec sum[K] = {};
  for (int64_t r = 0; r < m.rows; ++r)
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) sum[k] += v[r * step] * load(m.row(r) + column + k * V);
  for (int k = 0; k < K; ++k) store(to + column + k * V, sum[k]);
}

// to = v M, for m.rows numbers v that lie `step` apart; `to` holds a whole row of M.
static inline void product(const float* v, int64_t step, const Matrix& m, float* to) {
  int64_t column = 0;
  for (; column + 4 * V <= m.stride; column += 4 * V) some_columns<4>(v, step, m, column, to);
  for (; column < m.stride; column += V) some_columns<1>(v, step, m, column, to);
}

struct Gated {
  int64_t batch, pixels, channels, squeezed;
  // Pixels taken at once, so that few channels still fill vectors.
  int64_t together() const { return std::max<int64_t>(1, std::min<int64_t>(pixels, 256 / channels)); }
};

static inline void add(const float* __restrict x, int64_t count, float* __restrict sums) {
  for (int64_t i = 0; i < count; ++i) sums[i] += x[i];
}

static inline void add_products(const float* __restrict x, const float* __restrict g, int64_t count,
                                float* __restrict sums) {
  for (int64_t i = 0; i < count; ++i) sums[i] += x[i] * g[i];
}

// sums[c] over an image's pixels of x, or of x · grad.
static inline void sum_pixels(const Gated& s, const float* x, const float* grad, float* sums) {
  const int64_t line = s.together() * s.channels, size = s.pixels * s.channels;
  std::vector<float> wide(line, 0.f);
  for (int64_t at = 0; at < size; at += line) {
    const int64_t count = std::min(line, size - at);
    grad ? add_products(x + at, grad + at, count, wide.data()) : add(x + at, count, wide.data());
  }
  std::memcpy(sums, wide.data(), s.channels * 4);
  for (int64_t at = s.channels; at < line; at += s.channels) add(wide.data() + at, s.channels, sums);
}

static inline std::vector<float> repeated(const Gated& s, const float* values) {
  std::vector<float> all(s.together() * s.channels);
  for (int64_t at = 0; at < static_cast<int64_t>(all.size()); at += s.channels)
    std::memcpy(&all[at], values, s.channels * 4);
  return all;
}

static inline void multiply_add(const float* __restrict x, const float* __restrict factor,
                                const float* __restrict term, int64_t count, float* __restrict y) {
  for (int64_t i = 0; i < count; ++i) y[i] = x[i] * factor[i] + term[i];
}

static inline void multiply(const float* __restrict x, const float* __restrict factor, int64_t count,
                            float* __restrict y) {
  for (int64_t i = 0; i < count; ++i) y[i] = x[i] * factor[i];
}

// y[p, c] = x[p, c] · factor[c] (+ term[c]) for an image's pixels.
static inline void scale_pixels(const Gated& s, const float* x, const float* factor, const float* term, float* y) {
  const std::vector<float> factors = repeated(s, factor), terms = repeated(s, term ? term : factor);
  const int64_t line = factors.size(), size = s.pixels * s.channels;
  for (int64_t at = 0; at < size; at += line) {
    const int64_t count = std::min(line, size - at);
    term ? multiply_add(x + at, factors.data(), terms.data(), count, y + at)
         : multiply(x + at, factors.data(), count, y + at);
  }
}

// mean, hidden and opening are (B, C), (B, R) and (B, C): the mean, and what goes into the two activations.
static void gate_forward_one(ffi::ThreadPool& pool, const Gated& s, const float* x, const float* w1, const float* b1,
                             const float* w2, const float* b2, int64_t inner, int64_t outer, float* y, float* mean,
                             float* hidden, float* opening) {
  const Matrix squeeze = Matrix::copy(w1, s.channels, s.squeezed), excite = Matrix::copy(w2, s.squeezed, s.channels);
  const Matrix squeeze_bias = Matrix::copy(b1, 1, s.squeezed), excite_bias = Matrix::copy(b2, 1, s.channels);
  const int64_t image = s.pixels * s.channels;
  for_each(pool, s.batch, s.batch * image, [&](int64_t b) {
    std::vector<float> narrow(squeeze.stride), wide(excite.stride);
    float* mine = mean + b * s.channels;
    sum_pixels(s, x + b * image, nullptr, mine);
    for (int64_t c = 0; c < s.channels; ++c) mine[c] /= s.pixels;
    product(mine, 1, squeeze, narrow.data());
    add(squeeze_bias.row(0), squeeze.stride, narrow.data());
    std::memcpy(hidden + b * s.squeezed, narrow.data(), s.squeezed * 4);
    for (int64_t r = 0; r < squeeze.stride; r += V) store(&narrow[r], activate(inner, load(&narrow[r])));
    product(narrow.data(), 1, excite, wide.data());
    add(excite_bias.row(0), excite.stride, wide.data());
    std::memcpy(opening + b * s.channels, wide.data(), s.channels * 4);
    for (int64_t c = 0; c < excite.stride; c += V) store(&wide[c], activate(outer, load(&wide[c])));
    scale_pixels(s, x + b * image, wide.data(), nullptr, y + b * image);
  });
}

static void gate_backward_one(ffi::ThreadPool& pool, const Gated& s, const float* x, const float* grad,
                              const float* w1, const float* w2, const float* mean, const float* hidden,
                              const float* opening, int64_t inner, int64_t outer, float* dx, float* dw1, float* db1,
                              float* dw2, float* db2) {
  const Matrix squeeze = Matrix::transposed(w1, s.channels, s.squeezed);
  const Matrix excite = Matrix::transposed(w2, s.squeezed, s.channels);
  Matrix active = Matrix::copy(hidden, s.batch, s.squeezed), narrow = active;
  Matrix wide = Matrix::copy(opening, s.batch, s.channels);
  const int64_t image = s.pixels * s.channels;
  for_each(pool, s.batch, s.batch * image * 2, [&](int64_t b) {
    // wide and narrow: from what went into the activations to its gradient.
    std::vector<float> open(wide.stride), part(wide.stride, 0.f), behind(narrow.stride);
    sum_pixels(s, x + b * image, grad + b * image, part.data());
    for (int64_t c = 0; c < wide.stride; c += V) {
      const Vec z = load(wide.row(b) + c);
      store(&open[c], activate(outer, z));
      store(wide.row(b) + c, load(&part[c]) * slope(outer, z));
    }
    product(wide.row(b), 1, excite, behind.data());
    for (int64_t r = 0; r < narrow.stride; r += V) {
      const Vec z = load(narrow.row(b) + r);
      store(active.row(b) + r, activate(inner, z));
      store(narrow.row(b) + r, load(&behind[r]) * slope(inner, z));
    }
    product(narrow.row(b), 1, squeeze, part.data());
    for (int64_t c = 0; c < s.channels; ++c) part[c] /= s.pixels;
    scale_pixels(s, grad + b * image, open.data(), part.data(), dx + b * image);
  });
  constexpr int64_t kRows = 32;
  const int64_t all = s.channels + s.squeezed + 2, tasks = (all + kRows - 1) / kRows;
  for_each(pool, tasks, 2 * s.batch * s.channels * s.squeezed / V, [&](int64_t task) {
    const float one = 1.f;
    std::vector<float> row(std::max(narrow.stride, wide.stride));
    for (int64_t r = task * kRows; r < std::min(all, (task + 1) * kRows); ++r) {
      if (r < s.channels) {
        product(mean + r, s.channels, narrow, row.data());
        std::memcpy(dw1 + r * s.squeezed, row.data(), s.squeezed * 4);
      } else if (r < s.channels + s.squeezed) {
        product(active.row(0) + (r - s.channels), active.stride, wide, row.data());
        std::memcpy(dw2 + (r - s.channels) * s.channels, row.data(), s.channels * 4);
      } else if (r == s.channels + s.squeezed) {
        product(&one, 0, narrow, row.data());
        std::memcpy(db1, row.data(), s.squeezed * 4);
      } else {
        product(&one, 0, wide, row.data());
        std::memcpy(db2, row.data(), s.channels * 4);
      }
    }
  });
}

// x (..., B, H, W, C), w1 (..., C, R): leading axes are seeds, each with weights of its own.
template <typename X, typename W>
Gated gated(const X& x, const W& w1) {
  const auto axes = x.dimensions();
  const size_t last = axes.size() - 1;
  return {axes[last - 3], axes[last - 2] * axes[last - 1], axes[last], w1.dimensions().back()};
}

static ffi::Error gate_forward(ffi::ThreadPool pool, In x, In w1, In b1, In w2, In b2, Out y, Out mean, Out hidden,
                               Out opening, int64_t inner, int64_t outer) {
  const Gated s = gated(x, w1);
  for (int64_t i = 0; i < seeds(x, 4); ++i) {
    const int64_t image = i * s.batch * s.pixels * s.channels, wide = i * s.channels, narrow = i * s.squeezed;
    gate_forward_one(pool, s, x.typed_data() + image, w1.typed_data() + wide * s.squeezed, b1.typed_data() + narrow,
                     w2.typed_data() + wide * s.squeezed, b2.typed_data() + wide, inner, outer,
                     y->typed_data() + image, mean->typed_data() + wide * s.batch,
                     hidden->typed_data() + narrow * s.batch, opening->typed_data() + wide * s.batch);
  }
  return ffi::Error::Success();
}

static ffi::Error gate_backward(ffi::ThreadPool pool, In x, In grad, In w1, In w2, In mean, In hidden, In opening,
                                Out dx, Out dw1, Out db1, Out dw2, Out db2, int64_t inner, int64_t outer) {
  const Gated s = gated(x, w1);
  for (int64_t i = 0; i < seeds(x, 4); ++i) {
    const int64_t image = i * s.batch * s.pixels * s.channels, wide = i * s.channels, narrow = i * s.squeezed;
    const int64_t weights = wide * s.squeezed;
    gate_backward_one(pool, s, x.typed_data() + image, grad.typed_data() + image, w1.typed_data() + weights,
                      w2.typed_data() + weights, mean.typed_data() + wide * s.batch,
                      hidden.typed_data() + narrow * s.batch, opening.typed_data() + wide * s.batch, inner, outer,
                      dx->typed_data() + image, dw1->typed_data() + weights, db1->typed_data() + narrow,
                      dw2->typed_data() + weights, db2->typed_data() + wide);
  }
  return ffi::Error::Success();
}
