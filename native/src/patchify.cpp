#include "cloze/export.h"
#include "cloze/loop.h"

// x, dx [b, h, w, c], y, dy [b, h / p, w / p, p, p, c]: rows of p pixels stay together.

using namespace cloze;

namespace {

// f(offset in images, offset in patches) for every row of a patch
template <class F>
void rows(int64_t b, int64_t h, int64_t w, int64_t c, int64_t p, F f) {
    int64_t across = w / p, run = p * c;
    parallel_blocks(b * h, row_block(b * h, w * c), [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            int64_t image = row / h, y = row % h;
            int64_t to = ((image * (h / p) + y / p) * across * p + y % p) * run;
            for (int64_t j = 0; j < across; j++) f(row * w * c + j * run, to + j * p * run);
        }
    });
}

}  // namespace

CLOZE_EXPORT int64_t patchify_forward(const float* x, float* y, int64_t b, int64_t h, int64_t w, int64_t c,
                                      int64_t p) noexcept try {
    rows(b, h, w, c, p, [=](int64_t from, int64_t to) { copy(x + from, y + to, p * c); });
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t patchify_backward(const float* dy, float* dx, int64_t b, int64_t h, int64_t w, int64_t c,
                                       int64_t p, int64_t accumulate) noexcept try {
    if (!dx) return ok;
    rows(b, h, w, c, p, [=](int64_t to, int64_t from) {
        if (accumulate & 1)
            add(dy + from, dx + to, p * c);
        else
            copy(dy + from, dx + to, p * c);
    });
    return ok;
}
CLOZE_CATCH
