// Only the products of bfloat16: the rest is AVX-512's.
#include "kernels/all_kernels.hpp"
#include "kernels/amx.hpp"

namespace pymlp {
extern constexpr Bf16Table kernels_amx_bf16 = amx_table();
}  // namespace pymlp
