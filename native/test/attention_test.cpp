#include <string>

#include "check.h"
#include "cloze/philox.h"
#include "cloze/tiles.h"

CLOZE_EXPORT int64_t attention_forward(const float* qkv, const int32_t* keep, float* y, float* lse, int64_t b,
                                       int64_t t, int64_t heads, int64_t kv_heads, int64_t width, int64_t causal,
                                       int64_t window, float scale, float rate, int64_t seed, int64_t offset);
CLOZE_EXPORT int64_t attention_backward(const float* qkv, const int32_t* keep, const float* y, const float* lse,
                                        const float* dy, float* dqkv, int64_t b, int64_t t, int64_t heads,
                                        int64_t kv_heads, int64_t width, int64_t causal, int64_t window, float scale,
                                        float rate, int64_t seed, int64_t offset, int64_t accumulate);

using namespace cloze;
using namespace cloze::test;

namespace {

constexpr int64_t seed = 0x123456789abc, offset = 0x500000003;

struct Attention {
    int64_t b, t, heads, kv_heads, width;
    bool causal = false;
    int64_t window = 0;
    bool padded = false;
    float rate = 0, size = 1;

    int64_t stride() const { return (heads + 2 * kv_heads) * width; }
    float scale() const { return 1 / std::sqrt(float(width)); }
    std::string name() const {
        char text[128];
        std::snprintf(text, sizeof text, "b%d t%d h%d/%d d%d causal %d window %d padded %d rate %g", int(b), int(t),
                      int(heads), int(kv_heads), int(width), causal, int(window), padded, double(rate));
        return text;
    }
};

// Row 0 keeps a prefix, row 1 scattered keys, row 2 nothing, row 3 all.
Ints keys_kept(const Attention& c) {
    Ints keep(size_t(c.b * c.t));
    for (int64_t i = 0; i < c.b; i++)
        for (int64_t j = 0; j < c.t; j++) {
            bool some[] = {j < (c.t + 1) / 2, j % 3 == 1 || j == c.t - 1, false, true};
            keep[size_t(i * c.t + j)] = some[i % 4];
        }
    return keep;
}

struct Reference {
    Attention c;
    Doubles qkv;
    Ints keep;
    Doubles y, lse, p, factor;  // p, factor [b, heads, t, t]

    Reference(const Attention& c, Doubles x) : c(c), qkv(std::move(x)), keep(keys_kept(c)) { forward(); }

    size_t q_at(int64_t b, int64_t i, int64_t h) const { return size_t((b * c.t + i) * c.stride() + h * c.width); }
    size_t k_at(int64_t b, int64_t j, int64_t h) const { return q_at(b, j, c.heads + h / (c.heads / c.kv_heads)); }
    size_t v_at(int64_t b, int64_t j, int64_t h) const { return k_at(b, j, h) + size_t(c.kv_heads * c.width); }
    size_t y_at(int64_t b, int64_t i, int64_t h) const { return size_t(((b * c.t + i) * c.heads + h) * c.width); }
    size_t p_at(int64_t b, int64_t h, int64_t i, int64_t j) const {
        return size_t(((b * c.heads + h) * c.t + i) * c.t + j);
    }

    bool sees(int64_t b, int64_t i, int64_t j) const {
        if (c.causal && j > i) return false;
        if (c.window > 0 && std::abs(i - j) >= c.window) return false;
        return !c.padded || keep[size_t(b * c.t + j)] != 0;
    }

    double keeps(int64_t b, int64_t h, int64_t i, int64_t j) const {
        auto numbers = Philox(seed, offset).at(uint32_t(j / 4), uint32_t((b * c.heads + h) * c.t + i));
        return uniform(numbers[size_t(j % 4)]) >= c.rate ? 1 / (1 - double(c.rate)) : 0;
    }

