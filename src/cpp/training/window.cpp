#include "training/window.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace pymlp {
namespace {

constexpr Index max_bytes = Index(32) << 20;

}  // namespace

template <class T>
Window<T>::Window(const Dataset<T>& data, Index batch_size) : whole_(data), seen_(data) {
    const Rows<T>& x = data.x;
    if (x.sparse() || x.plain() || !x.by_columns() || !data.order) return;
    const Index row_bytes = x.n_features * x.item_size;
    const Index sample_bytes = row_bytes + static_cast<Index>(sizeof sorted_[0]);
    const Index samples = std::min(max_bytes / sample_bytes, data.n) / batch_size * batch_size;
    if (samples <= batch_size) return;
    samples_ = samples;
    numbers_ = Buffer<char>(samples * row_bytes);
    sorted_.reserve(static_cast<std::size_t>(samples));
    seen_.x.numbers = numbers_.data();
    seen_.x.row_stride = row_bytes;
    seen_.x.column_stride = x.item_size;
    seen_.x_begin = 0;
}

template <class T>
void Window<T>::fill(Index begin, Member& me) {
    if (me.index == 0) {
        seen_.x_begin = begin;
        sorted_.clear();
        for (Index s = begin; s < std::min(begin + samples_, whole_.n); ++s)
            sorted_.emplace_back(whole_.row(s), s - begin);
        std::sort(sorted_.begin(), sorted_.end());
    }
    me.wait();
    const Index line = cache_line / whole_.x.item_size;  // one of a row of the copy
    const Index lines = divide_up(whole_.x.n_features, line);
    for (Index l = lines * me.index / me.count; l < lines * (me.index + 1) / me.count; ++l) {
        const Index first = l * line, last = std::min(first + line, whole_.x.n_features);
        switch (whole_.x.item_size) {
            case 1:
                copy_columns<std::uint8_t>(first, last);
                break;
            case 2:
                copy_columns<std::uint16_t>(first, last);
                break;
            case 4:
                copy_columns<std::uint32_t>(first, last);
                break;
            default:
                copy_columns<std::uint64_t>(first, last);
        }
    }
    me.wait();
}

template <class T>
template <class Number>
void Window<T>::copy_columns(Index first, Index last) {
    const Rows<T>& x = whole_.x;
    for (const auto& [row, place] : sorted_) {
        const char* from = x.numbers + row * x.row_stride + first * x.column_stride;
        char* to = numbers_.data() + place * seen_.x.row_stride + first * x.item_size;
        for (Index j = 0; j < last - first; ++j)
            std::memcpy(to + j * static_cast<Index>(sizeof(Number)), from + j * x.column_stride,
                        sizeof(Number));
    }
}

template class Window<float>;
template class Window<double>;

}  // namespace pymlp
