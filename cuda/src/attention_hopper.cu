#include "cloze/attention_hopper.cuh"

// Attention in bf16 for heads of 64 or 128 columns on compute capability 9.0: copies of boxes, products of warpgroups.
// Shapes as in attention.cu; both maps have boxes of 64 rows of 64 columns, of qkv and of dy.

using namespace cloze;

namespace {

constexpr float log2_e = 1.44269504088896340736f, ln_2 = 0.69314718055994530942f;

// A head of a sample: where it begins in the columns of qkv, and in lse and y.
struct Place {
    int t, heads, kv_heads, sample, head, kv, width;

    CLOZE_DEVICE int query() const { return head * width; }
    CLOZE_DEVICE int key() const { return (heads + kv) * width; }
    CLOZE_DEVICE int value() const { return key() + kv_heads * width; }
    CLOZE_DEVICE int step() const { return (heads + 2 * kv_heads) * width; }
    CLOZE_DEVICE int64_t row() const { return (int64_t{sample} * heads + head) * t; }
    CLOZE_DEVICE int64_t in_qkv(int column) const { return int64_t{sample} * t * step() + column; }
    CLOZE_DEVICE int64_t in_y() const { return (int64_t{sample} * t * heads + head) * width; }
};

// ---- forward: a block has 128 queries of a head and goes through tiles of 128 keys

template <int width>
struct ForwardShared {
    using Lines = Tile<hopper_lines, width>;
    static constexpr int tiles = 1 + 2 * hopper_stages;
    unsigned char* memory;

    CLOZE_DEVICE Lines queries() const { return {memory}; }
    CLOZE_DEVICE Lines keys(int stage) const { return {memory + (1 + 2 * stage) * Lines::bytes}; }
    CLOZE_DEVICE Lines values(int stage) const { return {memory + (2 + 2 * stage) * Lines::bytes}; }
    CLOZE_DEVICE Barrier& barrier(int i) const { return reinterpret_cast<Barrier*>(memory + tiles * Lines::bytes)[i]; }
    CLOZE_DEVICE Barrier& queries_there() const { return barrier(0); }
    CLOZE_DEVICE Barrier& keys_there(int stage) const { return barrier(1 + 4 * stage); }
    CLOZE_DEVICE Barrier& keys_free(int stage) const { return barrier(2 + 4 * stage); }
    CLOZE_DEVICE Barrier& values_there(int stage) const { return barrier(3 + 4 * stage); }
    CLOZE_DEVICE Barrier& values_free(int stage) const { return barrier(4 + 4 * stage); }

    CLOZE_DEVICE void start() const {
        if (threadIdx.x == 0) {
            queries_there().start(1);
            for (int i = 0; i < hopper_stages; i++) {
                keys_there(i).start(1), values_there(i).start(1);
                keys_free(i).start(owner_warps), values_free(i).start(owner_warps);
            }
            publish_barriers();
        }
        __syncthreads();
    }
};

// Sums of the two queries of a thread, as far as they have come. Powers of two: 2^(s log2 e) = e^s.
struct Softmax {
    float top[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};

    // Scores become probabilities times the sum; shrink: what earlier ones lose.
    template <int k>
    CLOZE_DEVICE void step(float (&s)[k], float scale, float (&shrink)[2]) {
        float base[2];
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float most = s[2 * h];
#pragma unroll
            for (int i = 0; i < k; i++)
                if (i / 2 % 2 == h) most = fmaxf(most, s[i]);
            most = fmaxf(most, __shfl_xor_sync(all_lanes, most, 1));
            most = fmaxf(fmaxf(most, __shfl_xor_sync(all_lanes, most, 2)) * scale, top[h]);
            base[h] = most == -INFINITY ? 0.f : most;
            shrink[h] = power_of_two(top[h] - base[h]);
            top[h] = most;
            sum[h] *= shrink[h];
        }
#pragma unroll
        for (int i = 0; i < k; i++) {
            s[i] = power_of_two(s[i] * scale - base[i / 2 % 2]);
            sum[i / 2 % 2] += s[i];
        }
    }
    CLOZE_DEVICE void finish() {
#pragma unroll
        for (int h = 0; h < 2; h++) {
            sum[h] += __shfl_xor_sync(all_lanes, sum[h], 1);
            sum[h] += __shfl_xor_sync(all_lanes, sum[h], 2);
        }
    }
};

