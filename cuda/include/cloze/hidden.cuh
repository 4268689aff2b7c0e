#pragma once

#include "cloze/device.cuh"

namespace cloze {

// Sums over the rows that a mask int32 [n] hides with 1; one block, in a fixed order, in double.

// sum(mask row_loss) / sum(mask). Notes a mask that is neither 0 nor 1, and one that hides nothing of n > 0 rows.
CLOZE_DEVICE void mean_of_hidden(const int32_t* mask, const float* row_loss, float* loss, int64_t n, Fault* fault,
                                 Argument argument) {
    __shared__ double sums[32];
    double total = 0, hidden = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
        if (index_at(mask, i, 2, fault, argument)) total += row_loss[i], hidden += 1;
    total = block_sum(total, sums);
    hidden = block_sum(hidden, sums);
    if (threadIdx.x == 0 && n > 0 && hidden == 0) note(fault, argument, -1, 0, n);
    if (threadIdx.x == 0) loss[0] = hidden > 0 ? float(total / hidden) : 0.f;
}

// The number of hidden rows, at least 1.
CLOZE_DEVICE void count_hidden(const int32_t* mask, float* count, int64_t n) {
    __shared__ double sums[32];
    double hidden = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) hidden += mask[i] != 0;
    hidden = block_sum(hidden, sums);
    if (threadIdx.x == 0) count[0] = hidden > 1 ? float(hidden) : 1.f;
}

}  // namespace cloze
