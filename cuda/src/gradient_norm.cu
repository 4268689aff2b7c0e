#include "cloze/device.cuh"

// x [n], out [1] = sum of x^2, in double: a float sum over a hundred million parameters keeps three digits. A sum a
// block, then one block adds the sums in their order.

using namespace cloze;

#if !defined(CLOZE_BF16)
CLOZE_KERNEL(gradient_norm_squared, const float* x, float*, int64_t n, double* scratch) {
    __shared__ double sums[32];
    double total = 0;
    each(n, aligned(x), [&](int64_t i, auto step) {
        auto value = step.load(x + i);
#pragma unroll
        for (int j = 0; j < decltype(step)::width; j++) total += double(value.at[j]) * double(value.at[j]);
    });
    total = block_sum(total, sums);
    if (threadIdx.x == 0) scratch[blockIdx.x] = total;
}

// One sum for each block of the launch before.
CLOZE_KERNEL(gradient_norm_squared_total, const float*, float* out, int64_t n, double* scratch) {
    __shared__ double sums[32];
    int64_t blocks = (n + 1023) / 1024;
    if (blocks > 4096) blocks = 4096;
    double total = 0;
    for (int64_t i = threadIdx.x; i < blocks; i += blockDim.x) total += scratch[i];
    total = block_sum(total, sums);
    if (threadIdx.x == 0) out[0] = float(total);
}
#endif
