#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t softmax_cross_entropy_forward(float* logits, const int32_t* targets, float* loss, float* row_loss,
                                                   int64_t n, int64_t v, int64_t columns, int64_t ignore_index,
                                                   float label_smoothing, int64_t gradient);
CLOZE_EXPORT int64_t softmax_cross_entropy_backward(const float* dloss, float* dlogits, int64_t n, int64_t columns);

namespace {

struct Reference {
    Doubles rows, loss, gradient;

    Reference(const Doubles& x, const Ints& targets, int64_t n, int64_t v, int64_t ignore, double smoothing)
        : rows(n, 0.0), loss(1, 0.0), gradient(n * v, 0.0) {
        double counted = 0;
        for (int64_t r = 0; r < n; r++) counted += targets[r] != ignore;
        for (int64_t r = 0; r < n; r++) {
            if (targets[r] == ignore) continue;
            double top = -INFINITY, sum = 0;
            for (int64_t j = 0; j < v; j++) top = std::max(top, x[r * v + j]);
            for (int64_t j = 0; j < v; j++) sum += std::exp(x[r * v + j] - top);
            for (int64_t j = 0; j < v; j++) {
                double want = (j == targets[r]) * (1 - smoothing) + smoothing / double(v);
                double p = std::exp(x[r * v + j] - top) / sum;
                if (want != 0) rows[r] -= want * (x[r * v + j] - top - std::log(sum));
                gradient[r * v + j] = (p - want) / counted;
            }
            loss[0] += rows[r] / counted;
        }
    }
};

void check(int64_t n, int64_t v, float smoothing, float scale) {
    Floats x = random(n * v, uint32_t(v), -scale, scale), kept = x, loss = nans(1), rows = nans(n);
    Ints targets = integers(n, 7, int32_t(v));
    for (int64_t r = 2; r < n; r += 3) targets[r] = -100;
    Reference reference(wide(x), targets, n, v, -100, double(smoothing));
    softmax_cross_entropy_forward(kept, targets, loss, rows, n, v, v, -100, smoothing, 0);
    CHECK(same_bits(x, kept));
    CHECK_NEAR(loss, reference.loss, 1e-5, 1e-6);
    CHECK_NEAR(rows, reference.rows, 1e-5, 1e-5);
    Floats loss2 = nans(1), rows2 = nans(n);
    softmax_cross_entropy_forward(x, targets, loss2, rows2, n, v, v, -100, smoothing, 1);
    CHECK(same_bits(loss, loss2) && same_bits(rows, rows2));
    CHECK_NEAR(x, reference.gradient, 1e-5, 2e-7);
}

}  // namespace

TEST(loss_and_gradient_agree_with_the_formula) {
    for (int64_t n : {0, 1, 2, 7})
        for (int64_t v : {1, 2, 7, 31, 32, 33, 61, 127, 128, 129, 5003})
            for (float smoothing : {0.f, 0.1f}) check(n, v, smoothing, 4);
}

TEST(large_logits_neither_overflow_nor_vanish) {
    check(5, 1003, 0, 1000);
}

TEST(columns_that_are_no_classes_do_not_matter) {
    for (int64_t v : {1, 31, 65, 5003}) {
        int64_t n = 5, columns = v + 7;
        Floats dense = random(n * v, 5, -4, 4), x = nans(n * columns), loss = nans(1), rows = nans(n);
        for (int64_t r = 0; r < n; r++) std::copy_n(dense.data() + r * v, v, x.data() + r * columns);
        Floats kept = x, loss2 = nans(1), rows2 = nans(n);
        Ints targets = integers(n, 7, int32_t(v));
        targets[2] = -100;
        softmax_cross_entropy_forward(kept, targets, loss, rows, n, v, columns, -100, 0.1f, 0);
        CHECK(same_bits(x, kept));
        softmax_cross_entropy_forward(x, targets, loss, rows, n, v, columns, -100, 0.1f, 1);
        softmax_cross_entropy_forward(dense, targets, loss2, rows2, n, v, v, -100, 0.1f, 1);
        CHECK(same_bits(loss, loss2) && same_bits(rows, rows2) && x.intact());
        for (int64_t i = 0; i < n * columns; i++) {
            int64_t r = i / columns, c = i % columns;
            CHECK(x[i] == (c < v ? dense[r * v + c] : 0.f));
        }
    }
}

