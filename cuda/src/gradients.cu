#include "cloze/device.cuh"

// x, y [n]; y += x.  Moves 12 bytes an element, 6 in bf16.

using namespace cloze;

CLOZE_KERNEL(gradients_add, const real* x, real* y, int64_t n) {
    each(n, aligned(x, y), [&](int64_t i, auto step) { step.put(y + i, step.load(x + i), true); });
}
