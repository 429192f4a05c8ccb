// Product of compressed rows with one panel.
#pragma once

namespace {

template <class T>
void sparse_gemm(const SparseGemmArgs<T>&) {}

}  // namespace