    void forward() {
        y.assign(size_t(c.b * c.t * c.heads * c.width), 0);
        lse.assign(size_t(c.b * c.heads * c.t), 0);
        p.assign(size_t(c.b * c.heads * c.t * c.t), 0);
        factor = p;
        for (int64_t b = 0; b < c.b; b++)
            for (int64_t h = 0; h < c.heads; h++)
                for (int64_t i = 0; i < c.t; i++) forward_row(b, h, i);
    }

    void forward_row(int64_t b, int64_t h, int64_t i) {
        double* row = &p[p_at(b, h, i, 0)];
        double top = -INFINITY, sum = 0;
        for (int64_t j = 0; j < c.t; j++) {
            for (int64_t d = 0; d < c.width; d++)
                row[j] += qkv[q_at(b, i, h) + size_t(d)] * qkv[k_at(b, j, h) + size_t(d)] * double(c.scale());
            if (!sees(b, i, j)) row[j] = -INFINITY;
            top = std::max(top, row[j]);
        }
        for (int64_t j = 0; j < c.t; j++) sum += row[j] = top == -INFINITY ? 0 : std::exp(row[j] - top);
        lse[size_t((b * c.heads + h) * c.t + i)] = top + std::log(sum);
        for (int64_t j = 0; j < c.t; j++) {
            row[j] = sum > 0 ? row[j] / sum : 0;
            factor[p_at(b, h, i, j)] = keeps(b, h, i, j);
            for (int64_t d = 0; d < c.width; d++)
                y[y_at(b, i, h) + size_t(d)] += row[j] * keeps(b, h, i, j) * qkv[v_at(b, j, h) + size_t(d)];
        }
    }

    Doubles backward(const Doubles& dy) const {
        Doubles dqkv(qkv.size());
        for (int64_t b = 0; b < c.b; b++)
            for (int64_t h = 0; h < c.heads; h++)
                for (int64_t i = 0; i < c.t; i++) backward_row(b, h, i, dy, dqkv);
        return dqkv;
    }

    void backward_row(int64_t b, int64_t h, int64_t i, const Doubles& dy, Doubles& dqkv) const {
        Doubles dp(size_t(c.t));
        double delta = 0;
        for (int64_t j = 0; j < c.t; j++) {
            for (int64_t d = 0; d < c.width; d++)
                dp[size_t(j)] += dy[y_at(b, i, h) + size_t(d)] * qkv[v_at(b, j, h) + size_t(d)];
            dp[size_t(j)] *= factor[p_at(b, h, i, j)];
            delta += p[p_at(b, h, i, j)] * dp[size_t(j)];
        }
        for (int64_t j = 0; j < c.t; j++) {
            double pij = p[p_at(b, h, i, j)], ds = pij * (dp[size_t(j)] - delta) * double(c.scale());
            for (int64_t d = 0; d < c.width; d++) {
                size_t q = q_at(b, i, h) + size_t(d), k = k_at(b, j, h) + size_t(d);
                dqkv[v_at(b, j, h) + size_t(d)] += pij * factor[p_at(b, h, i, j)] * dy[y_at(b, i, h) + size_t(d)];
                dqkv[q] += ds * qkv[k];
                dqkv[k] += ds * qkv[q];
            }
        }
    }
};

struct Forward {
    Floats y, lse;
};

Forward forward(const Attention& c, const Floats& qkv) {
    Forward out{nans(size_t(c.b * c.t * c.heads * c.width)), nans(size_t(c.b * c.heads * c.t))};
    Ints keep = keys_kept(c);
    attention_forward(qkv.data(), c.padded ? keep.data() : nullptr, out.y, out.lse, c.b, c.t, c.heads, c.kv_heads,
                      c.width, c.causal, c.window, c.scale(), c.rate, seed, offset);
    return out;
}

Floats backward(const Attention& c, const Floats& qkv, const Forward& f, const Floats& dy, Floats dqkv,
                int64_t accumulate) {
    Ints keep = keys_kept(c);
    attention_backward(qkv.data(), c.padded ? keep.data() : nullptr, f.y.data(), f.lse.data(), dy.data(), dqkv, c.b,
                       c.t, c.heads, c.kv_heads, c.width, c.causal, c.window, c.scale(), c.rate, seed, offset,
                       accumulate);
    return dqkv;
}

Floats input(const Attention& c) {
    return random(size_t(c.b * c.t * c.stride()), uint32_t(c.t * 31 + c.width), -2 * c.size, 2 * c.size);
}
Floats upstream(const Attention& c) {
    return random(size_t(c.b * c.t * c.heads * c.width), uint32_t(c.t * 17 + c.heads));
}

void check(const Attention& c) {
    Floats qkv = input(c), dy = upstream(c);
    Reference reference(c, wide(qkv));
    Forward out = forward(c, qkv);
    double loose = c.size > 1 ? 100 : 1;
    CHECK_NEAR(out.y, reference.y, 1e-5 * loose, 5e-6 * loose, c.name() + " y");
    CHECK_NEAR(out.lse, reference.lse, 1e-6, 5e-6, c.name() + " lse");
    Doubles expected = reference.backward(wide(dy));
    Floats dqkv = backward(c, qkv, out, dy, nans(qkv.size()), 0);
    CHECK_NEAR(dqkv, expected, 2e-5 * loose, 2e-5 * loose, c.name() + " dqkv");
    Floats before = random(qkv.size(), 3);
    for (size_t i = 0; i < expected.size(); i++) expected[i] += double(before[i]);
    CHECK_NEAR(backward(c, qkv, out, dy, before, 1), expected, 2e-5 * loose, 2e-5 * loose, c.name() + " added");
}

void check_masks(Attention c) {
    for (bool causal : {false, true})
        for (bool padded : {false, true})
            for (int64_t window : {int64_t{0}, int64_t{1}, int64_t{7}}) {
                c.causal = causal, c.padded = padded, c.window = window;
                check(c);
            }
}

}  // namespace

