#include "network/network.hpp"

#include <cstring>

namespace pymlp {

template <class T>
Layer<T>::Layer(Index n_in, Index n_out, Index lanes)
    : panels{n_in, n_out, lanes}, weights(panels.size()), bias(panels.padded_columns()) {}

template <class T>
void Layer<T>::load(const T* coefs, const T* intercepts) {
    for (Index p = 0; p < panels.count(); ++p) {
        const Index column = panels.first_column(p);
        const Index width = panels.vectors(p) * panels.lanes;
        const auto bytes = static_cast<std::size_t>(std::min(width, n_out() - column)) * sizeof(T);
        T* panel = weights.data() + panels.offset(p);
        for (Index i = 0; i < n_in(); ++i)
            std::memcpy(panel + i * width, coefs + i * n_out() + column, bytes);
    }
    std::memcpy(bias.data(), intercepts, static_cast<std::size_t>(n_out()) * sizeof(T));
}

template <class T>
void Layer<T>::store(T* coefs, T* intercepts) const {
    for (Index p = 0; p < panels.count(); ++p) {
        const Index column = panels.first_column(p);
        const Index width = panels.vectors(p) * panels.lanes;
        const auto bytes = static_cast<std::size_t>(std::min(width, n_out() - column)) * sizeof(T);
        const T* panel = weights.data() + panels.offset(p);
        for (Index i = 0; i < n_in(); ++i)
            std::memcpy(coefs + i * n_out() + column, panel + i * width, bytes);
    }
    std::memcpy(intercepts, bias.data(), static_cast<std::size_t>(n_out()) * sizeof(T));
}

template <class T>
Network<T>::Network(const std::vector<Index>& units, Activation activation_, Loss loss_)
    : activation(activation_), loss(loss_) {
    for (std::size_t i = 0; i + 1 < units.size(); ++i)
        layers.emplace_back(units[i], units[i + 1], kernels<T>().lanes);
}

template <class T>
Index Network<T>::widest() const {
    Index widest = 0;
    for (const Layer<T>& layer : layers) widest = std::max(widest, layer.panels.padded_columns());
    return widest;
}

template <class T>
bool Network<T>::finite() const {
    const auto all_finite = [](const Buffer<T>& buffer) {
        bool finite = true;
        for (Index i = 0; i < buffer.size(); ++i) finite &= buffer.data()[i] - buffer.data()[i] == T(0);
        return finite;
    };
    for (const Layer<T>& layer : layers)
        if (!all_finite(layer.weights) || !all_finite(layer.bias)) return false;
    return true;
}

Output output_of(Loss loss) {
    switch (loss) {
        case Loss::softmax_cross_entropy:
        case Loss::softmax_focal:
            return Output::softmax;
        case Loss::logistic_cross_entropy:
        case Loss::logistic_focal:
            return Output::logistic;
        case Loss::poisson:
        case Loss::gamma:
            return Output::exp;
        default:
            return Output::identity;
    }
}

template <class T>
Index row_stride(Index columns) {
    const Index line = cache_line / static_cast<Index>(sizeof(T));
    const Index lines = (columns + line - 1) / line;
    return (lines + 1 - lines % 2) * line;
}

template <class T>
void forward_panel(const Layer<T>& layer, Index panel, Index first, Index last, const T* a, Index lda, T* out,
                   Index ldo) {
    const Index column = layer.panels.first_column(panel), vectors = layer.panels.vectors(panel);
    kernels<T>().gemm({last - first, layer.n_in(), a + first * lda, lda,
                       layer.weights.data() + layer.panels.offset(panel), vectors * layer.panels.lanes,
                       vectors, layer.bias.data() + column, out + first * ldo + column, ldo});
}

template <class T>
T* forward_rows(const Network<T>& network, Index rows, const T* x, Index ldx, T* scratch_a, T* scratch_b) {
    const Index stride = row_stride<T>(network.widest());
    const T* in = x;
    T* out = scratch_a;
    for (const Layer<T>& layer : network.layers) {
        for (Index p = 0; p < layer.panels.count(); ++p)
            forward_panel(layer, p, 0, rows, in, ldx, out, stride);
        if (&layer == &network.layers.back()) break;
        kernels<T>().activate(network.activation, rows, layer.panels.padded_columns(), out, stride);
        in = out;
        ldx = stride;
        out = out == scratch_a ? scratch_b : scratch_a;
    }
    return out;
}

template struct Layer<float>;
template struct Layer<double>;
template struct Network<float>;
template struct Network<double>;
template Index row_stride<float>(Index);
template Index row_stride<double>(Index);
template void forward_panel(const Layer<float>&, Index, Index, Index, const float*, Index, float*, Index);
template void forward_panel(const Layer<double>&, Index, Index, Index, const double*, Index, double*, Index);
template float* forward_rows(const Network<float>&, Index, const float*, Index, float*, float*);
template double* forward_rows(const Network<double>&, Index, const double*, Index, double*, double*);

}  // namespace pymlp
