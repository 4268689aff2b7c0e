#include <cmath>

#include "cloze/failure.h"
#include "cloze/loop.h"

// x, y [b, t, (heads + 2 kv_heads) width]: q and k heads are rotated, v is copied; starts int32 [b] | null
// pairs (i, i + width / 2) by the angle position theta^(-2 i / width), position = starts[b] + token.
// sin and cos are computed exactly at every 64th token and rotated from there in double: computing them for every token
// and pair costs more than the rotation.

using namespace cloze;

namespace {

constexpr int64_t tokens = 64, pairs = 64;  // tile that a task rotates with one set of sines

struct Turn {
    double c[pairs], s[pairs];            // of the current position
    double step_c[pairs], step_s[pairs];  // of one position
    float cos[pairs], sin[pairs];

    Turn(int64_t position, int64_t first, int64_t count, int64_t width, float theta) {
        for (int64_t i = 0; i < count; i++) {
            double angle = std::pow(double{theta}, -2.0 * static_cast<double>(first + i) / static_cast<double>(width));
            step_c[i] = std::cos(angle), step_s[i] = std::sin(angle);
            c[i] = std::cos(angle * static_cast<double>(position)),
            s[i] = std::sin(angle * static_cast<double>(position));
        }
        narrow(count);
    }

    void next(int64_t count) {
        for (int64_t i = 0; i < count; i++) {
            double turned = c[i] * step_c[i] - s[i] * step_s[i];
            s[i] = s[i] * step_c[i] + c[i] * step_s[i];
            c[i] = turned;
        }
        narrow(count);
    }

    void narrow(int64_t count) {
        for (int64_t i = 0; i < count; i++) cos[i] = static_cast<float>(c[i]), sin[i] = static_cast<float>(s[i]);
    }
};

// sign 1 rotates, -1 rotates back.
void rotate(const float* x, const int32_t* starts, float* y, int64_t b, int64_t t, int64_t heads, int64_t kv_heads,
            int64_t width, float theta, float sign, bool adds) {
    if (starts) require_indices("Rope", "starts", starts, b, (int64_t{1} << 31) - t);
    int64_t half = width / 2, row = (heads + 2 * kv_heads) * width, tiles = (t + tokens - 1) / tokens;
    parallel(b * tiles, [=](int64_t task) {
        int64_t batch = task / tiles, begin = task % tiles * tokens, end = std::min(t, begin + tokens);
        int64_t start = starts ? starts[batch] : 0;
        for (int64_t first = 0; first < half; first += pairs) {
            int64_t count = std::min(pairs, half - first);
            Turn turn(start + begin, first, count, width, theta);
            for (int64_t i = begin; i < end; i++) {
                for (int64_t head = 0; head < heads + kv_heads; head++) {
                    int64_t at = (batch * t + i) * row + head * width + first;
                    each(0, count, [&](int64_t j, auto step) {
                        vf c = step.load(turn.cos + j), s = step.load(turn.sin + j) * sign;
                        vf one = step.load(x + at + j), two = step.load(x + at + half + j);
                        step.put(y + at + j, one * c - two * s, adds);
                        step.put(y + at + half + j, one * s + two * c, adds);
                    });
                }
                if (i + 1 < end) turn.next(count);
            }
        }
        for (int64_t i = begin; i < end; i++) {
            int64_t at = (batch * t + i) * row + (heads + kv_heads) * width;
            each(0, kv_heads * width, [&](int64_t j, auto step) { step.put(y + at + j, step.load(x + at + j), adds); });
        }
    });
}

}  // namespace

CLOZE_EXPORT int64_t rope_forward(const float* x, const int32_t* starts, float* y, int64_t b, int64_t t, int64_t heads,
                                  int64_t kv_heads, int64_t width, float theta) noexcept try {
    rotate(x, starts, y, b, t, heads, kv_heads, width, theta, 1.f, false);
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t rope_backward(const int32_t* starts, const float* dy, float* dx, int64_t b, int64_t t,
                                   int64_t heads, int64_t kv_heads, int64_t width, float theta,
                                   int64_t accumulate) noexcept try {
    rotate(dy, starts, dx, b, t, heads, kv_heads, width, theta, -1.f, accumulate & 1);
    return ok;
}
CLOZE_CATCH
