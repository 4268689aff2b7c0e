#include "check.h"

CLOZE_EXPORT int64_t masked_softmax_forward(const float* scores, const int32_t* mask, float* p, int64_t n, int64_t k);
CLOZE_EXPORT int64_t masked_softmax_backward(const float* p, const float* dp, float* dscores, int64_t n, int64_t k,
                                             int64_t accumulate);

using namespace cloze::test;

namespace {

constexpr int64_t widths[] = {1, 2, 7, 8, 15, 16, 17, 31, 33, 64, 100, 1000};

// Row 0 keeps nothing, row 1 all, others some.
Ints some_mask(int64_t n, int64_t k) {
    Ints mask(size_t(n * k));
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < k; j++) mask[size_t(i * k + j)] = i == 0 ? 0 : i == 1 ? 1 : (i * 7 + j * 5) % 3 != 0;
    return mask;
}

Doubles softmax(const Doubles& scores, const Ints& mask, int64_t n, int64_t k) {
    Doubles p(scores.size());
    for (int64_t i = 0; i < n; i++) {
        double top = -INFINITY, sum = 0;
        for (int64_t j = i * k; j < (i + 1) * k; j++)
            if (mask[size_t(j)]) top = std::max(top, scores[size_t(j)]);
        for (int64_t j = i * k; j < (i + 1) * k; j++)
            if (mask[size_t(j)]) sum += p[size_t(j)] = std::exp(scores[size_t(j)] - top);
        for (int64_t j = i * k; j < (i + 1) * k; j++)
            if (sum > 0) p[size_t(j)] /= sum;
    }
    return p;
}

Doubles gradient(const Doubles& p, const Doubles& dp, int64_t n, int64_t k) {
    Doubles ds(p.size());
    for (int64_t i = 0; i < n; i++) {
        double dot = 0;
        for (int64_t j = i * k; j < (i + 1) * k; j++) dot += p[size_t(j)] * dp[size_t(j)];
        for (int64_t j = i * k; j < (i + 1) * k; j++) ds[size_t(j)] = p[size_t(j)] * (dp[size_t(j)] - dot);
    }
    return ds;
}

Floats forward(const Floats& scores, const Ints& mask, int64_t n, int64_t k) {
    Floats p = nans(size_t(n * k));
    masked_softmax_forward(scores.data(), mask.data(), p, n, k);
    return p;
}

}  // namespace

TEST(matches_the_reference) {
    for (int64_t k : widths)
        for (float size : {1.f, 50.f}) {
            int64_t n = 5;
            Floats scores = random(size_t(n * k), uint32_t(k), -size, size), dp = random(size_t(n * k), 9);
            Ints mask = some_mask(n, k);
            Doubles p = softmax(wide(scores), mask, n, k), ds = gradient(p, wide(dp), n, k);
            Floats actual = forward(scores, mask, n, k);
            CHECK_NEAR(actual, p, 5e-6, 1e-9);
            Floats dscores = nans(size_t(n * k));
            masked_softmax_backward(actual.data(), dp.data(), dscores, n, k, 0);
            CHECK_NEAR(dscores, ds, 1e-5, 1e-6);
            Floats before = random(size_t(n * k), 4);
            for (size_t i = 0; i < ds.size(); i++) ds[i] += double(before[i]);
            masked_softmax_backward(actual.data(), dp.data(), before, n, k, 1);
            CHECK_NEAR(before, ds, 1e-5, 1e-6);
        }
}

TEST(the_backward_formula_is_the_slope_of_the_forward) {
    int64_t n = 3, k = 7;
    Doubles scores = wide(random(size_t(n * k), 1)), dp = wide(random(size_t(n * k), 2));
    Ints mask = some_mask(n, k);
    auto loss = [&] {
        Doubles p = softmax(scores, mask, n, k);
        double sum = 0;
        for (size_t i = 0; i < p.size(); i++) sum += p[i] * dp[i];
        return sum;
    };
    Doubles ds = gradient(softmax(scores, mask, n, k), dp, n, k);
    for (size_t i = 0; i < ds.size(); i++) CHECK(std::abs(slope(loss, scores[i]) - ds[i]) < 1e-8);
}

TEST(a_row_with_nothing_kept_is_zero_whatever_its_scores) {
    Floats scores = nans(24);
    Ints mask(24);
    for (auto& m : mask) m = 0;
    for (float p : forward(scores, mask, 2, 12)) CHECK(p == 0);
}

TEST(a_nan_that_is_kept_reaches_its_row_only) {
    Floats scores = random(60, 5);
    Ints mask = some_mask(3, 20);
    scores[25] = std::nanf("");
    Floats p = forward(scores, mask, 3, 20);
    for (size_t j = 0; j < 20; j++) CHECK(p[j] == 0 && std::isnan(p[20 + j]) && !std::isnan(p[40 + j]));
}

TEST(gives_the_same_bits_at_any_thread_count) {
    int64_t n = 3000, k = 50;
    Floats scores = random(size_t(n * k), 6), dp = random(size_t(n * k), 7);
    Ints mask = some_mask(n, k);
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] { return forward(scores, mask, n, k); });
    Floats p = forward(scores, mask, n, k);
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
        Floats ds = nans(size_t(n * k));
        masked_softmax_backward(p.data(), dp.data(), ds, n, k, 0);
        return ds;
    });
}

TEST(empty_extents_are_nothing) {
    float one = 7;
    int32_t keep = 1;
    for (int64_t n : {0, 3}) {
        masked_softmax_forward(&one, &keep, &one, n, n ? 0 : 5);
        masked_softmax_backward(&one, &one, &one, n, n ? 0 : 5, 0);
    }
    masked_softmax_backward(&one, &one, nullptr, 1, 1, 0);
    CHECK(one == 7);
}
