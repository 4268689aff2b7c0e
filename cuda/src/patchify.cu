#include "cloze/device.cuh"

// x, dx [b, h, w, c], y, dy [b, h / p, w / p, p, p, c].  Neighbours in a row of a patch are neighbours in the image.

using namespace cloze;

namespace {

// The index in the images of element i of the patches.
CLOZE_DEVICE int64_t pixel(int64_t i, int64_t h, int64_t w, int64_t c, int64_t p) {
    int64_t run = p * c, inside = i % run, row = i / run % p, patch = i / (run * p);
    int64_t across = w / p, down = h / p, j = patch % across, k = patch / across % down,
            image = patch / (across * down);
    return ((image * h + k * p + row) * w + j * p) * c + inside;
}

}  // namespace

CLOZE_KERNEL(patchify_forward, const real* x, real* y, int64_t b, int64_t h, int64_t w, int64_t c, int64_t p) {
    each(b * h * w * c, aligned(x, y) && p * c % pack == 0,
         [&](int64_t i, auto step) { step.store(y + i, step.load(x + pixel(i, h, w, c, p))); });
}

CLOZE_KERNEL(patchify_backward, const real* dy, real* dx, int64_t b, int64_t h, int64_t w, int64_t c, int64_t p,
             int64_t accumulate) {
    if (!dx) return;
    each(b * h * w * c, aligned(dy, dx) && p * c % pack == 0,
         [&](int64_t i, auto step) { step.put(dx + pixel(i, h, w, c, p), step.load(dy + i), accumulate & 1); });
}
