#define PYMLP_ISA_NAME "avx2"
#include "kernels/all_kernels.hpp"

namespace pymlp {
extern const KernelTable<float> kernels_avx2_f32 = table<float>;
extern const KernelTable<double> kernels_avx2_f64 = table<double>;
}  // namespace pymlp
