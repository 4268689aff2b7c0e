#include "cloze/attention.cuh"

// qkv, dqkv [b, t, (heads + 2 kv_heads) width], y, dy [b, t, heads width], lse [b, heads, t], keep [b, t] or null.
// No [t, t] array; every sum is made by one block: y and dq by a block for each tile of queries, dk and dv by a block
// for each tile of keys, which loops over the query heads of its group.

using namespace cloze;

// blockIdx.x: sample, head, tile of queries, the last first
CLOZE_KERNEL(attention_forward, const real* qkv, const int32_t* keep, real* y, float* lse, int64_t, int64_t t,
             int64_t heads, int64_t kv_heads, int64_t width, int64_t causal, int64_t window, float scale, float rate,
             int64_t seed, int64_t offset) {
    CLOZE_SHARED(memory);
    Layout at(t, heads, kv_heads, width);
    int64_t tiles = (t + tile - 1) / tile, unit = blockIdx.x / tiles, sample = unit / heads, head = unit % heads;
    int64_t kv = head / (heads / kv_heads), query = (tiles - 1 - blockIdx.x % tiles) * tile;
    Mask mask{t, 0, causal != 0, window, keep ? keep + sample * t : nullptr};
    auto load = [&](int64_t from, int64_t key, float* to) {
        load_tile(qkv + from, at.step, key, t, at.width, 1.f, to);
    };
    attend(
        qkv + at.query(sample, head), at.step, t, query, mask, Drop(rate, seed, offset, at.row(sample, head)), at.width,
        scale, y + at.result(sample, head), at.y_step, lse + at.row(sample, head), reinterpret_cast<float*>(memory),
        [&](int64_t key, float* to) { load(at.key(sample, kv), key, to); },
        [&](int64_t key, float* to) { load(at.value(sample, kv), key, to); });
}

// scratch [b, heads, t] = the rows of y . dy; a warp a row
CLOZE_KERNEL(attention_backward, const real*, const int32_t*, const real* y, const float*, const real* dy, real* dqkv,
             int64_t b, int64_t t, int64_t heads, int64_t, int64_t width, int64_t, int64_t, float, float, int64_t,
             int64_t, int64_t, float* scratch) {
    int64_t row = row_of_warp();
    if (row >= b * heads * t || !dqkv) return;
    int64_t sample = row / (heads * t), head = row / t % heads, at = ((sample * t + row % t) * heads + head) * width;
    float sum = 0;
    for (int64_t i = lane_of_warp(); i < width; i += 32) sum += widen(y[at + i]) * widen(dy[at + i]);
    sum = warp_sum(sum);
    if (lane_of_warp() == 0) scratch[row] = sum;
}

namespace {

// Probability (before dropout) and gradient of the score of a query and a key, from tiles q (scaled), k, dy, v.
struct Slope {
    float p, dropped, ds;

    CLOZE_DEVICE Slope(const float* q, const float* k, const float* dy, const float* v, int width, float lse,
                       float delta, float factor) {
        p = lse == -INFINITY ? 0.f : expf(dot(q, k, width) - lse);
        dropped = p * factor;
        ds = p * (dot(dy, v, width) * factor - delta);
    }
};

}  // namespace

CLOZE_KERNEL(attention_backward_queries, const real* qkv, const int32_t* keep, const real*, const float* lse,
             const real* dy, real* dqkv, int64_t, int64_t t, int64_t heads, int64_t kv_heads, int64_t width,
             int64_t causal, int64_t window, float scale, float rate, int64_t seed, int64_t offset, int64_t accumulate,
             float* scratch) {
    CLOZE_SHARED(memory);
    if (!dqkv) return;
    Layout at(t, heads, kv_heads, width);
    int64_t tiles = (t + tile - 1) / tile, unit = blockIdx.x / tiles, sample = unit / heads, head = unit % heads;
    int64_t kv = head / (heads / kv_heads), first = blockIdx.x % tiles * tile;
    int size = tile * (at.width + 1);
    auto q = reinterpret_cast<float*>(memory);
    float *back = q + size, *k = back + size, *v = k + size, *ds = v + size;
    Mask mask{t, 0, causal != 0, window, keep ? keep + sample * t : nullptr};
    Drop drop(rate, seed, offset, at.row(sample, head));
    load_tile(qkv + at.query(sample, head), at.step, first, t, at.width, scale, q);
    load_tile(dy + at.result(sample, head), at.y_step, first, t, at.width, 1.f, back);
    int mine = int(threadIdx.x) / parts, part = int(threadIdx.x) % parts, row = mine * (at.width + 1);
    int64_t query = first + mine;
    float mine_lse = query < t ? lse[at.row(sample, head) + query] : -INFINITY;
    float delta = query < t ? scratch[at.row(sample, head) + query] : 0.f;
    float out[most_width / parts];
#pragma unroll
    for (int i = 0; i < most_width / parts; i++) out[i] = 0;
    int64_t end = mask.high(first + tile < t ? first + tile : t);
    for (int64_t key = mask.low(first) / tile * tile; key < end; key += tile) {
        load_tile(qkv + at.key(sample, kv), at.step, key, t, at.width, 1.f, k);
        load_tile(qkv + at.value(sample, kv), at.step, key, t, at.width, 1.f, v);
        __syncthreads();
        for (int j = part; j < tile; j += parts) {
            float slope = 0;
            if (query < t && mask.sees(query, key + j)) {
                int other = j * (at.width + 1);
                slope = Slope(q + row, k + other, back + row, v + other, at.width, mine_lse, delta,
                              drop.factor(query, key + j))
                            .ds;
            }
            ds[mine * (tile + 1) + j] = slope;
        }
        __syncthreads();
#pragma unroll
        for (int i = 0; i < most_width / parts; i++) {
            int column = part + i * parts;
            if (column >= at.width) break;
            for (int j = 0; j < tile; j++) out[i] += ds[mine * (tile + 1) + j] * k[j * (at.width + 1) + column];
        }
        __syncthreads();
    }
    if (query >= t) return;
    real* to = dqkv + at.query(sample, head) + query * at.step;
#pragma unroll
    for (int i = 0; i < most_width / parts; i++) {
        int column = part + i * parts;
        if (column < at.width) narrow(out[i] * scale + (accumulate & 1 ? widen(to[column]) : 0.f), to[column]);
    }
}

