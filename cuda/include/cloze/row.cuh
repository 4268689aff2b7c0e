#pragma once

#include "cloze/device.cuh"

namespace cloze {

constexpr int64_t longest_row = 1024;

// A row of at most 1024 elements in the registers of a warp, 32 a lane, as floats or as in memory.
template <class Step, class Elements = Floats<Step::width>>
struct Row {
    static constexpr int steps = 32 / Step::width;
    Elements at[steps];

    // f(s, i): step s of this lane begins at element i
    template <class F>
    CLOZE_DEVICE static void each(int64_t k, F&& f) {
#pragma unroll
        for (int s = 0; s < steps; s++) {
            int i = (s * 32 + lane_of_warp()) * Step::width;
            if (i < k) f(s, i);
        }
    }
};

}  // namespace cloze
