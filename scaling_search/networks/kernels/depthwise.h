// Depthwise convolution of float32 (B, H, W, C) images, one block of channels of one image at a time.
//
// A block's channels are copied, with the padding around them, into scratch memory that stays in the cache, every
// pixel's lanes side by side; the loops over taps then meet neither edges nor odd channel counts.
#pragma once

#include "common.h"

struct Shape {
  int64_t batch, height, width, channels, out_height, out_width, kh, kw, stride, top, left;
  int64_t padded_height() const { return (out_height - 1) * stride + kh; }
  int64_t padded_width() const { return (out_width - 1) * stride + kw; }
};

// Copies pixels (row + r, column + c) of an image's channels into scratch (rows, columns, N*V); 0 outside the image.
template <int N>
void pack(const float* image, int64_t height, int64_t width, int64_t channels, int64_t used, int64_t row,
          int64_t column, int64_t rows, int64_t columns, float* to) {
  constexpr int64_t L = N * V;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t y = row + r;
    float* line = to + r * columns * L;
    if (y < 0 || y >= height) {
      std::memset(line, 0, columns * L * 4);
      continue;
    }
    for (int64_t c = 0; c < columns; ++c) {
      const int64_t x = column + c;
      float* lanes = line + c * L;
      if (x < 0 || x >= width) {
        std::memset(lanes, 0, L * 4);
      } else if (used == L) {
        std::memcpy(lanes, image + (y * width + x) * channels, L * 4);
      } else {
        std::memset(lanes, 0, L * 4);
        std::memcpy(lanes, image + (y * width + x) * channels, used * 4);
      }
    }
  }
}

template <int N>
void put(float* to, const float* lanes, int64_t used) {
  if (used == N * V) {
    std::memcpy(to, lanes, N * V * 4);
  } else {
    std::memcpy(to, lanes, used * 4);
  }
}

// Q neighbouring output pixels.
template <int N, int Q>
inline void pixels(const float* padded, int64_t columns, const float* taps, const Shape& s, float* to,
                   int64_t channels, int64_t used) {
  constexpr int64_t L = N * V;
  Vec sum[Q][N] = {};
  for (int64_t i = 0; i < s.kh; ++i) {
    for (int64_t j = 0; j < s.kw; ++j) {
      const float* tap = taps + (i * s.kw + j) * L;
      const float* from = padded + (i * columns + j) * L;
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) {
        const Vec weight = load(tap + n * V);
#pragma GCC unroll 8
        for (int q = 0; q < Q; ++q) sum[q][n] += load(from + q * s.stride * L + n * V) * weight;
      }
    }
  }
#pragma GCC unroll 8
  for (int q = 0; q < Q; ++q) put<N>(to + q * channels, reinterpret_cast<const float*>(&sum[q][0]), used);
}

// All output pixels of one block of channels, from its packed image.
template <int N>
void correlate(const float* padded, int64_t columns, const float* taps, const Shape& s, float* to, int64_t channels,
               int64_t used) {
  constexpr int64_t L = N * V;
  constexpr int Q = 8 / N;
  for (int64_t p = 0; p < s.out_height; ++p) {
    const float* line = padded + p * s.stride * columns * L;
    float* out = to + p * s.out_width * channels;
    int64_t q = 0;
    for (; q + Q <= s.out_width; q += Q)
      pixels<N, Q>(line + q * s.stride * L, columns, taps, s, out + q * channels, channels, used);
    for (; q + 2 <= s.out_width; q += 2)
      pixels<N, 2>(line + q * s.stride * L, columns, taps, s, out + q * channels, channels, used);
    for (; q < s.out_width; ++q)
      pixels<N, 1>(line + q * s.stride * L, columns, taps, s, out + q * channels, channels, used);
  }
}

template <int N>
void pack_taps(const float* kernel, const Shape& s, int64_t used, bool turned, float* to) {
  const int64_t count = s.kh * s.kw;
  std::memset(to, 0, count * N * V * 4);
  for (int64_t tap = 0; tap < count; ++tap)
    std::memcpy(to + (turned ? count - 1 - tap : tap) * N * V, kernel + tap * s.channels, used * 4);
}

template <int N>
void forward_block(const Shape& s, const float* image, const float* kernel, float* out, int64_t used) {
  static thread_local Scratch memory;
  constexpr int64_t L = N * V;
  const int64_t rows = s.padded_height(), columns = s.padded_width();
  float* taps = memory.get((rows * columns + s.kh * s.kw) * L);
  float* padded = taps + s.kh * s.kw * L;
  pack_taps<N>(kernel, s, used, false, taps);
  pack<N>(image, s.height, s.width, s.channels, used, -s.top, -s.left, rows, columns, padded);
  correlate<N>(padded, columns, taps, s, out, s.channels, used);
}