// The two warpgroups take turns: while one starts its products the other makes probabilities.
CLOZE_DEVICE void await_turn() {
    meet(1 + owner(), 256);
}
CLOZE_DEVICE void pass_turn() {
    pass(2 - owner(), 256);
}

template <int width>
CLOZE_DEVICE void forward(const int32_t* keep, real* y, float* lse, int t, int heads, int kv_heads, bool causal,
                          int64_t window, float scale, float rate, int64_t seed, int64_t offset, const Maps& maps) {
    CLOZE_TILES(memory);
    constexpr int keys = hopper_lines;
    ForwardShared<width> shared{memory};
    int tiles = (t + hopper_lines - 1) / hopper_lines, unit = int(blockIdx.x) / tiles;
    Place at{t, heads, kv_heads, unit / heads, unit % heads, unit % heads / (heads / kv_heads), width};
    int first = (tiles - 1 - int(blockIdx.x) % tiles) * hopper_lines,
        past = first + hopper_lines < t ? first + hopper_lines : t;
    Mask mask{t, 0, causal, window, keep ? keep + int64_t{at.sample} * t : nullptr};
    int from = int(mask.low(first)) / keys * keys, end = int(mask.high(past));
    shared.start();

    if (owner() < 0) {
        keep_registers<bringer_registers>();
        if (threadIdx.x > 0) return;
        shared.queries_there().arrive_expecting(shared.queries().bytes);
        shared.queries().copy(maps.qkv, at.query(), first, at.sample, shared.queries_there());
        Turn turn;
        for (int key = from; key < end; key += keys, turn.next()) {
            int i = turn.stage;
            shared.keys_free(i).wait(turn.phase ^ 1);
            shared.keys_there(i).arrive_expecting(shared.queries().bytes);
            shared.keys(i).copy(maps.qkv, at.key(), key, at.sample, shared.keys_there(i));
            shared.values_free(i).wait(turn.phase ^ 1);
            shared.values_there(i).arrive_expecting(shared.queries().bytes);
            shared.values(i).copy(maps.qkv, at.value(), key, at.sample, shared.values_there(i));
        }
        return;
    }

    take_registers<owner_registers>();
    int query = first + line_of_thread();
    Sight sight = Sight::of_queries(mask, query);
    Drop drop(rate, seed, offset, at.row());
    Softmax softmax;
    float out[width / 2], s[keys / 2], shrink[2];
    uint32_t p[keys / 16][4], dropped[2];
    clear(out);

    auto scores = [&](int stage) {
#pragma unroll
        for (int k = 0; k < width / 16; k++)
            multiply(s, shared.queries().lines(owner() * 64, k), shared.keys(stage).lines(0, k), k > 0);
        commit_products();
    };
    auto values = [&](int stage) {
#pragma unroll
        for (int k = 0; k < keys / 16; k++) multiply(out, p[k], shared.values(stage).columns(k), true);
        commit_products();
    };
    auto probabilities = [&](int key) {
        if (mask.keep || !sight.whole(key, keys)) {
            uint32_t kept[keys / 32];
            kept_keys(mask, key, kept);
            sight.hide(s, key, kept);
        }
        softmax.step(s, scale * log2_e, shrink);
        if (drop.threshold > 0) kept_of_queries<keys / 8>(drop, query, key, dropped);
    };
    auto kept = [&](int i) { return drop.threshold <= 0 || (dropped[i / 2 % 2] >> (i / 4 * 2 + i % 2) & 1); };

    Turn turn, before;
    shared.queries_there().wait(0);
    if (owner() == 1) pass_turn();
    shared.keys_there(0).wait(0);
    await_turn();
    begin_products(s);
    scores(0);
    if (owner() == 0 || from + keys < end) pass_turn();
    wait_products<0>(s);
    release(shared.keys_free(0));
    probabilities(from);
    pack_sums(s, p, kept);
    turn.next();
    // The products with the values of one tile run beside the softmax of the next.
    for (int key = from + keys; key < end; key += keys) {
        shared.keys_there(turn.stage).wait(turn.phase);
        await_turn();
        begin_products(s);
        scores(turn.stage);
        shared.values_there(before.stage).wait(before.phase);
        begin_products(out, p);
        values(before.stage);
        if (owner() == 0 || key + keys < end) pass_turn();
        wait_products<1>(s);
        release(shared.keys_free(turn.stage));
        probabilities(key);
        wait_products<0>(out);
        release(shared.values_free(before.stage));
#pragma unroll
        for (int i = 0; i < width / 2; i++) out[i] *= shrink[i / 2 % 2];
        pack_sums(s, p, kept);
        before = turn;
        turn.next();
    }
    shared.values_there(before.stage).wait(before.phase);
    begin_products(out, p);
    values(before.stage);
    wait_products<0>(out);

    softmax.finish();
    float factor[2];
#pragma unroll
    for (int h = 0; h < 2; h++) {
        float sum = softmax.sum[h];
        factor[h] = sum == 0.f ? 0.f : (drop.threshold > 0 ? drop.scale : 1.f) / sum;
        if (lane_of_warp() % 4 == 0 && query + 8 * h < t)
            lse[at.row() + query + 8 * h] = sum == 0.f ? -INFINITY : softmax.top[h] * ln_2 + logf(sum);
    }
    store_lines(out, factor, y + at.in_y(), heads * width, query, t, false);
}

}  // namespace

