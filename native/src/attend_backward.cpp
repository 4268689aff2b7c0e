#include "cloze/attention_gradient.h"
#include "cloze/threads.h"

// The backward pass of one k and v head: p is recomputed from lse, ds = p (dp - delta) with delta = rowsum(dy y). A
// block of [keys, queries] stays in L1 or L2 for all five matrix multiplications. Queries are the outer loop: dk and dv
// are summed in scratch blocks that stay in L2.

namespace cloze {
namespace {

constexpr int64_t block = 96;
static_assert(block % panel == 0);

// divides n into equal blocks, all except the last a multiple of step
int64_t block_size(int64_t n, int64_t step) {
    int64_t blocks = (n + block - 1) / block;
    return round_up((n + blocks - 1) / blocks, step);
}

// Inputs of a block of keys and queries, and its results p and ds.
struct Scores {
    const float *k, *v, *q, *dy, *lse, *delta, *factors;
    float *p, *ds;
    int64_t width, padded;
};

template <int R, int V>
[[gnu::noinline]] void gradient_tile(const Scores& at, const View& view, int64_t key) {
    Tile<R, V> s;
    s.zero();
    s.multiply({at.k, at.padded, 1}, at.q, panel, at.width);
    vf lse[V], delta[V];
    for (int v = 0; v < V; v++) lse[v] = load(at.lse + v * lanes), delta[v] = load(at.delta + v * lanes);
    s.each([&](int, int v, vf& x) { x = power_of_two(min(broadcast(127.f), x - lse[v])); });
    if (!view.all_see(key, key + R)) s.each([&](int r, int v, vf& x) { x = select(view.sees(key + r, v), x, vf{}); });
    s.write(at.p, block);
    s.zero();
    s.multiply({at.v, at.padded, 1}, at.dy, panel, at.width);
    if (at.factors) {
        s.each([&](int r, int v, vf& x) {
            float* p = at.p + r * block + v * lanes;
            vf whole = load(p), factor = load(at.factors + r * block + v * lanes);
            store(p, whole * factor);
            x = whole * (x * factor - delta[v]);
        });
    } else {
        s.each([&](int r, int v, vf& x) { x = load(at.p + r * block + v * lanes) * (x - delta[v]); });
    }
    s.write(at.ds, block);
}

// c [R, V vectors] = a b, or += if add
template <int R, int V>
[[gnu::noinline]] void product_tile(Left a, const float* b, float* c, int64_t ld, int64_t k, bool add) {
    Tile<R, V> s;
    add ? s.read(c, ld) : s.zero();
    s.multiply(a, b, ld, k);
    s.write(c, ld);
}

// c [rows, padded] (+)= a b; b and c have rows of whole vectors
void product(Left a, const float* b, float* c, int64_t padded, int64_t rows, int64_t k, bool add) {
    with_rows(rows, [&]<int R>() {
        column_groups(padded,
                      [&]<int V>(int64_t column) { product_tile<R, V>(a, b + column, c + column, padded, k, add); });
    });
}

class Backward {
  public:
    Backward(const HeadGradient& head, const HeadGradient* next)
        : head_(head), next_(next), tokens_(head.tokens), padded_(round_up(head.width, lanes)) {
        int64_t floats =
            4 * tokens_ * padded_ + 3 * block * padded_ + 2 * block * head.width + 3 * block * block + 2 * block;
        float* free = scratch(Slot::attention, static_cast<size_t>(floats + 256));
        auto take = [&free](int64_t n) { return std::exchange(free, free + round_up(n, 16)); };
        k_ = take(tokens_ * padded_), v_ = take(tokens_ * padded_);
        dk_ = take(tokens_ * padded_), dv_ = take(tokens_ * padded_);
        q_ = take(block * padded_), dy_ = take(block * padded_), dq_ = take(block * padded_);
        q_panels_ = take(block * head.width), dy_panels_ = take(block * head.width);
        p_ = take(block * block), ds_ = take(block * block), factors_ = take(block * block);
        lse_ = take(block), delta_ = take(block);
    }

