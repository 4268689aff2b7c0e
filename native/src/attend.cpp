#include "cloze/attention.h"
#include "cloze/threads.h"

// The forward pass of one head, one panel of queries at a time. The scores of up to 256 keys stay in L1 between the two
// matrix multiplications, so short inputs have a plain softmax and longer ones an online softmax (rescaled).

namespace cloze {
namespace {

constexpr int64_t key_block = 256;

// p [R keys, panel] = k q, -inf for masked keys; top = running maximum
template <int R, int V>
[[gnu::noinline]] void score_tile(Left k, const float* q, int64_t width, const View& view, int64_t key, float* p,
                                  vf* top) {
    Tile<R, V> s;
    s.zero();
    s.multiply(k, q, panel, width);
    if (!view.all_see(key, key + R))
        s.each([&](int r, int v, vf& x) { x = select(view.sees(key + r, v), x, broadcast(-infinity)); });
    for (int v = 0; v < V; v++) {
        vf most = top[v];
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) most = max(most, s.c[r][v]);
        top[v] = most;
    }
    s.write(p, panel);
}

// sum [R queries, V vectors] = sum * alpha + p v; with null alpha, sum is not read. With inverse, the result is
// multiplied by it and written to y.
struct Blend {
    const float *alpha, *inverse;
    float *sum, *y;
    int64_t sum_stride, y_stride, columns;
};

template <int R, int V>
[[gnu::noinline]] void value_tile(Left p, const float* v, int64_t ldv, int64_t keys, const Blend& to) {
    Tile<R, V> s;
    s.zero();
    if (to.alpha) {
        s.read(to.sum, to.sum_stride);
        s.each([&](int r, int, vf& x) { x *= to.alpha[r]; });
    }
    s.multiply(p, v, ldv, keys);
    if (!to.inverse) return s.write(to.sum, to.sum_stride);
    s.each([&](int r, int i, vf& x) {
        vf y = x * to.inverse[r];
        float* at = to.y + r * to.y_stride + i * lanes;
        int64_t left = to.columns - i * lanes;
        left >= lanes ? store(at, y) : store(at, y, left);
    });
}

class Forward {
  public:
    Forward(const Head& head, int64_t begin, int64_t end, Prefetch& soon)
        : head_(head), soon_(soon), padded_(round_up(head.width, lanes)), from_(head.mask.low(begin)) {
        keys_ = std::max<int64_t>(head.mask.high(end - 1) - from_, 0);
        int64_t rest = panel * (head.width + padded_ + 4) + 2 * key_block * panel;
        float* free = scratch(Slot::attention, static_cast<size_t>(2 * keys_ * padded_ + 128 + rest));
        auto take = [&free](int64_t n) { return std::exchange(free, free + round_up(n, 16)); };
        values_ = take(keys_ * padded_);
        q_ = take(panel * head.width), sum_ = take(panel * padded_);
        p_ = take(key_block * panel), factors_ = take(key_block * panel);
        alpha_ = take(panel), inverse_ = take(panel);
        pack_columns(head.v + from_ * head.v_stride, head.v_stride, keys_, head.width, values_);
        k_ = {head.k + from_ * head.k_stride, head.k_stride, 1};
        if (keys_ > 2 * panel) {
            float* k = take(keys_ * padded_);
            copy_rows(k_.p, head.k_stride, keys_, head.width, 1, k);
            k_ = {k, padded_, 1};
        }
    }

    void run(int64_t query, int64_t queries) {
        pack_transposed(head_.q + query * head_.q_stride, head_.q_stride, queries, head_.width, head_.scale * log2_e,
                        q_);
        queries > lanes ? run_panel<tile_vectors>(query, queries) : run_panel<1>(query, queries);
    }

  private:
    template <int V>
    void run_panel(int64_t query, int64_t queries) {
        View view(head_.mask, query, queries);
        vf top[V], sum[V];
        for (int v = 0; v < V; v++) top[v] = broadcast(-infinity), sum[v] = vf{};
        int64_t keys = std::max<int64_t>(view.end - view.begin, 0);
        int64_t blocks = std::max<int64_t>((keys + key_block - 1) / key_block, 1);
        for (int64_t block = 0; block < blocks; block++) {
            int64_t begin = view.begin + keys * block / blocks, end = view.begin + keys * (block + 1) / blocks;
            probabilities<V>(view, query, begin, end, top, sum);
            bool last = block + 1 == blocks;
            if (last) finish<V>(query, queries, top, sum);
            weigh(query, queries, begin, end, block > 0, last);
        }
    }

