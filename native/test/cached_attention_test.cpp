#include "check.h"

CLOZE_EXPORT int64_t cached_attention_forward(const float* qkv, const int32_t* starts, float* keys, float* values,
                                              float* y, int64_t b, int64_t t, int64_t capacity, int64_t heads,
                                              int64_t kv_heads, int64_t width, int64_t window, float scale);
CLOZE_EXPORT int64_t attention_forward(const float* qkv, const int32_t* keep, float* y, float* lse, int64_t b,
                                       int64_t t, int64_t heads, int64_t kv_heads, int64_t width, int64_t causal,
                                       int64_t window, float scale, float rate, int64_t seed, int64_t offset);

using namespace cloze::test;

namespace {

struct Cached {
    int64_t b, t, capacity, heads, kv_heads, width, window = 0;
    std::vector<int32_t> starts;

    int64_t stride() const { return (heads + 2 * kv_heads) * width; }
    int64_t cached() const { return kv_heads * width; }
};

struct Result {
    Floats keys, values, y;
};

Result run(const Cached& c, const Floats& qkv, const Floats& keys, const Floats& values) {
    Result out{keys, values, nans(size_t(c.b * c.t * c.heads * c.width))};
    cached_attention_forward(qkv.data(), c.starts.data(), out.keys, out.values, out.y, c.b, c.t, c.capacity, c.heads,
                             c.kv_heads, c.width, c.window, 0.3f);
    return out;
}

// The caches after the new tokens are written.
void write(const Cached& c, const Floats& qkv, Doubles& keys, Doubles& values) {
    for (int64_t b = 0; b < c.b; b++)
        for (int64_t i = 0; i < c.t; i++)
            for (int64_t d = 0; d < c.cached(); d++) {
                size_t from = size_t((b * c.t + i) * c.stride() + c.heads * c.width + d);
                size_t to = size_t((b * c.capacity + c.starts[size_t(b)] + i) * c.cached() + d);
                keys[to] = double(qkv[from]), values[to] = double(qkv[from + size_t(c.cached())]);
            }
}

void attend_row(const Cached& c, const Floats& qkv, const Doubles& keys, const Doubles& values, int64_t b, int64_t i,
                int64_t h, double* y) {
    int64_t position = c.starts[size_t(b)] + i, kv = h / (c.heads / c.kv_heads);
    int64_t low = c.window ? std::max<int64_t>(0, position - c.window + 1) : 0;
    size_t q = size_t((b * c.t + i) * c.stride() + h * c.width);
    double sum = 0;
    for (int64_t j = low; j <= position; j++) {
        size_t at = size_t((b * c.capacity + j) * c.cached() + kv * c.width);
        double s = 0;
        for (size_t d = 0; d < size_t(c.width); d++) s += double(qkv[q + d]) * keys[at + d] * double(0.3f);
        sum += std::exp(s);
        for (size_t d = 0; d < size_t(c.width); d++) y[d] += std::exp(s) * values[at + d];
    }
    for (int64_t d = 0; d < c.width; d++) y[d] /= sum;
}

void check(const Cached& c) {
    Floats qkv = random(size_t(c.b * c.t * c.stride()), 1), keys = random(size_t(c.b * c.capacity * c.cached()), 2);
    Floats values = random(keys.size(), 3);
    for (int64_t b = 0; b < c.b; b++)  // what is not yet written must not be read
        for (int64_t d = (b * c.capacity + c.starts[size_t(b)]) * c.cached(); d < (b + 1) * c.capacity * c.cached();
             d++)
            keys[size_t(d)] = values[size_t(d)] = std::nanf("");
    Doubles all_keys = wide(keys), all_values = wide(values), y(size_t(c.b * c.t * c.heads * c.width));
    write(c, qkv, all_keys, all_values);
    for (int64_t b = 0; b < c.b; b++)
        for (int64_t i = 0; i < c.t; i++)
            for (int64_t h = 0; h < c.heads; h++)
                attend_row(c, qkv, all_keys, all_values, b, i, h, &y[size_t(((b * c.t + i) * c.heads + h) * c.width)]);
    Result out = run(c, qkv, keys, values);
    CHECK_NEAR(out.y, y, 1e-5, 5e-6, "t " + std::to_string(c.t) + " width " + std::to_string(c.width));
    CHECK_NEAR(out.keys, all_keys, 0, 0);
    CHECK_NEAR(out.values, all_values, 0, 0);
}

}  // namespace

TEST(one_token_sees_all_that_came_before) {
    for (int64_t width : {1, 5, 8, 16, 32, 64, 72, 128})
        for (int32_t start : {0, 1, 6, 17, 100, 255, 256, 600}) check({2, 1, 700, 4, 2, width, 0, {start, start / 2}});
}

TEST(several_tokens_see_what_precedes_them) {
    for (int64_t t : {2, 3, 4, 5, 17, 40, 300})
        for (int32_t start : {0, 9, 300}) check({2, t, 640, 3, 3, 16, 0, {start, start + 7}});
}

TEST(a_window_hides_what_is_far) {
    for (int64_t t : {1, 3, 20, 90})
        for (int64_t window : {1, 5, 50, 1000}) check({2, t, 400, 2, 1, 24, window, {0, 290}});
}

TEST(token_by_token_is_the_same_as_all_at_once) {
    Cached c{1, 30, 30, 4, 2, 16, 0, {0}};
    Floats qkv = random(size_t(c.t * c.stride()), 8), keys = nans(size_t(c.capacity * c.cached())), values = keys;
    Floats whole = nans(size_t(c.t * c.heads * c.width)), lse = nans(size_t(c.heads * c.t));
    attention_forward(qkv.data(), nullptr, whole, lse, 1, c.t, c.heads, c.kv_heads, c.width, 1, 0, 0.3f, 0, 0, 0);
    for (int32_t i = 0; i < c.t; i++) {
        Floats y = nans(size_t(c.heads * c.width));
        cached_attention_forward(qkv.data() + i * c.stride(), &i, keys, values, y, 1, 1, c.capacity, c.heads,
                                 c.kv_heads, c.width, 0, 0.3f);
        Doubles expected;
        for (size_t d = 0; d < y.size(); d++) expected.push_back(double(whole[size_t(i) * y.size() + d]));
        CHECK_NEAR(y, expected, 1e-5, 1e-6);
    }
}

TEST(gives_the_same_bits_at_any_thread_count) {
    for (int64_t t : {1, 300}) {
        Cached c{3, t, 900, 4, 2, 32, 0, {500, 3, 77}};
        Floats qkv = random(size_t(c.b * c.t * c.stride()), 1), keys = random(size_t(c.b * c.capacity * c.cached()), 2);
        CHECK_SAME_AT_ANY_THREAD_COUNT([&] { return run(c, qkv, keys, keys).y; });
    }
}

TEST(empty_extents_are_nothing) {
    float one = 7;
    int32_t start = 0;
    cached_attention_forward(&one, &start, &one, &one, &one, 0, 1, 1, 1, 1, 1, 0, 1);
    cached_attention_forward(&one, &start, &one, &one, &one, 1, 0, 1, 1, 1, 1, 0, 1);
    cached_attention_forward(&one, &start, &one, &one, &one, 1, 1, 1, 0, 0, 1, 0, 1);
    CHECK(one == 7);
}
