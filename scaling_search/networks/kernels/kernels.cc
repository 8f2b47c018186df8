// XLA custom calls for a CPU: what XLA itself compiles into slow loops. Built on the user's machine (native.py).
#include <initializer_list>
#include <stdexcept>
#include <tuple>

#include "dense.h"
#include "depthwise.h"
#include "gate.h"
#include "normalization.h"
#include "vectors.h"

// A call's arrays and numbers, taken in the order in which a kernel declares its parameters. XLA's own typed bindings
// do the same, but a compiler spends a second on each.
struct Given {
  const ffi::RemainingArgs& arguments;
  const ffi::RemainingRets& results;
  const ffi::Dictionary& attributes;
  const char* const* names;
  size_t argument = 0, result = 0;

  template <typename T>
  T next() {
    if constexpr (std::is_same_v<T, ffi::RemainingRets>) {
      result = results.size();
      return results;
    } else if constexpr (std::is_same_v<T, ffi::Buffer<ffi::F32>>) {
      return in();
    } else if constexpr (std::is_same_v<T, ffi::Result<ffi::Buffer<ffi::F32>>>) {
      return out();
    } else {
      return number<T>();
    }
  }

  __attribute__((noinline)) ffi::Buffer<ffi::F32> in() {
    return *whole(arguments.get<ffi::Buffer<ffi::F32>>(argument++));
  }
  __attribute__((noinline)) ffi::Result<ffi::Buffer<ffi::F32>> out() {
    return *whole(results.get<ffi::Buffer<ffi::F32>>(result++));
  }
  template <typename T>
  __attribute__((noinline)) T number() {
    return *whole(attributes.get<T>(*names++));
  }

  template <typename Found>
  static Found whole(Found found) {
    if (!found.has_value()) throw std::invalid_argument(found.error().message());
    return found;
  }
};

template <typename... T>
static ffi::Error run(ffi::Error (*kernel)(ffi::ThreadPool, T...), std::initializer_list<const char*> names,
                      ffi::ThreadPool pool, ffi::RemainingArgs arguments, ffi::RemainingRets results,
                      ffi::Dictionary attributes) {
  try {
    Given given{arguments, results, attributes, names.begin()};
    std::tuple<T...> parameters{given.next<T>()...};
    if (given.argument != arguments.size() || given.result != results.size() || names.size() != attributes.size())
      return ffi::Error::InvalidArgument("too many arrays or attributes");
    return std::apply([&](auto... values) { return kernel(pool, values...); }, parameters);
  } catch (const std::invalid_argument& error) {
    return ffi::Error::InvalidArgument(error.what());
  }
}

// KERNEL(function, its attributes' names): one signature for all, so that XLA's binding is compiled once.
#define KERNEL(NAME, ...)                                                                                   \
  static ffi::Error called_##NAME(ffi::ThreadPool pool, ffi::RemainingArgs arguments,                       \
                                  ffi::RemainingRets results, ffi::Dictionary attributes) {                 \
    return run(NAME, {__VA_ARGS__}, pool, arguments, results, attributes);                                  \
  }                                                                                                         \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(                                                                            \
      scaling_search_##NAME, called_##NAME,                                                                 \
      (ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().RemainingArgs().RemainingRets().Attrs()))

KERNEL(depthwise_forward, "stride", "top", "left");
KERNEL(depthwise_backward, "stride", "top", "left");
KERNEL(batch_norm_apply, "activation", "epsilon");
KERNEL(batch_norm_forward, "activation", "epsilon", "momentum");
KERNEL(batch_norm_backward, "activation", "epsilon");
KERNEL(gate_forward, "inner", "outer");
KERNEL(gate_backward, "inner", "outer");
KERNEL(dense_forward, "stride", "groups", "top", "left", "dilation");
KERNEL(dense_weight_gradient, "stride", "groups", "top", "left");
KERNEL(split);
