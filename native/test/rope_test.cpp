#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t rope_forward(const float* x, const int32_t* starts, float* y, int64_t b, int64_t t, int64_t heads,
                                  int64_t kv_heads, int64_t width, float theta);
CLOZE_EXPORT int64_t rope_backward(const int32_t* starts, const float* dy, float* dx, int64_t b, int64_t t,
                                   int64_t heads, int64_t kv_heads, int64_t width, float theta, int64_t accumulate);

namespace {

struct Shape {
    int64_t b, t, heads, kv_heads, width;
    size_t size() const { return size_t(b * t * (heads + 2 * kv_heads) * width); }
};

Doubles rope(const Doubles& x, const int32_t* starts, Shape s, double theta) {
    int64_t row = (s.heads + 2 * s.kv_heads) * s.width, half = s.width / 2;
    Doubles y = x;
    for (int64_t token = 0; token < s.b * s.t; token++)
        for (int64_t head = 0; head < s.heads + s.kv_heads; head++)
            for (int64_t i = 0; i < half; i++) {
                double position = double((starts ? starts[token / s.t] : 0) + token % s.t);
                double angle = position * std::pow(theta, -2.0 * double(i) / double(s.width));
                int64_t at = token * row + head * s.width + i;
                y[at] = x[at] * std::cos(angle) - x[at + half] * std::sin(angle);
                y[at + half] = x[at] * std::sin(angle) + x[at + half] * std::cos(angle);
            }
    return y;
}

void check(Shape s, bool with_starts, bool differences) {
    Floats x = random(s.size(), 1), y = nans(s.size()), dy = random(s.size(), 2);
    Ints offsets = integers(s.b, 3, 2000);
    const int32_t* starts = with_starts ? offsets.data() : nullptr;
    rope_forward(x, starts, y, s.b, s.t, s.heads, s.kv_heads, s.width, 10000);
    Doubles at = wide(x);
    auto run = [&] { return rope(at, starts, s, 10000); };
    CHECK_NEAR(y, run(), 1e-6, 3e-7);
    if (!differences) return;
    for (bool add : {false, true}) {
        Floats dx = before(s.size(), add);
        rope_backward(starts, dy, dx, s.b, s.t, s.heads, s.kv_heads, s.width, 10000, add);
        CHECK_NEAR(dx, after(gradient(run, at, dy), add), 1e-6, 1e-6);
    }
}

}  // namespace

TEST(agrees_with_the_formula_and_differences) {
    for (int64_t width : {2, 6, 8, 14, 32, 34})
        for (bool starts : {false, true}) {
            check({1, 1, 1, 1, width}, starts, true);
            check({2, 3, 2, 1, width}, starts, true);
        }
}

TEST(far_positions_and_wide_heads_stay_exact) {
    check({2, 300, 1, 1, 64}, true, false);
    check({1, 130, 1, 1, 200}, false, false);
    check({0, 3, 2, 1, 8}, false, false);
}

TEST(does_not_depend_on_threads) {
    Shape s{3, 200, 4, 2, 32};
    Floats x = random(s.size(), 1);
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
        Floats y = nans(s.size());
        rope_forward(x, nullptr, y, s.b, s.t, s.heads, s.kv_heads, s.width, 10000);
        return y;
    });
}
