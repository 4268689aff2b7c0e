#include "cloze/attention.h"
#include "cloze/failure.h"
#include "cloze/threads.h"

// qkv [b, t, (heads + 2 kv_heads) width], starts [b], keys and values [b, capacity, kv_heads width], y [b, t, heads
// width]. starts[b] + t <= capacity. With few new tokens, reading the cache is the limit: a block of keys is read once
// for all queries that share it. Many new tokens use the tiles of attend().

namespace cloze {
namespace {

constexpr int64_t few_tokens = 4, key_block_floats = 8192, column_vectors = 4;

CLOZE_INLINE vf load_left(const float* p, int64_t left) {
    return left >= lanes ? load(p) : load(p, left);
}

// The queries of one k and v head among the new tokens of one row.
struct Decode {
    const float *q, *k, *v;
    float* y;
    int64_t q_stride, cache_stride, y_stride;
    int64_t tokens, heads, width, start, window;
    float scale;
};

// scores of n <= lanes keys, in the first n lanes; q [padded] is zero behind width
CLOZE_INLINE vf dots(const float* q, const float* k, int64_t stride, int64_t n, int64_t width) {
    vf sums[lanes];
    for (vf& sum : sums) sum = vf{};
    int64_t whole = width / lanes * lanes;
    if (n == lanes) {
        for (int64_t d = 0; d < whole; d += lanes)
            for (int r = 0; r < lanes; r++) sums[r] += load(q + d) * load(k + r * stride + d);
    } else {
        for (int64_t d = 0; d < whole; d += lanes)
            for (int r = 0; r < lanes; r++)
                if (r < n) sums[r] += load(q + d) * load(k + r * stride + d);
    }
    if (whole < width)
        for (int r = 0; r < lanes; r++)
            if (r < n) sums[r] += load(q + whole) * load(k + r * stride + whole, width - whole);
    transpose(sums);
    for (int half = lanes / 2; half > 0; half /= 2)
        for (int r = 0; r < half; r++) sums[r] += sums[r + half];
    return sums[0];
}

// y [V vectors] = y * alpha + p v over the keys; separate sums of even and odd keys hide the latency
template <int V>
CLOZE_INLINE void weigh(const float* p, const float* v, int64_t stride, int64_t keys, float alpha, float* y) {
    vf even[V], odd[V];
    for (int i = 0; i < V; i++) even[i] = load(y + i * lanes) * alpha, odd[i] = vf{};
    int64_t j = 0;
    for (; j + 2 <= keys; j += 2, v += 2 * stride)
        for (int i = 0; i < V; i++) {
            even[i] += p[j] * load(v + i * lanes);
            odd[i] += p[j + 1] * load(v + stride + i * lanes);
        }
    for (int i = 0; i < V; i++) {
        if (j < keys) even[i] += p[j] * load(v + i * lanes);
        store(y + i * lanes, even[i] + odd[i]);
    }
}

void weigh_row(const float* p, const float* v, int64_t stride, int64_t keys, int64_t width, float alpha, float* y) {
    int64_t c = 0;
    for (; c + column_vectors * lanes <= width; c += column_vectors * lanes)
        weigh<column_vectors>(p, v + c, stride, keys, alpha, y + c);
    for (; c + lanes <= width; c += lanes) weigh<1>(p, v + c, stride, keys, alpha, y + c);
    if (c == width) return;
    vf sum = load(y + c) * alpha;
    for (int64_t j = 0; j < keys; j++) sum += p[j] * load(v + j * stride + c, width - c);
    store(y + c, sum);
}

class Decoder {
  public:
    explicit Decoder(const Decode& at)
        : at_(at),
          padded_(round_up(at.width, lanes)),
          queries_(at.tokens * at.heads),
          key_block_(round_up(std::clamp<int64_t>(key_block_floats / padded_, 32, 256), lanes)) {
        float* free = scratch(Slot::attention, static_cast<size_t>(queries_ * (2 * padded_ + 32) + key_block_ + 64));
        auto take = [&free](int64_t n) { return std::exchange(free, free + round_up(n, 16)); };
        q_ = take(queries_ * padded_), y_ = take(queries_ * padded_), p_ = take(key_block_);
        top_ = take(queries_), sum_ = take(queries_);
    }

    void run() {
        for (int64_t i = 0; i < at_.tokens; i++)
            copy_rows(at_.q + i * at_.q_stride, at_.width, at_.heads, at_.width, at_.scale,
                      q_ + i * at_.heads * padded_);
        std::fill(y_, y_ + queries_ * padded_, 0.f);
        std::fill(top_, top_ + queries_, -infinity);
        std::fill(sum_, sum_ + queries_, 0.f);
        int64_t first = low(0), end = at_.start + at_.tokens;
        for (int64_t key = first; key < end; key += key_block_) {
            fetch(key + key_block_, std::min(key + 2 * key_block_, end));
            for (int64_t query = 0; query < queries_; query++) {
                int64_t i = query / at_.heads;
                int64_t from = std::max(key, low(i)), to = std::min(key + key_block_, at_.start + i + 1);
                if (from < to) attend_block(query, from, to);
            }
        }
        for (int64_t query = 0; query < queries_; query++) finish(query);
    }

