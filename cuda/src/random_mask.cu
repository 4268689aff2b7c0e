#include "cloze/device.cuh"

// ids_keep int32 [b, m], ids_restore int32 [b, lead + n], mask int32 [b, n]. A block an image: the rank of a patch is
// the number of smaller pairs (number, index), counted over the numbers piece by piece in shared memory, without a
// sort. Patch i of image r draws number (r n + i) % 4 of counter (r n + i) / 4, as on the CPU.

using namespace cloze;

#if !defined(CLOZE_BF16)
namespace {

CLOZE_DEVICE uint32_t draw(const Philox& random, int64_t element) {
    uint64_t counter = uint64_t(element) / 4;
    return random.at(uint32_t(counter), uint32_t(counter >> 32), int(element % 4)) >> 8;
}

}  // namespace

CLOZE_KERNEL(random_mask_draw, int32_t* ids_keep, int32_t* ids_restore, int32_t* mask, int64_t, int64_t n, int64_t m,
             int64_t lead, int64_t seed, int64_t offset) {
    __shared__ uint32_t numbers[256];
    Philox random(seed, offset);
    int64_t image = blockIdx.x;
    int32_t* restore = ids_restore + image * (lead + n);
    for (int64_t i = threadIdx.x; i < lead; i += blockDim.x) restore[i] = int32_t(i);
    for (int64_t first = 0; first < n; first += blockDim.x) {
        int64_t i = first + threadIdx.x, rank = 0;
        uint32_t mine = i < n ? draw(random, image * n + i) : 0;
        for (int64_t from = 0; from < n; from += blockDim.x) {
            int64_t other = from + threadIdx.x;
            __syncthreads();
            if (other < n) numbers[threadIdx.x] = draw(random, image * n + other);
            __syncthreads();
            int64_t count = n - from < int64_t{blockDim.x} ? n - from : int64_t{blockDim.x};
            for (int64_t j = 0; j < count; j++) rank += numbers[j] < mine || (numbers[j] == mine && from + j < i);
        }
        if (i >= n) continue;
        restore[lead + i] = int32_t(lead + rank);
        mask[image * n + i] = rank >= m;
        if (rank < m) ids_keep[image * m + rank] = int32_t(i);
    }
}
#endif
