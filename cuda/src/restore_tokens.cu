#include "cloze/columns.cuh"

// x [b, m, d], mask_token [d], ids_restore int32 [b, n], y [b, n, d]
// y[b, i] = ids_restore[b, i] < m ? x[b, ids_restore[b, i]] : mask_token.  ids_restore permutes a sample's tokens, so
// that every row of dx has exactly one source.

using namespace cloze;

CLOZE_KERNEL(restore_tokens_forward, const real* x, const float* mask_token, const int32_t* ids_restore, real* y,
             int64_t b, int64_t m, int64_t n, int64_t d, Fault* fault) {
    each(b * n * d, aligned(x, mask_token, y) && d % pack == 0, [&](int64_t i, auto step) {
        int64_t row = i / d, id = index_at(ids_restore, row, n, fault, Argument::restore_tokens_ids);
        step.store(y + i, id < m ? step.load(x + (row / n * m + id) * d + i % d) : step.load(mask_token + i % d));
    });
}

CLOZE_KERNEL(restore_tokens_backward, const int32_t* ids_restore, const real* dy, real* dx, float*, int64_t b,
             int64_t m, int64_t n, int64_t d, int64_t accumulate, float*) {
    if (!dx) return;
    each(b * n * d, aligned(dy, dx) && d % pack == 0, [&](int64_t i, auto step) {
        int64_t row = i / d, id = ids_restore[row];
        if (id >= 0 && id < m) step.put(dx + (row / n * m + id) * d + i % d, step.load(dy + i), accumulate & 1);
    });
}

CLOZE_KERNEL(restore_tokens_backward_columns, const int32_t* ids_restore, const real* dy, real*, float* dmask_token,
             int64_t b, int64_t m, int64_t n, int64_t d, int64_t, float* scratch) {
    if (!dmask_token) return;
    column_partials<1>(b * n, d, aligned(dy), scratch, [&](int64_t at, int64_t row, auto step, auto& sum) {
        if (ids_restore[row] >= m) sum[0] = sum[0] + step.load(dy + at);
    });
}

CLOZE_KERNEL(restore_tokens_backward_reduce, const int32_t*, const real*, real*, float* dmask_token, int64_t b, int64_t,
             int64_t n, int64_t d, int64_t accumulate, float* scratch) {
    if (dmask_token) reduce_columns<1>(b * n, d, scratch, 0, dmask_token, accumulate & 2);
}
