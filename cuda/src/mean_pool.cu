#include "cloze/device.cuh"

// x [b, t, d], keep int32 [b, t] | null, y [b, d]; y = mean over the kept tokens, 0 if there are none.
// A thread owns a column of a sample. A token that is not kept is never read: padding may hold NaN.

using namespace cloze;

namespace {

CLOZE_DEVICE float mean_scale(const int32_t* keep, int64_t t) {
    int64_t count = 0;
    if (keep)
        for (int64_t i = 0; i < t; i++) count += keep[i] != 0;
    else
        count = t;
    return 1.f / float(count > 1 ? count : 1);
}

}  // namespace

CLOZE_KERNEL(mean_pool_forward, const real* x, const int32_t* keep, real* y, int64_t b, int64_t t, int64_t d) {
    each(b * d, false, [&](int64_t i, auto) {
        int64_t row = i / d, column = i % d;
        const int32_t* kept = keep ? keep + row * t : nullptr;
        float sum = 0;
        for (int64_t j = 0; j < t; j++)
            if (!kept || kept[j]) sum += widen(x[(row * t + j) * d + column]);
        narrow(sum * mean_scale(kept, t), y[i]);
    });
}

CLOZE_KERNEL(mean_pool_backward, const int32_t* keep, const real* dy, real* dx, int64_t b, int64_t t, int64_t d,
             int64_t accumulate) {
    if (!dx) return;
    each(b * d, false, [&](int64_t i, auto step) {
        int64_t row = i / d, column = i % d;
        const int32_t* kept = keep ? keep + row * t : nullptr;
        auto back = step.load(dy + i) * mean_scale(kept, t);
        for (int64_t j = 0; j < t; j++) {
            real* to = dx + (row * t + j) * d + column;
            if (!kept || kept[j])
                step.put(to, back, accumulate & 1);
            else if (!(accumulate & 1))
                narrow(0.f, *to);
        }
    });
}