  private:
    int64_t low(int64_t token) const {
        return at_.window > 0 ? std::max<int64_t>(at_.start + token - at_.window + 1, 0) : 0;
    }

    // Prefetches the next block: its rows are in different pages, so the hardware prefetcher does not help.
    void fetch(int64_t from, int64_t to) {
        soon_ = {};
        soon_.add(at_.k + from * at_.cache_stride, at_.cache_stride, to - from, at_.width);
        soon_.add(at_.v + from * at_.cache_stride, at_.cache_stride, to - from, at_.width);
        soon_.spread(queries_ * (key_block_ / lanes));
    }

    void attend_block(int64_t query, int64_t from, int64_t to) {
        const float* k = at_.k + from * at_.cache_stride;
        int64_t n = to - from;
        vf top = broadcast(top_[query]);
        for (int64_t j = 0; j < n; j += lanes, k += lanes * at_.cache_stride) {
            soon_.step();
            vf s = dots(q_ + query * padded_, k, at_.cache_stride, std::min<int64_t>(n - j, lanes), at_.width);
            if (n - j < lanes) s = select(first(n - j), s, broadcast(-infinity));
            top = max(top, s);
            store(p_ + j, s);
        }
        float now = hmax(top), base = now == -infinity ? 0 : now;
        vf sum{};
        for (int64_t j = 0; j < n; j += lanes) {
            vf x = exp(load(p_ + j) - base);
            sum += x;
            store(p_ + j, x);
        }
        float alpha = exp(broadcast(top_[query] - base))[0];
        top_[query] = now;
        sum_[query] = sum_[query] * alpha + hsum(sum);
        weigh_row(p_, at_.v + from * at_.cache_stride, at_.cache_stride, n, at_.width, alpha, y_ + query * padded_);
    }

    void finish(int64_t query) {
        float* y = at_.y + query / at_.heads * at_.y_stride + query % at_.heads * at_.width;
        for (int64_t d = 0; d < at_.width; d++) y[d] = y_[query * padded_ + d] / sum_[query];
    }

    const Decode& at_;
    Prefetch soon_;
    int64_t padded_, queries_, key_block_;
    float *q_, *y_, *p_, *top_, *sum_;
};

}  // namespace
}  // namespace cloze

using namespace cloze;

CLOZE_EXPORT int64_t cached_attention_forward(const float* qkv, const int32_t* starts, float* keys, float* values,
                                              float* y, int64_t b, int64_t t, int64_t capacity, int64_t heads,
                                              int64_t kv_heads, int64_t width, int64_t window, float scale) noexcept
    try {
    if (kv_heads == 0) return ok;
    require_indices("CachedAttention", "starts", starts, b, capacity - t + 1);
    int64_t stride = (heads + 2 * kv_heads) * width, cached = kv_heads * width, group = heads / kv_heads;
    auto cache_at = [=](int64_t batch, int64_t kv) { return batch * capacity * cached + kv * width; };
    parallel(b * kv_heads, [&](int64_t task) {
        int64_t batch = task / kv_heads, kv = task % kv_heads, cache = cache_at(batch, kv);
        const float* row = qkv + batch * t * stride;
        for (int64_t i = 0; i < t; i++) {
            const float* k = row + i * stride + (heads + kv) * width;
            std::copy_n(k, width, keys + cache + (starts[batch] + i) * cached);
            std::copy_n(k + cached, width, values + cache + (starts[batch] + i) * cached);
        }
        if (t > few_tokens) return;
        Decode decode{row + kv * group * width,
                      keys + cache,
                      values + cache,
                      y + (batch * t * heads + kv * group) * width,
                      stride,
                      cached,
                      heads * width,
                      t,
                      group,
                      width,
                      starts[batch],
                      window,
                      scale};
        Decoder(decode).run();
    });
    if (t <= few_tokens) return ok;
    int64_t chunks = (t + task_queries - 1) / task_queries;
    parallel(b * heads * chunks, [&](int64_t task) {
        int64_t batch = task / (heads * chunks), h = task / chunks % heads, chunk = task % chunks;
        int64_t cache = cache_at(batch, h / group);
        Head head{qkv + batch * t * stride + h * width,
                  keys + cache,
                  values + cache,
                  stride,
                  cached,
                  cached,
                  y + (batch * t * heads + h) * width,
                  heads * width,
                  nullptr,
                  width,
                  scale,
                  Mask(starts[batch] + t, starts[batch], true, window, nullptr),
                  Dropout(0, 0, 0, 0)};
        Prefetch none;
        attend(head, t * chunk / chunks, t * (chunk + 1) / chunks, none);
    });
    return ok;
}
CLOZE_CATCH