TEST(matches_the_reference_under_every_mask_at_every_length) {
    for (int64_t t : {1, 2, 3, 8, 16, 17, 31, 32, 33, 50, 65}) check_masks({4, t, 2, 2, 16});
}

TEST(matches_the_reference_at_every_width) {
    for (int64_t width : {1, 4, 5, 8, 24, 32, 33, 64, 80, 96, 128}) {
        check({2, 19, 2, 1, width, true});
        check({2, 40, 1, 1, width, false, 0, true});
    }
}

TEST(matches_the_reference_over_several_blocks) {
    for (int64_t t : {96, 97, 128, 200, 257, 300}) {
        check({1, t, 2, 1, 32, false});
        check({1, t, 2, 2, 8, true});
        check({2, t, 1, 1, 16, true, 40, true, 0.1f});
        check({2, t, 1, 1, 16, false, 100, true});
    }
    check({1, 700, 1, 1, 8, true, 300});
    check({1, 513, 1, 1, 8, false});
}

TEST(groups_of_heads_share_keys) {
    for (int64_t kv_heads : {1, 2, 3, 6}) {
        check({2, 37, 6, kv_heads, 16, true});
        check({3, 100, 6, kv_heads, 8, false, 9, true, 0.2f});
    }
}

TEST(drops_what_philox_says) {
    for (float rate : {0.1f, 0.5f, 0.9f})
        for (int64_t t : {1, 5, 18, 67, 130}) check({3, t, 2, 2, 16, t % 2 == 1, 0, t > 60, rate});
}

TEST(large_scores_do_not_overflow) {
    Attention c{1, 40, 2, 2, 16, true};
    c.size = 30;
    check(c);
}

