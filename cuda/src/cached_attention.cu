#include "cloze/attention.cuh"

// qkv [b, t, (heads + 2 kv_heads) width], starts [b], keys and values [b, capacity, kv_heads width], y [b, t, heads
// width]. starts[b] + t <= capacity. The new keys and values are read from qkv, so that the order of this launch and of
// the append to the cache does not matter.

using namespace cloze;

CLOZE_KERNEL(cached_attention_forward, const real* qkv, const int32_t* starts, real* keys, real* values, real* y,
             int64_t, int64_t t, int64_t capacity, int64_t heads, int64_t kv_heads, int64_t width, int64_t window,
             float scale, Fault* fault) {
    CLOZE_SHARED(memory);
    int64_t tiles = (t + tile - 1) / tile, unit = blockIdx.x / tiles, sample = unit / heads, head = unit % heads;
    int64_t kv = head / (heads / kv_heads), query = blockIdx.x % tiles * tile,
            start = index_at(starts, sample, capacity - t + 1, fault, Argument::cached_attention_starts);
    int64_t step = (heads + 2 * kv_heads) * width, cached = kv_heads * width;
    const real* mine = qkv + sample * t * step;
    Mask mask{start + t, start, true, window, nullptr};
    auto load = [&](const real* cache, int64_t column, int64_t key, float* to) {
        for (int i = int(threadIdx.x); i < tile * int(width); i += attention_threads) {
            int64_t row = key + i / width, at = i % width;
            float x = 0;
            if (row < start)
                x = widen(cache[(sample * capacity + row) * cached + kv * width + at]);
            else if (row < start + t)
                x = widen(mine[(row - start) * step + column + at]);
            to[i / width * (width + 1) + at] = x;
        }
    };
    attend(
        mine + head * width, step, t, query, mask, Drop(0, 0, 0, 0), int(width), scale,
        y + (sample * t * heads + head) * width, heads * width, nullptr, reinterpret_cast<float*>(memory),
        [&](int64_t key, float* to) { load(keys, (heads + kv) * width, key, to); },
        [&](int64_t key, float* to) { load(values, (heads + kv_heads + kv) * width, key, to); });
}

CLOZE_KERNEL(cached_attention_forward_append, const real* qkv, const int32_t* starts, real* keys, real* values, real*,
             int64_t b, int64_t t, int64_t capacity, int64_t heads, int64_t kv_heads, int64_t width, int64_t, float,
             Fault* fault) {
    int64_t cached = kv_heads * width, step = (heads + 2 * kv_heads) * width;
    each(b * t * cached, false, [&](int64_t i, auto) {
        int64_t token = i / cached, sample = token / t, column = i % cached;
        int64_t start = index_at(starts, sample, capacity - t + 1, fault, Argument::cached_attention_starts);
        int64_t to = (sample * capacity + start + token % t) * cached + column;
        const real* from = qkv + token * step + heads * width + column;
        keys[to] = from[0];
        values[to] = from[cached];
    });
}
