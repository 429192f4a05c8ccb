// The weight gradient by tiles and, in its epilogue, the optimizer: no gradient array exists unless somebody
// asks for it.
#pragma once

namespace {

// Calls f(first row, rows) for each tile. Tiles start at multiples of max_tile_rows whatever the range, so
// that sums of squares do not depend on how the rows were shared out.
template <class F>
PYMLP_INLINE void for_each_tile(Index first_row, Index last_row, F f) {
    for (Index row = first_row; row < last_row; row += max_tile_rows)
        f(row, last_row - row < max_tile_rows ? last_row - row : max_tile_rows);
}

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

// The same in double: float gradients beyond 1e19 have squares beyond float, but still a direction.
template <class T>
double wide_squared_sum(const T* x, Index size) {
    double sums[lanes<T>] = {};
    for (Index i = 0; i < size; i += lanes<T>)
        for (Index lane = 0; lane < lanes<T>; ++lane) {
            const auto v = static_cast<double>(x[i + lane]);
            sums[lane] += v * v;
        }
    double sum = 0;
    for (const double part : sums) sum += part;
    return sum;
}

// Sums start[r][j] + sum_b x[b][row + r] dz[b][j] of one tile, each vector handed to finish(its offset in the
// tile, sums); a null `start` is 0. If `squared`, returns the sum of the squares of what `finish` returns.
// `pairs` takes the same as pairs of rows, if it is not null: (n_in / 2, panel width)
template <class Operand, int Rows, int Vectors, bool squared, class Finish, class Prefetch>
double dense_tile(const GradientArgs<Operand>& g, Index row, const Sum<Operand>* start, Finish finish,
                  Prefetch prefetch, Bf16Pair* pairs) {
    using T = Sum<Operand>;
    Vec<T> acc[Rows][Vectors] = {};
    if (start) {
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 2
            for (int v = 0; v < Vectors; ++v) acc[r][v] = load(start + (r * Vectors + v) * lanes<T>);
    }
    // Numbers of x are read along its row (neighbouring inputs), as dz along its row (neighbouring outputs):
    // no transposition. Pairs are transposed when they are made.
    const auto multiply = [&](auto x) {
        accumulate<Operand, Rows, Vectors>(acc, g.batch, x, g.dz, g.lddz, prefetch);
    };
    if constexpr (is_pair<Operand>)
        multiply(Column<Operand, Rows>(g.x + row * g.ldx, g.ldx));
    else
        multiply(TransposedColumn<Operand>(g.x + row, g.ldx));
    Vec<T> squares = {};
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) {
            acc[r][v] = finish((r * Vectors + v) * lanes<T>, acc[r][v]);
            if constexpr (squared) squares += acc[r][v] * acc[r][v];
        }
    if constexpr (is_pair<Operand>) {
        for (int r = 0; pairs && r < Rows; r += 2)
            for (int v = 0; v < Vectors; ++v)
                store(pairs + ((row + r) / 2 * Vectors + v) * lanes<T>,
                      pair_of(acc[r][v], r + 1 < Rows ? acc[r + 1][v] : Vec<T>{}));
    }
    return squared ? static_cast<double>(sum_lanes<T>(squares)) : 0.0;
}

template <class Operand, int Vectors, bool squared, class Finish, class Prefetch, int Rows = max_tile_rows>
PYMLP_INLINE double dense_rows(const GradientArgs<Operand>& g, Index row, Index rows,
                               const Sum<Operand>* start, Finish finish, Prefetch prefetch, Bf16Pair* pairs) {
    if constexpr (Rows > 0) {
        if (rows == Rows)
            return dense_tile<Operand, Rows, Vectors, squared>(g, row, start, finish, prefetch, pairs);
        return dense_rows<Operand, Vectors, squared, Finish, Prefetch, Rows - 1>(g, row, rows, start, finish,
                                                                                 prefetch, pairs);
    }
    return 0.0;
}

template <class Operand, bool squared, class Finish, class Prefetch>
PYMLP_INLINE double dense_rows(const GradientArgs<Operand>& g, Index row, Index rows,
                               const Sum<Operand>* start, Finish finish, Prefetch prefetch, Bf16Pair* pairs) {
    return g.vectors == 2 ? dense_rows<Operand, 2, squared>(g, row, rows, start, finish, prefetch, pairs)
                          : dense_rows<Operand, 1, squared>(g, row, rows, start, finish, prefetch, pairs);
}

// The same from the entries of x, into `sums`.
template <class T, int Vectors>
void sparse_rows(const GradientArgs<T>& g, Index row, Index rows, const T* start, T* sums) {
    constexpr int width = Vectors * lanes<T>;
    for (Index r = 0; r < rows; ++r) {
        Vec<T> acc[1][Vectors] = {};
        for (int v = 0; start && v < Vectors; ++v) acc[0][v] = load(start + r * width + v * lanes<T>);
        accumulate_entries<T, Vectors>(acc, *g.columns, row + r, g.dz, g.lddz);
        for (int v = 0; v < Vectors; ++v) store(sums + r * width + v * lanes<T>, acc[0][v]);
    }
}

