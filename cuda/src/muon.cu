#include "cloze/gemm.cuh"

// gradient, weight, momentum [n, m]; scratch [3 n m + 2 r r], r = min(n, m): u and v [n, m], s and t [r, r].
// Newton-Schulz drives the singular values of the step towards 1: with S = X X^T (X^T X if n > m), X becomes
// a X + (b S + c S S) X, five times, from u to v and back, so that the last result is in v.

using namespace cloze;

#if !defined(CLOZE_BF16)
namespace {

constexpr float a = 3.4445f, b = -4.7750f, c = 2.0315f;

struct Buffers {
    int64_t n, m, r, k;
    bool tall;
    float *u, *v, *s, *t;

    CLOZE_DEVICE Buffers(float* scratch, int64_t n, int64_t m)
        : n(n),
          m(m),
          r(n < m ? n : m),
          k(n < m ? m : n),
          tall(n > m),
          u(scratch),
          v(u + n * m),
          s(v + n * m),
          t(s + r * r) {}
};

// Sums of squares of u, one for each block of the first launch, behind u at the next multiple of 8 bytes, where v and s
// will be later. There is room for them, since each block but the last has 1024 elements.
CLOZE_DEVICE double* sums_of_blocks(float* scratch, int64_t elements) {
    uintptr_t behind = reinterpret_cast<uintptr_t>(scratch + elements);
    return reinterpret_cast<double*>((behind + 7) / 8 * 8);
}

// s = x x^T, or x^T x
CLOZE_DEVICE void gram(const Buffers& at, const float* x) {
    auto finish = [&](int64_t i, int64_t j, auto step, auto sum) { step.store(at.s + i * at.r + j, sum); };
    if (at.tall)
        gemm<ExactSums>(at.r, at.r, at.k, Columns<float>{x, at.m}, Columns<float>{x, at.m}, aligned(at.s), finish);
    else
        gemm<ExactSums>(at.r, at.r, at.k, Rows<float>{x, at.m}, Rows<float>{x, at.m}, aligned(at.s), finish);
}

// y = t x, or x t
CLOZE_DEVICE void turn(const Buffers& at, const float* x, float* y) {
    auto left = at.tall ? Rows<float>{x, at.m} : Rows<float>{at.t, at.n};
    auto right = at.tall ? Columns<float>{at.t, at.m} : Columns<float>{x, at.m};
    auto finish = [&](int64_t i, int64_t j, auto step, auto sum) { step.store(y + i * at.m + j, sum); };
    gemm<ExactSums>(at.n, at.m, at.r, left, right, aligned(y), finish);
}

}  // namespace

CLOZE_KERNEL(muon_step, const float* gradient, float*, float* momentum, float* scratch, int64_t n, int64_t m, float,
             float beta, float, float gradient_scale) {
    __shared__ double sums[32];
    double total = 0;
    each(n * m, aligned(gradient, momentum, scratch), [&](int64_t i, auto step) {
        auto g = step.load(gradient + i) * gradient_scale;
        auto moved = step.load(momentum + i) * beta + g, u = g + moved * beta;
        step.store(momentum + i, moved);
        step.store(scratch + i, u);
#pragma unroll
        for (int j = 0; j < step.width; j++) total += double(u.at[j]) * double(u.at[j]);
    });
    total = block_sum(total, sums);
    if (threadIdx.x == 0) sums_of_blocks(scratch, n * m)[blockIdx.x] = total;
}

// One block adds the sums of all blocks of the launch before: the norm of u, into the first place of v.
CLOZE_KERNEL(muon_step_norm, const float*, float*, float*, float* scratch, int64_t n, int64_t m, float, float, float,
             float) {
    __shared__ double sums[32];
    int64_t blocks = (n * m + 1023) / 1024;
    if (blocks > 4096) blocks = 4096;
    double total = 0;
    for (int64_t i = threadIdx.x; i < blocks; i += blockDim.x) total += sums_of_blocks(scratch, n * m)[i];
    total = block_sum(total, sums);
    if (threadIdx.x == 0) scratch[n * m] = float(1 / (sqrt(total) + 1e-7));
}

CLOZE_KERNEL(muon_step_unit, const float*, float*, float*, float* scratch, int64_t n, int64_t m, float, float, float,
             float) {
    float unit = scratch[n * m];
    each(n * m, aligned(scratch),
         [&](int64_t i, auto step) { step.store(scratch + i, step.load(scratch + i) * unit); });
}

CLOZE_KERNEL(muon_step_gram_even, const float*, float*, float*, float* scratch, int64_t n, int64_t m, float, float,
             float, float) {
    Buffers at(scratch, n, m);
    gram(at, at.u);
}

CLOZE_KERNEL(muon_step_gram_odd, const float*, float*, float*, float* scratch, int64_t n, int64_t m, float, float,
             float, float) {
    Buffers at(scratch, n, m);
    gram(at, at.v);
}

// t = a I + b S + c S S
CLOZE_KERNEL(muon_step_polynomial, const float*, float*, float*, float* scratch, int64_t n, int64_t m, float, float,
             float, float) {
    Buffers at(scratch, n, m);
    auto finish = [&](int64_t i, int64_t j, auto step, auto sum) {
        int64_t place = i * at.r + j;
        auto square = step.load(at.s + place) * b + sum * c;
#pragma unroll
        for (int e = 0; e < step.width; e++) square.at[e] += i == j + e ? a : 0.f;
        step.store(at.t + place, square);
    };
    gemm<ExactSums>(at.r, at.r, at.r, Rows<float>{at.s, at.r}, Rows<float>{at.s, at.r}, aligned(at.s, at.t), finish);
}

CLOZE_KERNEL(muon_step_turn_even, const float*, float*, float*, float* scratch, int64_t n, int64_t m, float, float,
             float, float) {
    Buffers at(scratch, n, m);
    turn(at, at.u, at.v);
}

CLOZE_KERNEL(muon_step_turn_odd, const float*, float*, float*, float* scratch, int64_t n, int64_t m, float, float,
             float, float) {
    Buffers at(scratch, n, m);
    turn(at, at.v, at.u);
}

CLOZE_KERNEL(muon_step_update, const float*, float* weight, float*, float* scratch, int64_t n, int64_t m, float lr,
             float, float decay, float) {
    Buffers at(scratch, n, m);
    double stretch = sqrt(n > m ? double(n) / double(m) : 1.0);
    float keep = 1 - lr * decay, rate = lr * float(stretch);
    each(n * m, aligned(weight, at.v), [&](int64_t i, auto step) {
        step.store(weight + i, step.load(weight + i) * keep - step.load(at.v + i) * rate);
    });
}
#endif
