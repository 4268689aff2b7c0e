#include "cloze/philox.h"
#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t init_normal(float* y, int64_t n, float mean, float std, int64_t seed, int64_t offset);
CLOZE_EXPORT int64_t init_uniform(float* y, int64_t n, float low, float high, int64_t seed, int64_t offset);

namespace {

double uniform_of(int64_t i, int64_t seed, int64_t offset) {
    return double(cloze::Philox(seed, offset).at(uint32_t(i / 4), 0)[size_t(i % 4)] >> 8) * 0x1p-24;
}

}  // namespace

TEST(uniform_is_philox) {
    for (int64_t n : {0, 1, 2, 3, 4, 5, 31, 32, 33, 64, 65, 20011}) {
        Floats y = nans(n);
        Doubles expected(n);
        init_uniform(y, n, -2, 3, 77, 5);
        for (int64_t i = 0; i < n; i++) expected[i] = -2 + 5 * uniform_of(i, 77, 5);
        CHECK_NEAR(y, expected, 1e-6, 5e-7);
    }
}

TEST(normal_is_box_and_muller) {
    for (int64_t n : {0, 1, 2, 3, 4, 5, 31, 32, 33, 64, 65, 20011}) {
        Floats y = nans(n);
        Doubles expected(n);
        init_normal(y, n, 0.5f, 2, 77, 5);
        for (int64_t i = 0; i < n; i++) {
            double radius = std::sqrt(-2 * std::log(1 - uniform_of(i & ~int64_t{1}, 77, 5)));
            double angle = 2 * M_PI * uniform_of(i | 1, 77, 5);
            expected[i] = 0.5 + 2 * radius * (i % 2 ? std::sin(angle) : std::cos(angle));
        }
        CHECK_NEAR(y, expected, 1e-6, 1e-6);
    }
}

TEST(normal_has_its_moments) {
    int64_t n = 1000000;
    Floats y = nans(n);
    init_normal(y, n, 3, 0.02f, 1, 2);
    double mean = 0, square = 0, fourth = 0;
    for (double v : wide(y)) mean += v / double(n);
    for (double v : wide(y)) square += std::pow(v - mean, 2) / double(n), fourth += std::pow(v - mean, 4) / double(n);
    CHECK(std::abs(mean - 3) < 1e-4);
    CHECK(std::abs(std::sqrt(square) - 0.02) < 1e-4);
    CHECK(std::abs(fourth / (square * square) - 3) < 0.05);
}

TEST(a_shorter_array_is_the_beginning_of_a_longer_one) {
    Floats longer = nans(1000), shorter = nans(333);
    init_normal(longer, 1000, 0, 1, 9, 9);
    init_normal(shorter, 333, 0, 1, 9, 9);
    CHECK(std::memcmp(longer.data(), shorter.data(), 333 * sizeof(float)) == 0);
}

TEST(does_not_depend_on_threads) {
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
        Floats y = nans(100003);
        init_normal(y, 100003, 0, 1, 9, 9);
        return y;
    });
}