// Sums of one tile into an array, which may be `start` itself.
template <class Operand>
void gradient_rows(const GradientArgs<Operand>& g, Index row, Index rows, const Sum<Operand>* start,
                   Sum<Operand>* sums) {
    using T = Sum<Operand>;
    if constexpr (!is_pair<Operand>) {  // the entries of a sparse x are not paired
        if (g.columns)
            return g.vectors == 2 ? sparse_rows<T, 2>(g, row, rows, start, sums)
                                  : sparse_rows<T, 1>(g, row, rows, start, sums);
    }
    const auto keep = [sums](Index at, Vec<T> sum) {
        store(sums + at, sum);
        return sum;
    };
    dense_rows<Operand, false>(g, row, rows, start, keep, NoPrefetch{}, nullptr);
}

template <class Operand>
void gradient(const GradientArgs<Operand>& g) {
    using T = Sum<Operand>;
    const Index width = g.vectors * lanes<T>;
    if constexpr (!is_pair<Operand>)
        if (g.table) g.vectors == 2 ? table_gradient<T, 2>(g) : table_gradient<T, 1>(g);
    for_each_tile(g.first_row, g.last_row, [&](Index row, Index rows) {
        T* tile = g.gradient + row * width;
        if (!g.table) gradient_rows<Operand>(g, row, rows, g.accumulate ? tile : nullptr, tile);
        if (g.squares) g.squares[row / max_tile_rows] = wide_squared_sum(tile, rows * width);
    });
}

// What follows the new weights of a tile.
template <class T>
PYMLP_INLINE void finish_tile(const UpdateArgs<T>& u, const OptimizerStep<T>& s, Index row, Index rows,
                              double squares) {
    if (u.squares) u.squares[row / max_tile_rows] = squares;
    if (!u.average) return;
    const Index width = u.vectors * lanes<T>;
    for (Index i = row * width; i < (row + rows) * width; i += lanes<T>) {
        const Vec<T> a = load(u.average + i);
        store(u.average + i, a + s.average_rest * (load(u.weights + i) - a));
    }
}

// Two rows at once, because they share pairs.
template <class T, Solver solver, bool penalised, int Vectors>
void apply_tile(const UpdateArgs<T>& u, const OptimizerStep<T>& step, Index row, Index rows,
                const T* gradient) {
    const OptimizerStep<T> s = step;  // a copy that no store can change: its numbers stay in registers
    constexpr Index width = Vectors * lanes<T>;
    const Tile<T> tile(u, row * width);
    Vec<T> squares = {};
    for (Index r = 0; r < rows; r += 2) {
        Vec<T> updated[2][Vectors] = {};
        for (Index i = 0; i < 2 && r + i < rows; ++i)
#pragma GCC unroll 2
            for (int v = 0; v < Vectors; ++v) {
                const Index at = (r + i) * width + v * lanes<T>;
                const Vec<T> clipped = rounded(s.clip * load(gradient + at));
                updated[i][v] = optimize<T, solver, penalised>(s, tile, at, clipped);
                if constexpr (penalised) squares += updated[i][v] * updated[i][v];
            }
        if constexpr (std::is_same_v<T, float>)
            for (int v = 0; u.pairs && v < Vectors; ++v)
                store(u.pairs + (row + r) / 2 * width + v * lanes<T>, pair_of(updated[0][v], updated[1][v]));
    }
    finish_tile<T>(u, s, row, rows, static_cast<double>(sum_lanes<T>(squares)));
}

template <class T, Solver solver, bool penalised>
PYMLP_INLINE void apply_tile(const UpdateArgs<T>& u, const OptimizerStep<T>& s, Index row, Index rows,
                             const T* gradient) {
    u.vectors == 2 ? apply_tile<T, solver, penalised, 2>(u, s, row, rows, gradient)
                   : apply_tile<T, solver, penalised, 1>(u, s, row, rows, gradient);
}

template <class T, Solver solver>
PYMLP_INLINE void apply_tile(const UpdateArgs<T>& u, const OptimizerStep<T>& s, Index row, Index rows,
                             const T* gradient) {
    u.squares ? apply_tile<T, solver, true>(u, s, row, rows, gradient)
              : apply_tile<T, solver, false>(u, s, row, rows, gradient);
}

// The step of one tile whose gradient is known.
template <class T>
void apply_tile(const UpdateArgs<T>& u, const OptimizerStep<T>& s, Index row, Index rows, const T* gradient) {
    switch (s.solver) {
        case Solver::sgd:
            return apply_tile<T, Solver::sgd>(u, s, row, rows, gradient);
        case Solver::adam:
            return apply_tile<T, Solver::adam>(u, s, row, rows, gradient);
        case Solver::adamw:
            return apply_tile<T, Solver::adamw>(u, s, row, rows, gradient);
        case Solver::nadam:
            return apply_tile<T, Solver::nadam>(u, s, row, rows, gradient);
        case Solver::rmsprop:
            return apply_tile<T, Solver::rmsprop>(u, s, row, rows, gradient);
        case Solver::adagrad:
            return apply_tile<T, Solver::adagrad>(u, s, row, rows, gradient);
        case Solver::lion:
            return apply_tile<T, Solver::lion>(u, s, row, rows, gradient);
    }
}

