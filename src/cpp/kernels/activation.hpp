// Hidden activations and their derivatives. Where the derivative is a function of the output
// (has_slope_of_output) no pre-activation is stored for it. NaN goes through both: every comparison is
// written so that it lands in a branch that keeps it.
#pragma once

namespace {

template <class T>
PYMLP_INLINE Vec<T> at_least(Vec<T> x, T lowest) {
    return x < lowest ? broadcast<T>(lowest) : x;
}
template <class T>
PYMLP_INLINE Vec<T> at_most(Vec<T> x, T highest) {
    return x > highest ? broadcast<T>(highest) : x;
}

// e^x - 1 for x <= 0
template <class T>
PYMLP_INLINE Vec<T> expm1_below_zero(Vec<T> x) {
    return vexpm1<T>(at_least<T>(x, -2 * MathConstants<T>::tanh_max));
}

// --- derivative from the output: value(x), and slope(y) of y = value(x) ---

template <class T>
struct Identity {
    static PYMLP_INLINE Vec<T> value(Vec<T> x) { return x; }
    static PYMLP_INLINE Vec<T> slope(Vec<T>) { return broadcast<T>(T(1)); }
};

template <class T>
struct Logistic {
    static PYMLP_INLINE Vec<T> value(Vec<T> x) { return vlogistic<T>(x); }
    static PYMLP_INLINE Vec<T> slope(Vec<T> y) { return y * (T(1) - y); }
};

template <class T>
struct Tanh {
    static PYMLP_INLINE Vec<T> value(Vec<T> x) { return vtanh<T>(x); }
    static PYMLP_INLINE Vec<T> slope(Vec<T> y) { return T(1) - rounded(y * y); }
};

template <class T>
struct Relu {
    static PYMLP_INLINE Vec<T> value(Vec<T> x) { return x < T(0) ? Vec<T>{} : x; }
    static PYMLP_INLINE Vec<T> slope(Vec<T> y) { return y > T(0) ? broadcast<T>(T(1)) : y; }  // else 0 or NaN
};

template <class T>
struct LeakyRelu {
    static constexpr T leak = T(0.01);
    static PYMLP_INLINE Vec<T> value(Vec<T> x) { return x < T(0) ? leak * x : x; }
    static PYMLP_INLINE Vec<T> slope(Vec<T> y) {
        return y > T(0) ? broadcast<T>(T(1)) : (y <= T(0) ? broadcast<T>(leak) : y);
    }
};

template <class T>
struct Elu {
    static PYMLP_INLINE Vec<T> value(Vec<T> x) { return x < T(0) ? expm1_below_zero<T>(x) : x; }
    static PYMLP_INLINE Vec<T> slope(Vec<T> y) { return y > T(0) ? broadcast<T>(T(1)) : y + T(1); }
};

// G. Klambauer et al., "Self-Normalizing Neural Networks", 2017
template <class T>
struct Selu {
    static constexpr T scale = T(1.0507009873554804934193349852946);
    static constexpr T limit = T(1.7580993408473768599402175208123);  // scale * alpha
    static PYMLP_INLINE Vec<T> value(Vec<T> x) {
        return x < T(0) ? limit * expm1_below_zero<T>(x) : scale * x;
    }
    static PYMLP_INLINE Vec<T> slope(Vec<T> y) { return y > T(0) ? broadcast<T>(scale) : y + limit; }
};

template <class T>
struct Softplus {
    static PYMLP_INLINE Vec<T> value(Vec<T> x) {
        const Vec<T> positive = x > T(0) ? x : Vec<T>{};
        return positive + vlog1p_small<T>(vexp<T>(x < T(0) ? x : -x));
    }
    static PYMLP_INLINE Vec<T> slope(Vec<T> y) { return -expm1_below_zero<T>(-y); }  // 1 - e^-y
};

template <class T>
struct HardSigmoid {
    static PYMLP_INLINE Vec<T> value(Vec<T> x) {
        Vec<T> y = x + T(3);
        y = y < T(0) ? Vec<T>{} : y;
        y = y > T(6) ? broadcast<T>(T(6)) : y;
        return y / T(6);
    }
    static PYMLP_INLINE Vec<T> slope(Vec<T> y) {
        return ((y > T(0)) & (y < T(1))) ? broadcast<T>(T(1) / T(6)) : T(0) * y;  // y is 0, 1 or NaN
    }
};

// --- derivative from the pre-activation: value(x), and slope = f'(x) ---
// Products that go into sums are rounded() where both need them, so that the value has the same bits with and
// without the slope. A factor x of something that falls off exponentially is bounded where that has become 0:
// infinity times 0 would be NaN.

template <class T>
struct Gelu {
    static PYMLP_INLINE Vec<T> value(Vec<T> x, Vec<T>& slope) {
        constexpr T limit = NormalConstants<T>::max;
        const Normal<T> n = normal<T>(x);
        x = at_least<T>(x, -limit);
        slope = n.distribution + at_most<T>(x, limit) * n.density;
        return x * n.distribution;
    }
};

template <class T>
struct Silu {
    static PYMLP_INLINE Vec<T> value(Vec<T> x, Vec<T>& slope) {
        constexpr T lowest = MathConstants<T>::exp_min;
        const LogisticPair<T> p = logistic_pair<T>(x);
        x = at_least<T>(x, lowest);
        slope = p.of_x * (T(1) + at_most<T>(x, -lowest) * p.of_minus_x);
        return x * p.of_x;
    }
};

// x tanh(log(1 + e^x)) = x n / d, with numerator and denominator in terms of q = e^-|x|:
// n = q^2 + 2 q, d = n + 2 for x < 0, otherwise n = 1 + 2 q, d = n + 2 q^2.
// The derivative is n / d + 4 x (1 + q) (q or q^2) / d^2.
template <class T>
struct Mish {
    static PYMLP_INLINE Vec<T> value(Vec<T> x, Vec<T>& slope) {
        constexpr T lowest = MathConstants<T>::exp_min;
        const IntVec<T> negative = x < T(0);
        const Vec<T> q = rounded(vexp<T>(negative ? x : -x)), q2 = rounded(q * q);
        const Vec<T> n = (q + q) + (negative ? q2 : broadcast<T>(T(1)));
        const Vec<T> inverse = T(1) / (n + (negative ? broadcast<T>(T(2)) : q2 + q2));
        const Vec<T> ratio = rounded(n * inverse);
        x = at_least<T>(x, lowest);
        slope =
            ratio + at_most<T>(x, -lowest) * (T(4) * inverse * inverse * ((T(1) + q) * (negative ? q : q2)));
        return x * ratio;
    }
};

// --- kernels ---

// Calls f with the activation, so that what it does is compiled once for each.
template <class T, class F>
PYMLP_INLINE void with_slope_of_output(Activation kind, F f) {
    switch (kind) {
        case Activation::identity:
            return f(Identity<T>{});
        case Activation::logistic:
            return f(Logistic<T>{});
        case Activation::tanh:
            return f(Tanh<T>{});
        case Activation::relu:
            return f(Relu<T>{});
        case Activation::leaky_relu:
            return f(LeakyRelu<T>{});
        case Activation::elu:
            return f(Elu<T>{});
        case Activation::selu:
            return f(Selu<T>{});
        case Activation::softplus:
            return f(Softplus<T>{});
        case Activation::hard_sigmoid:
            return f(HardSigmoid<T>{});
        default:
            return;
    }
}

template <class T, class F>
PYMLP_INLINE void with_slope_of_input(Activation kind, F f) {
    switch (kind) {
        case Activation::gelu:
            return f(Gelu<T>{});
        case Activation::silu:
            return f(Silu<T>{});
        case Activation::mish:
            return f(Mish<T>{});
        default:
            return;
    }
}

template <class T, class F>
PYMLP_INLINE void for_each_vector(Index rows, Index columns, F f) {
    for (Index r = 0; r < rows; ++r)
        for (Index c = 0; c < columns; c += lanes<T>) f(r, c);
}

template <class T>
void activate(Activation kind, Index rows, Index columns, T* x, Index ldx) {
    if (kind == Activation::identity) return;
    with_slope_of_output<T>(kind, [&](auto f) {
        for_each_vector<T>(rows, columns, [&](Index r, Index c) {
            T* at = x + r * ldx + c;
            store(at, f.value(load(at)));
        });
    });
    with_slope_of_input<T>(kind, [&](auto f) {
        for_each_vector<T>(rows, columns, [&](Index r, Index c) {
            T* at = x + r * ldx + c;
            Vec<T> unused;
            store(at, f.value(load(at), unused));
        });
    });
}

template <class T>
void activate_with_slope(Activation kind, const HiddenArgs<T>& args) {
    const HiddenArgs<T> h = args;  // a copy that no store can change: its numbers stay in registers
    with_slope_of_output<T>(kind, [&](auto f) {
        for_each_vector<T>(h.rows, h.columns, [&](Index r, Index c) {
            T* at = h.x + r * h.ldx + c;
            const Vec<T> y = f.value(load(at));
            store(at, y);
            store(h.slope + r * h.lds + c, f.slope(y));
        });
    });
    with_slope_of_input<T>(kind, [&](auto f) {
        for_each_vector<T>(h.rows, h.columns, [&](Index r, Index c) {
            T* at = h.x + r * h.ldx + c;
            Vec<T> s;
            store(at, f.value(load(at), s));
            store(h.slope + r * h.lds + c, s);
        });
    });
}

template <class T>
void multiply_derivative(Activation kind, const BackwardArgs<T>& args) {
    if (kind == Activation::identity) return;
    const BackwardArgs<T> b = args;
    with_slope_of_output<T>(kind, [&](auto f) {
        for_each_vector<T>(b.rows, b.columns, [&](Index r, Index c) {
            T* at = b.d + r * b.ldd + c;
            store(at, load(at) * f.slope(load(b.from + r * b.ldf + c)));
        });
    });
}

template <class T>
void multiply_slope(const BackwardArgs<T>& args) {
    const BackwardArgs<T> b = args;
    for_each_vector<T>(b.rows, b.columns, [&](Index r, Index c) {
        T* at = b.d + r * b.ldd + c;
        store(at, load(at) * load(b.from + r * b.ldf + c));
    });
}

}  // namespace
