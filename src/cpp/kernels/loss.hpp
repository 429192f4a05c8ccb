// Output activation, loss and gradient in one pass a row. For these four pairs of output activation and loss
// the gradient with respect to the pre-activation is prediction - target.
#pragma once

namespace {

template <class T>
constexpr T type_epsilon = sizeof(T) == 4 ? T(1.1920928955078125e-07) : T(2.2204460492503131e-16);

// Lanes of the vector at `column` that hold one of the `columns` real columns.
template <class T>
PYMLP_INLINE IntVec<T> real_lanes(Index column, Index columns) {
    return iota<T>() < (IntVec<T>{} + static_cast<decltype(IntVec<T>{}[0] + 0)>(columns - column));
}

template <class T>
PYMLP_INLINE T row_maximum(Index outputs, const T* z) {
    const Vec<T> lowest = broadcast<T>(-T(__builtin_inf()));
    Vec<T> top = lowest;
    for (Index c = 0; c < outputs; c += lanes<T>)
        top = maximum<T>(select(real_lanes<T>(c, outputs), load(z + c), lowest), top);
    return maximum_lane<T>(top);
}

// Is column y the first of the row's largest, as argmax would find it?
template <class T>
PYMLP_INLINE bool is_argmax(Index y, const T* z, T largest) {
    if (z[y] != largest) return false;
    Vec<T> earlier = {};
    for (Index c = 0; c < y; c += lanes<T>)
        earlier = select(real_lanes<T>(c, y) & (load(z + c) == largest), broadcast<T>(T(1)), earlier);
    return maximum_lane<T>(earlier) == T(0);
}

// z becomes e^(z - largest); returns the sum, in a fixed order.
template <class T>
PYMLP_INLINE T exponentials(Index outputs, T largest, T* z) {
    Vec<T> sum = {};
    for (Index c = 0; c < outputs; c += lanes<T>) {
        const Vec<T> e = select(real_lanes<T>(c, outputs), vexp<T>(load(z + c) - largest), Vec<T>{});
        store(z + c, e);
        sum += e;
    }
    return sum_lanes<T>(sum);
}

// Multinomial cross-entropy: log(sum) + max - z_y. scikit-learn clips probabilities at the type's epsilon,
// and so does the cap; a NaN is smaller than nothing and stays.
template <class T>
PYMLP_INLINE void softmax_cross_entropy(const LossArgs<T>& l) {
    const T cap = -scalar_log<T>(type_epsilon<T>);
    for (Index r = 0; r < l.rows; ++r) {
        T* z = l.z + r * l.ldz;
        const Index y = l.labels[r];
        const T z_y = z[y];
        const T largest = row_maximum<T>(l.outputs, z);
        l.row_hit[r] = is_argmax<T>(y, z, largest) ? 1.0 : 0.0;
        const T sum = exponentials<T>(l.outputs, largest, z);
        const T loss = scalar_log<T>(sum) + (largest - z_y);
        l.row_loss[r] = static_cast<double>(loss > cap ? cap : loss);
        const T scale = l.sample_weight ? l.sample_weight[r] : T(1);
        const T inverse = T(1) / sum;
        for (Index c = 0; c < l.outputs; c += lanes<T>) store(z + c, load(z + c) * inverse * scale);
        z[y] -= scale;
    }
}

// Per element: `f(z, y, loss)` returns prediction - y and sets the loss of the lane; padding lanes become 0.
template <class T, class F>
PYMLP_INLINE void elementwise_loss(const LossArgs<T>& l, F f) {
    for (Index r = 0; r < l.rows; ++r) {
        T* z = l.z + r * l.ldz;
        const T scale = l.sample_weight ? l.sample_weight[r] : T(1);
        Vec<T> sum = {};
        Vec<T> misses = {};
        for (Index c = 0; c < l.outputs; c += lanes<T>) {
            const auto real = real_lanes<T>(c, l.outputs);
            const Vec<T> zc = select(real, load(z + c), Vec<T>{});
            const Vec<T> y = load(l.targets + r * l.ldt + c);
            Vec<T> loss;
            const Vec<T> d = f(zc, y, loss);
            sum += select(real, loss, Vec<T>{});
            misses += select(real & ((zc > T(0)) != (y > T(0.5))), broadcast<T>(T(1)), Vec<T>{});
            store(z + c, select(real, d * scale, Vec<T>{}));
        }
        l.row_loss[r] = static_cast<double>(sum_lanes<T>(sum));
        l.row_hit[r] = sum_lanes<T>(misses) == T(0) ? 1.0 : 0.0;
    }
}

template <class T>
void loss(Loss kind, const LossArgs<T>& l) {
    switch (kind) {
        case Loss::softmax_cross_entropy:
            softmax_cross_entropy<T>(l);
            break;
        case Loss::logistic_cross_entropy: {
            const T cap = -scalar_log<T>(type_epsilon<T>);
            elementwise_loss<T>(l, [cap](Vec<T> z, Vec<T> y, Vec<T>& out) {
                // log(1 + e^-|z|) + max(z, 0) - z y, capped as above
                const Vec<T> e = vexp<T>(z < T(0) ? z : -z);
                const Vec<T> p = T(1) / (T(1) + e);
                out = vlog1p<T>(e) + ((z > T(0) ? z : Vec<T>{}) - rounded(z * y));
                out = out > cap ? broadcast<T>(cap) : out;
                return (z < T(0) ? rounded(e * p) : p) - y;
            });
            break;
        }
        case Loss::squared_error:
            // mean over the outputs for the loss, sum for the gradient: scikit-learn's convention
            elementwise_loss<T>(l, [&l](Vec<T> z, Vec<T> y, Vec<T>& out) {
                const Vec<T> d = z - y;
                out = rounded(d * d) * (T(0.5) / static_cast<T>(l.outputs));
                return d;
            });
            break;
        case Loss::poisson:
            // half deviance with log link: y log(y / p) - y + p, where p = e^z
            elementwise_loss<T>(l, [](Vec<T> z, Vec<T> y, Vec<T>& out) {
                const Vec<T> p = vexp<T>(z);
                const Vec<T> positive = y > T(0) ? y : broadcast<T>(T(1));
                const Vec<T> entropy = rounded(y * (vlog<T>(positive) - z));
                out = (y > T(0) ? entropy : Vec<T>{}) - y + p;
                return p - y;
            });
            break;
        default:
            break;
    }
}

template <class T>
void predict(Output output, Index rows, Index outputs, T* z, Index ldz, const Index*, Index) {
    switch (output) {
        case Output::softmax:
            for (Index r = 0; r < rows; ++r) {
                T* zr = z + r * ldz;
                const T inverse = T(1) / exponentials<T>(outputs, row_maximum<T>(outputs, zr), zr);
                for (Index c = 0; c < outputs; c += lanes<T>) store(zr + c, load(zr + c) * inverse);
            }
            break;
        case Output::logistic:
            activate<T>(Activation::logistic, rows, outputs, z, ldz);
            break;
        case Output::identity:
            break;
        case Output::exp:
            for_each_vector<T>(rows, outputs, [&](Index r, Index c) {
                T* at = z + r * ldz + c;
                store(at, vexp<T>(load(at)));
            });
            break;
    }
}

}  // namespace
