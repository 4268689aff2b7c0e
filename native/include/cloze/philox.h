#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "cloze/vec.h"

namespace cloze {

// Both halves of the 32 x 32 -> 64 bit product of each lane.
CLOZE_INLINE void multiply(vu a, uint32_t b, vu& high, vu& low) {
#if defined(CLOZE_X86)
    using wide [[gnu::vector_size(sizeof(vu))]] = uint64_t;
    auto times = [b](wide x) {
        using raw = CLOZE_X86(__m128i, __m256i, __m512i);
        auto product = CLOZE_X86(_mm_mul_epu32, _mm256_mul_epu32, CLOZE_FULL(_mm512_maskz_mul_epu32));
        return (wide)product((raw)x, (raw)broadcast(b));
    };
    wide even = times((wide)a), odd = times((wide)a >> 32);
    vi upper = (vi)(((wide)vu{}) - (uint64_t{1} << 32));  // all ones in the odd lanes
    high = upper ? (vu)odd : (vu)(even >> 32);
    low = upper ? (vu)(odd << 32) : (vu)even;
#else
    for (int i = 0; i < lanes; i++) {
        uint64_t product = uint64_t{a[i]} * b;
        high[i] = static_cast<uint32_t>(product >> 32);
        low[i] = static_cast<uint32_t>(product);
    }
#endif
}

// Philox4x32-10 (Salmon et al., 2011): key = seed, counter = (word0, word1, offset). Four numbers per counter.
struct Philox {
    uint32_t key0, key1, word2, word3;

    Philox(int64_t seed, int64_t offset)
        : key0(static_cast<uint32_t>(seed)),
          key1(static_cast<uint32_t>(static_cast<uint64_t>(seed) >> 32)),
          word2(static_cast<uint32_t>(offset)),
          word3(static_cast<uint32_t>(static_cast<uint64_t>(offset) >> 32)) {}

    std::array<uint32_t, 4> at(uint32_t word0, uint32_t word1) const {
        uint32_t a = word0, b = word1, c = word2, d = word3, k0 = key0, k1 = key1;
        for (int round = 0; round < 10; round++) {
            uint64_t p = uint64_t{0xD2511F53} * a, q = uint64_t{0xCD9E8D57} * c;
            a = static_cast<uint32_t>(q >> 32) ^ b ^ k0;
            b = static_cast<uint32_t>(q);
            c = static_cast<uint32_t>(p >> 32) ^ d ^ k1;
            d = static_cast<uint32_t>(p);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }
        return {a, b, c, d};
    }

    // Takes one counter per lane and returns its four numbers.
    CLOZE_INLINE void rounds(vu& a, vu& b, vu& c, vu& d) const {
        uint32_t k0 = key0, k1 = key1;
        for (int round = 0; round < 10; round++) {
            vu p_high, p_low, q_high, q_low;
            multiply(a, 0xD2511F53, p_high, p_low);
            multiply(c, 0xCD9E8D57, q_high, q_low);
            a = q_high ^ b ^ k0;
            b = q_low;
            c = p_high ^ d ^ k1;
            d = p_low;
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }
    }

    // The numbers of counters word0 ... word0 + lanes - 1 (which must not wrap) in the order of the elements:
    // out[0][0..3] belong to the first counter. These are 4 * lanes elements from 4 * word0 on.
    CLOZE_INLINE void block(uint32_t word0, uint32_t word1, vu out[4]) const {
        vu a = word0 + (vu)iota(), b = broadcast(word1), c = broadcast(word2), d = broadcast(word3);
        rounds(a, b, c, d);
        vu even[2], odd[2];
        zip(a, c, even[0], even[1]);
        zip(b, d, odd[0], odd[1]);
        zip(even[0], odd[0], out[0], out[1]);
        zip(even[1], odd[1], out[2], out[3]);
    }

    // a0 b0 a1 b1 ...
    CLOZE_INLINE static void zip(vu a, vu b, vu& front, vu& back) {
#if CLOZE_LANES == 16
        front = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        back = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#elif CLOZE_LANES == 8
        front = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
        back = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#else
        front = __builtin_shufflevector(a, b, 0, 4, 1, 5);
        back = __builtin_shufflevector(a, b, 2, 6, 3, 7);
#endif
    }
};

// [0, 1) in steps of 2^-24
inline float uniform(uint32_t number) {
    return static_cast<float>(number >> 8) * 0x1p-24f;
}
CLOZE_INLINE vf uniform(vu number) {
    return __builtin_convertvector((vi)(number >> 8), vf) * 0x1p-24f;
}

// kept(number, keep_threshold(rate)) is uniform(number) >= rate, in integers.
inline int32_t keep_threshold(float rate) {
    return static_cast<int32_t>(std::ceil(rate * 0x1p24f));
}
inline bool kept(uint32_t number, int32_t threshold) {
    return static_cast<int32_t>(number >> 8) >= threshold;
}
CLOZE_INLINE vi kept(vu number, int32_t threshold) {
    return (vi)(number >> 8) >= threshold;
}

}  // namespace cloze
