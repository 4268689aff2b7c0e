#include "cloze/device.cuh"

// x [b, n, d], ids int32 [b, m], y [b, m, d]; y[b, i] = x[b, ids[b, i]].  ids may repeat: in backward a warp sums a row
// of dx and searches the m ids of its sample in order.

using namespace cloze;

CLOZE_KERNEL(gather_tokens_forward, const real* x, const int32_t* ids, real* y, int64_t b, int64_t n, int64_t m,
             int64_t d, Fault* fault) {
    each(b * m * d, aligned(x, y) && d % pack == 0, [&](int64_t i, auto step) {
        int64_t row = i / d, token = index_at(ids, row, n, fault, Argument::gather_tokens_ids);
        step.store(y + i, step.load(x + (row / m * n + token) * d + i % d));
    });
}

CLOZE_KERNEL(gather_tokens_backward, const int32_t* ids, const real* dy, real* dx, int64_t b, int64_t n, int64_t m,
             int64_t d, int64_t accumulate) {
    int64_t row = row_of_warp();
    if (row >= b * n || !dx) return;
    int64_t sample = row / n, token = row % n;
    for (int64_t column = lane_of_warp(); column - lane_of_warp() < d; column += 32) {
        float sum = accumulate & 1 && column < d ? widen(dx[row * d + column]) : 0.f;
        for (int64_t first = 0; first < m; first += 32) {
            int64_t i = first + lane_of_warp();
            uint32_t found = __ballot_sync(all_lanes, i < m && ids[sample * m + i] == token);
            while (found) {
                int lane = __ffs(int(found)) - 1;
                found &= found - 1;
                if (column < d) sum += widen(dy[(sample * m + first + lane) * d + column]);
            }
        }
        if (column < d) narrow(sum, dx[row * d + column]);
    }
}
