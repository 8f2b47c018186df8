// Dense and grouped convolution of float32 images: many output channels side by side in registers, several pixels or
// input channels at once, so that every load feeds several multiply-adds. An image is padded in the cache, where it is
// used: padded in memory, it would be written and read once more.
#pragma once

#include "common.h"

#if defined(__AVX512F__)
constexpr int kTile = 12;  // pixels or input channels in a tile; each has two vectors of output channels
#else
constexpr int kTile = 4;
#endif

// Images (batch, x_height, x_width, channels), read as (batch, height, width, channels): `dilation` - 1 zeros between
// pixels, `top` and `left` before them (cut off where negative) and as many behind as the results need. Results (batch,
// out_height, out_width, features); kernel (kh, kw, channels / groups, features).
struct DenseShape {
  int64_t batch, x_height, x_width, channels, out_height, out_width, features, kh, kw, stride, groups, top, left, dilation;
  bool padded() const {
    return top != 0 || left != 0 || dilation != 1 || x_height < (out_height - 1) * stride + kh ||
           x_width < (out_width - 1) * stride + kw;
  }
  int64_t height() const { return padded() ? (out_height - 1) * stride + kh : x_height; }
  int64_t width() const { return padded() ? (out_width - 1) * stride + kw : x_width; }
  int64_t x_size() const { return x_height * x_width * channels; }
  int64_t size() const { return height() * width() * channels; }
  int64_t in() const { return channels / groups; }
  int64_t out() const { return features / groups; }
  // A kernel row of `steps` taps of `span` inputs: without groups it is one run of floats, in the images as in the kernel.
  int64_t steps() const { return groups == 1 ? 1 : kw; }
  int64_t span() const { return groups == 1 ? kw * channels : in(); }
  int64_t pixels() const { return out_height * out_width; }
  int64_t work() const { return batch * pixels() * kh * kw * in() * ((features + V - 1) / V); }
};

static void pad_image(const DenseShape& s, const float* image, float* to) {
  const int64_t height = s.height(), width = s.width();
  std::memset(to, 0, s.size() * sizeof *to);
  for (int64_t r = 0; r < s.x_height; ++r) {
    const int64_t y = s.top + r * s.dilation;
    if (y < 0 || y >= height) continue;
    const float* row = image + r * s.x_width * s.channels;
    float* line = to + y * width * s.channels;
    if (s.dilation == 1) {
      const int64_t from = std::max<int64_t>(0, -s.left), until = std::min(s.x_width, width - s.left);
      if (from < until)
        std::memcpy(line + (s.left + from) * s.channels, row + from * s.channels, (until - from) * s.channels * 4);
      continue;
    }
    for (int64_t q = 0; q < s.x_width; ++q) {
      const int64_t x = s.left + q * s.dilation;
      if (x >= 0 && x < width) std::memcpy(line + x * s.channels, row + q * s.channels, s.channels * 4);
    }
  }
}

// `count` images as the loops read them: where they are, or padded in this thread's scratch memory.
static const float* images_to_read(const DenseShape& s, const float* images, int64_t count) {
  static thread_local Scratch memory;
  if (!s.padded()) return images;
  float* padded = memory.get(count * s.size());
  for (int64_t b = 0; b < count; ++b) pad_image(s, images + b * s.x_size(), padded + b * s.size());
  return padded;
}

static inline Vec load_some(const float* from, int64_t used) {
  Vec v = {};
  std::memcpy(&v, from, used * 4);
  return v;
}

