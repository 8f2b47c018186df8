// What the kernels share: vectors of floats, scratch memory, and a loop over tasks on XLA's own threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <numeric>
#include <type_traits>
#include <vector>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

#if defined(__AVX512F__)
constexpr int V = 16;
#else
constexpr int V = 8;
#endif
typedef float Vec __attribute__((vector_size(V * 4)));
typedef int32_t Ints __attribute__((vector_size(V * 4)));

static inline Vec load(const float* from) {
  Vec v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

static inline void store(float* to, Vec v) { std::memcpy(to, &v, sizeof v); }

// Grows and is kept: a thread asks for it many times in a step, and fresh pages are slow.
class Scratch {
 public:
  ~Scratch() { std::free(data_); }
  float* get(size_t floats) {
    if (floats > size_) {
      std::free(data_);
      size_ = floats;
      data_ = static_cast<float*>(std::aligned_alloc(64, (floats * 4 + 63) / 64 * 64));
    }
    return data_;
  }

 private:
  float* data_ = nullptr;
  size_t size_ = 0;
};

// Runs task 0 ... tasks - 1, each once, on any thread. The caller works too and waits only for tasks that have begun,
// so a pool whose threads all wait in here still gets on. No template: each would cost the compiler a second.
static void for_each(ffi::ThreadPool& pool, int64_t tasks, int64_t work, const std::function<void(int64_t)>& run) {
  struct Shared {
    std::atomic<int64_t> next{0};
    int64_t done = 0;
    std::mutex mutex;
    std::condition_variable finished;
  };
  constexpr int64_t kWorthAThread = 1 << 15;
  int64_t helpers = std::min<int64_t>({pool.num_threads(), tasks, work / kWorthAThread + 1}) - 1;
  if (helpers <= 0) {
    for (int64_t task = 0; task < tasks; ++task) run(task);
    return;
  }
  auto shared = std::make_shared<Shared>();
  auto take = [shared, tasks, &run] {
    int64_t mine = 0;
    for (int64_t task; (task = shared->next.fetch_add(1)) < tasks; ++mine) run(task);
    if (mine == 0) return;
    std::lock_guard<std::mutex> lock(shared->mutex);
    shared->done += mine;
    if (shared->done == tasks) shared->finished.notify_all();
  };
  for (int64_t helper = 0; helper < helpers; ++helper) pool.Schedule(decltype(take)(take));
  take();
  std::unique_lock<std::mutex> lock(shared->mutex);
  shared->finished.wait(lock, [&] { return shared->done == tasks; });
}

// Leading axes that vmap put before the last `rank`, as one.
template <typename Buffer>
int64_t seeds(const Buffer& buffer, size_t rank) {
  int64_t count = 1;
  for (size_t axis = 0; axis + rank < buffer.dimensions().size(); ++axis) count *= buffer.dimensions()[axis];
  return count;
}
