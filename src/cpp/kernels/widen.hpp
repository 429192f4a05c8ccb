// Numbers of the types that NumPy knows to T, as NumPy's astype converts them.
#pragma once

namespace {

struct Boolean {
    std::uint8_t byte;
    template <class T>
    explicit operator T() const {
        return T(byte != 0);
    }
};

// IEEE 754 binary16: a sign, 5 bits of exponent with bias 15 and 10 bits of fraction; float's have 8,
// 127, 23.
struct Half {
    std::uint16_t bits;
    template <class T>
    explicit operator T() const {
        constexpr std::uint32_t exponent = 0x7c00, one = 1u << 23;  // `one`: of float's exponent
        const std::uint32_t rebiased = (std::uint32_t(bits & 0x7fff) << 13) + (127 - 15) * one;
        const bool finite = (bits & exponent) != exponent, subnormal = (bits & exponent) == 0;
        // infinity and NaN have the largest exponent here as there
        const std::uint32_t normal = rebiased + (finite ? 0 : (127 - 15) * one);
        // 2^-14 (1 + fraction) - 2^-14, because a team would flush what is subnormal in float
        const float small = from_bits(rebiased + one) - 6.103515625e-05f;
        const std::uint32_t magnitude = subnormal ? to_bits(small) : normal;
        return static_cast<T>(from_bits(magnitude | std::uint32_t(bits & 0x8000) << 16));
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

template <class T>
pymlp::Widen<T> widen_from(char kind, Index size) {
    if (kind == 'b') return widen<Boolean, T>;
    if (kind == 'f')
        return size == 2   ? widen<Half, T>
               : size == 4 ? widen<float, T>
               : size == 8 ? widen<double, T>
                           : nullptr;
    if (kind == 'u')
        return size == 1   ? widen<std::uint8_t, T>
               : size == 2 ? widen<std::uint16_t, T>
               : size == 4 ? widen<std::uint32_t, T>
                           : widen<std::uint64_t, T>;
    if (kind == 'i')
        return size == 1   ? widen<std::int8_t, T>
               : size == 2 ? widen<std::int16_t, T>
               : size == 4 ? widen<std::int32_t, T>
                           : widen<std::int64_t, T>;
    return nullptr;
}

}  // namespace
