// Vectors of one register's width, through the GCC/Clang vector extensions: one source for every instruction
// set. Included only by kernels/all_kernels.hpp, inside an anonymous namespace, so that no function compiled
// for a wide machine can be linked into the path of a narrow one.
#pragma once

#if defined(__AVX512F__)
#define PYMLP_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define PYMLP_VECTOR_BYTES 32
#else
#define PYMLP_VECTOR_BYTES 16
#endif

namespace {

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
    typedef float Type __attribute__((vector_size(PYMLP_VECTOR_BYTES)));
    typedef std::int32_t Int __attribute__((vector_size(PYMLP_VECTOR_BYTES)));
    typedef std::uint32_t Words __attribute__((vector_size(PYMLP_VECTOR_BYTES)));
};
template <>
struct VectorOf<double> {
    typedef double Type __attribute__((vector_size(PYMLP_VECTOR_BYTES)));
    typedef std::int64_t Int __attribute__((vector_size(PYMLP_VECTOR_BYTES)));
    typedef std::uint32_t Words __attribute__((vector_size(PYMLP_VECTOR_BYTES / 2)));
};
template <class T>
using Vec = typename VectorOf<T>::Type;
template <class T>
using IntVec = typename VectorOf<T>::Int;
// 32 bits a lane, whatever T is
template <class T>
using Words = typename VectorOf<T>::Words;

template <class T>
constexpr int lanes = PYMLP_VECTOR_BYTES / static_cast<int>(sizeof(T));

#define PYMLP_INLINE inline __attribute__((always_inline))

template <class T>
PYMLP_INLINE Vec<T> load(const T* from) {
    Vec<T> v;
    __builtin_memcpy(&v, from, sizeof v);
    return v;
}
template <class T>
PYMLP_INLINE void store(T* to, Vec<T> v) {
    __builtin_memcpy(to, &v, sizeof v);
}
template <class T>
PYMLP_INLINE Vec<T> broadcast(T x) {
    return x - Vec<T>{};  // x - 0 keeps the sign of a zero, x + 0 would not
}
template <class V, class M>
PYMLP_INLINE V select(M condition, V yes, V no) {
    return condition ? yes : no;
}
template <class T>
PYMLP_INLINE Vec<T> maximum(Vec<T> a, Vec<T> b) {
    return a > b ? a : b;
}
template <class To, class From>
PYMLP_INLINE To bit_cast(From from) {
    To to;
    static_assert(sizeof to == sizeof from, "bit_cast keeps the size");
    __builtin_memcpy(&to, &from, sizeof to);
    return to;
}

// The same value, of whose origin the compiler knows nothing any more.
template <class V>
PYMLP_INLINE V in_register(V v) {
#if defined(__x86_64__)
    asm("" : "+v"(v));
#elif defined(__aarch64__)
    asm("" : "+w"(v));
#endif
    return v;
}

PYMLP_INLINE std::ptrdiff_t in_register(std::ptrdiff_t i) {
    asm("" : "+r"(i));
    return i;
}
template <class T>
PYMLP_INLINE T* in_register(T* p) {
    asm("" : "+r"(p));
    return p;
}

// A product rounded on its own. Where a sum has two products the compiler may fuse either of them, and
// another inlining may choose otherwise; hiding one of them leaves a single choice, hence the same bits.
template <class V>
PYMLP_INLINE V rounded(V product) {
    return in_register(product);
}

// {0, 1, 2, ...}
template <class T, int... I>
PYMLP_INLINE IntVec<T> iota(std::integer_sequence<int, I...>) {
    return IntVec<T>{I...};
}
template <class T>
PYMLP_INLINE IntVec<T> iota() {
    return iota<T>(std::make_integer_sequence<int, lanes<T>>{});
}

template <int Shift, class V, int... I>
PYMLP_INLINE V rotate(V v, std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(v, v, ((I + Shift) % static_cast<int>(sizeof...(I)))...);
}

// Folds all lanes by halving: the order is fixed by the width alone.
template <class T, int Shift, class Fold>
PYMLP_INLINE Vec<T> fold_lanes(Vec<T> v, Fold fold) {
    if constexpr (Shift == 0) {
        return v;
    } else {
        return fold_lanes<T, Shift / 2>(
            fold(v, rotate<Shift>(v, std::make_integer_sequence<int, lanes<T>>{})), fold);
    }
}
template <class T>
PYMLP_INLINE T sum_lanes(Vec<T> v) {
    return fold_lanes<T, lanes<T> / 2>(v, [](Vec<T> a, Vec<T> b) { return a + b; })[0];
}
template <class T>
PYMLP_INLINE T maximum_lane(Vec<T> v) {
    return fold_lanes<T, lanes<T> / 2>(v, [](Vec<T> a, Vec<T> b) { return maximum<T>(a, b); })[0];
}

template <class V, int... I>
PYMLP_INLINE V interleave_low(V a, V b, std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(a, b, (I / 2 + I % 2 * static_cast<int>(sizeof...(I)))...);
}
template <class V, int... I>
PYMLP_INLINE V interleave_high(V a, V b, std::integer_sequence<int, I...>) {
    constexpr int n = static_cast<int>(sizeof...(I));
    return __builtin_shufflevector(a, b, (n / 2 + I / 2 + I % 2 * n)...);
}

// Transposes a square block of vectors: log2(lanes) rounds of a perfect shuffle of its rows.
template <class T>
PYMLP_INLINE void transpose(Vec<T> (&rows)[lanes<T>]) {
    constexpr int n = lanes<T>;
    constexpr std::make_integer_sequence<int, n> all{};
#pragma GCC unroll 8
    for (int round = 1; round < n; round *= 2) {
        Vec<T> shuffled[n];
#pragma GCC unroll 16
        for (int i = 0; i < n / 2; ++i) {
            shuffled[2 * i] = interleave_low(rows[i], rows[i + n / 2], all);
            shuffled[2 * i + 1] = interleave_high(rows[i], rows[i + n / 2], all);
        }
#pragma GCC unroll 16
        for (int i = 0; i < n; ++i) rows[i] = shuffled[i];
    }
}

}  // namespace
