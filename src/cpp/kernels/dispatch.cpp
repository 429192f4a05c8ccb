#include "kernels/dispatch.hpp"

#include <cstdlib>
#include <stdexcept>

#ifdef PYMLP_X86
#include <cpuid.h>
#endif
#if defined(PYMLP_X86) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace pymlp {

extern const KernelTable<float> kernels_portable_f32;
extern const KernelTable<double> kernels_portable_f64;
extern const Bf16Table kernels_portable_bf16;
#ifdef PYMLP_X86
extern const KernelTable<float> kernels_avx2_f32, kernels_avx512_f32;
extern const KernelTable<double> kernels_avx2_f64, kernels_avx512_f64;
extern const Bf16Table kernels_avx2_bf16, kernels_avx512_bf16, kernels_avx512_bf16_bf16, kernels_amx_bf16;
#endif

namespace {

struct Isa {
    std::string name;
    const KernelTable<float>* f32;
    const KernelTable<double>* f64;
    const Bf16Table* bf16;
};

#ifdef PYMLP_X86
#ifdef __linux__
// Linux gives the tiles' state, 8 KiB a thread, only to whom asks for it, once a process
// (Documentation/arch/x86/xstate.rst).
constexpr long get_supported = 0x1021;       // ARCH_GET_XCOMP_SUPP
constexpr long request_permission = 0x1023;  // ARCH_REQ_XCOMP_PERM
constexpr long tile_data = 18;               // XFEATURE_XTILE_DATA
#endif

// Has the processor tiles of bfloat16, and does the system know of them?
bool has_amx() {
#ifdef __linux__
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    constexpr unsigned bf16 = 1u << 22, tiles = 1u << 24;  // CPUID.7.0:EDX
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || (edx & (bf16 | tiles)) != (bf16 | tiles))
        return false;
    std::uint64_t supported = 0;
    return syscall(SYS_arch_prctl, get_supported, &supported) == 0 && (supported >> tile_data & 1);
#else
    return false;
#endif
}

// At the first use and not before, because it makes the process's signal stacks larger.
void permit_amx() {
#ifdef __linux__
    static const bool permitted = syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
    if (!permitted)
        throw std::runtime_error(
            "The system refuses AMX to this process, maybe because of a small signal stack. "
            "PYMLP_ISA=avx512_bf16 does without.");
#endif
}
#endif

// A new instruction set is its line here, its tables above, one isa_*.cpp and its compiler flags.
std::vector<Isa> runnable() {
    std::vector<Isa> found{
        {"portable", &kernels_portable_f32, &kernels_portable_f64, &kernels_portable_bf16}};
#ifdef PYMLP_X86
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return found;
    found.push_back({"avx2", &kernels_avx2_f32, &kernels_avx2_f64, &kernels_avx2_bf16});
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq"))
        return found;
    found.push_back({"avx512", &kernels_avx512_f32, &kernels_avx512_f64, &kernels_avx512_bf16});
    if (__builtin_cpu_supports("avx512bf16"))
        found.push_back({"avx512_bf16", &kernels_avx512_f32, &kernels_avx512_f64, &kernels_avx512_bf16_bf16});
    if (__builtin_cpu_supports("avx512bf16") && has_amx())
        found.push_back({"amx", &kernels_avx512_f32, &kernels_avx512_f64, &kernels_amx_bf16});
#endif
    return found;
}

const std::vector<Isa>& isas() {
    static const std::vector<Isa> found = runnable();
    return found;
}

const Isa& find(const std::string& name) {
    std::string names;
    for (const Isa& isa : isas()) {
        if (name == isa.name) return isa;
        names += (names.empty() ? "" : ", ") + isa.name;
    }
    throw std::invalid_argument("PYMLP_ISA='" + name +
                                "' is not available; this machine and build have: " + names + ".");
}

}  // namespace

std::vector<std::string> available_isas() {
    std::vector<std::string> names;
    for (const Isa& isa : isas()) names.push_back(isa.name);
    return names;
}

const std::string& isa_in_use() {
    static const char* const forced = std::getenv("PYMLP_ISA");
    static const Isa& isa = forced && *forced ? find(forced) : isas().back();
    return isa.name;
}

template <class T>
const KernelTable<T>& kernels(const std::string& isa) {
    if constexpr (std::is_same_v<T, float>)
        return *find(isa).f32;
    else
        return *find(isa).f64;
}

const Bf16Table& bf16_kernels(const std::string& isa) {
    const Isa& found = find(isa);
#ifdef PYMLP_X86
    if (found.bf16 == &kernels_amx_bf16) permit_amx();
#endif
    return *found.bf16;
}

template <class T>
const KernelTable<T>& kernels() {
    static const KernelTable<T>& in_use = kernels<T>(isa_in_use());
    return in_use;
}

const Bf16Table& bf16_kernels() {
    static const Bf16Table& in_use = bf16_kernels(isa_in_use());
    return in_use;
}

template const KernelTable<float>& kernels(const std::string&);
template const KernelTable<double>& kernels(const std::string&);
template const KernelTable<float>& kernels();
template const KernelTable<double>& kernels();

}  // namespace pymlp
