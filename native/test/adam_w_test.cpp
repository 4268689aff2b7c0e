#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t adam_w_step(const float* gradient, float* weight, float* m, float* v, int64_t n, float lr,
                                 float beta1, float beta2, float epsilon, float decay, float correction1,
                                 float correction2, float gradient_scale);

TEST(agrees_with_the_formula) {
    for (int64_t n : {0, 1, 2, 7, 15, 16, 17, 31, 32, 33, 1009, 40001}) {
        Floats g = random(n, 1), w = random(n, 2), m = random(n, 3), v = random(n, 4, 0, 1);
        Doubles ew = wide(w), em = wide(m), ev = wide(v);
        for (int64_t i = 0; i < n; i++) {
            double s = double(g[i]) * 0.5;
            em[i] = 0.9 * em[i] + 0.1 * s;
            ev[i] = 0.95 * ev[i] + 0.05 * s * s;
            ew[i] = ew[i] * (1 - 1e-2 * 0.1) - 1e-2 * (em[i] * 1.7) / (std::sqrt(ev[i] * 1.3) + 1e-8);
        }
        adam_w_step(g, w, m, v, n, 1e-2f, 0.9f, 0.95f, 1e-8f, 0.1f, 1.7f, 1.3f, 0.5f);
        CHECK_NEAR(w, ew, 1e-5, 1e-6);
        CHECK_NEAR(m, em, 1e-6, 1e-7);
        CHECK_NEAR(v, ev, 1e-6, 1e-7);
        CHECK(g.intact());
    }
}

TEST(a_zero_gradient_from_the_start_moves_only_by_decay) {
    Floats g = filled(5, 0), w = filled(5, 2), m = filled(5, 0), v = filled(5, 0);
    adam_w_step(g, w, m, v, 5, 0.5f, 0.9f, 0.99f, 1e-8f, 0.1f, 10, 100, 1);
    CHECK_NEAR(w, Doubles(5, 1.9), 1e-6, 0);
}

TEST(does_not_depend_on_threads_or_alignment) {
    int64_t n = 100003;
    Floats g = random(n, 1), w = random(n, 2), m = random(n, 3), v = random(n, 4, 0, 1);
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
        Floats weight = w, mm = m, vv = v;
        adam_w_step(g, weight, mm, vv, n, 1e-3f, 0.9f, 0.999f, 1e-8f, 0.01f, 1, 1, 1);
        return weight;
    });
    Floats aligned(n), a = w, ma = m, va = v;
    std::copy(w.begin(), w.end(), aligned.begin());
    Floats mb = m, vb = v;
    adam_w_step(g, a, ma, va, n, 1e-3f, 0.9f, 0.999f, 1e-8f, 0.01f, 1, 1, 1);
    adam_w_step(g, aligned, mb, vb, n, 1e-3f, 0.9f, 0.999f, 1e-8f, 0.01f, 1, 1, 1);
    CHECK(same_bits(a, aligned));
}
