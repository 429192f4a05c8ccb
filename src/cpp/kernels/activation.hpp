// Hidden activations and their derivatives, taken from the output so that no pre-activation is stored.
#pragma once

namespace {

template <class T, class F>
PYMLP_INLINE void for_each_vector(Index rows, Index columns, F f) {
    for (Index r = 0; r < rows; ++r)
        for (Index c = 0; c < columns; c += lanes<T>) f(r, c);
}

template <class T>
void activate(Activation kind, Index rows, Index columns, T* x, Index ldx) {
    const auto apply = [&](auto f) {
        for_each_vector<T>(rows, columns, [&](Index r, Index c) {
            T* at = x + r * ldx + c;
            store(at, f(load(at)));
        });
    };
    switch (kind) {
        case Activation::identity:
            break;
        case Activation::logistic:
            apply([](Vec<T> v) { return vlogistic<T>(v); });
            break;
        case Activation::tanh:
            apply([](Vec<T> v) { return vtanh<T>(v); });
            break;
        case Activation::relu:
            apply([](Vec<T> v) { return v < T(0) ? Vec<T>{} : v; });  // lets NaN through, to be noticed
            break;
        default:
            break;
    }
}

template <class T>
void multiply_derivative(Activation kind, Index rows, Index columns, const T* a, Index lda, T* d, Index ldd) {
    const auto apply = [&](auto f) {
        for_each_vector<T>(rows, columns, [&](Index r, Index c) {
            T* at = d + r * ldd + c;
            store(at, f(load(a + r * lda + c), load(at)));
        });
    };
    switch (kind) {
        case Activation::identity:
            break;
        case Activation::logistic:
            apply([](Vec<T> y, Vec<T> g) { return g * y * (T(1) - y); });
            break;
        case Activation::tanh:
            apply([](Vec<T> y, Vec<T> g) { return g * (T(1) - rounded(y * y)); });
            break;
        case Activation::relu:
            apply([](Vec<T> y, Vec<T> g) { return y == T(0) ? Vec<T>{} : g; });
            break;
        default:
            break;
    }
}

template <class T>
void activate_with_slope(Activation, Index, Index, T*, Index, T*, Index) {}

template <class T>
void multiply_slope(Index, Index, const T*, Index, T*, Index) {}

}  // namespace
