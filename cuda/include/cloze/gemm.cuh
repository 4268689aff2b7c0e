#pragma once

#include "cloze/panel.cuh"

// C [n, m] = A [n, k] B [k, m], A given as n rows of k, B as m rows of k. A block of 256 threads computes a tile of 128
// x 128, each of its 8 warps 64 x 32; the warps read panels of 64 bytes along k from shared memory while the next three
// are being copied. The order of the sum over k is fixed. The result passes through shared memory, too, so that the
// epilogue works on 16 bytes of a row at a time. blockIdx.x counts tiles, eight of a column before those of the next,
// so that blocks that run at the same time share their panels in the L2 cache.

namespace cloze {

constexpr int gemm_stages = 4, gemm_shared = gemm_stages * 2 * panel_bytes;
static_assert(gemm_shared == gemm_side * gemm_side * 4, "the tile takes the place of the panels");

CLOZE_DEVICE int row_of_warp_tile() {
    return int(threadIdx.x / 128) * 64;
}
CLOZE_DEVICE int column_of_warp_tile() {
    return int(threadIdx.x / 32 % 4) * 32;
}

// Sums on tensor cores, 4 x 4 pieces of 16 x 8 a warp: bf16 or tf32 factors.
template <class T>
struct TensorSums {
    using Element = T;
    float sum[4][4][4] = {};

    template <bool a_along_k, bool b_along_k>
    CLOZE_DEVICE void add(T* a, T* b) {
#pragma unroll
        for (int part = 0; part < 2; part++) {
            uint32_t left[4][4], right[2][4];
#pragma unroll
            for (int j = 0; j < 2; j++) Panel<T, b_along_k>::load(right[j], b, column_of_warp_tile() + j * 16, part);
#pragma unroll
            for (int i = 0; i < 4; i++) Panel<T, a_along_k>::load(left[i], a, row_of_warp_tile() + i * 16, part);
#pragma unroll
            for (int i = 0; i < 4; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    const uint32_t pair[2] = {right[j / 2][j % 2], right[j / 2][j % 2 + 2]};
                    if constexpr (sizeof(T) == 2)
                        multiply_add(sum[i][j], left[i], pair);
                    else
                        multiply_add_tf32(sum[i][j], left[i], pair);
                }
        }
    }

    template <bool, bool, class F>
    CLOZE_DEVICE void each(F f) const {
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < 4; j++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    f(row_of_warp_tile() + i * 16 + lane_of_warp() / 4 + e / 2 * 8,
                      column_of_warp_tile() + j * 8 + lane_of_warp() % 4 * 2 + e % 2, sum[i][j][e]);
    }
};

// Sums by FFMA, 8 x 8 a thread: f32 without rounding of factors.
struct ExactSums {
    using Element = float;
    float sum[8][8] = {};

    template <bool a_along_k, bool b_along_k>
    CLOZE_DEVICE void add(float* a, float* b) {
        int row = row_of_warp_tile(), column = column_of_warp_tile(), lane = lane_of_warp();
#pragma unroll 1
        for (int k = 0; k < Panel<float, true>::depth; k += 4) {  // unrolled it would hold more panels than registers
            float left[2][4][4];
            Panel<float, a_along_k>::template block<8>(left[0], a, row, lane / 4, 0, k);
            Panel<float, a_along_k>::template block<8>(left[1], a, row, lane / 4, 1, k);
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float right[4][4];
                Panel<float, b_along_k>::template block<4>(right, b, column, lane % 4, half, k);
#pragma unroll
                for (int depth = 0; depth < 4; depth++)
#pragma unroll
                    for (int i = 0; i < 8; i++)
#pragma unroll
                        for (int j = 0; j < 4; j++) sum[i][half * 4 + j] += left[i / 4][i % 4][depth] * right[j][depth];
            }
        }
    }

