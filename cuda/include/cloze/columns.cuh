#pragma once

#include "cloze/device.cuh"

// Sums over the rows of [n, d], without atomics and in an order that is the shape's: each block sums a chunk of rows
// for 32 columns (32 x 8 threads, lanes along the columns), a second kernel adds up the chunks.

namespace cloze {

// As java/cuda launches them: blockIdx.y is the chunk.
CLOZE_DEVICE int64_t column_chunks(int64_t n) {
    int64_t chunks = (n + 63) / 64;
    return chunks < 64 ? chunks : 64;
}

// f(element, row, column, sums) adds to K sums; scratch [chunks, K, d]
template <int K, class F>
CLOZE_DEVICE void column_partials(int64_t n, int64_t d, float* scratch, F&& f) {
    __shared__ float partial[K][8][32];
    int lane = int(threadIdx.x), line = int(threadIdx.y);
    int64_t column = int64_t{blockIdx.x} * 32 + lane, rows = (n + gridDim.y - 1) / gridDim.y;
    int64_t begin = blockIdx.y * rows, end = begin + rows < n ? begin + rows : n;
    float sum[K] = {};
    if (column < d)
        for (int64_t row = begin + line; row < end; row += 8) f(row * d + column, row, column, sum);
#pragma unroll
    for (int k = 0; k < K; k++) partial[k][line][lane] = sum[k];
    __syncthreads();
    if (line > 0 || column >= d) return;
#pragma unroll
    for (int k = 0; k < K; k++) {
        float total = 0;
#pragma unroll
        for (int i = 0; i < 8; i++) total += partial[k][i][lane];
        scratch[(int64_t{blockIdx.y} * K + k) * d + column] = total;
    }
}

// to [d] (+)= sum k of the chunks
template <int K, class T>
CLOZE_DEVICE void reduce_columns(int64_t n, int64_t d, const float* scratch, int k, T* to, bool add) {
    int64_t chunks = column_chunks(n);
    for (int64_t column = thread_of_grid(); column < d; column += threads_of_grid()) {
        float total = add ? widen(to[column]) : 0.f;
        for (int64_t chunk = 0; chunk < chunks; chunk++) total += scratch[(chunk * K + k) * d + column];
        narrow(total, to[column]);
    }
}

}  // namespace cloze