// blockIdx.x: sample, head, tile of queries, the last first
#define ATTENTION_FORWARD(columns)                                                                                   \
    CLOZE_LONE_KERNEL(hopper_threads, attention_hopper_forward_##columns, const real*, const int32_t* keep, real* y, \
                      float* lse, int64_t, int64_t t, int64_t heads, int64_t kv_heads, int64_t, int64_t causal,      \
                      int64_t window, float scale, float rate, int64_t seed, int64_t offset,                         \
                      const __grid_constant__ Maps maps) {                                                           \
        forward<columns>(keep, y, lse, int(t), int(heads), int(kv_heads), causal != 0, window, scale, rate, seed,    \
                         offset, maps);                                                                              \
    }
ATTENTION_FORWARD(64)
ATTENTION_FORWARD(128)

// scratch [b, heads, t] = the rows of y . dy; a warp a row
CLOZE_KERNEL(attention_hopper_backward_delta, const real*, const int32_t*, const real* y, const float*, const real* dy,
             real* dqkv, int64_t b, int64_t t, int64_t heads, int64_t, int64_t width, int64_t, int64_t, float, float,
             int64_t, int64_t, int64_t, float* scratch, const __grid_constant__ Maps) {
    int64_t row = row_of_warp();
    if (row >= b * heads * t || !dqkv) return;
    int64_t at = ((row / (heads * t) * t + row % t) * heads + row / t % heads) * width;
    float sum = 0;
    for (int64_t i = 2 * lane_of_warp(); i < width; i += 64)
        sum += widen(y[at + i]) * widen(dy[at + i]) + widen(y[at + i + 1]) * widen(dy[at + i + 1]);
    sum = warp_sum(sum);
    if (lane_of_warp() == 0) scratch[row] = sum;
}

namespace {

// ---- backward: a block has 128 lines, of two tiles each, and goes through stages of two tiles of the other kind

// columns: lines of the other tiles, as many as leave room in registers for the sums of the owners
template <int width, int columns>
struct BackwardShared {
    using Lines = Tile<hopper_lines, width>;
    using Columns = Tile<columns, width>;
    static constexpr int tiles = 2 * Lines::bytes + 2 * hopper_stages * Columns::bytes;
    static constexpr int barriers = tiles + hopper_stages * columns * int(sizeof(float2));
    unsigned char* memory;

