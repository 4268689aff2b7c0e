#include "cloze/exponential.cuh"

// logits [n, columns], targets int32 [n], loss [1], row_loss [n] in nats; the mean is over rows with target !=
// ignore_index; columns from v on are not classes: their values do not matter, and their gradient is 0
// row_loss = (1 - ls) (-log p[target]) + ls mean_j(-log p[j]);  dlogits = (p - (1 - ls) onehot - ls / v) / counted
//
// One block counts the rows first: if each block counted them, 16,384 blocks would read 1 GB of targets.
// Then a block a row: the largest logit and the sum of exponentials in one pass (the sum is rescaled when the maximum
// grows), the gradient in place in another. Blocks of long rows are so large that their rows stay in the L2 cache
// between the two: bf16 moves 2 bytes a logit without gradient, 4 with it.

using namespace cloze;

namespace {

// The numbers of the first `left` columns, and `other` behind them.
template <int K>
CLOZE_DEVICE Floats<K> classes_only(Floats<K> x, int64_t left, float other) {
    if (left < K)
#pragma unroll
        for (int j = 0; j < K; j++)
            if (j >= left) x.at[j] = other;
    return x;
}

}  // namespace

CLOZE_KERNEL(softmax_cross_entropy_forward, real*, const int32_t* targets, float*, float*, int64_t n, int64_t, int64_t,
             int64_t ignore_index, float, int64_t, int* counted, Fault*) {
    __shared__ int sums[32];
    int count = 0;
    each_thread(n, aligned(targets), [&](int64_t i, auto step) {
        auto target = step.ints(targets + i);
#pragma unroll
        for (int j = 0; j < step.width; j++) count += target.at[j] != ignore_index;
    });
    count = block_sum(count, sums);
    if (threadIdx.x == 0) counted[0] = count;
}

CLOZE_KERNEL(softmax_cross_entropy_forward_rows, real* logits, const int32_t* targets, float*, float* row_loss, int64_t,
             int64_t v, int64_t columns, int64_t ignore_index, float label_smoothing, int64_t gradient,
             const int* counted, Fault* fault) {
    __shared__ float shared[32];
    int64_t row = blockIdx.x;
    real* x = logits + row * columns;
    int32_t target = targets[row];
    bool whole = aligned(logits) && columns % pack == 0;
    if (target == ignore_index) {
        if (threadIdx.x == 0) row_loss[row] = 0;
        if (gradient)
            each_thread(columns, whole, [&](int64_t i, auto step) {
                step.store(x + i, step.load(x + i).map([](float) { return 0.f; }));
            });
        return;
    }
    if (threadIdx.x == 0 && (target < 0 || target >= v)) note(fault, Argument::targets, row, target, v);
    float top = -INFINITY, sum = 0, logit_sum = 0;
    each_thread(columns, whole, [&](int64_t i, auto step) {
        auto value = classes_only(step.load(x + i), v - i, -INFINITY);
        float most = value.at[0];
#pragma unroll
        for (int j = 1; j < step.width; j++) most = fmaxf(most, value.at[j]);
        if (most > top) {
            sum *= exponential(top - most);
            top = most;
        }
        float base = top == -INFINITY ? 0.f : top;
#pragma unroll
        for (int j = 0; j < step.width; j++) sum += exponential(value.at[j] - base);
        if (label_smoothing != 0.f) logit_sum += classes_only(value, v - i, 0.f).sum();
    });
    float most = block_max(top, shared), base = most == -INFINITY ? 0.f : most;
    float total = block_sum(top == -INFINITY ? sum : sum * exponential(top - base), shared);
    if (label_smoothing != 0.f) logit_sum = block_sum(logit_sum, shared);
    float scale = 1.f / float(counted[0]), factor = scale / total, floor = label_smoothing / float(v) * scale,
          slope = 0;
    if (threadIdx.x == 0) {
        float chosen = target >= 0 && target < v ? widen(x[target]) : NAN, log_sum = logf(total) + base;
        float loss = (1.f - label_smoothing) * (log_sum - chosen);
        if (label_smoothing != 0.f) loss += label_smoothing * (log_sum - logit_sum / float(v));
        row_loss[row] = loss;
        slope = exponential(chosen - base) * factor - floor - (1.f - label_smoothing) * scale;
    }
    if (!gradient) return;
    __syncthreads();  // x[target] has been read
    each_thread(columns, whole, [&](int64_t i, auto step) {
        auto p = step.load(x + i).map([=](float logit) { return exponential(logit - base) * factor - floor; });
        step.store(x + i, classes_only(p, v - i, 0.f));
    });
    __syncthreads();
    if (threadIdx.x == 0 && target >= 0 && target < v) narrow(slope, x[target]);
}

// One block: the rows' losses in a fixed order, in double.
CLOZE_KERNEL(softmax_cross_entropy_forward_mean, real*, const int32_t*, float* loss, float* row_loss, int64_t n,
             int64_t, int64_t, int64_t, float, int64_t, const int* counted, Fault*) {
    __shared__ double sums[32];
    double total = 0;
#pragma unroll 8
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) total += row_loss[i];
    total = block_sum(total, sums);
    if (threadIdx.x == 0) loss[0] = counted[0] > 0 ? float(total / counted[0]) : 0.f;
}

CLOZE_KERNEL(softmax_cross_entropy_backward, const float* dloss, real* dlogits, int64_t n, int64_t columns) {
    float factor = dloss[0];
    if (factor == 1.f) return;
    each(n * columns, aligned(dlogits),
         [&](int64_t i, auto step) { step.store(dlogits + i, step.load(dlogits + i) * factor); });
}
