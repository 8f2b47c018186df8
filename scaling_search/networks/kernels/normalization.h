// Batch normalisation of float32 (N, C) rows with the activation behind it, two passes over memory each way.
//
// Rows are taken P = lcm(C, 4·V) floats at a time, with the per-channel constants repeated to P, so that every channel
// count fills whole vectors, four at once.
#pragma once

#include "common.h"

enum Activation : int64_t { kIdentity, kRelu, kRelu6, kSilu, kHardSwish, kSigmoid, kHardSigmoid };

static inline Vec constant(float value) { return Vec{} + value; }
static inline Vec least(Vec a, Vec b) { return a < b ? a : b; }
static inline Vec most(Vec a, Vec b) { return a > b ? a : b; }

// e^x by x = n·ln 2 + r and Cephes' polynomial in r: relative error under 2e-7 where e^x is a normal number.
static inline Vec exponential(Vec x) {
  x = x > 88.f ? constant(88.f) : x;
  x = x < -87.f ? constant(-87.f) : x;
  const Vec n = (x * 1.44269504088896341f + 12582912.f) - 12582912.f;
  const Vec r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Vec p = constant(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.f;
  const Ints power = (__builtin_convertvector(n, Ints) + 127) << 23;
  Vec two_to_n;
  std::memcpy(&two_to_n, &power, sizeof power);
  return p * two_to_n;
}

static inline Vec reciprocal(Vec x) {
#if defined(__AVX512F__)
  // 14 bits, doubled by a Newton step; a division of 16 floats takes longer than the rest of a sigmoid.
  const Vec r = (Vec)_mm512_rcp14_ps((__m512)x);
  return r * (2.f - x * r);
#else
  return 1.f / x;
#endif
}

static inline Vec sigmoid(Vec z) { return reciprocal(1.f + exponential(-z)); }

template <int64_t A>
inline Vec activate(Vec z) {
  const Vec zero = {};
  if (A == kRelu) return z < zero ? zero : z;
  if (A == kRelu6) return z < zero ? zero : (z > 6.f ? constant(6.f) : z);
  if (A == kSilu) return z * sigmoid(z);
  if (A == kHardSwish) return z * (least(most(z + 3.f, zero), constant(6.f)) * (1.f / 6.f));
  return z;
}

// d activate / dz.
template <int64_t A>
inline Vec slope(Vec z) {
  const Vec zero = {}, one = constant(1.f);
  if (A == kRelu) return z > zero ? one : zero;
  if (A == kRelu6) return z > zero ? (z < 6.f ? one : zero) : zero;
  if (A == kSilu) {
    const Vec s = sigmoid(z);
    return s * (1.f + z * (1.f - s));
  }
  if (A == kHardSwish) return z < -3.f ? zero : (z > 3.f ? one : z * (1.f / 3.f) + 0.5f);
  return one;
}

// How N·C floats are cut: into lines of P floats, the last perhaps short, and those into groups. The cut depends on
// the shape alone, so sums come out the same whatever the number of threads. A line is eight vectors or more: sums are
// kept by place in a line, and a place that came back at once would wait for itself.
struct Lines {
  int64_t floats, channels, period, lines, groups;
  Lines(int64_t floats, int64_t channels)
      : floats(floats),
        channels(channels),
        period(std::lcm(channels, int64_t{V})),
        lines(0),
        groups(0) {
    period *= (8 * V + period - 1) / period;
    lines = (floats + period - 1) / period;
    groups = std::min<int64_t>(lines, 32);
  }
  int64_t begin(int64_t group) const { return group * lines / groups; }
  std::vector<float> repeat(const float* values) const {
    std::vector<float> all(period);
    for (int64_t i = 0; i < period; i += channels) std::copy(values, values + channels, &all[i]);
    return all;
  }
};

// V floats from `place`, and `beyond` past the end.
template <bool Whole>
inline Vec get(const float* from, int64_t place, int64_t floats, Vec beyond = Vec{}) {
  if (Whole || place + V <= floats) return load(from + place);
  Vec v = beyond;
  if (place < floats) std::memcpy(&v, from + place, (floats - place) * 4);
  return v;
}

template <bool Whole>
inline void set(float* to, int64_t place, int64_t floats, Vec v) {
  if (Whole || place + V <= floats) return store(to + place, v);
  if (place < floats) std::memcpy(to + place, &v, (floats - place) * 4);
}

// each(whole, place, place in the line) for every vector of a line; `whole` is a type: no vector reaches past the end.
template <typename Each>
inline void along(const Lines& cut, int64_t line, const Each& each) {
  const int64_t first = line * cut.period;
  if (first + cut.period <= cut.floats) {
#pragma GCC unroll 4
    for (int64_t at = 0; at < cut.period; at += V) each(std::true_type(), first + at, at);
  } else {
    for (int64_t at = 0; at < cut.period; at += V) each(std::false_type(), first + at, at);
  }
}

// Adds a group's two sums, by place in a line, to `sums` (2, period): pair(whole, place, place in the line, first,
// second) adds a vector's share to both. Memory is read in order, which its prefetching needs; few enough lines are
// added up as floats that doubles keep the rest.
template <typename Pair>
void add_up(const Lines& cut, int64_t group, double* sums, const Pair& pair) {
  static thread_local Scratch memory;
  const int64_t piece = std::max<int64_t>(32, 4096 / cut.period);
  float* first = memory.get(2 * cut.period);
  float* second = first + cut.period;
  for (int64_t line = cut.begin(group); line < cut.begin(group + 1); line += piece) {
    const int64_t end = std::min(line + piece, cut.begin(group + 1));
    std::memset(first, 0, 2 * cut.period * sizeof *first);
    for (int64_t l = line; l < end; ++l) {
      along(cut, l, [&](auto whole, int64_t place, int64_t at) {
        Vec a = load(first + at), b = load(second + at);
        pair(whole, place, at, a, b);
        store(first + at, a);
        store(second + at, b);
      });
    }
    for (int64_t at = 0; at < 2 * cut.period; ++at) sums[at] += first[at];
  }
}

// Two sums per channel, over all groups in order: (2, C).
template <typename Pair>
std::vector<double> sums_of(ffi::ThreadPool& pool, const Lines& cut, const Pair& pair) {
  static thread_local std::vector<double> partial;
  const int64_t size = 2 * cut.period;
  partial.assign(cut.groups * size, 0.0);
  double* first = partial.data();  // the helpers' own `partial` is another
  for_each(pool, cut.groups, cut.floats, [&](int64_t group) { add_up(cut, group, first + group * size, pair); });
  std::vector<double> total(2 * cut.channels, 0.0);
  for (int64_t half = 0; half < 2 * cut.groups; ++half)
    for (int64_t at = 0; at < cut.period; at += cut.channels)
      for (int64_t c = 0; c < cut.channels; ++c)
        total[half % 2 * cut.channels + c] += first[half * cut.period + at + c];
  return total;
}

// Groups are taken from the last: that is what the pass before has left in the cache.
template <typename Each>
void for_each_vector(ffi::ThreadPool& pool, const Lines& cut, const Each& each) {
  for_each(pool, cut.groups, cut.floats, [&](int64_t group) {
    const int64_t mine = cut.groups - 1 - group;
    for (int64_t line = cut.begin(mine); line < cut.begin(mine + 1); ++line) along(cut, line, each);
  });
}

// y = activate(scale·(x − mean)/√(variance + epsilon) + bias).
template <int64_t A>
void norm_apply(ffi::ThreadPool& pool, const Lines& cut, const float* x, const float* scale, const float* bias,
                const float* mean, const float* variance, float epsilon, float* y) {
  std::vector<float> factors(cut.channels);
  for (int64_t c = 0; c < cut.channels; ++c) factors[c] = scale[c] / std::sqrt(variance[c] + epsilon);
  const std::vector<float> factor = cut.repeat(factors.data()), shift = cut.repeat(bias), middle = cut.repeat(mean);
  for_each_vector(pool, cut, [&](auto whole, int64_t place, int64_t at) {
    const Vec centred = get<whole.value>(x, place, cut.floats) - load(&middle[at]);
    const Vec z = centred * load(&factor[at]) + load(&shift[at]);
    set<whole.value>(y, place, cut.floats, activate<A>(z));
  });
}

// Leaves the batch's own statistics for the backward pass, and the running ones after it.
template <int64_t A>
void norm_forward(ffi::ThreadPool& pool, const Lines& cut, const float* x, const float* scale, const float* bias,
                  const float* old_mean, const float* old_variance, float momentum, float epsilon, float* y,
                  float* mean, float* variance, float* new_mean, float* new_variance) {
  // About the first row, or a mean far from zero would eat the digits of the variance.
  const std::vector<float> pivot = cut.repeat(x);
  const std::vector<double> sums = sums_of(pool, cut, [&](auto whole, int64_t place, int64_t at, Vec& first,
                                                          Vec& second) {
    const Vec first_row = load(&pivot[at]);
    const Vec v = get<whole.value>(x, place, cut.floats, first_row) - first_row;
    first += v;
    second += v * v;
  });
  const double count = static_cast<double>(cut.floats) / cut.channels;
  for (int64_t c = 0; c < cut.channels; ++c) {
    const double m = sums[c] / count;
    const double v = sums[cut.channels + c] / count - m * m;
    mean[c] = x[c] + m;
    variance[c] = v < 0.0 ? 0.0 : v;
    new_mean[c] = momentum * old_mean[c] + (1 - momentum) * mean[c];
    new_variance[c] = momentum * old_variance[c] + (1 - momentum) * variance[c];
  }
  norm_apply<A>(pool, cut, x, scale, bias, mean, variance, epsilon, y);
}

template <int64_t A>
void norm_backward(ffi::ThreadPool& pool, const Lines& cut, const float* x, const float* grad, const float* scale,
                   const float* bias, const float* mean, const float* variance, float epsilon, float* dx,
                   float* dscale, float* dbias) {
  std::vector<float> factors(cut.channels), a(cut.channels), b(cut.channels);
  for (int64_t c = 0; c < cut.channels; ++c) factors[c] = scale[c] / std::sqrt(variance[c] + epsilon);
  const std::vector<float> factor = cut.repeat(factors.data()), shift = cut.repeat(bias), middle = cut.repeat(mean);
  const std::vector<double> sums = sums_of(pool, cut, [&](auto whole, int64_t place, int64_t at, Vec& first,
                                                          Vec& second) {
    const Vec centred = get<whole.value>(x, place, cut.floats) - load(&middle[at]);
    const Vec z = centred * load(&factor[at]) + load(&shift[at]);
    const Vec dz = get<whole.value>(grad, place, cut.floats) * slope<A>(z);
    if (A != kIdentity) set<whole.value>(dx, place, cut.floats, dz);
    first += dz;
    second += dz * centred;
  });
  const double count = static_cast<double>(cut.floats) / cut.channels;
  for (int64_t c = 0; c < cut.channels; ++c) {
    const double precision = 1.0 / (static_cast<double>(variance[c]) + epsilon);
    dbias[c] = sums[c];
    dscale[c] = sums[cut.channels + c] * std::sqrt(precision);
    a[c] = sums[c] / count;
    b[c] = sums[cut.channels + c] * precision / count;
  }
  // dz waits in dx for the second pass: one more write is less than another sigmoid.
  const float* kept = A == kIdentity ? grad : dx;
  const std::vector<float> offset = cut.repeat(a.data()), part = cut.repeat(b.data());
  for_each_vector(pool, cut, [&](auto whole, int64_t place, int64_t at) {
    const Vec centred = get<whole.value>(x, place, cut.floats) - load(&middle[at]);
    const Vec dz = get<whole.value>(kept, place, cut.floats);
    set<whole.value>(dx, place, cut.floats, load(&factor[at]) * (dz - load(&offset[at]) - centred * load(&part[at])));
  });
}

// Calls run(std::integral_constant<int64_t, activation>) .
template <typename Run>
ffi::Error with_activation(int64_t activation, const Run& run) {
  switch (activation) {
    case kIdentity: run(std::integral_constant<int64_t, kIdentity>()); break;
    case kRelu: run(std::integral_constant<int64_t, kRelu>()); break;
    case kRelu6: run(std::integral_constant<int64_t, kRelu6>()); break;
    case kSilu: run(std::integral_constant<int64_t, kSilu>()); break;
    case kHardSwish: run(std::integral_constant<int64_t, kHardSwish>()); break;
    default: return ffi::Error::InvalidArgument("unknown activation");
  }
  return ffi::Error::Success();
}

using In = ffi::Buffer<ffi::F32>;
using Out = ffi::Result<ffi::Buffer<ffi::F32>>;

static ffi::Error batch_norm_apply(ffi::ThreadPool pool, In x, In scale, In bias, In mean, In variance, Out y,
                                   int64_t activation, float epsilon) {
  const int64_t count = seeds(scale, 1), channels = scale.dimensions().back();
  const Lines cut(x.element_count() / count, channels);
  return with_activation(activation, [&](auto kind) {
    for (int64_t s = 0; s < count; ++s) {
      const int64_t c = s * channels, n = s * cut.floats;
      norm_apply<decltype(kind)::value>(pool, cut, x.typed_data() + n, scale.typed_data() + c, bias.typed_data() + c,
                                        mean.typed_data() + c, variance.typed_data() + c, epsilon,
                                        y->typed_data() + n);
    }
  });
}

static ffi::Error batch_norm_forward(ffi::ThreadPool pool, In x, In scale, In bias, In old_mean, In old_variance,
                                     Out y, Out mean, Out variance, Out new_mean, Out new_variance,
                                     int64_t activation, float epsilon, float momentum) {
  const int64_t count = seeds(scale, 1), channels = scale.dimensions().back();
  const Lines cut(x.element_count() / count, channels);
  return with_activation(activation, [&](auto kind) {
    for (int64_t s = 0; s < count; ++s) {
      const int64_t c = s * channels, n = s * cut.floats;
      norm_forward<decltype(kind)::value>(pool, cut, x.typed_data() + n, scale.typed_data() + c,
                                          bias.typed_data() + c, old_mean.typed_data() + c,
                                          old_variance.typed_data() + c, momentum, epsilon, y->typed_data() + n,
                                          mean->typed_data() + c, variance->typed_data() + c,
                                          new_mean->typed_data() + c, new_variance->typed_data() + c);
    }
  });
}

static ffi::Error batch_norm_backward(ffi::ThreadPool pool, In x, In grad, In scale, In bias, In mean, In variance,
                                      Out dx, Out dscale, Out dbias, int64_t activation, float epsilon) {
  const int64_t count = seeds(scale, 1), channels = scale.dimensions().back();
  const Lines cut(x.element_count() / count, channels);
  return with_activation(activation, [&](auto kind) {
    for (int64_t s = 0; s < count; ++s) {
      const int64_t c = s * channels, n = s * cut.floats;
      norm_backward<decltype(kind)::value>(pool, cut, x.typed_data() + n, grad.typed_data() + n,
                                           scale.typed_data() + c, bias.typed_data() + c, mean.typed_data() + c,
                                           variance.typed_data() + c, epsilon, dx->typed_data() + n,
                                           dscale->typed_data() + c, dbias->typed_data() + c);
    }
  });
}
