// Is everything finite?
#pragma once

namespace {

template <class T>
bool all_finite(Index n, const T* x) {
    // 0 x is 0, but NaN for infinities and NaN, which then stay in the sum
    constexpr int chains = 8;
    constexpr Index step = chains * lanes<T>;
    Vec<T> sums[chains] = {};
    Index i = 0;
    for (; i + step <= n; i += step)
#pragma GCC unroll 8
        for (int c = 0; c < chains; ++c) sums[c] += Vec<T>{} * load(x + i + c * lanes<T>);
    T rest = 0;
    for (; i < n; ++i) rest += T(0) * x[i];
    for (int c = 1; c < chains; ++c) sums[0] += sums[c];
    return sum_lanes<T>(sums[0]) + rest == T(0);
}

}  // namespace
