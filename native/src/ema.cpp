#include "cloze/export.h"
#include "cloze/loop.h"

// weight, average [n]; average = decay average + (1 - decay) weight

using namespace cloze;

CLOZE_EXPORT int64_t ema_update(const float* weight, float* average, int64_t n, float decay) noexcept try {
    elementwise(n, [=](int64_t i, auto step) {
        step.store(average + i, decay * step.load(average + i) + (1.f - decay) * step.load(weight + i));
    });
    return ok;
}
CLOZE_CATCH