TEST(the_backward_formula_is_the_slope_of_the_forward) {
    Attention c{4, 6, 4, 2, 3, true, 4, true, 0.25f};
    Doubles qkv = wide(input(c)), dy = wide(upstream(c));
    Reference reference(c, qkv);
    auto loss = [&] {
        reference.p.clear(), reference.qkv = qkv, reference.forward();
        double sum = 0;
        for (size_t i = 0; i < dy.size(); i++) sum += reference.y[i] * dy[i];
        return sum;
    };
    Doubles gradient = reference.backward(dy);
    for (size_t i = 0; i < qkv.size(); i++) CHECK(std::abs(slope(loss, qkv[i]) - gradient[i]) < 1e-7);
}

TEST(a_query_that_sees_nothing_yields_zero) {
    Attention c{3, 20, 2, 1, 8, false, 0, true};
    Floats qkv = input(c), dy = upstream(c);
    Forward out = forward(c, qkv);
    Floats dqkv = backward(c, qkv, out, dy, nans(qkv.size()), 0);
    for (int64_t i = 2 * c.t; i < 3 * c.t; i++) {
        for (int64_t d = 0; d < c.heads * c.width; d++) CHECK(out.y[size_t(i * c.heads * c.width + d)] == 0);
        for (int64_t d = 0; d < c.stride(); d++) CHECK(dqkv[size_t(i * c.stride() + d)] == 0);
    }
    for (int64_t i = 2 * c.heads * c.t; i < 3 * c.heads * c.t; i++) CHECK(out.lse[size_t(i)] == -INFINITY);
}

TEST(gives_the_same_bits_at_any_thread_count) {
    for (Attention c : {Attention{3, 70, 4, 2, 32, true, 0, false, 0.1f}, Attention{2, 600, 2, 1, 8, true}}) {
        Floats qkv = input(c), dy = upstream(c);
        CHECK_SAME_AT_ANY_THREAD_COUNT([&] { return forward(c, qkv).y; });
        Forward out = forward(c, qkv);
        CHECK_SAME_AT_ANY_THREAD_COUNT([&] { return backward(c, qkv, out, dy, nans(qkv.size()), 0); });
    }
}

TEST(another_offset_drops_others) {
    Attention c{1, 64, 1, 1, 8, false, 0, false, 0.5f};
    Floats qkv = input(c), other = nans(size_t(c.t * c.width)), lse = nans(size_t(c.t));
    attention_forward(qkv.data(), nullptr, other, lse, 1, c.t, 1, 1, c.width, 0, 0, c.scale(), c.rate, seed,
                      offset + 1);
    Forward out = forward(c, qkv);
    CHECK(!same_bits(out.y, other));
    CHECK(same_bits(out.lse, lse));
}

TEST(a_nan_reaches_the_queries_that_see_it) {
    Attention c{1, 40, 1, 1, 16, true};
    for (int64_t part = 0; part < 3; part++) {
        Floats qkv = input(c);
        qkv[size_t(25 * c.stride() + part * c.width + 3)] = std::nanf("");
        Forward out = forward(c, qkv);
        for (int64_t i = 0; i < c.t; i++) {
            bool reached = part == 0 ? i == 25 : i >= 25;
            bool seen = std::isnan(out.y[size_t(i * c.width + 3)]);
            CHECK(reached ? seen : !seen || i / panel == 25 / panel);
        }
        Floats dqkv = backward(c, qkv, out, upstream(c), nans(qkv.size()), 0);
        CHECK(std::isnan(dqkv[size_t(25 * c.stride())]));
    }
}

TEST(empty_extents_are_nothing) {
    float none = 7;
    for (int64_t i = 0; i < 4; i++) {
        int64_t n[4] = {1, 1, 1, 1};
        n[i] = 0;
        if (i == 3) continue;
        int64_t kv = n[2];
        attention_forward(&none, nullptr, &none, &none, n[0], n[1], n[2], kv, 1, 0, 0, 1, 0, 1, 1);
        attention_backward(&none, nullptr, &none, &none, &none, &none, n[0], n[1], n[2], kv, 1, 0, 0, 1, 0, 1, 1, 0);
        CHECK(none == 7);
    }
}