template <class T>
void apply(const UpdateArgs<T>& u, const OptimizerStep<T>& s, const T* gradient) {
    for_each_tile(u.first_row, u.last_row, [&](Index row, Index rows) {
        apply_tile<T>(u, s, row, rows, gradient + row * u.vectors * lanes<T>);
    });
    if (u.heights) heights<T>(u.curves, u.last_row, u.vectors * lanes<T>, u.weights, u.heights);
}

// What the next tile, which lies behind this one, will change: a cache line of each array beside each of the
// first k. To be written: another member may have read these weights for its backward pass, and then a line
// has to be asked of its core again before the first store.
template <class T, Solver solver>
struct PrefetchNextTile {
    Tile<T> tile;
    Index size;

    template <class Operand>
    PYMLP_INLINE void operator()(Index k, const Operand*) const {
        constexpr Index line = 64 / static_cast<Index>(sizeof(T));  // elements
        constexpr int for_writing = 1;
        if (k * line >= size) return;
        const Index at = size + k * line;
        __builtin_prefetch(tile.weights + at, for_writing);
        __builtin_prefetch(tile.first + at, for_writing);
        if constexpr (solver == Solver::adam) __builtin_prefetch(tile.second + at, for_writing);
    }
};

// The tile's gradient never leaves the registers.
template <class Operand, Solver solver, bool penalised>
void update_fused(const GradientArgs<Operand>& g, const UpdateArgs<Sum<Operand>>& u,
                  const OptimizerStep<Sum<Operand>>& s) {
    using T = Sum<Operand>;
    for_each_tile(u.first_row, u.last_row, [&](Index row, Index rows) {
        const Tile<T> tile(u, row * u.vectors * lanes<T>);
        const double squares = dense_rows<Operand, penalised>(
            g, row, rows, nullptr,
            [&s, tile](Index at, Vec<T> sum) { return optimize<T, solver, penalised>(s, tile, at, sum); },
            PrefetchNextTile<T, solver>{tile, rows * u.vectors * lanes<T>}, u.pairs);
        finish_tile<T>(u, s, row, rows, squares);
    });
}

template <class Operand, Solver solver>
PYMLP_INLINE void update_fused(const GradientArgs<Operand>& g, const UpdateArgs<Sum<Operand>>& u,
                               const OptimizerStep<Sum<Operand>>& s) {
    u.squares ? update_fused<Operand, solver, true>(g, u, s) : update_fused<Operand, solver, false>(g, u, s);
}

template <class Operand>
void update(const GradientArgs<Operand>& g, const UpdateArgs<Sum<Operand>>& u,
            const OptimizerStep<Sum<Operand>>& s) {
    using T = Sum<Operand>;
    if (g.table) {
        gradient<Operand>(g);
        return apply<T>(u, s, g.gradient);
    }
    // Each fused solver is another 56 tiles an operand type to compile: they are worth it for the usual two.
    if (!g.columns && s.solver == Solver::sgd) return update_fused<Operand, Solver::sgd>(g, u, s);
    if (!g.columns && s.solver == Solver::adam) return update_fused<Operand, Solver::adam>(g, u, s);
    for_each_tile(u.first_row, u.last_row, [&](Index row, Index rows) {
        T sums[max_tile_rows * 2 * lanes<T>];  // stays in the first-level cache
        gradient_rows<Operand>(g, row, rows, nullptr, sums);
        apply_tile<T>(u, s, row, rows, sums);
    });
}

template <class T>
void gradient_bias(const GradientArgs<T>& g) {
    for (Index at = 0; at < g.vectors * lanes<T>; at += lanes<T>) {
        Vec<T> sum = {};
        if (g.accumulate) sum = load(g.gradient + at);
        for (Index b = 0; b < g.batch; ++b) sum += load(g.dz + b * g.lddz + at);
        store(g.gradient + at, sum);
    }
    if (g.squares) *g.squares = wide_squared_sum(g.gradient, g.vectors * lanes<T>);
}

// Biases are a panel of one row with neither penalty nor decay.
template <class T>
void apply_bias(const UpdateArgs<T>& u, const OptimizerStep<T>& s, const T* gradient) {
    UpdateArgs<T> bias = u;
    bias.first_row = 0;
    bias.last_row = 1;
    bias.squares = nullptr;
    bias.pairs = nullptr;
    bias.heights = nullptr;
    OptimizerStep<T> step = s;
    step.decay = 0;
    apply<T>(bias, step, gradient);
}

template <class T>
void update_bias(const GradientArgs<T>& g, const UpdateArgs<T>& u, const OptimizerStep<T>& s) {
    T sums[2 * lanes<T>];
    GradientArgs<T> bias = g;
    bias.gradient = sums;
    bias.accumulate = false;
    bias.squares = nullptr;
    gradient_bias<T>(bias);
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
