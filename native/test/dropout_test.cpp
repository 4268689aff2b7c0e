#include "cloze/philox.h"
#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t dropout_forward(const float* x, float* y, int64_t n, float rate, int64_t seed, int64_t offset);
CLOZE_EXPORT int64_t dropout_backward(const float* dy, float* dx, int64_t n, float rate, int64_t seed, int64_t offset,
                                      int64_t accumulate);

namespace {

Doubles dropped(const Floats& x, float rate, int64_t seed, int64_t offset) {
    cloze::Philox random(seed, offset);
    Doubles y = wide(x);
    for (size_t i = 0; i < y.size(); i++) {
        float u = float(random.at(uint32_t(i / 4), 0)[i % 4] >> 8) * 0x1p-24f;
        y[i] = u >= rate ? y[i] / (1 - double(rate)) : 0;
    }
    return y;
}

}  // namespace

TEST(keeps_what_philox_says) {
    for (int64_t n : {0, 1, 2, 7, 31, 32, 33, 63, 64, 65, 127, 1009, 40001})
        for (float rate : {0.f, 0.1f, 0.5f, 0.9f}) {
            Floats x = random(n, 1), y = nans(n);
            dropout_forward(x, y, n, rate, -12345678901, 3);
            CHECK_NEAR(y, dropped(x, rate, -12345678901, 3), 1e-6, 0);
            for (bool add : {false, true}) {
                Floats dx = before(n, add);
                dropout_backward(x, dx, n, rate, -12345678901, 3, add);
                CHECK_NEAR(dx, after(dropped(x, rate, -12345678901, 3), add), 1e-6, 1e-7);
            }
        }
}

TEST(drops_the_wanted_share) {
    int64_t n = 1000000, dropped = 0;
    Floats x = filled(n, 1), y = nans(n);
    dropout_forward(x, y, n, 0.3f, 1, 2);
    for (float v : y) dropped += v == 0;
    CHECK(std::abs(double(dropped) / double(n) - 0.3) < 0.003);
}

TEST(may_run_in_place) {
    Floats x = random(1001, 1), y = nans(1001);
    dropout_forward(x, y, 1001, 0.4f, 5, 6);
    dropout_forward(x, x, 1001, 0.4f, 5, 6);
    CHECK(same_bits(x, y));
}

TEST(does_not_depend_on_threads) {
    Floats x = random(100003, 1);
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
        Floats y = nans(100003);
        dropout_forward(x, y, 100003, 0.2f, 1, 2);
        return y;
    });
}