    template <bool a_along_k, bool b_along_k, class F>
    CLOZE_DEVICE void each(F f) const {
        int row = row_of_warp_tile(), column = column_of_warp_tile(), lane = lane_of_warp();
#pragma unroll
        for (int i = 0; i < 8; i++)
#pragma unroll
            for (int j = 0; j < 8; j++)
                f(Panel<float, a_along_k>::template row_of_block<8>(row, lane / 4, i),
                  Panel<float, b_along_k>::template row_of_block<4>(column, lane % 4, j), sum[i][j]);
    }
};

// The index of a sum in shared memory: lanes of neighbouring rows have no bank conflicts.
CLOZE_DEVICE float* in_tile(float* tile, int row, int column) {
    return tile + row * gemm_side + ((column / 4 ^ row % 4 * 2) * 4 + column % 4);
}

// finish(row, column, step, sums) for all of a tile, a step of a row at a time.
template <int K, class F>
CLOZE_DEVICE void finish_tile(float* tile, int64_t row, int64_t n, int64_t column, int64_t m, F&& finish) {
    for (int at = int(threadIdx.x) * K; at < gemm_side * gemm_side; at += int(blockDim.x) * K) {
        int i = at / gemm_side, j = at % gemm_side;
        if (row + i >= n || column + j >= m) continue;
        Floats<K> sums;
#pragma unroll
        for (int e = 0; e < K; e++) sums.at[e] = *in_tile(tile, i, j + e);
        finish(row + i, column + j, Step<K>{}, sums);
    }
}

// Eight tiles of a column, then those of the next.
struct TileOfBlock {
    int64_t row, column;

    CLOZE_DEVICE TileOfBlock(int64_t n, int64_t m) {
        int64_t down = (n + gemm_side - 1) / gemm_side, across = (m + gemm_side - 1) / gemm_side;
        int64_t first = blockIdx.x / (8 * across) * 8, high = down - first < 8 ? down - first : 8;
        int64_t at = blockIdx.x % (8 * across);
        row = (first + at % high) * gemm_side, column = at / high * gemm_side;
    }
};

// finish(row, column, step, sums) for every element of C; for neighbours of a row in packs if `whole` says that all its
// pointers are aligned, or `fixed` of them, which divides m, in any case.
template <class Sums, int fixed = 0, class A, class B, class F>
CLOZE_DEVICE void gemm(int64_t n, int64_t m, int64_t k, const A& a, const B& b, bool whole, F&& finish) {
    using T = typename Sums::Element;
    CLOZE_SHARED(shared);
    TileOfBlock tile(n, m);
    typename A::Source left(a, tile.row, n, k);
    typename B::Source right(b, tile.column, m, k);
    auto panel = [&](int64_t stage, int side) {
        return reinterpret_cast<T*>(shared + (stage % gemm_stages * 2 + side) * panel_bytes);
    };
    auto fetch = [&](int64_t stage) {
        if (stage * left.depth < k) left.fetch(panel(stage, 0)), right.fetch(panel(stage, 1));
        commit_copies();
    };
    for (int stage = 0; stage < gemm_stages - 1; stage++) fetch(stage);
    Sums sums;
    for (int64_t stage = 0; stage * left.depth < k; stage++) {
        wait_copies<gemm_stages - 2>();
        __syncthreads();  // all warps see this panel and have read the one before it
        fetch(stage + gemm_stages - 1);
        sums.template add<A::along_k, B::along_k>(panel(stage, 0), panel(stage, 1));
    }
    __syncthreads();  // all have read the last panels
    auto to = reinterpret_cast<float*>(shared);
    sums.template each<A::along_k, B::along_k>([&](int i, int j, float sum) { *in_tile(to, i, j) = sum; });
    __syncthreads();
    if constexpr (fixed > 0)
        finish_tile<fixed>(to, tile.row, n, tile.column, m, finish);
    else if (whole && m % pack == 0)
        finish_tile<pack>(to, tile.row, n, tile.column, m, finish);
    else
        finish_tile<1>(to, tile.row, n, tile.column, m, finish);
}

}  // namespace cloze
