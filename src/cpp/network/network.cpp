#include "network/network.hpp"

#include <cstring>
#include <utility>

namespace pymlp {

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
void predict_outputs(const LossSpec& loss, Index rows, Index outputs, T* z, Index ldz) {
    OutputArgs<T> args{};
    args.rows = rows;
    args.outputs = outputs;
    args.z = z;
    args.ldz = ldz;
    args.groups = loss.groups.data();
    args.n_groups = loss.n_groups();
    kernels<T>().predict(output_of(loss.kind), args);
}

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
Network<T>::Network(const std::vector<Index>& units, std::vector<Activation> activations_, LossSpec loss_)
    : activations(std::move(activations_)), loss(std::move(loss_)) {
    for (std::size_t i = 0; i + 1 < units.size(); ++i)
        layers.emplace_back(units[i], units[i + 1], kernels<T>().lanes);
    quantiles = Buffer<T>(layers.back().panels.padded_columns());
    for (std::size_t j = 0; j < loss.quantiles.size(); ++j)
        quantiles.data()[j] = static_cast<T>(loss.quantiles[j]);
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
        return kernels<T>().all_finite(buffer.size(), buffer.data());
    };
    for (const Layer<T>& layer : layers)
        if (!all_finite(layer.weights) || !all_finite(layer.bias)) return false;
    return true;
}

template <class T>
Index row_stride(Index columns) {
    const Index line = cache_line / static_cast<Index>(sizeof(T));
    const Index lines = (columns + line - 1) / line;
    return (lines + 1 - lines % 2) * line;
}

template <class T>
void Network<T>::derive_loss(LossArgs<T> args) const {
    args.outputs = n_outputs();
    args.groups = loss.groups.data();
    args.n_groups = n_groups();
    args.smoothing = static_cast<T>(loss.smoothing);
    args.focusing = static_cast<T>(loss.focusing);
    args.delta = static_cast<T>(loss.delta);
    args.quantiles = quantiles.data();
    kernels<T>().loss(loss.kind, args);
}

template void predict_outputs(const LossSpec&, Index, Index, float*, Index);
template void predict_outputs(const LossSpec&, Index, Index, double*, Index);
template struct Layer<float>;
template struct Layer<double>;
template struct Network<float>;
template struct Network<double>;
template Index row_stride<float>(Index);
template Index row_stride<double>(Index);
template Index row_stride<Bf16Pair>(Index);

}  // namespace pymlp
