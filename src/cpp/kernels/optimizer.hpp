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

template <class T, Solver solver>
PYMLP_INLINE Vec<T> optimize(const OptimizerStep<T>& s, Vec<T> w, Vec<T> sum, T* first, T* second) {
    if constexpr (solver == Solver::sgd) return sgd<T>(s, w, sum, first);
    if constexpr (solver == Solver::adam) return adam<T>(s, w, sum, first, second);
    if constexpr (solver == Solver::adamw) return adamw<T>(s, w, sum, first, second);
    if constexpr (solver == Solver::nadam) return nadam<T>(s, w, sum, first, second);
    if constexpr (solver == Solver::rmsprop) return rmsprop<T>(s, w, sum, first);
    if constexpr (solver == Solver::adagrad) return adagrad<T>(s, w, sum, first);
    if constexpr (solver == Solver::lion) return lion<T>(s, w, sum, first);
}

// One step of the `size` parameters from `at` on, a whole number of vectors. `gradient` is theirs alone.
template <class T, Solver solver, bool penalised>
void optimize_range(const UpdateArgs<T>& u, const OptimizerStep<T>& step, Index at, Index size,
                    const T* gradient) {
    const OptimizerStep<T> s = step;  // a copy that no store can change: its numbers stay in registers
    T* weights = u.weights + at;
    T* first = u.first_moment + at;
    T* second = u.second_moment ? u.second_moment + at : nullptr;
    for (Index i = 0; i < size; i += lanes<T>) {
        const Vec<T> w = load(weights + i);
        const Vec<T> clipped = rounded(s.clip * load(gradient + i));
        const Vec<T> sum = penalised ? clipped + s.alpha * w : clipped;
        store(weights + i, optimize<T, solver>(s, w, sum, first + i, second + i));
    }
}

template <class T, Solver solver>
PYMLP_INLINE void optimize_range(const UpdateArgs<T>& u, const OptimizerStep<T>& s, Index at, Index size,
                                 const T* gradient) {
    u.squares ? optimize_range<T, solver, true>(u, s, at, size, gradient)
              : optimize_range<T, solver, false>(u, s, at, size, gradient);
}

template <class T>
void optimize_range(const UpdateArgs<T>& u, const OptimizerStep<T>& s, Index at, Index size,
                    const T* gradient) {
    switch (s.solver) {
        case Solver::sgd:
            return optimize_range<T, Solver::sgd>(u, s, at, size, gradient);
        case Solver::adam:
            return optimize_range<T, Solver::adam>(u, s, at, size, gradient);
        case Solver::adamw:
            return optimize_range<T, Solver::adamw>(u, s, at, size, gradient);
        case Solver::nadam:
            return optimize_range<T, Solver::nadam>(u, s, at, size, gradient);
        case Solver::rmsprop:
            return optimize_range<T, Solver::rmsprop>(u, s, at, size, gradient);
        case Solver::adagrad:
            return optimize_range<T, Solver::adagrad>(u, s, at, size, gradient);
        case Solver::lion:
            return optimize_range<T, Solver::lion>(u, s, at, size, gradient);
    }
}

}  // namespace