    CLOZE_DEVICE Lines line(int which) const { return {memory + which * Lines::bytes}; }
    CLOZE_DEVICE Columns column(int stage, int which) const {
        return {memory + 2 * Lines::bytes + (2 * stage + which) * Columns::bytes};
    }
    // lse log2(e) and delta of the queries of a stage
    CLOZE_DEVICE float2* queries(int stage) const {
        return reinterpret_cast<float2*>(memory + tiles) + stage * columns;
    }
    CLOZE_DEVICE Barrier& lines_there() const { return reinterpret_cast<Barrier*>(memory + barriers)[0]; }
    CLOZE_DEVICE Barrier& there(int stage) const {
        return reinterpret_cast<Barrier*>(memory + barriers)[1 + 2 * stage];
    }
    CLOZE_DEVICE Barrier& free(int stage) const { return reinterpret_cast<Barrier*>(memory + barriers)[2 + 2 * stage]; }

    // bringers: threads that say of a stage that it is there
    CLOZE_DEVICE void start(int bringers) const {
        if (threadIdx.x == 0) {
            lines_there().start(1);
            for (int i = 0; i < hopper_stages; i++) there(i).start(bringers), free(i).start(owner_warps);
            publish_barriers();
        }
        __syncthreads();
    }
    // Both tiles of lines, by one thread.
    CLOZE_DEVICE void bring_lines(const TensorMap& map0, int column0, const TensorMap& map1, int column1, int row,
                                  int sample) const {
        lines_there().arrive_expecting(2 * Lines::bytes);
        line(0).copy(map0, column0, row, sample, lines_there());
        line(1).copy(map1, column1, row, sample, lines_there());
    }
    CLOZE_DEVICE void bring_stage(int stage, const TensorMap& map0, int column0, const TensorMap& map1, int column1,
                                  int row, int sample) const {
        there(stage).arrive_expecting(2 * Columns::bytes);
        column(stage, 0).copy(map0, column0, row, sample, there(stage));
        column(stage, 1).copy(map1, column1, row, sample, there(stage));
    }
    // s [64, columns] = the owner's lines of a tile by the lines of a tile of the stage
    template <int k>
    CLOZE_DEVICE void product_of_lines(int stage, int which, float (&s)[k]) const {
#pragma unroll
        for (int i = 0; i < width / 16; i++)
            multiply(s, line(which).lines(owner() * 64, i), column(stage, which).lines(0, i), i > 0);
        commit_products();
    }
    // sum [64, width] += p [64, columns] by a tile of the stage
    template <int k, int n>
    CLOZE_DEVICE void add_product(const uint32_t (&p)[k][4], int stage, int which, float (&sum)[n]) const {
#pragma unroll
        for (int i = 0; i < k; i++) multiply(sum, p[i], column(stage, which).columns(i), true);
        commit_products();
    }
};

// dq: lines are queries, q and dy; a stage has keys and values.
template <int width>
CLOZE_DEVICE void backward_queries(const int32_t* keep, const float* lse, real* dqkv, int t, int heads, int kv_heads,
                                   bool causal, int64_t window, float scale, float rate, int64_t seed, int64_t offset,
                                   bool add, const float* delta, const Maps& maps) {
    CLOZE_TILES(memory);
    if (!dqkv) return;
    constexpr int keys = width == 64 ? 128 : 64;
    BackwardShared<width, keys> shared{memory};
    int tiles = (t + hopper_lines - 1) / hopper_lines, unit = int(blockIdx.x) / tiles;
    Place at{t, heads, kv_heads, unit / heads, unit % heads, unit % heads / (heads / kv_heads), width};
    int first = (tiles - 1 - int(blockIdx.x) % tiles) * hopper_lines,
        past = first + hopper_lines < t ? first + hopper_lines : t;
    Mask mask{t, 0, causal, window, keep ? keep + int64_t{at.sample} * t : nullptr};
    int from = int(mask.low(first)) / keys * keys, end = int(mask.high(past));
    shared.start(1);
    Turn turn;

    if (owner() < 0) {
        keep_registers<bringer_registers>();
        if (threadIdx.x > 0) return;
        shared.bring_lines(maps.qkv, at.query(), maps.dy, at.query(), first, at.sample);
        for (int key = from; key < end; key += keys, turn.next()) {
            shared.free(turn.stage).wait(turn.phase ^ 1);
            shared.bring_stage(turn.stage, maps.qkv, at.key(), maps.qkv, at.value(), key, at.sample);
        }
        return;
    }

    take_registers<owner_registers>();
    int query = first + line_of_thread();
    Sight sight = Sight::of_queries(mask, query);
    Drop drop(rate, seed, offset, at.row());
    float base[2], slope[2];
#pragma unroll
    for (int h = 0; h < 2; h++) {
        bool there = query + 8 * h < t;
        float logarithm = there ? lse[at.row() + query + 8 * h] : -INFINITY;
        base[h] = logarithm == -INFINITY ? INFINITY : logarithm * log2_e;  // probabilities of such a query are 0
        slope[h] = there ? delta[at.row() + query + 8 * h] : 0.f;
    }
    float dq[width / 2], s[keys / 2], ds[keys / 2];
    uint32_t left[keys / 16][4];
    clear(dq);
    shared.lines_there().wait(0);
    for (int key = from; key < end; key += keys, turn.next()) {
        shared.there(turn.stage).wait(turn.phase);
        begin_products(s, ds);
        shared.product_of_lines(turn.stage, 0, s);
        shared.product_of_lines(turn.stage, 1, ds);
        uint32_t dropped[2] = {all_lanes, all_lanes};
        if (drop.threshold > 0) kept_of_queries<keys / 8>(drop, query, key, dropped);
        wait_products<1>(s);
        if (mask.keep || !sight.whole(key, keys)) {
            uint32_t kept[keys / 32];
            kept_keys(mask, key, kept);
            sight.hide(s, key, kept);
        }
#pragma unroll
        for (int i = 0; i < keys / 2; i++) s[i] = power_of_two(s[i] * (scale * log2_e) - base[i / 2 % 2]);
        wait_products<0>(ds);
        float factor = drop.threshold > 0 ? drop.scale : 1.f;
#pragma unroll
        for (int i = 0; i < keys / 2; i++) {
            int h = i / 2 % 2;
            float kept = dropped[h] >> (i / 4 * 2 + i % 2) & 1 ? factor : 0.f;
            ds[i] = s[i] * (ds[i] * kept - slope[h]);
        }
        pack_sums(ds, left);
        begin_products(dq, left);
        shared.add_product(left, turn.stage, 0, dq);
        wait_products<0>(dq);
        release(shared.free(turn.stage));
    }
    float factor[2] = {scale, scale};
    store_lines(dq, factor, dqkv + at.in_qkv(at.query()), at.step(), query, t, add);
}

// dk and dv: lines are keys, k and v; a stage has queries of one head of the group, q and dy.
template <int width>
CLOZE_DEVICE void backward_keys(const int32_t* keep, const float* lse, real* dqkv, int t, int heads, int kv_heads,
                                bool causal, int64_t window, float scale, float rate, int64_t seed, int64_t offset,
                                bool add, const float* delta, const Maps& maps) {
    CLOZE_TILES(memory);
    if (!dqkv) return;
    constexpr int queries = 64;
    BackwardShared<width, queries> shared{memory};
    int tiles = (t + hopper_lines - 1) / hopper_lines, unit = int(blockIdx.x) / tiles, group = heads / kv_heads;
    Place at{t, heads, kv_heads, unit / kv_heads, unit % kv_heads * group, unit % kv_heads, width};
    int first = int(blockIdx.x) % tiles * hopper_lines;
    Mask mask{t, 0, causal, window, keep ? keep + int64_t{at.sample} * t : nullptr};
    int from = int(causal ? first : mask.low(first)) / queries * queries;
    int end = int(window && first + hopper_lines - 1 + window < t ? first + hopper_lines - 1 + window : t);
    shared.start(1 + 32);
    Turn turn;

    if (owner() < 0) {
        keep_registers<bringer_registers>();
        int warp = int(threadIdx.x) / 32, lane = lane_of_warp();
        if (warp > 1 || (warp == 0 && lane > 0)) return;
        if (warp == 0) shared.bring_lines(maps.qkv, at.key(), maps.qkv, at.value(), first, at.sample);
        for (int i = 0; i < group; i++, at.head++) {
            for (int query = from; query < end; query += queries, turn.next()) {
                shared.free(turn.stage).wait(turn.phase ^ 1);
                if (warp == 0) {
                    shared.bring_stage(turn.stage, maps.qkv, at.query(), maps.dy, at.query(), query, at.sample);
                    continue;
                }
#pragma unroll 1
                for (int j = lane; j < queries; j += 32) {
                    bool there = query + j < t;
                    float logarithm = there ? lse[at.row() + query + j] : -INFINITY;
                    float slope = there ? delta[at.row() + query + j] : 0.f;
                    shared.queries(turn.stage)[j] = {logarithm == -INFINITY ? INFINITY : logarithm * log2_e, slope};
                }
                shared.there(turn.stage).arrive();
            }
        }
        return;
    }

    take_registers<owner_registers>();
    int key = first + line_of_thread();
    Sight sight = Sight::of_keys(mask, key);
    float factor = keep_threshold(rate) > 0 ? 1.f / (1.f - rate) : 1.f;
    float dk[width / 2], dv[width / 2], s[queries / 2], ds[queries / 2];
    uint32_t left[queries / 16][4];
    clear(dk), clear(dv);
    shared.lines_there().wait(0);
    for (int i = 0; i < group; i++, at.head++) {
        Drop drop(rate, seed, offset, at.row());
        for (int query = from; query < end; query += queries, turn.next()) {
            uint32_t dropped[4] = {};  // before products hold registers
            if (drop.threshold > 0) kept_of_keys(drop, key, query, dropped);
            shared.there(turn.stage).wait(turn.phase);
            begin_products(s, ds);
            shared.product_of_lines(turn.stage, 0, s);
            shared.product_of_lines(turn.stage, 1, ds);
            wait_products<1>(s);
            if (!sight.whole(query, queries)) {
                uint32_t all[queries / 32];
#pragma unroll
                for (auto& word : all) word = all_lanes;
                sight.hide(s, query, all);
            }
            auto stored = shared.queries(turn.stage) + column_of_thread();
#pragma unroll
            for (int j = 0; j < queries / 2; j++)
                s[j] = power_of_two(s[j] * (scale * log2_e) - stored[j / 4 * 8 + j % 2].x);
            // What dropout leaves goes to dv, times 1 / (1 - rate) at the end.
            bool drops = drop.threshold > 0;
            auto kept = [&](int j) { return !drops || (dropped[j % 4] >> j / 4 * 4 & 1); };
            pack_sums(s, left, kept);
            begin_products(dv, left);
            shared.add_product(left, turn.stage, 1, dv);
            wait_products<1>(ds);
#pragma unroll
            for (int j = 0; j < queries / 2; j++)
                ds[j] = s[j] * ((kept(j) ? ds[j] * factor : 0.f) - stored[j / 4 * 8 + j % 2].y);
            uint32_t slopes[queries / 16][4];
            pack_sums(ds, slopes);
            begin_products(dk, slopes);
            shared.add_product(slopes, turn.stage, 0, dk);
            wait_products<0>(dv, dk);
            release(shared.free(turn.stage));
        }
    }
    float of_keys[2] = {scale, scale}, of_values[2] = {factor, factor};
    store_lines(dk, of_keys, dqkv + at.in_qkv(at.key()), at.step(), key, t, add);
    store_lines(dv, of_values, dqkv + at.in_qkv(at.value()), at.step(), key, t, add);
}

}  // namespace

// blockIdx.x: sample, head, tile of queries, the last first; or sample, kv head, tile of keys
#define ATTENTION_BACKWARD(part, columns)                                                                              \
    CLOZE_LONE_KERNEL(hopper_threads, attention_hopper_backward_##part##_##columns, const real*, const int32_t* keep,  \
                      const real*, const float* lse, const real*, real* dqkv, int64_t, int64_t t, int64_t heads,       \
                      int64_t kv_heads, int64_t, int64_t causal, int64_t window, float scale, float rate,              \
                      int64_t seed, int64_t offset, int64_t accumulate, float* scratch,                                \
                      const __grid_constant__ Maps maps) {                                                             \
        backward_##part<columns>(keep, lse, dqkv, int(t), int(heads), int(kv_heads), causal != 0, window, scale, rate, \
                                 seed, offset, accumulate & 1, scratch, maps);                                         \
    }
ATTENTION_BACKWARD(queries, 64)
ATTENTION_BACKWARD(queries, 128)
ATTENTION_BACKWARD(keys, 64)
ATTENTION_BACKWARD(keys, 128)
