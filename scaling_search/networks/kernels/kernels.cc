// XLA custom calls for a CPU: what XLA itself compiles into slow loops. Built on the user's machine (native.py).
#include "dense.h"
#include "depthwise.h"
#include "gate.h"
#include "normalization.h"
#include "vectors.h"

// A handler's signature: so many float32 arrays in and out (one or more), and XLA's threads.
template <int N, typename Binding>
static auto arguments(Binding&& binding) {
  if constexpr (N == 1) {
    return std::move(binding).template Arg<ffi::Buffer<ffi::F32>>();
  } else {
    return arguments<N - 1>(std::move(binding).template Arg<ffi::Buffer<ffi::F32>>());
  }
}

template <int N, typename Binding>
static auto results(Binding&& binding) {
  if constexpr (N == 1) {
    return std::move(binding).template Ret<ffi::Buffer<ffi::F32>>();
  } else {
    return results<N - 1>(std::move(binding).template Ret<ffi::Buffer<ffi::F32>>());
  }
}

template <int Arguments, int Results>
static auto arrays() {
  return results<Results>(arguments<Arguments>(ffi::Ffi::Bind().Ctx<ffi::ThreadPool>()));
}

XLA_FFI_DEFINE_HANDLER_SYMBOL(scaling_search_depthwise_forward, depthwise_forward,
                              (arrays<2, 1>()
                                  .Attr<int64_t>("stride")
                                  .Attr<int64_t>("top")
                                  .Attr<int64_t>("left")));

XLA_FFI_DEFINE_HANDLER_SYMBOL(scaling_search_depthwise_backward, depthwise_backward,
                              (arrays<3, 2>()
                                  .Attr<int64_t>("stride")
                                  .Attr<int64_t>("top")
                                  .Attr<int64_t>("left")));

XLA_FFI_DEFINE_HANDLER_SYMBOL(scaling_search_batch_norm_forward, batch_norm_forward,
                              (arrays<5, 5>()
                                  .Attr<int64_t>("activation")
                                  .Attr<float>("epsilon")
                                  .Attr<float>("momentum")));

XLA_FFI_DEFINE_HANDLER_SYMBOL(scaling_search_batch_norm_apply, batch_norm_apply,
                              (arrays<5, 1>()
                                  .Attr<int64_t>("activation")
                                  .Attr<float>("epsilon")));

XLA_FFI_DEFINE_HANDLER_SYMBOL(scaling_search_batch_norm_backward, batch_norm_backward,
                              (arrays<6, 3>()
                                  .Attr<int64_t>("activation")
                                  .Attr<float>("epsilon")));

XLA_FFI_DEFINE_HANDLER_SYMBOL(scaling_search_gate_forward, gate_forward,
                              (arrays<5, 4>()
                                  .Attr<int64_t>("inner")
                                  .Attr<int64_t>("outer")));

XLA_FFI_DEFINE_HANDLER_SYMBOL(scaling_search_gate_backward, gate_backward,
                              (arrays<7, 5>()
                                  .Attr<int64_t>("inner")
                                  .Attr<int64_t>("outer")));

XLA_FFI_DEFINE_HANDLER_SYMBOL(scaling_search_dense_forward, dense_forward,
                              (arrays<2, 1>()
                                  .Attr<int64_t>("stride")
                                  .Attr<int64_t>("groups")
                                  .Attr<int64_t>("top")
                                  .Attr<int64_t>("left")
                                  .Attr<int64_t>("dilation")));

XLA_FFI_DEFINE_HANDLER_SYMBOL(scaling_search_dense_weight_gradient, dense_weight_gradient,
                              (arrays<2, 1>()
                                  .Attr<int64_t>("stride")
                                  .Attr<int64_t>("groups")
                                  .Attr<int64_t>("top")
                                  .Attr<int64_t>("left")));

XLA_FFI_DEFINE_HANDLER_SYMBOL(scaling_search_split, split,
                              (arguments<1>(ffi::Ffi::Bind().Ctx<ffi::ThreadPool>()).RemainingRets()));
