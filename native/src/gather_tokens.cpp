#include "cloze/failure.h"
#include "cloze/loop.h"

// x [b, n, d], ids int32 [b, m], y [b, m, d]; y[b, i] = x[b, ids[b, i]]. ids may repeat: a task owns all tokens of one
// b, so dx is summed in the order of i.

using namespace cloze;

CLOZE_EXPORT int64_t gather_tokens_forward(const float* x, const int32_t* ids, float* y, int64_t b, int64_t n,
                                           int64_t m, int64_t d) noexcept try {
    require_indices("GatherTokens", "ids", ids, b * m, n);
    int64_t rows = b * m;
    parallel_blocks(rows, row_block(rows, d), [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) copy(x + (row / m * n + ids[row]) * d, y + row * d, d);
    });
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t gather_tokens_backward(const int32_t* ids, const float* dy, float* dx, int64_t b, int64_t n,
                                            int64_t m, int64_t d, int64_t accumulate) noexcept try {
    require_indices("GatherTokens", "ids", ids, b * m, n);
    parallel_blocks(b, row_block(b, n * d), [=](int64_t begin, int64_t end) {
        if (!(accumulate & 1)) std::fill(dx + begin * n * d, dx + end * n * d, 0.f);
        for (int64_t row = begin * m; row < end * m; row++) add(dy + row * d, dx + (row / m * n + ids[row]) * d, d);
    });
    return ok;
}
CLOZE_CATCH
