#define PYMLP_ISA_NAME "portable"
#include "kernels/all_kernels.hpp"

namespace pymlp {
extern const KernelTable<float> kernels_portable_f32 = table<float>;
extern const KernelTable<double> kernels_portable_f64 = table<double>;
}  // namespace pymlp