    void run() {
        copy_rows(head_.k, head_.qkv_stride, tokens_, head_.width, 1, k_);
        copy_rows(head_.v, head_.qkv_stride, tokens_, head_.width, 1, v_);
        int64_t step = block_size(tokens_, panel);
        for (int64_t h = 0; h < head_.heads; h++)
            for (int64_t query = 0; query < tokens_; query += step) queries(h, query, std::min(step, tokens_ - query));
        write(dk_, tokens_, 1, head_.dk);
        write(dv_, tokens_, 1, head_.dv);
    }

  private:
    // One head's queries [query, query + n): computes their dq and adds to dk and dv.
    void queries(int64_t h, int64_t query, int64_t n) {
        prepare(h, query, n);
        prefetch(h, query, n);
        std::fill(dq_, dq_ + n * padded_, 0.f);
        int64_t step = block_size(tokens_, tile_rows);
        for (int64_t key = 0; key < tokens_; key += step) {
            int64_t end = std::min(key + step, tokens_);
            bool seen = key < head_.mask.high(query + n - 1) && end > head_.mask.low(query);
            if (seen) {
                scores(h, query, n, key, end);
                keys_gradient(query, n, key, end, h > 0 || query > 0);
                queries_gradient(query, n, key, end);
            } else if (h == 0 && query == 0) {
                std::fill(dk_ + key * padded_, dk_ + end * padded_, 0.f);
                std::fill(dv_ + key * padded_, dv_ + end * padded_, 0.f);
            }
        }
        write(dq_, n, head_.scale, head_.dq + h * head_.width + query * head_.qkv_stride);
    }

    // Prefetches the outputs of this block and the inputs of the next.
    void prefetch(int64_t h, int64_t query, int64_t n) {
        soon_ = {};
        soon_.add(head_.dq + h * head_.width + query * head_.qkv_stride, head_.qkv_stride, n, head_.width);
        const HeadGradient* from = &head_;
        query += n;
        if (query == tokens_) query = 0, h++;
        if (h == head_.heads) {
            soon_.add(head_.dk, head_.qkv_stride, tokens_, head_.width);
            soon_.add(head_.dv, head_.qkv_stride, tokens_, head_.width);
            from = next_, h = 0;
        }
        if (from && from != &head_) {
            soon_.add(from->k, from->qkv_stride, tokens_, head_.width);
            soon_.add(from->v, from->qkv_stride, tokens_, head_.width);
        }
        if (from) {
            n = std::min(n, tokens_ - query);
            soon_.add(from->q + h * head_.width + query * head_.qkv_stride, head_.qkv_stride, n, head_.width);
            soon_.add(from->dy + h * head_.width + query * head_.y_stride, head_.y_stride, n, head_.width);
            soon_.add(from->y + h * head_.width + query * head_.y_stride, head_.y_stride, n, head_.width);
        }
        int64_t keys = (head_.mask.causal ? tokens_ / 2 : tokens_) + tile_rows;
        soon_.spread((n + panel - 1) / panel * (keys / tile_rows));
    }

    void prepare(int64_t h, int64_t query, int64_t n) {
        const float* q = head_.q + h * head_.width + query * head_.qkv_stride;
        const float* dy = head_.dy + h * head_.width + query * head_.y_stride;
        const float* y = head_.y + h * head_.width + query * head_.y_stride;
        copy_rows(q, head_.qkv_stride, n, head_.width, head_.scale, q_);
        copy_rows(dy, head_.y_stride, n, head_.width, 1, dy_);
        pack_transposed(q, head_.qkv_stride, n, head_.width, head_.scale * log2_e, q_panels_);
        pack_transposed(dy, head_.y_stride, n, head_.width, 1, dy_panels_);
        std::fill(lse_, lse_ + block, infinity);
        for (int64_t i = 0; i < n; i++) {
            float lse = head_.lse[h * tokens_ + query + i];
            if (lse != -infinity) lse_[i] = lse * log2_e;  // -inf: the query sees no key, and 2^(s - inf) = 0
            vf sum{};
            for (int64_t d = 0; d < padded_; d += lanes) {
                const float* at = y + i * head_.y_stride + d;
                int64_t left = head_.width - d;
                sum += load(dy_ + i * padded_ + d) * (left >= lanes ? load(at) : load(at, left));
            }
            delta_[i] = hsum(sum);
        }
    }