TEST(reference_gradient_agrees_with_differences) {
    int64_t n = 3, v = 7;
    Doubles x = wide(random(n * v, 1, -3, 3));
    Ints targets = integers(n, 2, 7);
    Floats one = filled(1, 1);
    Doubles slopes = gradient([&] { return Reference(x, targets, n, v, -1, 0.1).loss; }, x, one);
    Doubles formula = Reference(x, targets, n, v, -1, 0.1).gradient;
    for (int64_t i = 0; i < n * v; i++) CHECK(std::abs(slopes[i] - formula[i]) < 1e-8);
}

TEST(nothing_counted_is_zero) {
    Floats x = random(33 * 3, 1), loss = nans(1), rows = nans(3);
    Ints targets(3);
    for (auto& t : targets) t = 4;
    softmax_cross_entropy_forward(x, targets, loss, rows, 3, 33, 33, 4, 0, 1);
    CHECK(loss[0] == 0);
    CHECK_NEAR(rows, Doubles(3, 0.0), 0, 0);
    CHECK_NEAR(x, Doubles(99, 0.0), 0, 0);
}

TEST(a_token_that_cannot_be_has_no_gradient) {
    Floats x = random(67, 1), loss = nans(1), rows = nans(1);
    Ints targets = integers(1, 0, 1);
    x[5] = -INFINITY;
    softmax_cross_entropy_forward(x, targets, loss, rows, 1, 67, 67, -100, 0, 1);
    CHECK(x[5] == 0 && std::isfinite(loss[0]));
}

TEST(an_ignored_row_is_not_read) {
    Floats x = nans(2 * 19), loss = nans(1), rows = nans(2);
    for (int i = 0; i < 19; i++) x[i] = 0;
    Ints targets(2);
    targets[0] = 3, targets[1] = -1;
    softmax_cross_entropy_forward(x, targets, loss, rows, 2, 19, 19, -1, 0, 1);
    CHECK(std::abs(loss[0] - std::log(19.f)) < 1e-6f && x[20] == 0);
}

TEST(nan_reaches_loss_and_gradient) {
    Floats x = random(40, 1), loss = nans(1), rows = nans(1);
    Ints targets = integers(1, 0, 1);
    x[39] = NAN;
    loss[0] = 0;
    softmax_cross_entropy_forward(x, targets, loss, rows, 1, 40, 40, -100, 0, 1);
    CHECK(std::isnan(loss[0]) && std::isnan(x[0]) && std::isnan(x[39]));
}

TEST(backward_scales) {
    Floats x = random(1001, 1), y = x, d = filled(1, 1);
    softmax_cross_entropy_backward(d, y, 7, 143);
    CHECK(same_bits(x, y));
    d[0] = 2;
    softmax_cross_entropy_backward(d, y, 7, 143);
    for (int i = 0; i < 1001; i++) CHECK(y[i] == 2 * x[i]);
    CHECK(y.intact());
}

TEST(does_not_depend_on_threads) {
    for (int64_t v : {257, 50257}) {
        int64_t n = v == 257 ? 403 : 9;
        Ints targets = integers(n, 3, int32_t(v));
        CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
            Floats x = random(n * v + 1 + n, 1), all = x;
            softmax_cross_entropy_forward(all.data(), targets, all.data() + n * v, all.data() + n * v + 1, n, v, v, -1,
                                          0.1f, 1);
            return all;
        });
    }
}
