#include "cloze/attention_hopper.cuh"

// Attention in bf16 for heads of 64 or 128 columns on compute capability 9.0: TMA copies and matrix multiplication by
// warpgroups (wgmma). Shapes as in attention.cu; the two tensor maps, of qkv and of dy, have boxes of 64 rows and 64
// columns. A block has 128 queries of a head and loops over tiles of 128 keys. Backward: attention_hopper_backward.cu.

using namespace cloze;

namespace {

constexpr float ln_2 = 0.69314718055994530942f;

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
            check_tiles(memory);
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

// Running sums of the two queries of a thread. Powers of two: 2^(s log2 e) = e^s.
struct Softmax {
    float top[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};

    // Scores become probabilities times the sum; shrink: the factor of earlier sums.
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

// The two warpgroups take turns: while one multiplies matrices, the other computes probabilities.
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
        if (mask.keep || any_lane(!sight.whole(key, keys))) {
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
    // The multiplication by the values of one tile overlaps the softmax of the next.
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
