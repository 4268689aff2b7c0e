#include "cloze/attention_hopper.cuh"

// The gradients of attention_hopper.cu. Two passes, over queries and over keys, so that every sum is made by one block.
// A block has 128 lines of two tiles and loops over stages of two tiles of the other kind.

using namespace cloze;

// scratch [b, heads, t] = the rows of y . dy
CLOZE_KERNEL(attention_hopper_backward_delta, const real*, const int32_t*, const real* y, const float*, const real* dy,
             real* dqkv, int64_t b, int64_t t, int64_t heads, int64_t, int64_t width, int64_t, int64_t, float, float,
             int64_t, int64_t, int64_t, float* scratch, const __grid_constant__ Maps) {
    if (!dqkv) return;
    auto put = [=](int64_t at, float sum) { scratch[at] = sum; };
    if (width == 64)
        deltas<64>(y, dy, b, t, heads, put);
    else
        deltas<128>(y, dy, b, t, heads, put);
}

namespace {

// columns: lines of the other tiles, limited by the registers for the sums
template <int width, int columns>
struct BackwardShared {
    using Lines = Tile<hopper_lines, width>;
    using Columns = Tile<columns, width>;
    static constexpr int tiles = 2 * Lines::bytes + 2 * hopper_stages * Columns::bytes;
    static constexpr int barriers = tiles + hopper_stages * columns * 2 * int(sizeof(float));
    unsigned char* memory;

    CLOZE_DEVICE Lines line(int which) const { return {memory + which * Lines::bytes}; }
    CLOZE_DEVICE Columns column(int stage, int which) const {
        return {memory + 2 * Lines::bytes + (2 * stage + which) * Columns::bytes};
    }
    // lse log2(e) of the queries of a stage, and delta
    CLOZE_DEVICE float* bases(int stage) const {
        return reinterpret_cast<float*>(memory + tiles) + 2 * stage * columns;
    }
    CLOZE_DEVICE float* slopes(int stage) const { return bases(stage) + columns; }
    CLOZE_DEVICE Barrier& lines_there() const { return reinterpret_cast<Barrier*>(memory + barriers)[0]; }
    CLOZE_DEVICE Barrier& there(int stage) const {
        return reinterpret_cast<Barrier*>(memory + barriers)[1 + 2 * stage];
    }
    CLOZE_DEVICE Barrier& free(int stage) const { return reinterpret_cast<Barrier*>(memory + barriers)[2 + 2 * stage]; }

    // bringers: threads that report a loaded stage
    CLOZE_DEVICE void start(int bringers) const {
        if (threadIdx.x == 0) {
            check_tiles(memory);
            lines_there().start(1);
            for (int i = 0; i < hopper_stages; i++) there(i).start(bringers), free(i).start(owner_warps);
            publish_barriers();
        }
        __syncthreads();
    }
    // Loads both tiles of lines; called by one thread.
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
    // s [64, columns] = the warpgroup's lines of a tile times the lines of a tile of the stage
    template <int k>
    CLOZE_DEVICE void product_of_lines(int stage, int which, float (&s)[k]) const {
#pragma unroll
        for (int i = 0; i < width / 16; i++)
            multiply(s, line(which).lines(owner() * 64, i), column(stage, which).lines(0, i), i > 0);
        commit_products();
    }
    // sum [64, width] += p [64, columns] times a tile of the stage
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
        if (mask.keep || any_lane(!sight.whole(key, keys))) {
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

// f(j, number) for each score j of a thread, with the number of its query; numbers are read two at a time.
template <int queries, class F>
CLOZE_DEVICE void each_score(const float* numbers, F&& f) {
#pragma unroll
    for (int i = 0; i < queries / 8; i++) {
        float2 pair = *reinterpret_cast<const float2*>(numbers + i * 8 + column_of_thread());
#pragma unroll
        for (int j = 0; j < 4; j++) f(i * 4 + j, j % 2 ? pair.y : pair.x);
    }
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
                    shared.bases(turn.stage)[j] = logarithm == -INFINITY ? INFINITY : logarithm * log2_e;
                    shared.slopes(turn.stage)[j] = slope;
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
            uint32_t dropped[4] = {};  // before matrix multiplication takes the registers
            if (drop.threshold > 0) kept_of_keys(drop, key, query, dropped);
            shared.there(turn.stage).wait(turn.phase);
            begin_products(s, ds);
            shared.product_of_lines(turn.stage, 0, s);
            shared.product_of_lines(turn.stage, 1, ds);
            wait_products<1>(s);
            if (any_lane(!sight.whole(query, queries))) {
                uint32_t all[queries / 32];
#pragma unroll
                for (auto& word : all) word = all_lanes;
                sight.hide(s, query, all);
            }
            each_score<queries>(shared.bases(turn.stage),
                                [&](int j, float base) { s[j] = power_of_two(s[j] * (scale * log2_e) - base); });
            // Probabilities after dropout go to dv, times 1 / (1 - rate) at the end.
            bool drops = drop.threshold > 0;
            auto kept = [&](int j) { return !drops || (dropped[j % 4] >> j / 4 * 4 & 1); };
            pack_sums(s, left, kept);
            begin_products(dv, left);
            shared.add_product(left, turn.stage, 1, dv);
            wait_products<1>(ds);
            each_score<queries>(shared.slopes(turn.stage),
                                [&](int j, float slope) { ds[j] = s[j] * ((kept(j) ? ds[j] * factor : 0.f) - slope); });
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
