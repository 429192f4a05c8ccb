// The weight gradient's tile and, in its epilogue, the optimizer: no gradient array exists.
#pragma once

namespace {

// One vector of parameters w with its moments; `sum` is the gradient before the division by the batch's
// weight.
template <class T>
PYMLP_INLINE Vec<T> sgd(const OptimizerStep<T>& s, Vec<T> w, Vec<T> sum, T* velocity) {
    const Vec<T> step = rounded(s.sum_rate * sum);
    const Vec<T> v = s.momentum * load(velocity) - step;
    store(velocity, v);
    // Nesterov's look-ahead in scikit-learn's form: the velocity is applied once more
    return w + (s.nesterov ? s.momentum * v - step : v);
}

// Kingma & Ba (2015), arXiv:1412.6980, the efficient form at the end of its section 2
template <class T>
PYMLP_INLINE Vec<T> adam(const OptimizerStep<T>& s, Vec<T> w, Vec<T> sum, T* first, T* second) {
    const Vec<T> g = rounded(sum * s.inverse);
    const Vec<T> m = s.beta_1 * load(first) + rounded(s.rest_1 * g);
    const Vec<T> v = s.beta_2 * load(second) + rounded(s.rest_2 * (g * g));
    store(first, m);
    store(second, v);
    return w - rounded(s.learning_rate * m) / (vsqrt<T>(v) + s.epsilon);
}

template <class T, Solver solver>
PYMLP_INLINE Vec<T> optimize(const OptimizerStep<T>& s, Vec<T> w, Vec<T> sum, T* first, T* second) {
    if constexpr (solver == Solver::sgd)
        return sgd<T>(s, w, sum, first);
    else
        return adam<T>(s, w, sum, first, second);
}

// `penalised`: with alpha > 0, and therefore with sums of squares.
template <class T, Solver solver, bool penalised, int Rows, int Vectors>
void update_tile(const UpdateArgs<T>& u, const OptimizerStep<T>& s, Index row) {
    constexpr int width = Vectors * lanes<T>;
    T* weights = u.weights + row * width;
    T* first = u.first_moment + row * width;
    T* second = solver == Solver::adam ? u.second_moment + row * width : nullptr;

    Vec<T> acc[Rows][Vectors] = {};
    // x is read along its row (neighbouring inputs), dz along its row (neighbouring outputs): no
    // transposition
    accumulate<T, Rows, Vectors>(acc, u.batch, u.x + row, 1, u.ldx, u.dz, u.lddz);

    Vec<T> squares = {};
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) {
            const int at = r * width + v * lanes<T>;
            const Vec<T> w = load(weights + at);
            const Vec<T> sum = penalised ? acc[r][v] + s.alpha * w : acc[r][v];
            const Vec<T> updated = optimize<T, solver>(s, w, sum, first + at, second + at);
            store(weights + at, updated);
            if constexpr (penalised) squares += updated * updated;
        }
    if constexpr (penalised) u.squares[row / max_tile_rows] = static_cast<double>(sum_lanes<T>(squares));
}

template <class T, Solver solver, bool penalised, int Vectors, int Rows = max_tile_rows>
PYMLP_INLINE void update_rows(const UpdateArgs<T>& u, const OptimizerStep<T>& s, Index row, Index rows) {
    if constexpr (Rows > 0) {
        if (rows == Rows) return update_tile<T, solver, penalised, Rows, Vectors>(u, s, row);
        update_rows<T, solver, penalised, Vectors, Rows - 1>(u, s, row, rows);
    }
}

template <class T, Solver solver, bool penalised, int Vectors>
void update_panel(const UpdateArgs<T>& u, const OptimizerStep<T>& s) {
    // Tiles start at multiples of max_tile_rows whatever the range, so that the sums of squares do not depend
    // on how the rows were shared out.
    for (Index row = u.first_row; row < u.last_row; row += max_tile_rows) {
        const Index rows = u.last_row - row < max_tile_rows ? u.last_row - row : max_tile_rows;
        update_rows<T, solver, penalised, Vectors>(u, s, row, rows);
    }
}

template <class T, Solver solver, bool penalised>
PYMLP_INLINE void update_with(const UpdateArgs<T>& u, const OptimizerStep<T>& s) {
    u.vectors == 2 ? update_panel<T, solver, penalised, 2>(u, s)
                   : update_panel<T, solver, penalised, 1>(u, s);
}

template <class T>
void update(const UpdateArgs<T>& u, const OptimizerStep<T>& s) {
    switch (s.solver) {
        case Solver::sgd:
            return u.squares ? update_with<T, Solver::sgd, true>(u, s)
                             : update_with<T, Solver::sgd, false>(u, s);
        case Solver::adam:
            return u.squares ? update_with<T, Solver::adam, true>(u, s)
                             : update_with<T, Solver::adam, false>(u, s);
        default:
            break;
    }
}

template <class T>
void update_bias(const UpdateArgs<T>& u, const OptimizerStep<T>& s) {
    for (Index v = 0; v < u.vectors; ++v) {
        const Index at = v * lanes<T>;
        Vec<T> sum = {};
        for (Index b = 0; b < u.batch; ++b) sum += load(u.dz + b * u.lddz + at);
        const Vec<T> w = load(u.weights + at);
        T* first = u.first_moment + at;
        store(u.weights + at, s.solver == Solver::sgd
                                  ? optimize<T, Solver::sgd>(s, w, sum, first, nullptr)
                                  : optimize<T, Solver::adam>(s, w, sum, first, u.second_moment + at));
    }
}

template <class T>
void gradient(const GradientArgs<T>&) {}
template <class T>
void gradient_bias(const GradientArgs<T>&) {}
template <class T>
void apply(const UpdateArgs<T>&, const OptimizerStep<T>&, const T*) {}
template <class T>
void apply_bias(const UpdateArgs<T>&, const OptimizerStep<T>&, const T*) {}

template <class T>
void sum_squares(Index n_in, Index vectors, const T* weights, double* squares) {
    const Index width = vectors * lanes<T>;
    for (Index row = 0; row < n_in; row += max_tile_rows) {
        Vec<T> sum = {};
        const Index last = n_in < row + max_tile_rows ? n_in : row + max_tile_rows;
        for (Index i = row * width; i < last * width; i += lanes<T>) {
            const Vec<T> w = load(weights + i);
            sum += w * w;
        }
        squares[row / max_tile_rows] = static_cast<double>(sum_lanes<T>(sum));
    }
}

}  // namespace
