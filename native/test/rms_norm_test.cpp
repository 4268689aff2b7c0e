#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t rms_norm_forward(const float* x, const float* residual, const float* weight, float* y, float* sum,
                                      float* rstd, int64_t n, int64_t d, float epsilon);
CLOZE_EXPORT int64_t rms_norm_backward(const float* s, const float* weight, const float* rstd, const float* dy,
                                       const float* dsum, float* dx, float* dweight, int64_t n, int64_t d,
                                       int64_t accumulate);

namespace {

constexpr float epsilon = 1e-2f;

struct Norm {
    Doubles s, weight, rstd;

    Doubles operator()() {
        size_t d = weight.size(), n = s.size() / d;
        Doubles y(n * d);
        rstd.assign(n, 0);
        for (size_t r = 0; r < n; r++) {
            double square = 0;
            for (size_t i = 0; i < d; i++) square += s[r * d + i] * s[r * d + i];
            rstd[r] = 1 / std::sqrt(square / double(d) + double(epsilon));
            for (size_t i = 0; i < d; i++) y[r * d + i] = s[r * d + i] * rstd[r] * weight[i];
        }
        return y;
    }
};

void backward(int64_t n, int64_t d, int64_t accumulate, bool with_dsum, bool same) {
    Floats s = random(n * d, 1), weight = random(d, 2), dy = random(n * d, 4), dsum = random(n * d, 5), rstd(n);
    Norm norm{wide(s), wide(weight), {}};
    norm();
    for (int64_t i = 0; i < n; i++) rstd[i] = float(norm.rstd[i]);
    Floats dx = before(n * d, accumulate & 1), dw = before(d, accumulate & 2), into = dsum;
    rms_norm_backward(s, weight, rstd, dy,
                      same        ? into.data()
                      : with_dsum ? dsum.data()
                                  : nullptr,
                      same ? into.data() : dx.data(), dw, n, d, accumulate);
    auto run = [&] { return norm(); };
    Doubles ds = gradient(run, norm.s, dy);
    if (with_dsum)
        for (int64_t i = 0; i < n * d; i++) ds[i] += double(dsum[i]);
    CHECK_NEAR(same ? into : dx, after(ds, accumulate & 1), 2e-5, 1e-5);
    CHECK_NEAR(dw, after(gradient(run, norm.weight, dy), accumulate & 2), 1e-5, 1e-5);
}

}  // namespace

TEST(agrees_with_the_formula) {
    for (int64_t n : {0, 1, 2, 7})
        for (int64_t d : {1, 2, 7, 31, 32, 33, 127, 384, 1000})
            for (bool add : {false, true}) {
                Floats x = random(n * d, 1), residual = random(n * d, 2), weight = random(d, 3);
                Floats y = nans(n * d), sum = nans(n * d), rstd = nans(n);
                rms_norm_forward(x, add ? residual.data() : nullptr, weight, y, add ? sum.data() : nullptr, rstd, n, d,
                                 epsilon);
                Norm norm{wide(x), wide(weight), {}};
                if (add)
                    for (int64_t i = 0; i < n * d; i++) norm.s[i] = double(x[i] + residual[i]);
                Doubles expected = norm();
                CHECK_NEAR(y, expected, 1e-5, 1e-6);
                CHECK_NEAR(rstd, norm.rstd, 1e-5, 1e-6);
                if (add) CHECK_NEAR(sum, norm.s, 0, 0);
            }
}

TEST(gradients_agree_with_differences) {
    for (int64_t n : {1, 2, 5, 9})
        for (int64_t d : odd_extents) backward(n, d, 0, n % 2 == 0, false);
}

TEST(every_accumulate_bit_adds) {
    for (int64_t accumulate = 0; accumulate < 4; accumulate++) {
        backward(6, 17, accumulate, false, false);
        backward(6, 17, accumulate, true, false);
    }
}

TEST(dx_may_be_dsum) {
    for (int64_t d : odd_extents) backward(5, d, 2, true, true);
}

TEST(gradients_may_be_unwanted) {
    Floats s = random(35, 1), weight = random(7, 2), rstd = random(5, 4, 1, 2), dy = random(35, 5);
    Floats dx = nans(35), dw = nans(7), dx2 = nans(35), dw2 = nans(7);
    rms_norm_backward(s, weight, rstd, dy, nullptr, dx, dw, 5, 7, 0);
    rms_norm_backward(s, weight, rstd, dy, nullptr, dx2, nullptr, 5, 7, 0);
    rms_norm_backward(s, weight, rstd, dy, nullptr, nullptr, dw2, 5, 7, 0);
    CHECK(same_bits(dx, dx2) && same_bits(dw, dw2));
}

TEST(does_not_depend_on_threads) {
    int64_t n = 1087, d = 193;
    Floats s = random(n * d, 1), weight = random(d, 2), rstd = random(n, 4, 1, 2), dy = random(n * d, 5);
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
        Floats all = nans(n * d + d);
        rms_norm_backward(s, weight, rstd, dy, nullptr, all.data(), all.data() + n * d, n, d, 0);
        return all;
    });
}
