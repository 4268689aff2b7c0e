#include "cloze/export.h"
#include "cloze/loop.h"

// x, z [n, d], y [d]; z = x + y over the rows.  dx = dz; dy [d] = column sums of dz.
// Wide rows are split over columns, narrow ones over blocks of rows whose sums are combined in order: in both cases the
// order of the additions depends on the shape and not on the threads.

using namespace cloze;

CLOZE_EXPORT int64_t add_forward(const float* x, const float* y, float* z, int64_t n, int64_t d) noexcept try {
    parallel_blocks(n, row_block(n, d), [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++)
            each(0, d, [&](int64_t i, auto step) {
                step.store(z + row * d + i, step.load(x + row * d + i) + step.load(y + i));
            });
    });
    return ok;
}
CLOZE_CATCH

namespace {

// dy[begin..end) += the rows of dz, on one thread; the block of dy stays in L1.
void add_rows(const float* dz, float* dy, int64_t rows, int64_t d, int64_t begin, int64_t end) {
    for (int64_t row = 0; row < rows; row++) add(dz + row * d + begin, dy + begin, end - begin);
}

void column_sums(const float* dz, float* dy, int64_t n, int64_t d, bool adds) {
    constexpr int64_t wide = 4096;
    if (d >= wide || n * d <= wide) {
        parallel_blocks(d, wide, [=](int64_t begin, int64_t end) {
            if (!adds) std::fill(dy + begin, dy + end, 0.f);
            add_rows(dz, dy, n, d, begin, end);
        });
        return;
    }
    int64_t block = row_block(n, d), blocks = (n + block - 1) / block;
    float* partials = scratch(Slot::row, blocks * d);
    parallel_blocks(n, block, [=](int64_t begin, int64_t end) {
        float* partial = partials + begin / block * d;
        std::fill(partial, partial + d, 0.f);
        add_rows(dz + begin * d, partial, end - begin, d, 0, d);
    });
    combine(partials, blocks, d, dy, d, adds);
}

}  // namespace

CLOZE_EXPORT int64_t add_backward(const float* dz, float* dx, float* dy, int64_t n, int64_t d,
                                  int64_t accumulate) noexcept try {
    if (dx) {
        bool adds = accumulate & 1;
        elementwise(n * d, [=](int64_t i, auto step) { step.put(dx + i, step.load(dz + i), adds); });
    }
    if (dy) column_sums(dz, dy, n, d, accumulate & 2);
    return ok;
}
CLOZE_CATCH
