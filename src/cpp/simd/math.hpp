// exp, log, tanh and logistic on whole vectors. Largest errors seen by test_kernels.py and
// test_activations.py in tests/kernels/, in units in the last place: exp 1.05, expm1 1.1 (elu), log1p 1.8
// (softplus), tanh 2.3, logistic 2.4; log is tested through the losses.
//
// Polynomials: Chebyshev fits of (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2 and of (2 atanh(s) - 2 s) / s^3 as a
// function of s^2 on |s| <= (sqrt(2) - 1) / (sqrt(2) + 1) for log, |s| <= 1/3 for log1p; relative errors
// below 2^-26 (float), 2^-56 (double).
#pragma once

namespace {

template <class T>
struct MathConstants;

template <>
struct MathConstants<float> {
    static constexpr float round_magic = 12582912.0f;           // 1.5 * 2^23: adding it rounds to an integer
    static constexpr float ln2_high = 0.693359375f;             // 10 bits, so n * ln2_high is exact
    static constexpr float ln2_low = -2.12194440e-4f;           // ln 2 - ln2_high
    static constexpr float exp_min = -104.0f, exp_max = 89.0f;  // below: 0; above: infinity
    static constexpr float tanh_max = 9.5f;                     // tanh rounds to 1 from here
    static constexpr int mantissa_bits = 23;
    static constexpr std::int32_t exponent_bias = 127;
    static constexpr float exp_poly[] = {0.5f, 0.16666577f, 0.041666555f, 0.0083631731f, 0.0013926176f};
    static constexpr float log_poly[] = {0.66666685f, 0.39988781f, 0.29579949f};
    static constexpr float log1p_poly[] = {0.666666673f, 0.399997063f, 0.28592358f, 0.217065758f,
                                           0.232243292f};
};

template <>
struct MathConstants<double> {
    static constexpr double round_magic = 6755399441055744.0;  // 1.5 * 2^52
    static constexpr double ln2_high = 6.93145751953125e-1;    // 20 bits
    static constexpr double ln2_low = 1.42860682030941723212e-6;
    static constexpr double exp_min = -746.0, exp_max = 710.0;
    static constexpr double tanh_max = 19.5;
    static constexpr int mantissa_bits = 52;
    static constexpr std::int64_t exponent_bias = 1023;
    static constexpr double exp_poly[] = {0.50000000000000010211,   0.16666666666666667452,
                                          0.041666666666624161903,  0.0083333333333300644495,
                                          0.0013888888917196719077, 1.9841269863040545271e-4,
                                          2.4801521322368693266e-5, 2.7557268480310025526e-6,
                                          2.7620075879983366586e-7, 2.5100375832561233664e-8};
    static constexpr double log_poly[] = {
        0.66666666666666696862, 0.3999999999989950449,  0.28571428625975484921, 0.22222211134795079855,
        0.1818288912526172208,  0.15331721600556041269, 0.1461644968504340586};
    static constexpr double log1p_poly[] = {0.6666666666666666,  0.40000000000014585, 0.2857142856710876,
                                            0.22222222717427864, 0.18181789436132859, 0.15385570064958623,
                                            0.13314144209654935, 0.12001072809590713, 0.08800738486144674,
                                            0.1616404561194353};
};

PYMLP_INLINE float square_root(float x) { return __builtin_sqrtf(x); }
PYMLP_INLINE double square_root(double x) { return __builtin_sqrt(x); }

// There is no vector operator for the square root; the loop becomes one instruction.
template <class T>
PYMLP_INLINE Vec<T> vsqrt(Vec<T> x) {
    Vec<T> root;
    for (int i = 0; i < lanes<T>; ++i) root[i] = square_root(x[i]);
    return root;
}

template <class T, int N>
PYMLP_INLINE Vec<T> horner(const T (&coefficients)[N], Vec<T> x) {
    Vec<T> sum = broadcast<T>(coefficients[N - 1]);
#pragma GCC unroll 16
    for (int i = N - 2; i >= 0; --i) sum = sum * x + coefficients[i];
    return sum;
}

// 2^n for integral n within the exponent's range, given n + round_magic: its low bits already hold n.
template <class T>
PYMLP_INLINE Vec<T> power_of_two(Vec<T> n_plus_magic) {
    using C = MathConstants<T>;
    return bit_cast<Vec<T>>((bit_cast<IntVec<T>>(n_plus_magic) + C::exponent_bias) << C::mantissa_bits);
}

// x = n ln 2 + r with |r| <= ln(2) / 2; `tail` is e^r - 1.
template <class T>
struct Reduced {
    Vec<T> n, tail;
};
template <class T>
PYMLP_INLINE Reduced<T> reduce(Vec<T> x) {
    using C = MathConstants<T>;
    const Vec<T> n = (x * T(1.44269504088896340736) + C::round_magic) - C::round_magic;
    const Vec<T> r = (x - n * C::ln2_high) - n * C::ln2_low;
    return {n, r + rounded(r * r) * horner<T>(C::exp_poly, r)};
}

template <class T>
PYMLP_INLINE Vec<T> vexp(Vec<T> x) {
    using C = MathConstants<T>;
    x = x < C::exp_min ? broadcast<T>(C::exp_min) : x;  // comparisons with NaN are false: NaN goes through
    x = x > C::exp_max ? broadcast<T>(C::exp_max) : x;
    const Reduced<T> e = reduce<T>(x);
    // In two steps, because 2^n itself may lie outside the range although the result does not.
    const Vec<T> half = (e.n * T(0.5) + C::round_magic) - C::round_magic;
    return (T(1) + e.tail) * power_of_two<T>(half + C::round_magic) *
           power_of_two<T>((e.n - half) + C::round_magic);
}

// e^x - 1 with all its digits near 0, for |x| <= 2 tanh_max; that is -1 at the lower end
template <class T>
PYMLP_INLINE Vec<T> vexpm1(Vec<T> x) {
    using C = MathConstants<T>;
    const Reduced<T> e = reduce<T>(x);
    const Vec<T> scale = power_of_two<T>(e.n + C::round_magic);
    return scale * e.tail + (scale - T(1));
}

template <class T>
PYMLP_INLINE Vec<T> vtanh(Vec<T> x) {
    using C = MathConstants<T>;
    Vec<T> a = x < T(0) ? -x : x;
    a = a > C::tanh_max ? broadcast<T>(C::tanh_max) : a;
    const Vec<T> m = vexpm1<T>(a + a);  // tanh a = m / (m + 2) keeps its digits near 0
    const Vec<T> t = m / (m + T(2));
    return x < T(0) ? -t : t;
}

// logistic(x), and logistic(-x) = 1 - logistic(x) with all its digits
template <class T>
struct LogisticPair {
    Vec<T> of_x, of_minus_x;
};
template <class T>
PYMLP_INLINE LogisticPair<T> logistic_pair(Vec<T> x) {
    const Vec<T> e = rounded(vexp<T>(x < T(0) ? x : -x));  // e^-|x| cannot overflow
    const Vec<T> large = T(1) / (T(1) + e), small = rounded(e * large);
    return {x < T(0) ? small : large, x < T(0) ? large : small};
}
template <class T>
PYMLP_INLINE Vec<T> vlogistic(Vec<T> x) {
    return logistic_pair<T>(x).of_x;
}

// For positive normal x; infinity and NaN give NaN.
template <class T>
PYMLP_INLINE Vec<T> vlog(Vec<T> x) {
    using C = MathConstants<T>;
    const IntVec<T> bits = bit_cast<IntVec<T>>(x);
    const IntVec<T> sqrt_half = bit_cast<IntVec<T>>(broadcast<T>(T(0.70710678118654752440)));
    // exponent of x / sqrt(1/2), so that the mantissa lies in [sqrt(1/2), sqrt(2))
    const IntVec<T> exponent = (bits - sqrt_half) >> C::mantissa_bits;
    const Vec<T> mantissa = bit_cast<Vec<T>>(bits - (exponent << C::mantissa_bits));
    const Vec<T> n = __builtin_convertvector(exponent, Vec<T>);
    const Vec<T> f = mantissa - T(1);
    const Vec<T> s = f / (f + T(2));
    const Vec<T> z = rounded(s * s);
    // log(1 + f) = 2 s + s z R(z), and 2 s = f - s f keeps the digits of f
    const Vec<T> tail = rounded(s * (z * horner<T>(C::log_poly, z) - f)) + n * C::ln2_low;
    return n * C::ln2_high + (f + tail) + (x - x);
}
template <class T>
PYMLP_INLINE T scalar_log(T x) {
    return vlog<T>(broadcast(x))[0];
}

// log(1 + e) for e > -1, right to the last digits near 0 too
template <class T>
PYMLP_INLINE Vec<T> vlog1p(Vec<T> e) {
    const Vec<T> u = T(1) + e;
    return vlog<T>(u) + (e - (u - T(1))) / u;
}

// The same with half the work, for -1/2 <= e <= 1.
template <class T>
PYMLP_INLINE Vec<T> vlog1p_small(Vec<T> e) {
    e = rounded(e);  // often a product
    const Vec<T> s = e / (e + T(2)), z = rounded(s * s);
    return e - s * (e - z * horner<T>(MathConstants<T>::log1p_poly, z));  // 2 s = e - s e, as in vlog
}

}  // namespace
