#include <cmath>
#include <numbers>

#include "cloze/export.h"
#include "cloze/loop.h"
#include "cloze/philox.h"

// y [n].  Element i draws lane i % 4 of counter i / 4, whatever the number of threads.  Normal numbers by Box and
// Muller in double: elements 2j and 2j + 1 are sqrt(-2 ln(1 - u)) times the cosine and the sine of 2 pi w, u and w
// their uniforms.

using namespace cloze;

namespace {

// f(four uniforms, four numbers out), and the four go to y
template <class F>
void fours(float* y, int64_t n, int64_t seed, int64_t offset, F f) {
    Philox random(seed, offset);
    parallel_blocks(n, 16384, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i += 4) {
            uint64_t counter = static_cast<uint64_t>(i) / 4;
            auto numbers = random.at(static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32));
            float out[4];
            f(numbers, out);
            std::copy(out, out + std::min<int64_t>(4, end - i), y + i);
        }
    });
}

}  // namespace

CLOZE_EXPORT void init_normal(float* y, int64_t n, float mean, float std, int64_t seed, int64_t offset) {
    fours(y, n, seed, offset, [=](const std::array<uint32_t, 4>& numbers, float* out) {
        for (int i = 0; i < 4; i += 2) {
            double radius = std::sqrt(-2.0 * std::log(1.0 - double{uniform(numbers[i])}));
            double angle = 2.0 * std::numbers::pi * double{uniform(numbers[i + 1])};
            out[i] = static_cast<float>(double{mean} + double{std} * radius * std::cos(angle));
            out[i + 1] = static_cast<float>(double{mean} + double{std} * radius * std::sin(angle));
        }
    });
}

CLOZE_EXPORT void init_uniform(float* y, int64_t n, float low, float high, int64_t seed, int64_t offset) {
    fours(y, n, seed, offset, [=](const std::array<uint32_t, 4>& numbers, float* out) {
        for (int i = 0; i < 4; i++) out[i] = low + (high - low) * uniform(numbers[i]);
    });
}
