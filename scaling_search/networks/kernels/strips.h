// Depthwise convolution of float32 (B, H, W, C) images, a strip of rows at a time.
//
// A strip is copied, with the padding around it, into scratch memory that stays in the cache: blocks of channels, and in
// a block every pixel's lanes side by side. Main memory is so read and written in order, once, and the loops over taps
// meet neither edges nor odd channel counts.
#pragma once

#include "common.h"

struct Shape {
  int64_t batch, height, width, channels, out_height, out_width, kh, kw, stride, top, left;
  int64_t padded_height() const { return (out_height - 1) * stride + kh; }
  int64_t padded_width() const { return (out_width - 1) * stride + kw; }
};

// Channels c ... c + used - 1 of a pixel, N vectors; `offset` is where the block begins in a strip of one pixel.
struct Block {
  int64_t c, used, n, offset;
};

struct Blocks {
  std::vector<Block> all;
  int64_t lanes = 0;  // of a pixel, over all blocks
  explicit Blocks(int64_t channels) {
    for (int64_t c = 0; c < channels; c += all.back().used) {
      const int64_t n = channels - c > V ? 2 : 1;
      all.push_back({c, std::min<int64_t>(channels - c, n * V), n, lanes});
      lanes += n * V;
    }
  }
};

// Copies pixels (row + r, column + q), r < rows, q < columns, of an image into scratch, 0 outside the image: first the
// first block's (rows, columns, n*V) floats, then the second's, ...
static void pack(const Blocks& blocks, const float* image, int64_t height, int64_t width, int64_t channels, int64_t row,
                 int64_t column, int64_t rows, int64_t columns, float* to) {
  const int64_t from = std::clamp<int64_t>(-column, 0, columns);
  const int64_t until = std::clamp<int64_t>(width - column, from, columns);
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t y = row + r;
    const bool inside = y >= 0 && y < height;
    if (inside && y + 1 < height) {
      // Blocks jump through a row, which the processor's own prefetching does not follow.
      const float* next = image + (y + 1) * width * channels;
      for (int64_t i = 0; i < width * channels; i += 16) __builtin_prefetch(next + i);
    }
    for (const Block& block : blocks.all) {
      const int64_t lanes = block.n * V;
      float* line = to + rows * columns * block.offset + r * columns * lanes;
      if (!inside) {
        std::memset(line, 0, columns * lanes * 4);
        continue;
      }
      std::memset(line, 0, from * lanes * 4);
      std::memset(line + until * lanes, 0, (columns - until) * lanes * 4);
      const float* pixel = image + (y * width + column + from) * channels + block.c;
      line += from * lanes;
      if (block.used == 2 * V) {
        for (int64_t q = from; q < until; ++q, pixel += channels, line += 2 * V) {
          store(line, load(pixel));
          store(line + V, load(pixel + V));
        }
      } else if (block.used == V) {
        for (int64_t q = from; q < until; ++q, pixel += channels, line += V) store(line, load(pixel));
      } else {
        for (int64_t q = from; q < until; ++q, pixel += channels, line += lanes) {
          std::memset(line, 0, lanes * 4);
          std::memcpy(line, pixel, block.used * 4);
        }
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

// `rows` rows of output of one block of channels, from its packed strip.
template <int N>
void correlate(const float* padded, int64_t columns, const float* taps, const Shape& s, int64_t rows, float* to,
               int64_t channels, int64_t used) {
  constexpr int64_t L = N * V;
  constexpr int Q = 8 / N;
  for (int64_t p = 0; p < rows; ++p) {
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

// The taps in blocks of channels, each (kh, kw, n*V); `turned` by 180 degrees.
static void pack_taps(const Blocks& blocks, const float* kernel, const Shape& s, bool turned, float* to) {
  const int64_t count = s.kh * s.kw;
  for (const Block& block : blocks.all) {
    float* first = to + count * block.offset;
    std::memset(first, 0, count * block.n * V * 4);
    for (int64_t tap = 0; tap < count; ++tap)
      std::memcpy(first + (turned ? count - 1 - tap : tap) * block.n * V, kernel + tap * s.channels + block.c,
                  block.used * 4);
  }
}

// Rows in a strip: as many as keep it, at `floats` a row, in a core's own cache.
static int64_t strip_rows(int64_t floats, int64_t rows) {
  return std::clamp<int64_t>((int64_t{1} << 16) / floats, 1, rows);
}

static void forward_image(const Shape& s, const Blocks& blocks, const float* image, const float* taps, float* out) {
  static thread_local Scratch memory;
  const int64_t columns = s.padded_width(), strip = strip_rows(columns * blocks.lanes * s.stride, s.out_height);
  float* padded = memory.get(((strip - 1) * s.stride + s.kh) * columns * blocks.lanes);
  for (int64_t p = 0; p < s.out_height; p += strip) {
    const int64_t rows = std::min(strip, s.out_height - p), reach = (rows - 1) * s.stride + s.kh;
    pack(blocks, image, s.height, s.width, s.channels, p * s.stride - s.top, -s.left, reach, columns, padded);
    for (const Block& block : blocks.all) {
      (block.n == 2 ? correlate<2> : correlate<1>)(padded + reach * columns * block.offset, columns,
                                                   taps + s.kh * s.kw * block.offset, s, rows,
                                                   out + p * s.out_width * s.channels + block.c, s.channels,
                                                   block.used);
    }
  }
}
