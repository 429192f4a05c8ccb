// Only the products of bfloat16: the rest is AVX-512's.
#include "kernels/all_kernels.hpp"

namespace pymlp {
extern constexpr Bf16Table kernels_avx512_bf16_bf16 = bf16_table();
}  // namespace pymlp
