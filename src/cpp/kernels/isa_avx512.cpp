#define PYMLP_ISA_NAME "avx512"
#include "kernels/all_kernels.hpp"

namespace pymlp {
extern const KernelTable<float> kernels_avx512_f32 = table<float>;
extern const KernelTable<double> kernels_avx512_f64 = table<double>;
}  // namespace pymlp
