// Losses that are a sum over the outputs, each with its own target.
#pragma once

namespace {

// Per vector of outputs, `f(z, y, loss, c)` returns d loss / d z and sets the loss of its lanes; c is its
// column. Padding lanes become 0. `classes`: the targets are classes, 0 or 1, that a score above 0 predicts.
template <class T, class F>
PYMLP_INLINE void elementwise_loss(const LossArgs<T>& l, bool classes, F f) {
    for (Index r = 0; r < l.rows; ++r) {
        T* z = l.z + r * l.ldz;
        const T weight = l.sample_weight ? l.sample_weight[r] : T(1);
        Vec<T> sum = {};
        Vec<T> misses = {};
        for (Index c = 0; c < l.outputs; c += lanes<T>) {
            const auto real = real_lanes<T>(c, l.outputs);
            const Vec<T> zc = select(real, load(z + c), Vec<T>{});
            const Vec<T> y = load(l.targets + r * l.ldt + c);
            Vec<T> loss;
            const Vec<T> d = f(zc, y, loss, c);
            sum += select(real, loss, Vec<T>{});
            misses += select(real & ((zc > T(0)) != (y > T(0.5))), broadcast<T>(T(1)), Vec<T>{});
            store(z + c, select(real, d * weight, Vec<T>{}));
        }
        l.row_loss[r] = static_cast<double>(sum_lanes<T>(sum));
        l.row_hit[r] = classes && sum_lanes<T>(misses) == T(0) ? 1.0 : 0.0;
    }
}

// log(1 + e^-|z|) + |z| times the target of the other class. Targets between 0 and 1 are probabilities; the
// cap is for those that are one or the other, as in softmax_cross_entropy.
template <class T>
PYMLP_INLINE void logistic_cross_entropy(const LossArgs<T>& l) {
    const T cap = largest_log_loss<T>();
    elementwise_loss<T>(l, true, [cap](Vec<T> z, Vec<T> y, Vec<T>& loss, Index) {
        const Vec<T> e = vexp<T>(z < T(0) ? z : -z);
        const Vec<T> p = T(1) / (T(1) + e);
        loss = vlog1p_small<T>(e) + rounded(z > T(0) ? z * (T(1) - y) : -z * y);
        loss = (loss > cap) & ((y == T(0)) | (y == T(1))) ? broadcast<T>(cap) : loss;
        return (z < T(0) ? rounded(e * p) : p) - y;
    });
}

// softmax_focal of the scores (0, m), where m = z for a target of 1 and -z for 0. With q = 1 - p,
// -log q = log(1 + e^m) and the derivative by m is -q^gamma (q + gamma p (-log p)).
template <class T>
PYMLP_INLINE void logistic_focal(const LossArgs<T>& l) {
    const T cap = largest_log_loss<T>();
    elementwise_loss<T>(l, true, [&l, cap](Vec<T> z, Vec<T> y, Vec<T>& loss, Index) {
        const Vec<T> m = y > T(0.5) ? z : -z;
        const Vec<T> e = vexp<T>(m < T(0) ? m : -m);
        const Vec<T> larger = T(1) / (T(1) + e), smaller = rounded(e * larger);
        const Vec<T> p = m < T(0) ? smaller : larger, q = m < T(0) ? larger : smaller;
        const Vec<T> tail = vlog1p_small<T>(e);
        const Vec<T> surprise = tail + (m < T(0) ? -m : Vec<T>{});
        const Vec<T> log_loss = surprise > cap ? broadcast<T>(cap) : surprise;
        const Vec<T> power = vexp<T>(-l.focusing * (tail + (m > T(0) ? m : Vec<T>{})));
        const Vec<T> slope = power * (q + l.focusing * rounded(p * log_loss));
        loss = power * log_loss;
        return y > T(0.5) ? -slope : slope;
    });
}

template <class T>
PYMLP_INLINE void logistic_hinge(const LossArgs<T>& l) {
    elementwise_loss<T>(l, true, [](Vec<T> z, Vec<T> y, Vec<T>& loss, Index) {
        const Vec<T> side = y > T(0.5) ? broadcast<T>(T(1)) : broadcast<T>(T(-1));
        const Vec<T> margin = T(1) - side * z;
        loss = margin <= T(0) ? Vec<T>{} : margin;
        return margin <= T(0) ? Vec<T>{} : -side;
    });
}

// Mean over the outputs for the loss, sum for the gradient: scikit-learn's convention.
template <class T>
PYMLP_INLINE void squared_error(const LossArgs<T>& l) {
    elementwise_loss<T>(l, false, [&l](Vec<T> z, Vec<T> y, Vec<T>& loss, Index) {
        const Vec<T> d = z - y;
        loss = rounded(d * d) * (T(0.5) / static_cast<T>(l.outputs));
        return d;
    });
}

// In the next two the gradient where z = y is z - y: 0 there, but a NaN stays one.
template <class T>
PYMLP_INLINE void absolute_error(const LossArgs<T>& l) {
    elementwise_loss<T>(l, false, [](Vec<T> z, Vec<T> y, Vec<T>& loss, Index) {
        const Vec<T> d = z - y;
        loss = d < T(0) ? -d : d;
        return d > T(0) ? broadcast<T>(T(1)) : d < T(0) ? broadcast<T>(T(-1)) : d;
    });
}

// Quantile regression (Koenker & Bassett 1978): a quantile for each output.
template <class T>
PYMLP_INLINE void pinball(const LossArgs<T>& l) {
    elementwise_loss<T>(l, false, [&l](Vec<T> z, Vec<T> y, Vec<T>& loss, Index c) {
        const Vec<T> quantile = load(l.quantiles + c);
        const Vec<T> d = z - y;
        const Vec<T> slope = d > T(0) ? T(1) - quantile : d < T(0) ? -quantile : d;
        loss = slope * d;
        return slope;
    });
}

// d^2 / 2 up to |d| = delta, delta (|d| - delta / 2) beyond: both are g (d - g / 2), g the clipped d.
template <class T>
PYMLP_INLINE void huber(const LossArgs<T>& l) {
    elementwise_loss<T>(l, false, [&l](Vec<T> z, Vec<T> y, Vec<T>& loss, Index) {
        const Vec<T> delta = broadcast<T>(l.delta);
        const Vec<T> d = z - y;
        const Vec<T> g = d > delta ? delta : d < -delta ? -delta : d;
        loss = g * (d - g * T(0.5));
        return g;
    });
}

// log cosh d, with t = tanh d its derivative: -log(1 - t^2) / 2 keeps its digits near 0, and
// |d| - log 2 + log(1 + e^-2|d|), where e^-2|d| = (1 - |t|) / (1 + |t|), far from it.
template <class T>
PYMLP_INLINE void log_cosh(const LossArgs<T>& l) {
    elementwise_loss<T>(l, false, [](Vec<T> z, Vec<T> y, Vec<T>& loss, Index) {
        const Vec<T> d = z - y;
        const Vec<T> t = vtanh<T>(d);
        const Vec<T> distance = d < T(0) ? -d : d, u = d < T(0) ? -t : t;
        const IntVec<T> near = distance < T(0.8);
        const Vec<T> log = vlog1p_small<T>(near ? -rounded(u * u) : (T(1) - u) / (T(1) + u));
        loss = near ? log * T(-0.5) : (distance - T(0.69314718055994530942)) + log;
        return t;
    });
}

// Half deviance with log link: y log(y / p) - y + p, where p = e^z. An infinite p decides alone: y z may
// overflow too, and infinity - infinity is none.
template <class T>
PYMLP_INLINE void poisson(const LossArgs<T>& l) {
    elementwise_loss<T>(l, false, [](Vec<T> z, Vec<T> y, Vec<T>& loss, Index) {
        const Vec<T> p = vexp<T>(z);
        const Vec<T> positive = y > T(0) ? y : broadcast<T>(T(1));
        const Vec<T> entropy = rounded(y * (vlog<T>(positive) - z));
        loss = (y > T(0) ? entropy : Vec<T>{}) - y + p;
        loss = p == T(__builtin_inf()) ? p : loss;
        return p - y;
    });
}

// Half deviance with log link, y > 0: e^u - 1 - u with u = log(y / p), p = e^z.
template <class T>
PYMLP_INLINE void gamma(const LossArgs<T>& l) {
    elementwise_loss<T>(l, false, [](Vec<T> z, Vec<T> y, Vec<T>& loss, Index) {
        const Vec<T> u = vlog<T>(y) - z;
        const Vec<T> ratio = vexp<T>(u);
        loss = (ratio - T(1)) - u;
        return T(1) - ratio;
    });
}

}  // namespace
