#include "kernels/all_kernels.hpp"

namespace pymlp {
extern constexpr KernelTable<float> kernels_avx512_f32 = kernel_table<float>();
extern constexpr KernelTable<double> kernels_avx512_f64 = kernel_table<double>();
extern constexpr Bf16Table kernels_avx512_bf16 = bf16_table();
}  // namespace pymlp
