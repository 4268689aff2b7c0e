#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t layer_norm_forward(const float* x, const float* residual, const float* weight, const float* bias,
                                        float* y, float* sum, float* mean, float* rstd, int64_t n, int64_t d,
                                        float epsilon);
CLOZE_EXPORT int64_t layer_norm_backward(const float* s, const float* weight, const float* mean, const float* rstd,
                                         const float* dy, const float* dsum, float* dx, float* dweight, float* dbias,
                                         int64_t n, int64_t d, int64_t accumulate);

namespace {

constexpr float epsilon = 1e-2f;

struct Norm {
    Doubles s, weight, bias, mean, rstd;

    Doubles operator()() {
        size_t d = weight.size(), n = s.size() / d;
        Doubles y(n * d);
        mean.assign(n, 0), rstd.assign(n, 0);
        for (size_t r = 0; r < n; r++) {
            double sum = 0, square = 0;
            for (size_t i = 0; i < d; i++) sum += s[r * d + i];
            for (size_t i = 0; i < d; i++) square += std::pow(s[r * d + i] - sum / double(d), 2);
            mean[r] = sum / double(d), rstd[r] = 1 / std::sqrt(square / double(d) + double(epsilon));
            for (size_t i = 0; i < d; i++) y[r * d + i] = (s[r * d + i] - mean[r]) * rstd[r] * weight[i] + bias[i];
        }
        return y;
    }
};

void forward(int64_t n, int64_t d, bool with_residual, float centre) {
    Floats x = random(n * d, 1, centre - 1, centre + 1), residual = random(n * d, 2), weight = random(d, 3);
    Floats bias = random(d, 4), y = nans(n * d), sum = nans(n * d), mean = nans(n), rstd = nans(n);
    layer_norm_forward(x, with_residual ? residual.data() : nullptr, weight, bias, y,
                       with_residual ? sum.data() : nullptr, mean, rstd, n, d, epsilon);
    Norm norm{wide(x), wide(weight), wide(bias), {}, {}};
    if (with_residual)
        for (int64_t i = 0; i < n * d; i++) norm.s[i] = double(x[i] + residual[i]);
    Doubles expected = norm();
    CHECK_NEAR(y, expected, 1e-5, 3e-6 + 1e-6 * double(centre));
    CHECK_NEAR(mean, norm.mean, 1e-6, 1e-6);
    CHECK_NEAR(rstd, norm.rstd, 1e-5, 1e-6);
    if (with_residual) CHECK_NEAR(sum, norm.s, 0, 0);
}

void backward(int64_t n, int64_t d, int64_t accumulate, bool with_dsum, bool same) {
    Floats s = random(n * d, 1), weight = random(d, 2), bias = random(d, 3), dy = random(n * d, 4);
    Norm norm{wide(s), wide(weight), wide(bias), {}, {}};
    norm();
    Floats mean(n), rstd(n), dsum = random(n * d, 5);
    for (int64_t i = 0; i < n; i++) mean[i] = float(norm.mean[i]), rstd[i] = float(norm.rstd[i]);
    Floats dx = before(n * d, accumulate & 1), dw = before(d, accumulate & 2), db = before(d, accumulate & 4);
    Floats into = dsum;
    layer_norm_backward(s, weight, mean, rstd, dy,
                        same        ? into.data()
                        : with_dsum ? dsum.data()
                                    : nullptr,
                        same ? into.data() : dx.data(), dw, db, n, d, accumulate);
    auto run = [&] { return norm(); };
    Doubles ds = gradient(run, norm.s, dy);
    if (with_dsum)
        for (int64_t i = 0; i < n * d; i++) ds[i] += double(dsum[i]);
    CHECK_NEAR(same ? into : dx, after(ds, accumulate & 1), 2e-5, 1e-5);
    CHECK_NEAR(dw, after(gradient(run, norm.weight, dy), accumulate & 2), 1e-5, 1e-5);
    CHECK_NEAR(db, after(gradient(run, norm.bias, dy), accumulate & 4), 1e-5, 1e-5);
}

}  // namespace

TEST(agrees_with_the_formula) {
    for (int64_t n : {0, 1, 2, 7})
        for (int64_t d : {1, 2, 7, 31, 32, 33, 127, 384, 1000})
            for (bool residual : {false, true}) forward(n, d, residual, 0);
}

TEST(large_means_do_not_cancel) {
    forward(3, 384, false, 100);
    forward(3, 768, true, 1000);
}

TEST(gradients_agree_with_differences) {
    for (int64_t n : {1, 2, 5, 9})
        for (int64_t d : odd_extents) backward(n, d, 0, n % 2 == 0, false);
}

TEST(every_accumulate_bit_adds) {
    for (int64_t accumulate = 0; accumulate < 8; accumulate++) {
        backward(6, 17, accumulate, false, false);
        backward(6, 17, accumulate, true, false);
    }
}

TEST(dx_may_be_dsum) {
    for (int64_t d : odd_extents) backward(5, d, 6, true, true);
}

TEST(gradients_may_be_unwanted) {
    Floats s = random(35, 1), weight = random(7, 2), mean = random(5, 3), rstd = random(5, 4, 1, 2), dy = random(35, 5);
    Floats dx = nans(35), dw = nans(7), db = nans(7), dx2 = nans(35), dw2 = nans(7), db2 = nans(7);
    layer_norm_backward(s, weight, mean, rstd, dy, nullptr, dx, dw, db, 5, 7, 0);
    layer_norm_backward(s, weight, mean, rstd, dy, nullptr, dx2, nullptr, nullptr, 5, 7, 0);
    layer_norm_backward(s, weight, mean, rstd, dy, nullptr, nullptr, dw2, nullptr, 5, 7, 0);
    layer_norm_backward(s, weight, mean, rstd, dy, nullptr, nullptr, nullptr, db2, 5, 7, 0);
    CHECK(same_bits(dx, dx2) && same_bits(dw, dw2) && same_bits(db, db2));
    layer_norm_backward(s, weight, mean, rstd, dy, nullptr, dx, dw, db, 0, 7, 0);
    CHECK(dw[0] == 0 && db[6] == 0);
}

TEST(does_not_depend_on_threads) {
    int64_t n = 1087, d = 193;
    Floats s = random(n * d, 1), weight = random(d, 2), mean = random(n, 3), rstd = random(n, 4, 1, 2);
    Floats dy = random(n * d, 5);
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
        Floats all = nans(n * d + 2 * d);
        layer_norm_backward(s, weight, mean, rstd, dy, nullptr, all.data(), all.data() + n * d, all.data() + n * d + d,
                            n, d, 0);
        return all;
    });
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
        Floats y = nans(n * d), m = nans(n), r = nans(n);
        layer_norm_forward(s, nullptr, weight, weight, y, nullptr, m, r, n, d, epsilon);
        return y;
    });
}

TEST(a_nan_spoils_its_row_only) {
    Floats x = random(3 * 33, 1), weight = random(33, 2), y = nans(99), mean = nans(3), rstd = nans(3);
    x[40] = NAN;
    layer_norm_forward(x, nullptr, weight, weight, y, nullptr, mean, rstd, 3, 33, epsilon);
    for (int i = 0; i < 99; i++) CHECK(std::isnan(y[i]) == (i / 33 == 1));
}
