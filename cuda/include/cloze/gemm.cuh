#pragma once

#include "cloze/ptx.cuh"

// C [n, m] = A [n, k] B [k, m] for operands whose elements lie at row * row_step + k * k_step, one of the two steps
// being 1. A block of 256 threads makes a tile of 128 x 128; blockIdx.x counts tiles, along m first. Blocks of 32 along
// k go through shared memory while the next is on its way in registers. f32 is multiplied by FFMA, each thread 8 x 8
// sums; bf16 by mma.sync, each warp 64 x 32. The sum over k has one order.

namespace cloze {

template <class T>
struct Operand {
    const T* p;
    int64_t step, k_step;

    CLOZE_DEVICE T at(int64_t row, int64_t k) const { return p[row * step + k * k_step]; }
};

constexpr int gemm_side = 128, gemm_depth = 32;

CLOZE_DEVICE void set_zero(float& x) {
    x = 0;
}
CLOZE_DEVICE void set_zero(bf16& x) {
    x.bits = 0;
}

// A tile [128, 32] of an operand, 16 elements a thread, from memory to registers to shared memory [128][stride].
template <class T>
struct Panel {
    static constexpr int stride = sizeof(T) == 2 ? 40 : 33;  // no bank conflicts
    static constexpr int elements = gemm_side * stride;
    T held[16];

    // Threads side by side read along the step that is 1.
    CLOZE_DEVICE static void place(int thread, int i, bool along_k, int& row, int& k) {
        if (along_k)
            row = thread / 32 + i * 8, k = thread % 32;
        else
            row = thread % 128, k = thread / 128 + i * 2;
    }

    CLOZE_DEVICE void fetch(const Operand<T>& x, int64_t row, int64_t rows, int64_t k, int64_t depth) {
        bool along_k = x.k_step == 1;
#pragma unroll
        for (int i = 0; i < 16; i++) {
            int r, d;
            place(int(threadIdx.x), i, along_k, r, d);
            if (row + r < rows && k + d < depth)
                held[i] = x.at(row + r, k + d);
            else
                set_zero(held[i]);
        }
    }

    CLOZE_DEVICE void put(T* shared, bool along_k) const {
#pragma unroll
        for (int i = 0; i < 16; i++) {
            int r, d;
            place(int(threadIdx.x), i, along_k, r, d);
            shared[r * stride + d] = held[i];
        }
    }
};

// The sums of a thread, and where in the tile they belong.
template <class T>
struct Sums;

template <>
struct Sums<float> {
    float sum[8][8] = {};

    CLOZE_DEVICE void add(const float* a, const float* b) {
        const float* x = a + threadIdx.x / 16 * Panel<float>::stride;
        const float* y = b + threadIdx.x % 16 * Panel<float>::stride;
#pragma unroll 4
        for (int k = 0; k < gemm_depth; k++) {
            float left[8], right[8];
#pragma unroll
            for (int i = 0; i < 8; i++) left[i] = x[i * 16 * Panel<float>::stride + k];
#pragma unroll
            for (int j = 0; j < 8; j++) right[j] = y[j * 16 * Panel<float>::stride + k];
#pragma unroll
            for (int i = 0; i < 8; i++)
#pragma unroll
                for (int j = 0; j < 8; j++) sum[i][j] += left[i] * right[j];
        }
    }

    template <class F>
    CLOZE_DEVICE void each(F f) const {
#pragma unroll
        for (int i = 0; i < 8; i++)
#pragma unroll
            for (int j = 0; j < 8; j++) f(int(threadIdx.x / 16) + i * 16, int(threadIdx.x % 16) + j * 16, sum[i][j]);
    }
};

template <>
struct Sums<bf16> {
    float sum[4][4][4] = {};

    // Warps 2 x 4 over the tile, each 4 x 4 pieces of 16 x 8.
    CLOZE_DEVICE static int row() { return int(threadIdx.x / 128) * 64 + lane_of_warp() / 4; }
    CLOZE_DEVICE static int column() { return int(threadIdx.x / 32 % 4) * 32; }

    CLOZE_DEVICE void add(const bf16* a, const bf16* b) {
        constexpr int stride = Panel<bf16>::stride;
        auto pair = [](const bf16* p) { return *reinterpret_cast<const uint32_t*>(p); };
        int at = lane_of_warp() % 4 * 2;
#pragma unroll
        for (int k = 0; k < gemm_depth; k += 16) {
            uint32_t left[4][4], right[4][2];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const bf16* p = a + (row() + i * 16) * stride + k + at;
                left[i][0] = pair(p), left[i][1] = pair(p + 8 * stride);
                left[i][2] = pair(p + 8), left[i][3] = pair(p + 8 * stride + 8);
            }
#pragma unroll
            for (int j = 0; j < 4; j++) {
                const bf16* p = b + (column() + j * 8 + lane_of_warp() / 4) * stride + k + at;
                right[j][0] = pair(p), right[j][1] = pair(p + 8);
            }
#pragma unroll
            for (int i = 0; i < 4; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) multiply_add(sum[i][j], left[i], right[j]);
        }
    }

    template <class F>
    CLOZE_DEVICE void each(F f) const {
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < 4; j++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    f(row() + i * 16 + e / 2 * 8, column() + j * 8 + lane_of_warp() % 4 * 2 + e % 2, sum[i][j][e]);
    }
};

// finish(row, column, sum) for every element of C.
template <class T, class F>
CLOZE_DEVICE void gemm(int64_t n, int64_t m, int64_t k, const Operand<T>& a, const Operand<T>& b, F&& finish) {
    __shared__ __align__(16) T left[Panel<T>::elements], right[Panel<T>::elements];
    int64_t across = (m + gemm_side - 1) / gemm_side;
    int64_t row = blockIdx.x / across * gemm_side, column = blockIdx.x % across * gemm_side;
    if (row >= n) return;
    Panel<T> next_a, next_b;
    Sums<T> sums;
    next_a.fetch(a, row, n, 0, k);
    next_b.fetch(b, column, m, 0, k);
    for (int64_t at = 0; at < k; at += gemm_depth) {
        next_a.put(left, a.k_step == 1);
        next_b.put(right, b.k_step == 1);
        __syncthreads();
        if (at + gemm_depth < k) {
            next_a.fetch(a, row, n, at + gemm_depth, k);
            next_b.fetch(b, column, m, at + gemm_depth, k);
        }
        sums.add(left, right);
        __syncthreads();
    }
    sums.each([&](int i, int j, float sum) {
        if (row + i < n && column + j < m) finish(row + i, column + j, sum);
    });
}

}  // namespace cloze
