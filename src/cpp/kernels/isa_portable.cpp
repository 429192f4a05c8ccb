#include "kernels/all_kernels.hpp"

namespace pymlp {
extern const KernelTable<float> kernels_portable_f32 = table<float>;
extern const KernelTable<double> kernels_portable_f64 = table<double>;
extern const Bf16Table kernels_portable_bf16 = bf16_table;
}  // namespace pymlp
