// Curves by their heights at the edges instead of by the weights of their ramps (network/expansion.hpp).
#pragma once

namespace {

// heights[i] = sum of the weights of the ramps up to i; other rows are copied. (rows, width)
template <class T>
void heights(const Curves& curves, Index rows, Index width, const T* weights, T* __restrict out) {
    std::memcpy(out, weights, static_cast<std::size_t>(rows * width) * sizeof(T));
    for (Index c = 0; c < curves.count; ++c)
        for (Index at = (curves.curves[c].first + 1) * width; at < curves.curves[c].last * width; ++at)
            out[at] += out[at - width];
}

// The gradient by heights becomes, in place, the gradient by weights: each ramp raises all edges behind it.
template <class T>
void gradient_of_ramps(const Curves& curves, Index width, T* gradient) {
    for (Index c = 0; c < curves.count; ++c)
        for (Index i = curves.curves[c].last - 2; i >= curves.curves[c].first; --i)
            for (Index j = 0; j < width; ++j) gradient[i * width + j] += gradient[(i + 1) * width + j];
}

}  // namespace
