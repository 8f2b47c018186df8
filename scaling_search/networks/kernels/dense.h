// Dense and grouped convolution of float32 images that are already padded: many output channels side by side in
// registers, several pixels or input channels at once, so that every load feeds several multiply-adds.
#pragma once

#include "common.h"

#if defined(__AVX512F__)
constexpr int kTile = 12;  // pixels or input channels in a tile; each has two vectors of output channels
#else
constexpr int kTile = 4;
#endif

// Images (batch, height, width, channels), padded; results (batch, out_height, out_width, features); kernel
// (kh, kw, channels / groups, features).
struct DenseShape {
  int64_t batch, height, width, channels, out_height, out_width, features, kh, kw, stride, groups;
  int64_t in() const { return channels / groups; }
  int64_t out() const { return features / groups; }
  // A kernel row of `steps` taps of `span` inputs: without groups it is one run of floats, in the images as in the kernel.
  int64_t steps() const { return groups == 1 ? 1 : kw; }
  int64_t span() const { return groups == 1 ? kw * channels : in(); }
  int64_t pixels() const { return out_height * out_width; }
  int64_t work() const { return batch * pixels() * kh * kw * in() * ((features + V - 1) / V); }
};

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
  for (int q = 0; q < kTile; ++q) {
    const int64_t pixel = std::min<int64_t>(first + q, s.pixels() - 1);
    from[q] = image + (pixel / s.out_width * s.width + pixel % s.out_width) * s.stride * s.channels;
  }
  Vec sum[kTile][N] = {};
  for (int64_t i = 0; i < s.kh; ++i) {
    for (int64_t j = 0; j < s.steps(); ++j) {
      const int64_t offset = (i * s.width + j) * s.channels, span = s.span();
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

// Sums over images [begin, end): input channels `c` ... `c + K - 1` at one tap times N vectors of output gradients.
template <int K, int N, bool Full>
void dense_weights(const DenseShape& s, const float* x, const float* grad, int64_t begin, int64_t end, float* to,
                   int64_t used) {
  Vec sum[K][N] = {};
  for (int64_t b = begin; b < end; ++b) {
    for (int64_t p = 0; p < s.out_height; ++p) {
      const float* line = x + (b * s.height + p * s.stride) * s.width * s.channels;
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
void dense_weights_of(const DenseShape& s, const float* x, const float* grad, int64_t begin, int64_t end, float* to,
                      int64_t used) {
  if (used == 2 * V) return dense_weights<K, 2, true>(s, x, grad, begin, end, to, used);
  if (used > V) return dense_weights<K, 2, false>(s, x, grad, begin, end, to, used);
  if (used == V) return dense_weights<K, 1, true>(s, x, grad, begin, end, to, used);
  dense_weights<K, 1, false>(s, x, grad, begin, end, to, used);
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
                                ffi::Result<ffi::Buffer<ffi::F32>> y, int64_t stride, int64_t groups) {
  static thread_local Scratch memory;
  const DenseShape s = {axis(x, 4),  axis(x, 3),      axis(x, 2),      axis(x, 1), axis(*y, 3), axis(*y, 2),
                        axis(*y, 1), axis(kernel, 4), axis(kernel, 3), stride,     groups};
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
      const float* image = x.typed_data() + b * s.height * s.width * s.channels;
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

// dw comes as one partial sum per group of images, (G, kh, kw, channels / groups, features).
static ffi::Error dense_weight_gradient(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::F32> grad,
                                        ffi::Result<ffi::Buffer<ffi::F32>> dw, int64_t stride, int64_t groups) {
  const DenseShape s = {axis(x, 4),    axis(x, 3),   axis(x, 2),   axis(x, 1), axis(grad, 3), axis(grad, 2),
                        axis(grad, 1), axis(*dw, 4), axis(*dw, 3), stride,     groups};
  const int64_t parts = axis(*dw, 5), taps = s.kh * s.steps(), tap_size = s.span() * s.features;
  const int64_t tasks = seeds(x, 4) * parts * taps;
  const int64_t together = std::max<int64_t>(1, 256 / s.pixels());  // images small enough to stay in the cache
  for_each(pool, tasks, s.work(), [&](int64_t task) {
    const int64_t seed = task / (parts * taps), part = task / taps % parts, tap = task % taps;
    const float* images = x.typed_data() + seed * s.batch * s.height * s.width * s.channels +
                          (tap / s.steps() * s.width + tap % s.steps()) * s.channels;
    const float* grads = grad.typed_data() + seed * s.batch * s.pixels() * s.features;
    float* sums = dw->typed_data() + task * tap_size;
    std::memset(sums, 0, tap_size * 4);
    const int64_t last = (part + 1) * s.batch / parts;
    for (int64_t b = part * s.batch / parts; b < last; b += together) {
      const int64_t end = std::min(b + together, last);
      for_each_output_block(s, [&](int64_t group, int64_t o, int64_t used) {
        const float* g = grads + group * s.out() + o;
        for (int64_t c = 0; c < s.span();) {
          const float* from = images + group * s.in() + c;
          float* to = sums + c * s.features + group * s.out() + o;
          if (s.span() - c >= kTile) {
            dense_weights_of<kTile>(s, from, g, b, end, to, used), c += kTile;
          } else if (s.span() - c >= 4) {
            dense_weights_of<4>(s, from, g, b, end, to, used), c += 4;
          } else {
            dense_weights_of<1>(s, from, g, b, end, to, used), c += 1;
          }
        }
      });
    }
  });
  return ffi::Error::Success();
}
