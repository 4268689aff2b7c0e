#pragma once

#include "cloze/device.cuh"

// Common code of attention forward, backward and with a cache: the keys that a query sees, dropout of its
// probabilities, and tiles of 32 queries by 32 keys in shared memory, computed by 256 threads. Eight neighbouring
// threads work on a query: each has every eighth key of the scores, and every eighth column of the sums.

namespace cloze {

constexpr int tile = 32, parts = 8, attention_threads = tile * parts, most_width = 256;

// The beginning of the rows of a head: qkv [b, t, (heads + 2 kv_heads) width], y [b, t, heads width], lse [b, heads,
// t].
struct Layout {
    int64_t t, heads, kv_heads;
    int width;
    int64_t step, y_step;

    CLOZE_DEVICE Layout(int64_t t, int64_t heads, int64_t kv_heads, int64_t width)
        : t(t),
          heads(heads),
          kv_heads(kv_heads),
          width(int(width)),
          step((heads + 2 * kv_heads) * width),
          y_step(heads * width) {}
    CLOZE_DEVICE int64_t query(int64_t sample, int64_t head) const { return sample * t * step + head * width; }
    CLOZE_DEVICE int64_t key(int64_t sample, int64_t kv) const { return sample * t * step + (heads + kv) * width; }
    CLOZE_DEVICE int64_t value(int64_t sample, int64_t kv) const { return key(sample, kv) + to_value(); }
    CLOZE_DEVICE int64_t to_value() const { return kv_heads * width; }
    CLOZE_DEVICE int64_t result(int64_t sample, int64_t head) const { return sample * t * y_step + head * width; }
    CLOZE_DEVICE int64_t row(int64_t sample, int64_t head) const { return (sample * heads + head) * t; }
};

// put(at, sum) for each row of y . dy in the order of memory, [b, t, heads], W / 8 lanes a row; `at` is its index in
// [b, heads, t].
template <int W, class F>
CLOZE_DEVICE void deltas(const real* y, const real* dy, int64_t b, int64_t t, int64_t heads, F&& put) {
    constexpr int lanes = W / 8;
    int64_t rows = b * t * heads, row = thread_of_grid() / lanes;
    int part = int(threadIdx.x) % lanes;
    float sum = 0;
    if (row < rows) {
        Step<8> step;
        sum = (step.load(y + row * W + part * 8) * step.load(dy + row * W + part * 8)).sum();
    }
#pragma unroll
    for (int i = 1; i < lanes; i *= 2) sum += __shfl_xor_sync(all_lanes, sum, i);
    if (row < rows && part == 0) put((row / (t * heads) * heads + row % heads) * t + row / heads % t, sum);
}

// Query 0 has the position `first`.
struct Mask {
    int64_t keys, first;
    bool causal;
    int64_t window;  // 0: none
    const int32_t* keep;

    CLOZE_DEVICE bool sees(int64_t query, int64_t key) const {
        int64_t position = first + query;
        if (key >= keys || (causal && key > position)) return false;
        if (window && (key <= position - window || key >= position + window)) return false;
        return !keep || keep[key];
    }
    // The keys that any of the queries [from, to) may see.
    CLOZE_DEVICE int64_t low(int64_t from) const {
        int64_t low = window ? first + from - window + 1 : 0;
        return low > 0 ? low : 0;
    }
    CLOZE_DEVICE int64_t high(int64_t to) const {
        int64_t high = causal ? first + to : window ? first + to - 1 + window : keys;
        return high < keys ? high : keys;
    }
};

// row: the number of query 0 among all rows of all heads
struct Drop {
    Philox random;
    int32_t threshold;
    float scale;
    int64_t row;