// dx[y, x] of one block: with stride 1 the gradient correlated with the turned kernel, else its taps spread out.
template <int N>
void input_gradient(const Shape& s, const float* grad, const float* packed_grad, const float* kernel, float* out,
                    int64_t used) {
  static thread_local Scratch memory;
  constexpr int64_t L = N * V;
  if (s.stride == 1) {
    Shape turned = s;
    turned.out_height = s.height;
    turned.out_width = s.width;
    const int64_t rows = turned.padded_height(), columns = turned.padded_width();
    float* taps = memory.get((rows * columns + s.kh * s.kw) * L);
    float* padded = taps + s.kh * s.kw * L;
    pack_taps<N>(kernel, s, used, true, taps);
    pack<N>(grad, s.out_height, s.out_width, s.channels, used, s.top - s.kh + 1, s.left - s.kw + 1, rows, columns,
            padded);
    correlate<N>(padded, columns, taps, turned, out, s.channels, used);
    return;
  }
  const int64_t rows = std::max(s.padded_height(), s.top + s.height);
  const int64_t columns = std::max(s.padded_width(), s.left + s.width);
  float* taps = memory.get((rows * columns + s.kh * s.kw) * L);
  float* spread = taps + s.kh * s.kw * L;
  pack_taps<N>(kernel, s, used, false, taps);
  std::memset(spread, 0, rows * columns * L * 4);
  for (int64_t p = 0; p < s.out_height; ++p) {
    for (int64_t q = 0; q < s.out_width; ++q) {
      Vec g[N];
      for (int n = 0; n < N; ++n) g[n] = load(packed_grad + (p * s.out_width + q) * L + n * V);
      for (int64_t i = 0; i < s.kh; ++i) {
        float* line = spread + ((p * s.stride + i) * columns + q * s.stride) * L;
        for (int64_t j = 0; j < s.kw; ++j) {
          for (int n = 0; n < N; ++n) {
            float* cell = line + j * L + n * V;
            store(cell, load(cell) + g[n] * load(taps + (i * s.kw + j) * L + n * V));
          }
        }
      }
    }
  }
  for (int64_t y = 0; y < s.height; ++y)
    for (int64_t x = 0; x < s.width; ++x)
      put<N>(out + (y * s.width + x) * s.channels, spread + ((y + s.top) * columns + x + s.left) * L, used);
}

// K taps of one kernel row, summed over one image's pixels and added to `to`.
template <int N, int K>
void tap_gradients(const Shape& s, const float* padded, int64_t columns, const float* packed_grad, float* to,
                   int64_t used) {
  constexpr int64_t L = N * V;
  Vec sum[K][N] = {};
  for (int64_t p = 0; p < s.out_height; ++p) {
    const float* line = padded + p * s.stride * columns * L;
    const float* g = packed_grad + p * s.out_width * L;
    for (int64_t q = 0; q < s.out_width; ++q) {
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) {
        const Vec grad = load(g + q * L + n * V);
#pragma GCC unroll 8
        for (int k = 0; k < K; ++k) sum[k][n] += load(line + (q * s.stride + k) * L + n * V) * grad;
      }
    }
  }
  for (int k = 0; k < K; ++k) {
    const float* lanes = reinterpret_cast<const float*>(&sum[k][0]);
    for (int64_t lane = 0; lane < used; ++lane) to[k * s.channels + lane] += lanes[lane];
  }
}

template <int N>
void backward_block(const Shape& s, const float* image, const float* kernel, const float* grad, float* dx, float* dw,
                    int64_t used) {
  static thread_local Scratch memory;
  constexpr int64_t L = N * V;
  const int64_t rows = s.padded_height(), columns = s.padded_width();
  float* packed = memory.get((rows * columns + s.out_height * s.out_width) * L);
  float* padded = packed + s.out_height * s.out_width * L;
  pack<N>(grad, s.out_height, s.out_width, s.channels, used, 0, 0, s.out_height, s.out_width, packed);
  input_gradient<N>(s, grad, packed, kernel, dx, used);
  pack<N>(image, s.height, s.width, s.channels, used, -s.top, -s.left, rows, columns, padded);
  for (int64_t i = 0; i < s.kh; ++i) {
    for (int64_t j = 0; j < s.kw;) {
      const float* from = padded + (i * columns + j) * L;
      float* to = dw + (i * s.kw + j) * s.channels;
      const int64_t left = s.kw - j;
      if (left >= 7) {
        tap_gradients<N, 7>(s, from, columns, packed, to, used), j += 7;
      } else if (left >= 5) {
        tap_gradients<N, 5>(s, from, columns, packed, to, used), j += 5;
      } else if (left >= 3) {
        tap_gradients<N, 3>(s, from, columns, packed, to, used), j += 3;
      } else {
        tap_gradients<N, 1>(s, from, columns, packed, to, used), j += 1;
      }
    }
  }
}