    // p of the keys [begin, end), not yet divided by the sum; alpha rescales the earlier keys.
    template <int V>
    void probabilities(const View& view, int64_t query, int64_t begin, int64_t end, vf* top, vf* sum) {
        vf before[V], base[V];
        for (int v = 0; v < V; v++) before[v] = top[v];
        Rows tiles(end - begin);
        for (int64_t t = 0; t < tiles.count; t++) {
            int64_t key = begin + tiles.begin(t);
            soon_.step();
            with_rows(tiles.begin(t + 1) - tiles.begin(t), [&]<int R>() {
                Left k{k_.p + (key - from_) * k_.row, k_.row, 1};
                score_tile<R, V>(k, q_, head_.width, view, key, p_ + (key - begin) * panel, top);
            });
        }
        for (int v = 0; v < V; v++) {
            base[v] = select(top[v] == -infinity, vf{}, top[v]);
            vf alpha = power_of_two(before[v] - base[v]);
            store(alpha_ + v * lanes, alpha);
            sum[v] *= alpha;
        }
        for (float* p = p_; p < p_ + (end - begin) * panel; p += panel)
            for (int v = 0; v < V; v++) {
                vf x = power_of_two(load(p + v * lanes) - base[v]);
                sum[v] += x;
                store(p + v * lanes, x);
            }
        if (head_.dropout.on()) drop<V>(query, begin, end);
    }

    template <int V>
    void drop(int64_t query, int64_t begin, int64_t end) {
        head_.dropout.factors<V>(query, begin, end, factors_, panel);
        for (int64_t i = 0; i < (end - begin) * panel; i += panel)
            for (int v = 0; v < V; v++)
                store(p_ + i + v * lanes, load(p_ + i + v * lanes) * load(factors_ + i + v * lanes));
    }

    template <int V>
    void finish(int64_t query, int64_t queries, const vf* top, const vf* sum) {
        for (int v = 0; v < V; v++) {
            vi none = sum[v] == 0.f;
            store(inverse_ + v * lanes, select(none, vf{}, 1.f / sum[v]));
            if (!head_.lse) continue;
            vf lse = select(none, broadcast(-infinity), top[v] * ln_2 + log(sum[v]));
            int64_t left = queries - v * lanes;
            float* to = head_.lse + query + v * lanes;
            left >= lanes ? store(to, lse) : store(to, lse, left);
        }
    }

    // sum = sum * alpha + p v over the keys [begin, end)
    void weigh(int64_t query, int64_t queries, int64_t begin, int64_t end, bool add, bool last) {
        Rows tiles(queries);
        for (int64_t t = 0; t < tiles.count; t++) {
            int64_t q = tiles.begin(t), rows = tiles.begin(t + 1) - q;
            int64_t low = std::max(begin, head_.mask.low(query + q));
            int64_t high = std::min(end, head_.mask.high(query + q + rows - 1));
            Left p{p_ + (low - begin) * panel + q, 1, panel};
            column_groups(padded_, [&]<int V>(int64_t column) {
                const float* v = values_ + column * keys_ + (low - from_) * V * lanes;
                Blend to{add ? alpha_ + q : nullptr,
                         last ? inverse_ + q : nullptr,
                         sum_ + q * padded_ + column,
                         head_.y + (query + q) * head_.y_stride + column,
                         padded_,
                         head_.y_stride,
                         head_.width - column};
                with_rows(rows, [&]<int R>() { value_tile<R, V>(p, v, V * lanes, high - low, to); });
            });
        }
    }

    const Head& head_;
    Prefetch& soon_;
    int64_t padded_, from_, keys_;
    Left k_;
    float *values_, *q_, *sum_, *p_, *factors_, *alpha_, *inverse_;
};

}  // namespace

void attend(const Head& head, int64_t begin, int64_t end, Prefetch& soon) {
    Forward forward(head, begin, end, soon);
    int64_t keys =
        (head.mask.high(begin) - head.mask.low(begin) + head.mask.high(end - 1) - head.mask.low(end - 1)) / 2;
    soon.spread((end - begin + panel - 1) / panel * (keys / tile_rows + 1));
    for (int64_t query = begin; query < end; query += panel) forward.run(query, std::min<int64_t>(panel, end - query));
}

}  // namespace cloze
