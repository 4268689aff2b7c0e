#include <algorithm>
#include <vector>

#include "cloze/export.h"
#include "cloze/philox.h"
#include "cloze/threads.h"

// ids_keep int32 [b, m], ids_restore int32 [b, lead + n], mask int32 [b, n]. A patch's rank is its position in the
// order of (number, index); the m smallest are kept. Patch i of image r draws number (r n + i) % 4 of counter (r n + i)
// / 4.

using namespace cloze;

CLOZE_EXPORT int64_t random_mask_draw(int32_t* ids_keep, int32_t* ids_restore, int32_t* mask, int64_t b, int64_t n,
                                      int64_t m, int64_t lead, int64_t seed, int64_t offset) noexcept try {
    Philox random(seed, offset);
    parallel(b, [=](int64_t image) {
        std::vector<uint64_t> order(static_cast<size_t>(n));  // number and index
        for (int64_t i = 0; i < n; i++) {
            uint64_t element = static_cast<uint64_t>(image * n + i), counter = element / 4;
            uint32_t number =
                random.at(static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32))[element % 4];
            order[static_cast<size_t>(i)] = uint64_t{number >> 8} << 32 | static_cast<uint64_t>(i);
        }
        std::sort(order.begin(), order.end());
        int32_t* restore = ids_restore + image * (lead + n);
        for (int64_t i = 0; i < lead; i++) restore[i] = static_cast<int32_t>(i);
        for (int64_t rank = 0; rank < n; rank++) {
            auto i = static_cast<int32_t>(order[static_cast<size_t>(rank)]);
            restore[lead + i] = static_cast<int32_t>(lead + rank);
            mask[image * n + i] = rank >= m;
            if (rank < m) ids_keep[image * m + rank] = i;
        }
    });
    return ok;
}
CLOZE_CATCH
