#include <cstdio>
#include <vector>

#include "cloze/failure.h"
#include "cloze/loop.h"

// x [b, m, d], mask_token [d], ids_restore int32 [b, n], y [b, n, d]
// y[b, i] = ids_restore[b, i] < m ? x[b, ids_restore[b, i]] : mask_token
// dmask_token: one partial sum per block of batch rows, combined in order.

using namespace cloze;

namespace {

// Each of 0 to m - 1 must be there once in a sample, or rows of dx would have no source or several.
void require_each_once(const int32_t* ids_restore, int64_t b, int64_t m, int64_t n) {
    require_indices("RestoreTokens", "idsRestore", ids_restore, b * n, n);
    std::vector<uint8_t> seen(static_cast<size_t>(m));
    for (int64_t row = 0; row < b; row++) {
        std::fill(seen.begin(), seen.end(), uint8_t{0});
        int64_t found = 0;
        for (int64_t i = row * n; i < (row + 1) * n; i++)
            if (ids_restore[i] < m && !seen[static_cast<size_t>(ids_restore[i])]++)
                found++;
            else if (ids_restore[i] < m)
                found = -n;
        if (found == m) continue;
        char text[256];
        std::snprintf(text, sizeof(text),
                      "RestoreTokens: idsRestore must have each of 0 to %lld once in a sample, but sample %lld has not",
                      static_cast<long long>(m - 1), static_cast<long long>(row));
        throw Failure(Kind::index, text);
    }
}

}  // namespace

CLOZE_EXPORT int64_t restore_tokens_forward(const float* x, const float* mask_token, const int32_t* ids_restore,
                                            float* y, int64_t b, int64_t m, int64_t n, int64_t d) noexcept try {
    require_each_once(ids_restore, b, m, n);
    int64_t rows = b * n;
    parallel_blocks(rows, row_block(rows, d), [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            int64_t id = ids_restore[row];
            copy(id < m ? x + (row / n * m + id) * d : mask_token, y + row * d, d);
        }
    });
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t restore_tokens_backward(const int32_t* ids_restore, const float* dy, float* dx, float* dmask_token,
                                             int64_t b, int64_t m, int64_t n, int64_t d, int64_t accumulate) noexcept
    try {
    require_each_once(ids_restore, b, m, n);
    int64_t block = row_block(b, n * d), blocks = (b + block - 1) / block;
    float* partials = dmask_token ? scratch(Slot::row, blocks * d) : nullptr;
    parallel_blocks(b, block, [=](int64_t begin, int64_t end) {
        if (dx && !(accumulate & 1)) std::fill(dx + begin * m * d, dx + end * m * d, 0.f);
        float* partial = partials ? partials + begin / block * d : nullptr;
        if (partial) std::fill(partial, partial + d, 0.f);
        for (int64_t row = begin * n; row < end * n; row++) {
            int64_t id = ids_restore[row];
            float* to = id >= m ? partial : dx ? dx + (row / n * m + id) * d : nullptr;
            if (to) add(dy + row * d, to, d);
        }
    });
    if (dmask_token) combine(partials, blocks, d, dmask_token, d, accumulate & 2);
    return ok;
}
CLOZE_CATCH
