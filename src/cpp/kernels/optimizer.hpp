// The optimizers' arithmetic on one vector of parameters. `sum` is the gradient before its division by the
// batch's weight; the moments are read and written in place; what comes back is the new parameters.
#pragma once

namespace {

template <class T>
PYMLP_INLINE Vec<T> sgd(const OptimizerStep<T>& s, Vec<T> w, Vec<T> sum, T* velocity) {
    const Vec<T> step = rounded(s.sum_rate * sum);
    const Vec<T> v = s.momentum * load(velocity) - step;
    store(velocity, v);
    // Nesterov's look-ahead in scikit-learn's form: the velocity is applied once more
    return w + (s.nesterov ? s.momentum * v - step : v);
}

// m = beta m + (1 - beta) x
template <class T>
PYMLP_INLINE Vec<T> decayed(T beta, T rest, T* moment, Vec<T> x) {
    const Vec<T> m = beta * load(moment) + rounded(rest * x);
    store(moment, m);
    return m;
}

// Kingma & Ba (2015), arXiv:1412.6980, the efficient form at the end of its section 2
template <class T>
PYMLP_INLINE Vec<T> adam(const OptimizerStep<T>& s, Vec<T> w, Vec<T> sum, T* first, T* second) {
    const Vec<T> g = rounded(sum * s.inverse);
    const Vec<T> m = decayed<T>(s.beta_1, s.rest_1, first, g);
    const Vec<T> v = decayed<T>(s.beta_2, s.rest_2, second, g * g);
    return w - rounded(s.learning_rate * m) / (vsqrt<T>(v) + s.epsilon);
}

// Loshchilov & Hutter (2019), arXiv:1711.05101: the weights decay beside the gradient, not through it
template <class T>
PYMLP_INLINE Vec<T> adamw(const OptimizerStep<T>& s, Vec<T> w, Vec<T> sum, T* first, T* second) {
    return adam<T>(s, w - s.decay * w, sum, first, second);
}

// Dozat (2016), "Incorporating Nesterov Momentum into Adam", with a constant beta_1
template <class T>
PYMLP_INLINE Vec<T> nadam(const OptimizerStep<T>& s, Vec<T> w, Vec<T> sum, T* first, T* second) {
    const Vec<T> g = rounded(sum * s.inverse);
    const Vec<T> m = decayed<T>(s.beta_1, s.rest_1, first, g);
    const Vec<T> v = decayed<T>(s.beta_2, s.rest_2, second, g * g);
    return w - (s.learning_rate * m + rounded(s.gradient_rate * g)) / (vsqrt<T>(v) + s.epsilon);
}

// Tieleman & Hinton (2012), lecture 6.5 of "Neural Networks for Machine Learning"
template <class T>
PYMLP_INLINE Vec<T> rmsprop(const OptimizerStep<T>& s, Vec<T> w, Vec<T> sum, T* squares) {
    const Vec<T> g = rounded(sum * s.inverse);
    const Vec<T> v = decayed<T>(s.beta_2, s.rest_2, squares, g * g);
    return w - rounded(s.learning_rate * g) / (vsqrt<T>(v) + s.epsilon);
}

// Duchi, Hazan & Singer (2011), JMLR 12: the squares are never forgotten
template <class T>
PYMLP_INLINE Vec<T> adagrad(const OptimizerStep<T>& s, Vec<T> w, Vec<T> sum, T* squares) {
    const Vec<T> g = rounded(sum * s.inverse);
    const Vec<T> v = load(squares) + g * g;
    store(squares, v);
    return w - rounded(s.learning_rate * g) / (vsqrt<T>(v) + s.epsilon);
}

// Chen et al. (2023), arXiv:2302.06675: only the sign of the interpolated moment counts
template <class T>
PYMLP_INLINE Vec<T> lion(const OptimizerStep<T>& s, Vec<T> w, Vec<T> sum, T* first) {
    const Vec<T> g = rounded(sum * s.inverse);
    const Vec<T> c = s.beta_1 * load(first) + rounded(s.rest_1 * g);
    decayed<T>(s.beta_2, s.rest_2, first, g);
    // neither above nor below 0: a zero, or a NaN, which must go through
    const Vec<T> sign = c > T(0) ? broadcast(T(1)) : c < T(0) ? broadcast(T(-1)) : c;
    return (w - s.decay * w) - s.learning_rate * sign;
}

// Where a tile of weights and its state begin.
template <class T>
struct Tile {
    T *weights, *first, *second;

    Tile(const UpdateArgs<T>& u, Index offset)
        : weights(u.weights + offset),
          first(u.first_moment + offset),
          second(u.second_moment ? u.second_moment + offset : nullptr) {}
};

// The new weights of one vector.
template <class T, Solver solver>
PYMLP_INLINE Vec<T> optimized(const OptimizerStep<T>& s, const Tile<T>& t, Index at, Vec<T> w, Vec<T> sum) {
    if constexpr (solver == Solver::sgd) return sgd<T>(s, w, sum, t.first + at);
    if constexpr (solver == Solver::adam) return adam<T>(s, w, sum, t.first + at, t.second + at);
    if constexpr (solver == Solver::adamw) return adamw<T>(s, w, sum, t.first + at, t.second + at);
    if constexpr (solver == Solver::nadam) return nadam<T>(s, w, sum, t.first + at, t.second + at);
    if constexpr (solver == Solver::rmsprop) return rmsprop<T>(s, w, sum, t.first + at);
    if constexpr (solver == Solver::adagrad) return adagrad<T>(s, w, sum, t.first + at);
    if constexpr (solver == Solver::lion) return lion<T>(s, w, sum, t.first + at);
}

// The step of one vector of weights, given the gradient of the data; returns the new weights.
template <class T, Solver solver, bool penalised>
PYMLP_INLINE Vec<T> optimize(const OptimizerStep<T>& s, const Tile<T>& t, Index at, Vec<T> gradient) {
    const Vec<T> w = load(t.weights + at);
    const Vec<T> sum = penalised ? gradient + s.alpha * w : gradient;
    const Vec<T> updated = optimized<T, solver>(s, t, at, w, sum);
    store(t.weights + at, updated);
    return updated;
}

}  // namespace