// N vectors of output channels at kTile pixels of one image, `valid` of them stored.
template <int N>
void dense_tile(const DenseShape& s, const float* image, const float* kernel, int64_t first, int64_t valid, float* to,
                int64_t used) {
  const float* from[kTile];
  const int64_t width = s.width();
  for (int q = 0; q < kTile; ++q) {
    const int64_t pixel = std::min<int64_t>(first + q, s.pixels() - 1);
    from[q] = image + (pixel / s.out_width * width + pixel % s.out_width) * s.stride * s.channels;
  }
  Vec sum[kTile][N] = {};
  for (int64_t i = 0; i < s.kh; ++i) {
    for (int64_t j = 0; j < s.steps(); ++j) {
      const int64_t offset = (i * width + j) * s.channels, span = s.span();
      const float* weights = kernel + (i * s.kw + j) * s.in() * N * V;
      for (int64_t c = 0; c < span; ++c) {
        Vec weight[N];
        for (int n = 0; n < N; ++n) weight[n] = load(weights + (c * N + n) * V);
#pragma GCC unroll 16
        for (int q = 0; q < kTile; ++q) {
          const float x = from[q][offset + c];
          for (int n = 0; n < N; ++n) sum[q][n] += weight[n] * x;
        }
      }
    }
  }
  for (int64_t q = 0; q < kTile; ++q) {
    float lanes[N * V];
    std::memcpy(lanes, sum[q], sizeof lanes);
    if (q < valid) std::memcpy(to + (first + q) * s.features, lanes, used * 4);
  }
}

// Sums over `count` images: input channels `c` ... `c + K - 1` at one tap times N vectors of output gradients.
template <int K, int N, bool Full>
void dense_weights(const DenseShape& s, const float* x, const float* grad, int64_t count, float* to, int64_t used) {
  const int64_t height = s.height(), width = s.width();
  Vec sum[K][N] = {};
  for (int64_t b = 0; b < count; ++b) {
    for (int64_t p = 0; p < s.out_height; ++p) {
      const float* line = x + (b * height + p * s.stride) * width * s.channels;
      const float* g = grad + (b * s.out_height + p) * s.out_width * s.features;
      for (int64_t q = 0; q < s.out_width; ++q, line += s.stride * s.channels, g += s.features) {
        Vec gradient[N];
        for (int n = 0; n < N; ++n)
          gradient[n] = Full ? load(g + n * V) : load_some(g + n * V, std::min<int64_t>(V, used - n * V));
#pragma GCC unroll 16
        for (int k = 0; k < K; ++k) {
          for (int n = 0; n < N; ++n) sum[k][n] += gradient[n] * line[k];
        }
      }
    }
  }
  for (int k = 0; k < K; ++k) {
    float lanes[N * V];
    std::memcpy(lanes, sum[k], sizeof lanes);
    for (int64_t lane = 0; lane < used; ++lane) to[k * s.features + lane] += lanes[lane];
  }
}

template <int K>
void dense_weights_of(const DenseShape& s, const float* x, const float* grad, int64_t count, float* to, int64_t used) {
  if (used == 2 * V) return dense_weights<K, 2, true>(s, x, grad, count, to, used);
  if (used > V) return dense_weights<K, 2, false>(s, x, grad, count, to, used);
  if (used == V) return dense_weights<K, 1, true>(s, x, grad, count, to, used);
  dense_weights<K, 1, false>(s, x, grad, count, to, used);
}

// Calls run(group, first output channel within it, channels used) for every block of at most 2 vectors.
template <typename Run>
void for_each_output_block(const DenseShape& s, const Run& run) {
  for (int64_t group = 0; group < s.groups; ++group)
    for (int64_t o = 0; o < s.out(); o += 2 * V) run(group, o, std::min<int64_t>(2 * V, s.out() - o));
}

template <typename Buffer>
int64_t axis(const Buffer& buffer, int back) {
  return buffer.dimensions()[buffer.dimensions().size() - back];
}

// One block's weights side by side, (kh, kw, in, N*V): rows of a power of two apart would evict each other.
static void pack_weights(const DenseShape& s, const float* kernel, int64_t used, float* to) {
  const int64_t lanes = used > V ? 2 * V : V;
  for (int64_t row = 0; row < s.kh * s.kw * s.in(); ++row, kernel += s.features, to += lanes) {
    std::memcpy(to, kernel, used * 4);
    std::memset(to + used, 0, (lanes - used) * 4);
  }
}

