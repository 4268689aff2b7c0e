#include "cloze/gemm.h"
#include "cloze/threads.h"
#include "cloze/vec.h"

namespace cloze {

// Column sums if no matrix multiplication packs x. A task owns some columns for all rows; blocks of rows keep the
// float32 sums short.
void column_sums(const float* x, int64_t n, int64_t m, int64_t ld, float* sums, bool add) {
    constexpr int64_t rows = 64;
    parallel_blocks(m, 4 * lanes, [&](int64_t begin, int64_t end) {
        for (int64_t j = begin; j < end; j += lanes) {
            int64_t count = end - j < lanes ? end - j : lanes;
            vf total{};
            for (int64_t i = 0; i < n;) {
                vf sum{};
                for (int64_t stop = i + rows < n ? i + rows : n; i < stop; i++) sum += load(x + i * ld + j, count);
                total += sum;
            }
            store(sums + j, add ? load(sums + j, count) + total : total, count);
        }
    });
}

}  // namespace cloze
