#include "cloze/device.cuh"

// sums [n] = sums / 2 + 1, `links` times: the rate of multiply-adds that do not wait for memory.

using namespace cloze;

#if !defined(CLOZE_BF16)
CLOZE_KERNEL(peak_multiply_add, float* sums, int64_t n, int64_t links) {
    each(n, aligned(sums), [&](int64_t i, auto step) {
        auto sum = step.load(sums + i);
        for (int64_t link = 0; link < links; link++) sum = sum * 0.5f + 1.f;
        step.store(sums + i, sum);
    });
}
#endif
