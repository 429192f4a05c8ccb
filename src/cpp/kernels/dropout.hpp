// Dropout with counter-based random numbers: key, row and column alone decide what is dropped.
#pragma once

namespace {

// Threefry-2x32 with 13 rounds: a keyed bijection of two 32-bit counters, which become two independent random
// words. J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011; its authors know of no
// statistical flaw from 13 rounds on. Additions, rotations and exclusive ors only: fast with every
// instruction set.
template <class T>
PYMLP_INLINE void threefry(std::uint64_t key, Words<T> (&words)[2]) {
    constexpr int rounds = 13, rotations[] = {13, 15, 26, 6, 17, 29, 16, 24};
    const std::uint32_t low = static_cast<std::uint32_t>(key), high = static_cast<std::uint32_t>(key >> 32);
    const std::uint32_t keys[] = {low, high, low ^ high ^ 0x1BD11BDAu};
    words[0] += keys[0];
    words[1] += keys[1];
#pragma GCC unroll 16
    for (std::uint32_t round = 0; round < rounds; ++round) {
        const int rotation = rotations[round % 8];
        words[0] += words[1];
        words[1] = ((words[1] << rotation) | (words[1] >> (32 - rotation))) ^ words[0];
        if (round % 4 == 3) {
            const std::uint32_t injection = round / 4 + 1;
            words[0] += keys[injection % 3];
            words[1] += keys[(injection + 1) % 3] + injection;
        }
    }
}

// One word belongs to an even row, the other to the odd row after it, at the same column. What is dropped is
// multiplied by 0, so that NaN stays.
template <class T>
void drop(const DropoutArgs<T>& d) {
    // dropped below the threshold: rate is met to 2^-33, or to 2^-32 if it rounds to 1
    const double wanted = d.rate * 4294967296.0 + 0.5;
    const std::uint32_t threshold = wanted < 4294967295.0 ? static_cast<std::uint32_t>(wanted) : 4294967295u;
    const Vec<T> kept = broadcast<T>(static_cast<T>(1.0 / (1.0 - d.rate)));
    const Words<T> lane = __builtin_convertvector(iota<T>(), Words<T>);
    for (Index pair = d.first_row / 2; 2 * pair < d.first_row + d.rows; ++pair)
        for (Index c = 0; c < d.columns; c += lanes<T>) {
            Words<T> words[] = {lane + static_cast<std::uint32_t>(d.first_column + c),
                                Words<T>{} + static_cast<std::uint32_t>(pair)};
            threefry<T>(d.key, words);
            for (Index i = 0; i < 2; ++i) {
                const Index r = 2 * pair + i - d.first_row;
                if (r < 0 || r >= d.rows) continue;
                const IntVec<T> dropped = __builtin_convertvector(words[i] < threshold, IntVec<T>);
                const Vec<T> factor = dropped ? Vec<T>{} : kept;
                T *x = d.x + r * d.ldx + c, *slope = d.slope + r * d.lds + c;
                store(x, load(x) * factor);
                store(slope, load(slope) * factor);
            }
        }
}

}  // namespace