// Calls run(first channel, channels used, wide) for every block.
template <typename Run>
void for_each_block(int64_t channels, const Run& run) {
  for (int64_t c = 0; c < channels;) {
    const bool wide = channels - c > V;
    const int64_t used = std::min<int64_t>(channels - c, wide ? 2 * V : V);
    run(c, used, wide);
    c += used;
  }
}

template <typename Image, typename Kernel, typename Out>
Shape shape_of(const Image& x, const Kernel& kernel, const Out& y, int64_t stride, int64_t top, int64_t left) {
  auto at = [](const auto& buffer, int back) { return buffer.dimensions()[buffer.dimensions().size() - back]; };
  return {at(x, 4), at(x, 3), at(x, 2), at(x, 1), at(y, 3), at(y, 2), at(kernel, 3), at(kernel, 2), stride, top, left};
}

static ffi::Error depthwise_forward(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::F32> kernel,
                                    ffi::Result<ffi::Buffer<ffi::F32>> y, int64_t stride, int64_t top, int64_t left) {
  const Shape s = shape_of(x, kernel, *y, stride, top, left);
  const int64_t out = s.out_height * s.out_width * s.channels, in = s.height * s.width * s.channels;
  const int64_t taps = s.kh * s.kw * s.channels, tasks = seeds(x, 4) * s.batch;
  for_each(pool, tasks, tasks * out * s.kh * s.kw / V, [&](int64_t task) {
    const float* image = x.typed_data() + task * in;
    const float* weights = kernel.typed_data() + task / s.batch * taps;
    float* to = y->typed_data() + task * out;
    for_each_block(s.channels, [&](int64_t c, int64_t used, bool wide) {
      (wide ? forward_block<2> : forward_block<1>)(s, image + c, weights + c, to + c, used);
    });
  });
  return ffi::Error::Success();
}

// dw is summed over groups of images first, and the groups then in order: on any number of threads the same sum.
static ffi::Error depthwise_backward(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::F32> kernel,
                                     ffi::Buffer<ffi::F32> grad, ffi::Result<ffi::Buffer<ffi::F32>> dx,
                                     ffi::Result<ffi::Buffer<ffi::F32>> dw, int64_t stride, int64_t top,
                                     int64_t left) {
  static thread_local Scratch memory;
  const Shape s = shape_of(x, kernel, grad, stride, top, left);
  const int64_t out = s.out_height * s.out_width * s.channels, in = s.height * s.width * s.channels;
  const int64_t taps = s.kh * s.kw * s.channels;
  const int64_t groups = std::min<int64_t>(s.batch, 32), each = seeds(x, 4);
  float* partial = memory.get(each * groups * taps);
  for_each(pool, each * groups, each * s.batch * out * s.kh * s.kw / V, [&](int64_t task) {
    const int64_t seed = task / groups, group = task % groups;
    const float* weights = kernel.typed_data() + seed * taps;
    float* sums = partial + task * taps;
    std::memset(sums, 0, taps * 4);
    for (int64_t b = group * s.batch / groups; b < (group + 1) * s.batch / groups; ++b) {
      const int64_t image = seed * s.batch + b;
      for_each_block(s.channels, [&](int64_t c, int64_t used, bool wide) {
        (wide ? backward_block<2> : backward_block<1>)(s, x.typed_data() + image * in + c, weights + c,
                                                       grad.typed_data() + image * out + c,
                                                       dx->typed_data() + image * in + c, sums + c, used);
      });
    }
  });
  constexpr int64_t kPiece = 2048;
  const int64_t pieces = (taps + kPiece - 1) / kPiece;
  for_each(pool, each * pieces, each * groups * taps / V, [&](int64_t task) {
    const int64_t seed = task / pieces, first = task % pieces * kPiece, count = std::min(kPiece, taps - first);
    float* total = dw->typed_data() + seed * taps + first;
    std::memset(total, 0, count * 4);
    for (int64_t group = 0; group < groups; ++group) {
      const float* sums = partial + (seed * groups + group) * taps + first;
      for (int64_t i = 0; i < count; ++i) total[i] += sums[i];
    }
  });
  return ffi::Error::Success();
}