    // p and ds of all tiles in which some query sees some key
    void scores(int64_t h, int64_t query, int64_t n, int64_t key, int64_t end) {
        Rows tiles(end - key);
        for (int64_t i = 0; i < n; i += panel) {
            int64_t queries = std::min<int64_t>(panel, n - i);
            View view(head_.mask, query + i, queries);
            int64_t from = 0, to = tiles.count;
            while (from < to && key + tiles.begin(from + 1) <= view.begin) from++;
            while (from < to && key + tiles.begin(to - 1) >= view.end) to--;
            if (head_.dropout.on()) {
                Dropout dropout = head_.dropout;
                dropout.row += static_cast<uint32_t>(h * tokens_);
                dropout.factors<tile_vectors>(query + i, key + tiles.begin(from), key + tiles.begin(to),
                                              factors_ + tiles.begin(from) * block + i, block);
            }
            for (int64_t t = from; t < to; t++) {
                int64_t row = tiles.begin(t), rows = tiles.begin(t + 1) - row;
                soon_.step();
                Scores at{k_ + (key + row) * padded_,
                          v_ + (key + row) * padded_,
                          q_panels_ + i * head_.width,
                          dy_panels_ + i * head_.width,
                          lse_ + i,
                          delta_ + i,
                          head_.dropout.on() ? factors_ + row * block + i : nullptr,
                          p_ + row * block + i,
                          ds_ + row * block + i,
                          head_.width,
                          padded_};
                with_rows(rows, [&]<int R>() {
                    queries > lanes ? gradient_tile<R, tile_vectors>(at, view, key + row)
                                    : gradient_tile<R, 1>(at, view, key + row);
                });
            }
        }
    }

    // dv += p dy, dk += ds q
    void keys_gradient(int64_t query, int64_t n, int64_t key, int64_t end, bool add) {
        Rows tiles(end - key);
        for (int64_t t = 0; t < tiles.count; t++) {
            int64_t row = tiles.begin(t), rows = tiles.begin(t + 1) - row;
            int64_t from = std::max(head_.mask.first_query(key + row, tokens_) - query, int64_t{0});
            int64_t to = std::min(head_.mask.last_query(key + row + rows, tokens_) - query, n);
            int64_t at = row * block + from, result = (key + row) * padded_;
            product({p_ + at, block, 1}, dy_ + from * padded_, dv_ + result, padded_, rows, to - from, add);
            product({ds_ + at, block, 1}, q_ + from * padded_, dk_ + result, padded_, rows, to - from, add);
        }
    }

    // dq += ds^T k
    void queries_gradient(int64_t query, int64_t n, int64_t key, int64_t end) {
        for (int64_t i = 0; i < n; i += panel) {
            Rows tiles(std::min<int64_t>(panel, n - i));
            for (int64_t t = 0; t < tiles.count; t++) {
                int64_t q = i + tiles.begin(t), rows = i + tiles.begin(t + 1) - q;
                int64_t low = std::max(key, head_.mask.low(query + q));
                int64_t high = std::min(end, head_.mask.high(query + q + rows - 1));
                if (low >= high) continue;
                Left ds{ds_ + (low - key) * block + q, 1, block};
                product(ds, k_ + low * padded_, dq_ + q * padded_, padded_, rows, high - low, true);
            }
        }
    }

    // to (+)= rows * scale
    void write(const float* rows, int64_t n, float scale, float* to) {
        for (int64_t i = 0; i < n; i++, rows += padded_, to += head_.qkv_stride)
            for (int64_t d = 0; d < head_.width; d += lanes) {
                int64_t left = std::min<int64_t>(head_.width - d, lanes);
                vf x = load(rows + d) * scale;
                if (head_.accumulate) x += left == lanes ? load(to + d) : load(to + d, left);
                left == lanes ? store(to + d, x) : store(to + d, x, left);
            }
    }

    const HeadGradient& head_;
    const HeadGradient* next_;
    Prefetch soon_;
    int64_t tokens_, padded_;
    float *k_, *v_, *dk_, *dv_, *q_, *dy_, *dq_, *q_panels_, *dy_panels_, *p_, *ds_, *factors_, *lse_, *delta_;
};

}  // namespace

void attend_backward(const HeadGradient& head, const HeadGradient* next) {
    Backward(head, next).run();
}

}  // namespace cloze
