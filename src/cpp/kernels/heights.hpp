// The first layer of a table: curves by their heights at the edges instead of by the weights of their ramps
// (network/expansion.hpp).
#pragma once

namespace {

// Running sums of the rows from `begin` until `end` is reached, which is not of them; `out` may be `in`.
template <class T, int Vectors>
PYMLP_INLINE void add_up(Index begin, Index end, Index step, Index width, const T* in, T* out) {
    Vec<T> sums[Vectors] = {};
    for (Index i = begin; i != end; i += step)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) {
            const Index at = i * width + v * lanes<T>;
            sums[v] += load(in + at);
            store(out + at, sums[v]);
        }
}

template <class T>
void copy_rows(Index begin, Index end, Index width, const T* in, T* out) {
    std::memcpy(out + begin * width, in + begin * width,
                static_cast<std::size_t>((end - begin) * width) * sizeof(T));
}

// heights[i] = sum of the weights of the curve's ramps up to i; other rows are copied. (rows, width)
template <class T>
void heights(const Curves& curves, Index rows, Index width, const T* weights, T* __restrict out) {
    Index copied = 0;
    for (Index c = 0; c < curves.count; ++c) {
        const Index first = curves.curves[c].first, last = curves.curves[c].last;
        copy_rows(copied, first, width, weights, out);
        copied = last;
        Index column = 0;
        for (; column + 2 * lanes<T> <= width; column += 2 * lanes<T>)
            add_up<T, 2>(first, last, 1, width, weights + column, out + column);
        for (; column + lanes<T> <= width; column += lanes<T>)
            add_up<T, 1>(first, last, 1, width, weights + column, out + column);
        for (; column < width; ++column) {
            T sum = 0;
            for (Index i = first; i < last; ++i) out[i * width + column] = sum += weights[i * width + column];
        }
    }
    copy_rows(copied, rows, width, weights, out);
}

// A panel of the gradient by heights, b ascending, and at last by weights: each ramp raises all edges behind
// it.
template <class T, int Vectors>
void table_gradient(const GradientArgs<T>& g) {
    constexpr Index width = Vectors * lanes<T>;
    if (!g.accumulate) std::memset(g.gradient, 0, static_cast<std::size_t>(g.last_row * width) * sizeof(T));
    for (Index b = 0; b < g.batch; ++b) {
        Vec<T> dz[Vectors];
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) dz[v] = load(g.dz + b * g.lddz + v * lanes<T>);
        for (Index e = g.table->starts[b]; e < g.table->starts[b + 1]; ++e) {
            T* sum = g.gradient + g.table->at[e] * width;
            const Vec<T> x = broadcast(g.table->values[e]);
#pragma GCC unroll 2
            for (int v = 0; v < Vectors; ++v) store(sum + v * lanes<T>, load(sum + v * lanes<T>) + x * dz[v]);
        }
    }
    for (Index c = 0; c < g.curves.count; ++c)
        add_up<T, Vectors>(g.curves.curves[c].last - 1, g.curves.curves[c].first - 1, -1, width, g.gradient,
                           g.gradient);
}

}  // namespace
