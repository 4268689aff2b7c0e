#include "cloze/columns.cuh"

// x, z [n, d], y [d]; z = x + y over the rows.  dx = dz; dy [d] = column sums of dz.

using namespace cloze;

CLOZE_KERNEL(add_forward, const real* x, const real* y, real* z, int64_t n, int64_t d) {
    bool whole = aligned(x, y, z) && d % pack == 0;
    each(n * d, whole, [&](int64_t i, auto step) { step.store(z + i, step.load(x + i) + step.load(y + i % d)); });
}

CLOZE_KERNEL(add_backward, const real* dz, real* dx, real*, int64_t n, int64_t d, int64_t accumulate, float*) {
    if (dx)
        each(n * d, aligned(dz, dx),
             [&](int64_t i, auto step) { step.put(dx + i, step.load(dz + i), accumulate & 1); });
}

CLOZE_KERNEL(add_backward_columns, const real* dz, real*, real* dy, int64_t n, int64_t d, int64_t, float* scratch) {
    if (dy)
        column_partials<1>(n, d, aligned(dz), scratch,
                           [&](int64_t at, int64_t, auto step, auto& sum) { sum[0] = sum[0] + step.load(dz + at); });
}

CLOZE_KERNEL(add_backward_reduce, const real*, real*, real* dy, int64_t n, int64_t d, int64_t accumulate,
             float* scratch) {
    if (dy) reduce_columns<1>(n, d, scratch, 0, dy, accumulate & 2);
}
