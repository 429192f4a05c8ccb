// Pairs of bfloat16 numbers: how float numbers become them, and their products. On a machine without
// instructions for them, the same roundings and the same order in float arithmetic.
#pragma once

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512BF16__)
constexpr bool emulates_bf16 = false;
#else
constexpr bool emulates_bf16 = true;
#endif

template <>
struct VectorOf<Bf16Pair> {
    using Type = VectorOf<float>::Words;
};

// The first n lanes.
PYMLP_INLINE void store_first(Bf16Pair* to, Vec<Bf16Pair> v, Index n) {
#if defined(__AVX512F__)
    _mm512_mask_storeu_epi32(to, static_cast<__mmask16>((1u << n) - 1u), bit_cast<__m512i>(v));
#else
    __builtin_memcpy(to, &v, static_cast<std::size_t>(n) * sizeof(Bf16Pair));
#endif
}

PYMLP_INLINE Vec<Bf16Pair> broadcast(Bf16Pair x) { return static_cast<std::uint32_t>(x) - Vec<Bf16Pair>{}; }

// sum + a b
template <class Operand>
PYMLP_INLINE Vec<Sum<Operand>> multiply_add(Vec<Operand> a, Vec<Operand> b, Vec<Sum<Operand>> sum) {
    return a * b + sum;
}
// The later number first, as VDPBF16PS does it (Intel's manual, volume 2C).
template <>
PYMLP_INLINE Vec<float> multiply_add<Bf16Pair>(Vec<Bf16Pair> a, Vec<Bf16Pair> b, Vec<float> sum) {
#if defined(__AVX512BF16__)
    return bit_cast<Vec<float>>(
        _mm512_dpbf16_ps(bit_cast<__m512>(sum), bit_cast<__m512bh>(a), bit_cast<__m512bh>(b)));
#else
    const auto low = [](Vec<Bf16Pair> pair) { return bit_cast<Vec<float>>(pair << 16); };
    const auto high = [](Vec<Bf16Pair> pair) { return bit_cast<Vec<float>>(pair & 0xffff0000u); };
    const Vec<float> later = high(a) * high(b) + sum;
    return low(a) * low(b) + later;
#endif
}

// Adds to the bits of a float what makes its upper half the nearest bfloat16, ties to even. An infinity and
// the NaN of arithmetic stay what they are.
template <class Bits>
PYMLP_INLINE Bits rounded_up(Bits bits) {
    return bits + (0x7fffu + ((bits >> 16) & 1u));
}
template <class Bits>
PYMLP_INLINE Bits paired(Bits first, Bits second) {
    return (rounded_up(first) >> 16) | (rounded_up(second) & 0xffff0000u);
}
PYMLP_INLINE Bf16Pair pair_of(float first, float second) {
    return static_cast<Bf16Pair>(paired(bit_cast<std::uint32_t>(first), bit_cast<std::uint32_t>(second)));
}

// The instructions make 0 of denormal numbers, as which their products count anyway.
#if defined(__AVX512BF16__)
// (a[0], a[1]), (a[2], a[3]), ..., (b[0], b[1]), ...
PYMLP_INLINE Vec<Bf16Pair> neighbours_paired(Vec<float> a, Vec<float> b) {
    return bit_cast<Vec<Bf16Pair>>(_mm512_cvtne2ps_pbh(bit_cast<__m512>(b), bit_cast<__m512>(a)));
}
template <class V, int... I>
PYMLP_INLINE V halves_interleaved(V v, std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(v, v, (I / 2 + I % 2 * static_cast<int>(sizeof...(I) / 2))...);
}
// (first[0], second[0]), (first[1], second[1]), ...
PYMLP_INLINE Vec<Bf16Pair> pair_of(Vec<float> first, Vec<float> second) {
    typedef std::int16_t Halves __attribute__((vector_size(64)));
    const Halves halves = bit_cast<Halves>(neighbours_paired(first, second));
    return bit_cast<Vec<Bf16Pair>>(halves_interleaved(halves, std::make_integer_sequence<int, 32>{}));
}
#else
PYMLP_INLINE Vec<Bf16Pair> pair_of(Vec<float> first, Vec<float> second) {
    return paired(bit_cast<Vec<Bf16Pair>>(first), bit_cast<Vec<Bf16Pair>>(second));
}
template <int First, class V, int... I>
PYMLP_INLINE V every_second(V a, V b, std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(a, b, (2 * I + First)...);
}
PYMLP_INLINE Vec<Bf16Pair> neighbours_paired(Vec<float> a, Vec<float> b) {
    constexpr std::make_integer_sequence<int, lanes<float>> all{};
    return pair_of(every_second<0>(a, b, all), every_second<1>(a, b, all));
}
#endif

}  // namespace
