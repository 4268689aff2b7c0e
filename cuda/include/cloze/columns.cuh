#pragma once

#include "cloze/device.cuh"

// Sums over the rows of [n, d], without atomics and in an order that depends on the shape alone, not on the alignment:
// each block sums a chunk of rows for 256 columns, 32 packs of 16 bytes at a time (32 x 8 threads, lanes along the
// columns, lines along the rows), a second kernel adds up the chunks, again in 8 lines.

namespace cloze {

// As java/cuda launches them: blockIdx.y is the chunk.
CLOZE_DEVICE int64_t column_chunks(int64_t n) {
    int64_t chunks = (n + 63) / 64;
    return chunks < 128 ? chunks : 128;
}

// ... for 32 neighbouring `Step`s of columns at `first`
template <int K, class Step, class F>
CLOZE_DEVICE void partials_of_columns(int64_t n, int64_t d, int64_t first, float* scratch, F&& f) {
    constexpr int columns = 32 * Step::width;
    __shared__ float partial[K][8][columns];
    int lane = int(threadIdx.x) * Step::width, line = int(threadIdx.y);
    int64_t rows = (n + gridDim.y - 1) / gridDim.y, begin = blockIdx.y * rows;
    int64_t column = first + lane, end = begin + rows < n ? begin + rows : n;
    Floats<Step::width> sum[K] = {};
    if (column < d)
#pragma unroll 4
        for (int64_t row = begin + line; row < end; row += 8) f(row * d + column, row, Step{}, sum);
    __syncthreads();  // the columns before have been added
#pragma unroll
    for (int k = 0; k < K; k++)
#pragma unroll
        for (int i = 0; i < Step::width; i++) partial[k][line][lane + i] = sum[k].at[i];
    __syncthreads();
    for (int i = line * 32 + int(threadIdx.x); i < columns && first + i < d; i += 256)
#pragma unroll
        for (int k = 0; k < K; k++) {
            float total = 0;
#pragma unroll
            for (int j = 0; j < 8; j++) total += partial[k][j][i];
            scratch[(int64_t{blockIdx.y} * K + k) * d + first + i] = total;
        }
}

// f(element, row, step, sums) adds the values of `step` there to K sums; scratch [chunks, K, d]
template <int K, class F>
CLOZE_DEVICE void column_partials(int64_t n, int64_t d, bool whole, float* scratch, F&& f) {
    if (whole && d % pack == 0)
        for (int64_t i = blockIdx.x; i * 32 * pack < d; i += gridDim.x)
            partials_of_columns<K, Step<pack>>(n, d, i * 32 * pack, scratch, f);
    else
        for (int64_t i = blockIdx.x; i * 32 < d; i += gridDim.x)
            partials_of_columns<K, Step<1>>(n, d, i * 32, scratch, f);
}

// to [d] (+)= sum k of the chunks
template <int K, class T>
CLOZE_DEVICE void reduce_chunks(int64_t chunks, int64_t d, const float* scratch, int k, T* to, bool add) {
    __shared__ float partial[8][32];
    int lane = int(threadIdx.x), line = int(threadIdx.y);
    int64_t column = int64_t{blockIdx.x} * 32 + lane;
    float sum = 0;
    if (column < d)
#pragma unroll 8
        for (int64_t chunk = line; chunk < chunks; chunk += 8) sum += scratch[(chunk * K + k) * d + column];
    __syncthreads();  // the sum before has been added
    partial[line][lane] = sum;
    __syncthreads();
    if (line > 0 || column >= d) return;
    float total = add ? widen(to[column]) : 0.f;
#pragma unroll
    for (int i = 0; i < 8; i++) total += partial[i][lane];
    narrow(total, to[column]);
}
template <int K, class T>
CLOZE_DEVICE void reduce_columns(int64_t n, int64_t d, const float* scratch, int k, T* to, bool add) {
    reduce_chunks<K>(column_chunks(n), d, scratch, k, to, add);
}

}  // namespace cloze