static ffi::Error dense_forward(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::F32> kernel,
                                ffi::Result<ffi::Buffer<ffi::F32>> y, int64_t stride, int64_t groups, int64_t top,
                                int64_t left, int64_t dilation) {
  static thread_local Scratch memory;
  const DenseShape s = {axis(x, 4),      axis(x, 3),      axis(x, 2), axis(x, 1), axis(*y, 3), axis(*y, 2), axis(*y, 1),
                        axis(kernel, 4), axis(kernel, 3), stride,     groups,     top,         left,        dilation};
  const int64_t kernel_size = s.kh * s.kw * s.in() * s.features;
  const int64_t block_size = s.kh * s.kw * s.in() * 2 * V, blocks = (s.out() + 2 * V - 1) / (2 * V);
  float* packed = memory.get(s.groups * blocks * block_size);
  for (int64_t seed = 0; seed < seeds(x, 4); ++seed) {
    for_each_output_block(s, [&](int64_t group, int64_t o, int64_t used) {
      pack_weights(s, kernel.typed_data() + seed * kernel_size + group * s.out() + o, used,
                   packed + (group * blocks + o / (2 * V)) * block_size);
    });
    for_each(pool, s.batch, s.work(), [&](int64_t task) {
      const int64_t b = seed * s.batch + task;
      const float* image = images_to_read(s, x.typed_data() + b * s.x_size(), 1);
      float* to = y->typed_data() + b * s.pixels() * s.features;
      for_each_output_block(s, [&](int64_t group, int64_t o, int64_t used) {
        const float* weights = packed + (group * blocks + o / (2 * V)) * block_size;
        for (int64_t pixel = 0; pixel < s.pixels(); pixel += kTile) {
          (used > V ? dense_tile<2> : dense_tile<1>)(s, image + group * s.in(), weights, pixel, s.pixels() - pixel,
                                                     to + group * s.out() + o, used);
        }
      });
    });
  }
  return ffi::Error::Success();
}

// One tap (without groups: one row of taps) over `count` images, for all inputs and outputs.
static void dense_weights_of_tap(const DenseShape& s, const float* images, const float* grads, int64_t count,
                                 float* sums) {
  for_each_output_block(s, [&](int64_t group, int64_t o, int64_t used) {
    const float* g = grads + group * s.out() + o;
    for (int64_t c = 0; c < s.span();) {
      const float* from = images + group * s.in() + c;
      float* to = sums + c * s.features + group * s.out() + o;
      if (s.span() - c >= kTile) {
        dense_weights_of<kTile>(s, from, g, count, to, used), c += kTile;
      } else if (s.span() - c >= 4) {
        dense_weights_of<4>(s, from, g, count, to, used), c += 4;
      } else {
        dense_weights_of<1>(s, from, g, count, to, used), c += 1;
      }
    }
  });
}

// dw comes as one partial sum per group of images, (G, kh, kw, channels / groups, features); a task is a row of taps.
static ffi::Error dense_weight_gradient(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::F32> grad,
                                        ffi::Result<ffi::Buffer<ffi::F32>> dw, int64_t stride, int64_t groups,
                                        int64_t top, int64_t left) {
  const DenseShape s = {axis(x, 4),    axis(x, 3),   axis(x, 2), axis(x, 1), axis(grad, 3), axis(grad, 2), axis(grad, 1),
                        axis(*dw, 4), axis(*dw, 3), stride,     groups,     top,           left,          1};
  const int64_t parts = axis(*dw, 5), tap_size = s.span() * s.features, row_size = s.steps() * tap_size;
  const int64_t together = std::max<int64_t>(1, 256 / s.pixels());  // images small enough to stay in the cache
  for_each(pool, seeds(x, 4) * parts * s.kh, s.work(), [&](int64_t task) {
    const int64_t seed = task / (parts * s.kh), part = task / s.kh % parts, row = task % s.kh;
    float* sums = dw->typed_data() + task * row_size;
    std::memset(sums, 0, row_size * 4);
    const int64_t last = (part + 1) * s.batch / parts;
    for (int64_t b = part * s.batch / parts; b < last; b += together) {
      const int64_t count = std::min(together, last - b), image = seed * s.batch + b;
      const float* images = images_to_read(s, x.typed_data() + image * s.x_size(), count);
      for (int64_t j = 0; j < s.steps(); ++j)
        dense_weights_of_tap(s, images + (row * s.width() + j) * s.channels,
                             grad.typed_data() + image * s.pixels() * s.features, count, sums + j * tap_size);
    }
  });
  return ffi::Error::Success();
}
