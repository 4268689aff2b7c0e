#include "cloze/device.cuh"

// x, y [b, t, (heads + 2 kv_heads) width]: q and k heads are rotated, v is copied; starts int32 [b] | null
// pairs (i, i + width / 2) by the angle position theta^(-2 i / width), position = starts[b] + token.
// A thread rotates one pair of a token in all heads: it computes the sine once, in double, since positions of a million
// need that.

using namespace cloze;

namespace {

// sign 1 rotates, -1 rotates back.
CLOZE_DEVICE void rotate(const real* x, const int32_t* starts, real* y, int64_t b, int64_t t, int64_t heads,
                         int64_t kv_heads, int64_t width, float theta, float sign, bool adds) {
    int64_t half = width / 2, row = (heads + 2 * kv_heads) * width;
    Step<1> step;
    each(b * t * half, false, [&](int64_t i, auto) {
        int64_t token = i / half, pair = i % half;
        double position = double((starts ? starts[token / t] : 0) + token % t);
        double angle = position * pow(double(theta), -2.0 * double(pair) / double(width));
        float c = float(cos(angle)), s = float(sin(angle)) * sign;
        for (int64_t head = 0; head < heads + kv_heads; head++) {
            int64_t at = token * row + head * width + pair;
            auto one = step.load(x + at), two = step.load(x + at + half);
            step.put(y + at, one * c - two * s, adds);
            step.put(y + at + half, one * s + two * c, adds);
        }
        for (int64_t head = heads + kv_heads; head < heads + 2 * kv_heads; head++) {
            int64_t at = token * row + head * width + pair;
            step.put(y + at, step.load(x + at), adds);
            step.put(y + at + half, step.load(x + at + half), adds);
        }
    });
}

}  // namespace

CLOZE_KERNEL(rope_forward, const real* x, const int32_t* starts, real* y, int64_t b, int64_t t, int64_t heads,
             int64_t kv_heads, int64_t width, float theta, Fault* fault) {
    if (starts && thread_of_grid() < b)
        index_at(starts, thread_of_grid(), (int64_t{1} << 31) - t, fault, Argument::rope_starts);
    rotate(x, starts, y, b, t, heads, kv_heads, width, theta, 1.f, false);
}

CLOZE_KERNEL(rope_backward, const int32_t* starts, const real* dy, real* dx, int64_t b, int64_t t, int64_t heads,
             int64_t kv_heads, int64_t width, float theta, int64_t accumulate) {
    if (dx) rotate(dy, starts, dx, b, t, heads, kv_heads, width, theta, -1.f, accumulate & 1);
}
