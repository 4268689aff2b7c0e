#include "check.h"

CLOZE_EXPORT int64_t muon_step(const float* gradient, float* weight, float* momentum, float* scratch, int64_t n,
                               int64_t m, float lr, float beta, float decay, float gradient_scale);

using namespace cloze::test;

namespace {

constexpr float lr = 0.02f, beta = 0.95f, decay = 0.1f, scale = 0.5f;

struct Shape {
    size_t n, m;
};

const std::vector<Shape> shapes = {{1, 1}, {1, 7}, {5, 1}, {3, 4}, {31, 33}, {64, 32}, {32, 130}, {150, 140}};

Doubles product(const Doubles& a, const Doubles& b, size_t n, size_t k, size_t m) {
    Doubles c(n * m);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++)
            for (size_t p = 0; p < k; p++) c[i * m + j] += a[i * k + p] * b[p * m + j];
    return c;
}

Doubles transposed(const Doubles& a, size_t n, size_t m) {
    Doubles t(n * m);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++) t[j * n + i] = a[i * m + j];
    return t;
}

// As the paper's code writes it, in double.
Doubles orthogonal(Doubles x, size_t n, size_t m) {
    if (n > m) return transposed(orthogonal(transposed(x, n, m), m, n), m, n);
    double norm = 0;
    for (double v : x) norm += v * v;
    for (double& v : x) v /= std::sqrt(norm) + 1e-7;
    for (int step = 0; step < 5; step++) {
        Doubles s = product(x, transposed(x, n, m), n, m, n), t = product(s, s, n, n, n);
        for (size_t i = 0; i < s.size(); i++) t[i] = -4.7750 * s[i] + 2.0315 * t[i];
        Doubles y = product(t, x, n, n, m);
        for (size_t i = 0; i < x.size(); i++) x[i] = 3.4445 * x[i] + y[i];
    }
    return x;
}

struct State {
    Shape s;
    Floats gradient, weight, momentum, scratch;

    explicit State(Shape s)
        : s(s),
          gradient(random(s.n * s.m, 1)),
          weight(random(s.n * s.m, 2)),
          momentum(random(s.n * s.m, 3)),
          scratch(nans(3 * s.n * s.m + 2 * std::min(s.n, s.m) * std::min(s.n, s.m))) {}

    void step() { muon_step(gradient, weight, momentum, scratch, int64_t(s.n), int64_t(s.m), lr, beta, decay, scale); }
};

}  // namespace

TEST(a_step_matches_newton_schulz_in_double) {
    for (auto shape : shapes) {
        State state(shape);
        Doubles weight = wide(state.weight), momentum = wide(state.momentum), g = wide(state.gradient), u = g;
        for (size_t i = 0; i < g.size(); i++) {
            momentum[i] = double(beta) * momentum[i] + double(scale) * g[i];
            u[i] = double(scale) * g[i] + double(beta) * momentum[i];
        }
        u = orthogonal(u, shape.n, shape.m);
        double rate = double(lr) * std::sqrt(std::max(1.0, double(shape.n) / double(shape.m)));
        for (size_t i = 0; i < u.size(); i++) weight[i] = weight[i] * (1 - double(lr) * double(decay)) - rate * u[i];
        state.step();
        CHECK_NEAR(state.weight, weight, 1e-5, 1e-5);
        CHECK_NEAR(state.momentum, momentum, 1e-6, 1e-6);
        CHECK(state.scratch.intact() && state.gradient.intact());
    }
}

TEST(a_zero_gradient_only_decays_the_weight) {
    State state({12, 9});
    for (auto& g : state.gradient) g = 0;
    for (auto& m : state.momentum) m = 0;
    Doubles e = wide(state.weight);
    for (auto& v : e) v *= 1 - double(lr) * double(decay);
    state.step();
    CHECK_NEAR(state.weight, e, 1e-6, 0);
}

TEST(bits_do_not_depend_on_the_threads) {
    for (Shape shape : {Shape{200, 90}, Shape{90, 330}})
        CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
            State state(shape);
            state.step();
            state.step();
            return state.weight;
        });
}

TEST(nothing_is_done_to_an_empty_matrix) {
    State state({0, 5});
    state.step();
    CHECK(state.weight.intact() && state.scratch.intact());
}
