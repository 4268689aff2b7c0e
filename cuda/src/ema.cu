#include "cloze/device.cuh"

// weight, average [n]; average = decay average + (1 - decay) weight.  12 bytes a parameter.

using namespace cloze;

#if !defined(CLOZE_BF16)
CLOZE_KERNEL(ema_update, const float* weight, float* average, int64_t n, float decay) {
    each(n, aligned(weight, average), [&](int64_t i, auto step) {
        step.store(average + i, step.load(average + i) * decay + step.load(weight + i) * (1.f - decay));
    });
}
#endif
