#include "cloze/export.h"
#include "cloze/loop.h"

// x [n], out [1] = sum of x^2. Summed in double: a float sum over a hundred million parameters keeps three digits.

using namespace cloze;

namespace {

constexpr int64_t block = 65536;

double squared(const float* x, int64_t n) {
    constexpr int64_t step = lanes / 2;
    vd sum[4] = {};
    int64_t i = 0;
    for (; i + 4 * step <= n; i += 4 * step)
        for (int j = 0; j < 4; j++) {
            vd value = widen(x + i + j * step);
            sum[j] += value * value;
        }
    double total = hsum((sum[0] + sum[1]) + (sum[2] + sum[3]));
    for (; i < n; i++) total += double{x[i]} * x[i];
    return total;
}

}  // namespace

CLOZE_EXPORT int64_t gradient_norm_squared(const float* x, float* out, int64_t n) noexcept try {
    constexpr int64_t group = 512;  // blocks whose sums wait on the stack
    double total = 0, parts[group];
    for (int64_t base = 0; base < n; base += group * block) {
        int64_t count = std::min(n - base, group * block);
        parallel_blocks(count, block, [&](int64_t begin, int64_t end) {
            parts[begin / block] = squared(x + base + begin, end - begin);
        });
        for (int64_t i = 0; i * block < count; i++) total += parts[i];
    }
    out[0] = static_cast<float>(total);
    return ok;
}
CLOZE_CATCH
