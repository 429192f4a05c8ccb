#include "kernels/dispatch.hpp"

#include <cstdlib>
#include <stdexcept>

namespace pymlp {

extern const KernelTable<float> kernels_portable_f32;
extern const KernelTable<double> kernels_portable_f64;
#ifdef PYMLP_X86
extern const KernelTable<float> kernels_avx2_f32, kernels_avx512_f32;
extern const KernelTable<double> kernels_avx2_f64, kernels_avx512_f64;
#endif

namespace {

struct Isa {
    const KernelTable<float>* f32;
    const KernelTable<double>* f64;

    template <class T>
    const KernelTable<T>& table() const {
        if constexpr (sizeof(T) == sizeof(float))
            return *f32;
        else
            return *f64;
    }
};

// A new instruction set is its line here, its tables above, one isa_*.cpp and its compiler flags.
std::vector<Isa> runnable() {
    std::vector<Isa> found{{&kernels_portable_f32, &kernels_portable_f64}};
#ifdef PYMLP_X86
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        found.push_back({&kernels_avx2_f32, &kernels_avx2_f64});
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("fma"))
        found.push_back({&kernels_avx512_f32, &kernels_avx512_f64});
#endif
    return found;
}

const Isa& find(const std::string& name) {
    static const std::vector<Isa> isas = runnable();
    if (name.empty()) return isas.back();
    std::string names;
    for (const Isa& isa : isas) {
        if (name == isa.f32->name) return isa;
        names += (names.empty() ? "" : ", ") + std::string(isa.f32->name);
    }
    throw std::invalid_argument("PYMLP_ISA='" + name +
                                "' is not available; this machine and build have: " + names + ".");
}

}  // namespace

std::vector<std::string> available_isas() {
    std::vector<std::string> names;
    for (const Isa& isa : runnable()) names.emplace_back(isa.f32->name);
    return names;
}

template <class T>
const KernelTable<T>& kernels(const std::string& isa) {
    return find(isa).table<T>();
}

template <class T>
const KernelTable<T>& kernels() {
    static const char* const forced = std::getenv("PYMLP_ISA");
    static const Isa& isa = find(forced ? forced : "");
    return isa.table<T>();
}

template const KernelTable<float>& kernels(const std::string&);
template const KernelTable<double>& kernels(const std::string&);
template const KernelTable<float>& kernels();
template const KernelTable<double>& kernels();

}  // namespace pymlp
