// A vector cut into the arrays that lie in it, one behind the other.
#pragma once

#include "common.h"

static ffi::Error split(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> vector, ffi::RemainingRets pieces) {
  const int64_t count = seeds(vector, 1), floats = vector.dimensions().back();
  std::vector<int64_t> begin(1, 0);
  std::vector<float*> to;
  for (size_t piece = 0; piece < pieces.size(); ++piece) {
    auto found = pieces.get<ffi::Buffer<ffi::F32>>(piece);
    if (!found.has_value()) return found.error();
    to.push_back((*found)->typed_data());
    begin.push_back(begin.back() + (*found)->dimensions().back());
  }
  if (begin.back() != floats) return ffi::Error::InvalidArgument("the pieces are not the vector");
  for_each(pool, to.size(), count * floats, [&](int64_t piece) {
    const int64_t size = begin[piece + 1] - begin[piece];
    for (int64_t s = 0; s < count; ++s)
      std::memcpy(to[piece] + s * size, vector.typed_data() + s * floats + begin[piece], size * 4);
  });
  return ffi::Error::Success();
}
