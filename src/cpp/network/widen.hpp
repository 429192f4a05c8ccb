// Numbers of any type that NumPy knows, converted to the arithmetic's as NumPy's astype does.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/table.hpp"

namespace pymlp {

// n numbers, `stride` bytes apart and not necessarily aligned.
template <class T>
using Widen = void (*)(const char* numbers, Index stride, Index n, T* out);

struct Boolean {
    std::uint8_t byte;
    template <class T>
    explicit operator T() const {
        return T(byte != 0);
    }
};

// IEEE 754 binary16: sign, 5 bits of exponent with bias 15, 10 bits of fraction.
struct Half {
    std::uint16_t bits;
    template <class T>
    explicit operator T() const {
        const std::uint32_t magnitude = std::uint32_t(bits & 0x7fff) << 13;  // fractions have 23 bits in float
        // The exponent's bias there is 127; infinity and NaN keep the largest exponent.
        const std::uint32_t rebias = bits & 0x7c00 ? 127 - 15 : 127 - 15 + 1;
        const std::uint32_t top = (bits & 0x7c00) == 0x7c00 ? 255 - 31 : rebias;
        // Without the leading 1 that a subnormal number does not have. No float is subnormal on the way:
        // the team flushes those.
        const float leading = bits & 0x7c00 ? 0.0f : 6.103515625e-05f;  // 2^-14
        const float value = from_bits(magnitude + (top << 23)) - leading;
        return static_cast<T>(from_bits(to_bits(value) | std::uint32_t(bits & 0x8000) << 16));
    }

  private:
    static float from_bits(std::uint32_t u) {
        float f;
        std::memcpy(&f, &u, sizeof f);
        return f;
    }
    static std::uint32_t to_bits(float f) {
        std::uint32_t u;
        std::memcpy(&u, &f, sizeof u);
        return u;
    }
};

template <class Number, class T>
void widen(const char* numbers, Index stride, Index n, T* out) {
    const auto from = [&](Index apart) {
        for (Index j = 0; j < n; ++j) {
            Number number;
            std::memcpy(&number, numbers + j * apart, sizeof number);
            out[j] = static_cast<T>(number);
        }
    };
    stride == sizeof(Number) ? from(sizeof(Number)) : from(stride);  // vectorised where they are neighbours
}

// By NumPy's kind and size in bytes of a type; null if there is no such.
template <class T>
Widen<T> widen_from(char kind, Index size) {
    switch (kind) {
        case 'b':
            return widen<Boolean, T>;
        case 'u':
            return size == 1   ? widen<std::uint8_t, T>
                   : size == 2 ? widen<std::uint16_t, T>
                   : size == 4 ? widen<std::uint32_t, T>
                               : widen<std::uint64_t, T>;
        case 'i':
            return size == 1   ? widen<std::int8_t, T>
                   : size == 2 ? widen<std::int16_t, T>
                   : size == 4 ? widen<std::int32_t, T>
                               : widen<std::int64_t, T>;
        case 'f':
            return size == 2   ? widen<Half, T>
                   : size == 4 ? widen<float, T>
                   : size == 8 ? widen<double, T>
                               : nullptr;
        default:
            return nullptr;
    }
}

}  // namespace pymlp