    CLOZE_DEVICE Drop(float rate, int64_t seed, int64_t offset, int64_t row)
        : random(seed, offset), threshold(keep_threshold(rate)), scale(1.f / (1.f - rate)), row(row) {}
    // 0 or 1 / (1 - rate)
    CLOZE_DEVICE float factor(int64_t query, int64_t key) const {
        if (threshold <= 0) return 1.f;
        return kept(random.at(uint32_t(key / 4), uint32_t(row + query), int(key % 4)), threshold) ? scale : 0.f;
    }
};

// Rows [from, from + 32) of x [rows, width], `step` apart, times scale, into to [32][width + 1]; zeros after the end.
CLOZE_DEVICE void load_tile(const real* x, int64_t step, int64_t from, int64_t rows, int width, float scale,
                            float* to) {
    for (int i = int(threadIdx.x); i < tile * width; i += attention_threads) {
        int row = i / width, column = i % width;
        to[row * (width + 1) + column] = from + row < rows ? widen(x[(from + row) * step + column]) * scale : 0.f;
    }
}

// x [row] . y [other] of two tiles
CLOZE_DEVICE float dot(const float* x, const float* y, int width) {
    float sum = 0;
    for (int i = 0; i < width; i++) sum += x[i] * y[i];
    return sum;
}

// Over the threads of a query.
CLOZE_DEVICE float parts_sum(float x) {
#pragma unroll
    for (int i = 1; i < parts; i *= 2) x += __shfl_xor_sync(all_lanes, x, i);
    return x;
}
CLOZE_DEVICE float parts_max(float x) {
#pragma unroll
    for (int i = 1; i < parts; i *= 2) {
        float other = __shfl_xor_sync(all_lanes, x, i);
        x = other > x || other != other ? other : x;
    }
    return x;
}

// One tile of queries of a head: online softmax over its keys. load_keys(key, tile) and load_values(key, tile) load 32
// rows. shared: 2 tiles and [32][33] probabilities. y rows are y_step apart; lse may be null.
template <class K, class V>
CLOZE_DEVICE void attend(const real* q, int64_t q_step, int64_t queries, int64_t first_query, const Mask& mask,
                         const Drop& drop, int width, float scale, real* y, int64_t y_step, float* lse, float* shared,
                         K&& load_keys, V&& load_values) {
    float *left = shared, *right = left + tile * (width + 1), *p = right + tile * (width + 1);
    int mine = int(threadIdx.x) / parts, part = int(threadIdx.x) % parts;
    int64_t query = first_query + mine;
    float out[most_width / parts], top = -INFINITY, sum = 0;
#pragma unroll
    for (int i = 0; i < most_width / parts; i++) out[i] = 0;
    load_tile(q, q_step, first_query, queries, width, scale, left);
    int64_t last = first_query + tile < queries ? first_query + tile : queries, end = mask.high(last);
    for (int64_t key = mask.low(first_query) / tile * tile; key < end; key += tile) {
        load_keys(key, right);
        __syncthreads();
        float score[tile / parts], most = top;
#pragma unroll
        for (int j = 0; j < tile / parts; j++) {
            int column = part + j * parts;
            bool seen = query < queries && mask.sees(query, key + column);
            score[j] = seen ? dot(left + mine * (width + 1), right + column * (width + 1), width) : -INFINITY;
            most = score[j] > most || score[j] != score[j] ? score[j] : most;
        }
        most = parts_max(most);
        float base = most == -INFINITY ? 0.f : most, alpha = expf(top - base), total = 0;
#pragma unroll
        for (int j = 0; j < tile / parts; j++) {
            float x = expf(score[j] - base);
            total += x;
            p[mine * (tile + 1) + part + j * parts] = x * drop.factor(query, key + part + j * parts);
        }
        sum = sum * alpha + parts_sum(total);
        top = most;
        __syncthreads();  // all have read the keys
        load_values(key, right);
        __syncthreads();
#pragma unroll
        for (int i = 0; i < most_width / parts; i++) {
            int column = part + i * parts;
            if (column >= width) break;
            float value = out[i] * alpha;
            for (int j = 0; j < tile; j++) value += p[mine * (tile + 1) + j] * right[j * (width + 1) + column];
            out[i] = value;
        }
        __syncthreads();
    }
    if (query >= queries) return;
    float inverse = sum == 0.f ? 0.f : 1.f / sum;
    if (lse && part == 0) lse[query] = sum == 0.f ? -INFINITY : top + logf(sum);
#pragma unroll
    for (int i = 0; i < most_width / parts; i++)
        if (part + i * parts < width) narrow(out[i] * inverse, y[query * y_step + part + i * parts]);
}

}  // namespace cloze
