#include <cmath>
#include <numbers>

#include "cloze/export.h"
#include "cloze/loop.h"
#include "cloze/philox.h"

// y [n]. Element i draws lane i % 4 of counter i / 4, for any number of threads. Normal numbers are computed by
// Box-Muller in double, so that all vector widths and devices round to the same float: elements 2j and 2j + 1 are
// sqrt(-2
// ln(1 - u)) times the cosine and the sine of 2 pi w, u and w their uniforms. The functions are vectorised series:
// those of the C library took 28 ns per number.

using namespace cloze;

namespace {

using vl [[gnu::vector_size(4 * CLOZE_LANES)]] = int64_t;

// numbers below 2^52
CLOZE_INLINE vd to_double(vl x) {
    return (vd)(x | 0x4330000000000000) - 0x1p52;
}

// ln x within 1e-15, 2^-24 <= x <= 1: x = 2^e m, ln m = 2 artanh((m - 1) / (m + 1))
CLOZE_INLINE vd log(vd x) {
    vl bits = (vl)x - 0x3fe6a09e667f3bcd;  // m from sqrt(1/2) to sqrt(2)
    vd m = (vd)((bits & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd);
    vd e = to_double(((bits >> 52) + 1024) & 0x7ff) - 1024.0;
    vd f = (m - 1.0) / (m + 1.0), q = f * f, sum = q * (1.0 / 21) + 1.0 / 19;
    for (int k = 17; k > 0; k -= 2) sum = sum * q + 1.0 / k;
    return e * std::numbers::ln2 + 2.0 * f * sum;
}

// The cosine and the sine of 2 pi w, 0 <= w < 1: Taylor within an eighth of the nearest quarter turn.
CLOZE_INLINE void turn(vd w, vd& cosine, vd& sine) {
    constexpr double shift = 0x1.8p52;
    vd z = w * 4.0 + shift, a = (w - (z - shift) * 0.25) * (2 * std::numbers::pi), q = a * a;
    vd c = 1.0 - vd{}, s = c;
    for (int k = 16; k > 0; k -= 2) {
        c = 1.0 - c * q * (1.0 / (k * (k - 1)));
        s = 1.0 - s * q * (1.0 / (k * (k + 1)));
    }
    s *= a;
    vl quarter = (vl)z & 3;
    vl odd = (quarter & 1) == 1;
    cosine = odd ? s : c;
    sine = odd ? c : s;
    cosine = ((quarter + 1) & 2) == 2 ? -cosine : cosine;
    sine = quarter >= 2 ? -sine : sine;
}

// a0 b0 a1 b1 ... as floats
CLOZE_INLINE vf interleave(vd a, vd b) {
    using half_vu [[gnu::vector_size(2 * CLOZE_LANES)]] = uint32_t;
    auto widened = [](vd x) { return __builtin_convertvector((half_vu) __builtin_convertvector(x, half_vf), vl); };
    return (vf)(widened(a) | widened(b) << 32);
}

// f(numbers of a vector of elements) gives the elements
template <class F>
void fill(float* y, int64_t n, int64_t seed, int64_t offset, F f) {
    Philox random(seed, offset);
    parallel_blocks(n, 16384, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i += 4 * lanes) {
            uint64_t counter = static_cast<uint64_t>(i) / 4;
            vu numbers[4];
            random.block(static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), numbers);
            for (int j = 0; j < 4; j++) {
                int64_t at = i + j * lanes;
                if (at >= end) break;
                vf value = f(numbers[j]);
                each(at, std::min(at + lanes, end), [=](int64_t k, auto step) { step.store(y + k, value); });
            }
        }
    });
}

}  // namespace

CLOZE_EXPORT int64_t init_normal(float* y, int64_t n, float mean, float std, int64_t seed, int64_t offset) noexcept
    try {
    fill(y, n, seed, offset, [=](vu numbers) {
        vl pairs = (vl)(numbers >> 8);  // u in the lower half of a lane, w in the upper
        vd u = to_double(pairs & 0xffffffff) * 0x1p-24, w = to_double(pairs >> 32) * 0x1p-24, cosine, sine;
        turn(w, cosine, sine);
        vd radius = sqrt(-2.0 * log(1.0 - u)) * double{std};
        return interleave(radius * cosine + double{mean}, radius * sine + double{mean});
    });
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t init_uniform(float* y, int64_t n, float low, float high, int64_t seed, int64_t offset) noexcept
    try {
    fill(y, n, seed, offset, [=](vu numbers) { return low + (high - low) * uniform(numbers); });
    return ok;
}
CLOZE_CATCH