// blockIdx.x: sample, kv head, tile of keys
CLOZE_KERNEL(attention_backward_keys, const real* qkv, const int32_t* keep, const real*, const float* lse,
             const real* dy, real* dqkv, int64_t, int64_t t, int64_t heads, int64_t kv_heads, int64_t width,
             int64_t causal, int64_t window, float scale, float rate, int64_t seed, int64_t offset, int64_t accumulate,
             float* scratch) {
    CLOZE_SHARED(memory);
    if (!dqkv) return;
    Layout at(t, heads, kv_heads, width);
    int64_t tiles = (t + tile - 1) / tile, unit = blockIdx.x / tiles, sample = unit / kv_heads, kv = unit % kv_heads;
    int64_t first = blockIdx.x % tiles * tile, group = heads / kv_heads;
    int size = tile * (at.width + 1);
    auto q = reinterpret_cast<float*>(memory);
    float *back = q + size, *k = back + size, *v = k + size, *ds = v + size, *p = ds + tile * (tile + 1);
    Mask mask{t, 0, causal != 0, window, keep ? keep + sample * t : nullptr};
    load_tile(qkv + at.key(sample, kv), at.step, first, t, at.width, 1.f, k);
    load_tile(qkv + at.value(sample, kv), at.step, first, t, at.width, 1.f, v);
    int mine = int(threadIdx.x) / parts, part = int(threadIdx.x) % parts, row = mine * (at.width + 1);
    int64_t key = first + mine;
    float dk[most_width / parts], dv[most_width / parts];
#pragma unroll
    for (int i = 0; i < most_width / parts; i++) dk[i] = dv[i] = 0;
    for (int64_t head = kv * group; head < (kv + 1) * group; head++) {
        Drop drop(rate, seed, offset, at.row(sample, head));
        for (int64_t from = 0; from < t; from += tile) {
            int64_t to = from + tile < t ? from + tile : t;
            if (mask.low(from) >= first + tile || mask.high(to) <= first) continue;
            load_tile(qkv + at.query(sample, head), at.step, from, t, at.width, scale, q);
            load_tile(dy + at.result(sample, head), at.y_step, from, t, at.width, 1.f, back);
            __syncthreads();
            for (int j = part; j < tile; j += parts) {
                int64_t query = from + j;
                ds[mine * (tile + 1) + j] = p[mine * (tile + 1) + j] = 0.f;
                if (query < t && key < t && mask.sees(query, key)) {
                    int other = j * (at.width + 1);
                    int64_t place = at.row(sample, head) + query;
                    Slope slope(q + other, k + row, back + other, v + row, at.width, lse[place], scratch[place],
                                drop.factor(query, key));
                    ds[mine * (tile + 1) + j] = slope.ds;
                    p[mine * (tile + 1) + j] = slope.dropped;
                }
            }
            __syncthreads();
#pragma unroll
            for (int i = 0; i < most_width / parts; i++) {
                int column = part + i * parts;
                if (column >= at.width) break;
                for (int j = 0; j < tile; j++) {
                    dk[i] += ds[mine * (tile + 1) + j] * q[j * (at.width + 1) + column];
                    dv[i] += p[mine * (tile + 1) + j] * back[j * (at.width + 1) + column];
                }
            }
            __syncthreads();
        }
    }
    if (key >= t) return;
    real* to_k = dqkv + at.key(sample, kv) + key * at.step;
    real* to_v = dqkv + at.value(sample, kv) + key * at.step;
#pragma unroll
    for (int i = 0; i < most_width / parts; i++) {
        int column = part + i * parts;
        if (column >= at.width) break;
        narrow(dk[i] + (accumulate & 1 ? widen(to_k[column]) : 0.f), to_k[column]);
        narrow(dv[i] + (accumulate & 1 ? widen(to_v[column]) : 0.f), to_v[column]);
    }
}
