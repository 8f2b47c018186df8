// Depthwise convolution's two gradients, and the handlers of both directions. Forward is in strips.h.
#pragma once

#include "strips.h"

// The gradient's taps spread out over the input, for strides above 1.
template <int N>
void scatter(const Shape& s, const float* grad, const float* taps, float* spread, int64_t columns) {
  constexpr int64_t L = N * V;
  for (int64_t p = 0; p < s.out_height; ++p) {
    for (int64_t q = 0; q < s.out_width; ++q) {
      Vec g[N];
      for (int n = 0; n < N; ++n) g[n] = load(grad + (p * s.out_width + q) * L + n * V);
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
}

static void scatter_image(const Shape& s, const Blocks& blocks, const float* grad, const float* taps, float* dx) {
  static thread_local Scratch memory;
  const int64_t rows = std::max(s.padded_height(), s.top + s.height);
  const int64_t columns = std::max(s.padded_width(), s.left + s.width);
  const int64_t pixels = s.out_height * s.out_width;
  float* packed = memory.get(pixels * blocks.lanes + rows * columns * 2 * V);
  float* spread = packed + pixels * blocks.lanes;
  pack(blocks, grad, s.out_height, s.out_width, s.channels, 0, 0, s.out_height, s.out_width, packed);
  for (const Block& block : blocks.all) {
    const int64_t lanes = block.n * V;
    std::memset(spread, 0, rows * columns * lanes * 4);
    (block.n == 2 ? scatter<2> : scatter<1>)(s, packed + pixels * block.offset, taps + s.kh * s.kw * block.offset,
                                             spread, columns);
    for (int64_t y = 0; y < s.height; ++y) {
      for (int64_t x = 0; x < s.width; ++x) {
        (block.n == 2 ? put<2> : put<1>)(dx + (y * s.width + x) * s.channels + block.c,
                                         spread + ((y + s.top) * columns + x + s.left) * lanes, block.used);
      }
    }
  }
}

// K taps of one kernel row, summed over the pixels of a strip and added to `to`.
template <int N, int K>
void tap_gradients(const Shape& s, const float* padded, int64_t columns, const float* packed_grad, int64_t rows,
                   float* to, int64_t used) {
  constexpr int64_t L = N * V;
  Vec sum[K][N] = {};
  for (int64_t p = 0; p < rows; ++p) {
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
    float lanes[L];
    std::memcpy(lanes, sum[k], sizeof lanes);
    for (int64_t lane = 0; lane < used; ++lane) to[k * s.channels + lane] += lanes[lane];
  }
}

template <int N>
void all_tap_gradients(const Shape& s, const float* padded, int64_t columns, const float* packed_grad, int64_t rows,
                       float* dw, int64_t used) {
  for (int64_t i = 0; i < s.kh; ++i) {
    for (int64_t j = 0; j < s.kw;) {
      const float* from = padded + (i * columns + j) * N * V;
      float* to = dw + (i * s.kw + j) * s.channels;
      const int64_t left = s.kw - j;
      if (left >= 7) {
        tap_gradients<N, 7>(s, from, columns, packed_grad, rows, to, used), j += 7;
      } else if (left >= 5) {
        tap_gradients<N, 5>(s, from, columns, packed_grad, rows, to, used), j += 5;
      } else if (left >= 3) {
        tap_gradients<N, 3>(s, from, columns, packed_grad, rows, to, used), j += 3;
      } else {
        tap_gradients<N, 1>(s, from, columns, packed_grad, rows, to, used), j += 1;
      }
    }
  }
}

static void weights_image(const Shape& s, const Blocks& blocks, const float* image, const float* grad, float* dw) {
  static thread_local Scratch memory;
  const int64_t columns = s.padded_width();
  const int64_t strip = strip_rows((columns * s.stride + s.out_width) * blocks.lanes, s.out_height);
  float* padded = memory.get((((strip - 1) * s.stride + s.kh) * columns + strip * s.out_width) * blocks.lanes);
  for (int64_t p = 0; p < s.out_height; p += strip) {
    const int64_t rows = std::min(strip, s.out_height - p), reach = (rows - 1) * s.stride + s.kh;
    float* packed = padded + reach * columns * blocks.lanes;
    pack(blocks, image, s.height, s.width, s.channels, p * s.stride - s.top, -s.left, reach, columns, padded);
    pack(blocks, grad, s.out_height, s.out_width, s.channels, p, 0, rows, s.out_width, packed);
    for (const Block& block : blocks.all) {
      (block.n == 2 ? all_tap_gradients<2> : all_tap_gradients<1>)(
          s, padded + reach * columns * block.offset, columns, packed + rows * s.out_width * block.offset, rows,
          dw + block.c, block.used);
    }
  }
}

template <typename Image, typename Kernel, typename Out>
Shape shape_of(const Image& x, const Kernel& kernel, const Out& y, int64_t stride, int64_t top, int64_t left) {
  auto at = [](const auto& buffer, int back) { return buffer.dimensions()[buffer.dimensions().size() - back]; };
  return {at(x, 4), at(x, 3), at(x, 2), at(x, 1), at(y, 3), at(y, 2), at(kernel, 3), at(kernel, 2), stride, top, left};
}

static ffi::Error depthwise_forward(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::F32> kernel,
                                    ffi::Result<ffi::Buffer<ffi::F32>> y, int64_t stride, int64_t top, int64_t left) {
  static thread_local Scratch memory;
  const Shape s = shape_of(x, kernel, *y, stride, top, left);
  const Blocks blocks(s.channels);
  const int64_t out = s.out_height * s.out_width * s.channels, in = s.height * s.width * s.channels;
  float* taps = memory.get(s.kh * s.kw * blocks.lanes);
  for (int64_t seed = 0; seed < seeds(x, 4); ++seed) {
    pack_taps(blocks, kernel.typed_data() + seed * s.kh * s.kw * s.channels, s, false, taps);
    for_each(pool, s.batch, s.batch * out * s.kh * s.kw / V, [&](int64_t b) {
      const int64_t image = seed * s.batch + b;
      forward_image(s, blocks, x.typed_data() + image * in, taps, y->typed_data() + image * out);
    });
  }
  return ffi::Error::Success();
}

// dw is summed over groups of images first, and the groups then in order: on any number of threads the same sum.
static ffi::Error depthwise_backward(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::F32> kernel,
                                     ffi::Buffer<ffi::F32> grad, ffi::Result<ffi::Buffer<ffi::F32>> dx,
                                     ffi::Result<ffi::Buffer<ffi::F32>> dw, int64_t stride, int64_t top,
                                     int64_t left) {
  static thread_local Scratch memory;
  const Shape s = shape_of(x, kernel, grad, stride, top, left);
  // With stride 1 the input's gradient is the output's, correlated with the turned kernel.
  const Shape turned = {s.batch, s.out_height, s.out_width, s.channels,         s.height,          s.width,
                        s.kh,    s.kw,         1,           s.kh - 1 - s.top, s.kw - 1 - s.left};
  const Blocks blocks(s.channels);
  const int64_t out = s.out_height * s.out_width * s.channels, in = s.height * s.width * s.channels;
  const int64_t size = s.kh * s.kw * s.channels;
  const int64_t groups = std::min<int64_t>(s.batch, 32);
  float* taps = memory.get(s.kh * s.kw * blocks.lanes + groups * size);
  float* partial = taps + s.kh * s.kw * blocks.lanes;
  for (int64_t seed = 0; seed < seeds(x, 4); ++seed) {
    pack_taps(blocks, kernel.typed_data() + seed * size, s, stride == 1, taps);
    for_each(pool, groups, 2 * s.batch * out * s.kh * s.kw / V, [&](int64_t group) {
      float* sums = partial + group * size;
      std::memset(sums, 0, size * 4);
      for (int64_t b = group * s.batch / groups; b < (group + 1) * s.batch / groups; ++b) {
        const int64_t image = seed * s.batch + b;
        const float* g = grad.typed_data() + image * out;
        float* to = dx->typed_data() + image * in;
        if (stride == 1) {
          forward_image(turned, blocks, g, taps, to);
        } else {
          scatter_image(s, blocks, g, taps, to);
        }
        weights_image(s, blocks, x.typed_data() + image * in, g, sums);
      }
    });
    constexpr int64_t kPiece = 2048;
    for_each(pool, (size + kPiece - 1) / kPiece, groups * size / V, [&](int64_t piece) {
      const int64_t first = piece * kPiece, count = std::min(kPiece, size - first);
      float* total = dw->typed_data() + seed * size + first;
      std::memset(total, 0, count * 4);
      for (int64_t group = 0; group < groups; ++group)
        for (int64_t i = 0; i < count; ++i) total[i] += partial[group * size + first + i];
    });
  }
  return ffi::Error::Success();
}
