#include "cloze/vec.h"

#include "check.h"

using namespace cloze;
using namespace cloze::test;

namespace {

const float not_a_number = std::numeric_limits<float>::quiet_NaN();

// the worst relative error over `count` points of [low, high], in every lane
template <class F, class R>
double error(F f, R reference, float low, float high, double floor = 0) {
    constexpr int count = 400000;
    double worst = 0;
    for (int i = 0; i < count; i++) {
        float x = low + (high - low) * float(i) / float(count - 1);
        vf y = f(broadcast(x));
        double expected = reference(double(x));
        worst = std::max(worst, std::abs(double(y[i % lanes]) - expected) / std::max(std::abs(expected), floor));
    }
    return worst;
}

float at(vf (*f)(vf), float x) {
    return f(broadcast(x))[lanes - 1];
}
vf e(vf x) {
    return exp(x);
}
vf ln(vf x) {
    return log(x);
}
vf th(vf x) {
    return tanh(x);
}
vf er(vf x) {
    return erf(x);
}

}  // namespace

TEST(functions_are_within_their_errors) {
    CHECK(error(
              e, [](double x) { return std::exp(x); }, -86.9f, 88.72f) < 2e-7);
    CHECK(error(
              e, [](double x) { return std::exp(x); }, -1, 1) < 2e-7);
    CHECK(error(
              ln, [](double x) { return std::log(x); }, 1e-3f, 10, 1e-2) < 2e-7);
    CHECK(error(
              ln, [](double x) { return std::log(x); }, 1, 1e30f) < 2e-7);
    CHECK(error(
              th, [](double x) { return std::tanh(x); }, -10, 10) < 5e-7);
    CHECK(error(
              er, [](double x) { return std::erf(x); }, -5, 5) < 5e-7);
}

TEST(functions_are_right_at_the_ends) {
    CHECK(at(e, -infinity) == 0 && at(e, -1e30f) == 0 && at(e, -90) == 0);
    CHECK(at(e, infinity) == infinity && at(e, 88.8f) == infinity && at(e, 1e30f) == infinity);
    CHECK(at(e, 0) == 1 && std::isnan(at(e, not_a_number)));
    CHECK(at(ln, 0) == -infinity && at(ln, infinity) == infinity && at(ln, 1) == 0);
    CHECK(std::isnan(at(ln, -1)) && std::isnan(at(ln, not_a_number)) && std::isnan(at(ln, -infinity)));
    CHECK(std::abs(at(ln, 1e-40f) + 92.10340f) < 1e-4f);
    for (auto f : {th, er}) {
        CHECK(std::abs(at(f, infinity) - 1) < 5e-7f && std::abs(at(f, -1e30f) + 1) < 5e-7f);
        CHECK(at(f, 0) == 0 && std::isnan(at(f, not_a_number)));
    }
}

TEST(part_of_a_vector_touches_nothing_else) {
    for (int64_t count = 0; count <= lanes; count++) {
        Floats from(count, 1), to(count, 1);
        for (int64_t i = 0; i < count; i++) from[i] = float(i + 1);
        vf x = load(from.data(), count);
        store(to.data(), x, count);
        for (int64_t i = 0; i < lanes; i++) CHECK(x[i] == (i < count ? float(i + 1) : 0));
        for (int64_t i = 0; i < count; i++) CHECK(to[i] == float(i + 1));
        CHECK(to.intact());
        vi mask = first(count);
        for (int64_t i = 0; i < lanes; i++) CHECK(mask[i] == (i < count ? -1 : 0));
    }
}

TEST(folds_reach_every_lane) {
    for (int i = 0; i < lanes; i++) {
        vf x = broadcast(-2.f);
        x[i] = 5;
        CHECK(hmax(x) == 5 && hsum(x) == 5 - 2.f * (lanes - 1));
    }
}

TEST(bounds_keep_nan_of_the_second) {
    CHECK(std::isnan(max(broadcast(1.f), broadcast(not_a_number))[0]) &&
          max(broadcast(not_a_number), broadcast(1.f))[0] == 1);
    CHECK(std::isnan(min(broadcast(1.f), broadcast(not_a_number))[0]) &&
          min(broadcast(not_a_number), broadcast(1.f))[0] == 1);
    CHECK(max(broadcast(1.f), broadcast(2.f))[0] == 2 && min(broadcast(1.f), broadcast(2.f))[0] == 1);
    CHECK(sqrt(broadcast(9.f))[0] == 3 && abs(broadcast(-9.f))[0] == 9);
}

TEST(stream_stores_and_widen_reads) {
    Floats x = random(4 * lanes, 3), y = nans(4 * lanes);
    int64_t skip = before_boundary(y.data());
    CHECK(skip < lanes && reinterpret_cast<uintptr_t>(y.data() + skip) % sizeof(vf) == 0);
    stream(y.data() + skip, load(x.data()));
    stream_fence();
    for (int i = 0; i < lanes; i++) CHECK(y[skip + i] == x[i]);
    vd wide = widen(x.data());
    for (int i = 0; i < lanes / 2; i++) CHECK(wide[i] == double(x[i]));
    CHECK(hsum(wide) == [&] {
        double s = 0;
        for (int i = 0; i < lanes / 2; i++) s += double(x[i]);
        return s;
    }());
}
