// The weight gradient by tiles, and the optimizer on each tile while it is in the first-level cache: no
// gradient array exists unless somebody asks for it.
#pragma once

namespace {

// Sum of the squares of `size` neighbours, a whole number of vectors.
template <class T>
double squared_sum(const T* x, Index size) {
    Vec<T> sum = {};
    for (Index i = 0; i < size; i += lanes<T>) {
        const Vec<T> v = load(x + i);
        sum += v * v;
    }
    return static_cast<double>(sum_lanes<T>(sum));
}

// out[r][j] (+)= sum_b x[b][row + r] dz[b][j], for the rows of one tile
template <class T, int Rows, int Vectors>
void gradient_tile(const GradientArgs<T>& g, Index row, T* out) {
    Vec<T> acc[Rows][Vectors] = {};
    if (g.accumulate) {
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 2
            for (int v = 0; v < Vectors; ++v) acc[r][v] = load(out + (r * Vectors + v) * lanes<T>);
    }
    // x is read along its row (neighbouring inputs), dz along its row (neighbouring outputs): no
    // transposition
    accumulate<T, Rows, Vectors>(acc, g.batch, g.x + row, 1, g.ldx, g.dz, g.lddz);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) store(out + (r * Vectors + v) * lanes<T>, acc[r][v]);
}

template <class T, int Vectors, int Rows = max_tile_rows>
PYMLP_INLINE void gradient_rows(const GradientArgs<T>& g, Index row, Index rows, T* out) {
    if constexpr (Rows > 0) {
        if (rows == Rows) return gradient_tile<T, Rows, Vectors>(g, row, out);
        gradient_rows<T, Vectors, Rows - 1>(g, row, rows, out);
    }
}

// The same from the non-zero entries of x.
template <class T, int Vectors>
void sparse_gradient_rows(const GradientArgs<T>& g, Index row, Index rows, T* out) {
    const Compressed<T>& x = *g.columns;
    for (Index i = row; i < row + rows; ++i, out += Vectors * lanes<T>) {
        Vec<T> acc[1][Vectors] = {};
#pragma GCC unroll 2
        for (int v = 0; g.accumulate && v < Vectors; ++v) acc[0][v] = load(out + v * lanes<T>);
        for (Index e = x.starts[i]; e < x.starts[i + 1]; ++e)
            accumulate<T, 1, Vectors>(acc, 1, x.values + e, 0, 0, g.dz + x.at[e] * g.lddz, 0);
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) store(out + v * lanes<T>, acc[0][v]);
    }
}

template <class T>
PYMLP_INLINE void gradient_rows(const GradientArgs<T>& g, Index row, Index rows, T* out) {
    if (g.columns)
        g.vectors == 2 ? sparse_gradient_rows<T, 2>(g, row, rows, out)
                       : sparse_gradient_rows<T, 1>(g, row, rows, out);
    else
        g.vectors == 2 ? gradient_rows<T, 2>(g, row, rows, out) : gradient_rows<T, 1>(g, row, rows, out);
}

// Calls f(first row, rows) for each tile. Tiles start at multiples of max_tile_rows whatever the range, so
// that sums of squares do not depend on how the rows were shared out.
template <class F>
PYMLP_INLINE void for_each_tile(Index first_row, Index last_row, F f) {
    for (Index row = first_row; row < last_row; row += max_tile_rows)
        f(row, last_row - row < max_tile_rows ? last_row - row : max_tile_rows);
}

template <class T>
void gradient(const GradientArgs<T>& g) {
    const Index width = g.vectors * lanes<T>;
    for_each_tile(g.first_row, g.last_row, [&](Index row, Index rows) {
        T* tile = g.gradient + row * width;
        gradient_rows<T>(g, row, rows, tile);
        if (g.squares) g.squares[row / max_tile_rows] = squared_sum(tile, rows * width);
    });
}

// The optimizer's step of one tile of weights, and what depends on its result.
template <class T>
PYMLP_INLINE void apply_tile(const UpdateArgs<T>& u, const OptimizerStep<T>& s, Index row, Index rows,
                             const T* gradient) {
    const Index width = u.vectors * lanes<T>, at = row * width, size = rows * width;
    const T* weights = u.weights + at;
    optimize_range<T>(u, s, at, size, gradient);
    if (u.squares) u.squares[row / max_tile_rows] = squared_sum(weights, size);
    if (!u.average) return;
    T* average = u.average + at;
    for (Index i = 0; i < size; i += lanes<T>) {
        const Vec<T> a = load(average + i);
        store(average + i, a + s.average_rest * (load(weights + i) - a));
    }
}

template <class T>
void update(const UpdateArgs<T>& u, const OptimizerStep<T>& s) {
    const GradientArgs<T> g{u.first_row, u.last_row, u.batch,   u.x,     u.ldx, u.columns,
                            u.dz,        u.lddz,     u.vectors, nullptr, false, nullptr};
    for_each_tile(u.first_row, u.last_row, [&](Index row, Index rows) {
        T tile[max_tile_rows * 2 * lanes<T>];
        gradient_rows<T>(g, row, rows, tile);
        apply_tile<T>(u, s, row, rows, tile);
    });
}

template <class T>
void apply(const UpdateArgs<T>& u, const OptimizerStep<T>& s, const T* gradient) {
    const Index width = u.vectors * lanes<T>;
    for_each_tile(u.first_row, u.last_row,
                  [&](Index row, Index rows) { apply_tile<T>(u, s, row, rows, gradient + row * width); });
}

template <class T>
void gradient_bias(const GradientArgs<T>& g) {
    for (Index at = 0; at < g.vectors * lanes<T>; at += lanes<T>) {
        Vec<T> sum = {};
        if (g.accumulate) sum = load(g.gradient + at);
        for (Index b = 0; b < g.batch; ++b) sum += load(g.dz + b * g.lddz + at);
        store(g.gradient + at, sum);
    }
    if (g.squares) *g.squares = squared_sum(g.gradient, g.vectors * lanes<T>);
}

// Biases are a panel of one row with neither penalty nor decay.
template <class T>
void apply_bias(const UpdateArgs<T>& u, const OptimizerStep<T>& s, const T* gradient) {
    UpdateArgs<T> bias = u;
    bias.first_row = 0;
    bias.last_row = 1;
    bias.squares = nullptr;
    OptimizerStep<T> step = s;
    step.decay = 0;
    apply<T>(bias, step, gradient);
}

template <class T>
void update_bias(const UpdateArgs<T>& u, const OptimizerStep<T>& s) {
    T sums[2 * lanes<T>];
    gradient_bias<T>({0, 1, u.batch, nullptr, 0, nullptr, u.dz, u.lddz, u.vectors, sums, false, nullptr});
    apply_bias<T>(u, s, sums);
}

template <class T>
void sum_squares(Index n_in, Index vectors, const T* weights, double* squares) {
    const Index width = vectors * lanes<T>;
    for_each_tile(0, n_in, [&](Index row, Index rows) {
        squares[row / max_tile_rows] = squared_sum(weights + row * width, rows * width);
    });
}

}  // namespace
