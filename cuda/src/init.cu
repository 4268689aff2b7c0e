#include "cloze/device.cuh"

// y [n].  Element i draws number i % 4 of counter i / 4, as on the CPU.  Normal numbers by Box and Muller in double, so
// that devices round to the same float except for a tie in a hundred million: elements 2j and 2j + 1 are sqrt(-2 ln(1 -
// u)) times the cosine and the sine of 2 pi w, where u and w are uniform numbers.

using namespace cloze;

#if !defined(CLOZE_BF16)
namespace {

// f(four uniforms) gives four elements
template <class F>
CLOZE_DEVICE void fill(float* y, int64_t n, int64_t seed, int64_t offset, F f) {
    Philox random(seed, offset);
    int64_t counters = (n + 3) / 4;
    for (int64_t counter = thread_of_grid(); counter < counters; counter += threads_of_grid()) {
        uint32_t numbers[4];
        float out[4];
        random.at(uint32_t(counter), uint32_t(uint64_t(counter) >> 32), numbers);
        f(numbers, out);
        for (int i = 0; i < 4; i++)
            if (counter * 4 + i < n) y[counter * 4 + i] = out[i];
    }
}

}  // namespace

CLOZE_KERNEL(init_normal, float* y, int64_t n, float mean, float std, int64_t seed, int64_t offset) {
    fill(y, n, seed, offset, [=](const uint32_t(&numbers)[4], float(&out)[4]) {
        for (int pair = 0; pair < 4; pair += 2) {
            double u = double(numbers[pair] >> 8) * 0x1p-24, w = double(numbers[pair + 1] >> 8) * 0x1p-24;
            double radius = sqrt(-2.0 * log(1.0 - u)) * double(std), turn = w * 6.283185307179586476925;
            out[pair] = float(radius * cos(turn) + double(mean));
            out[pair + 1] = float(radius * sin(turn) + double(mean));
        }
    });
}

CLOZE_KERNEL(init_uniform, float* y, int64_t n, float low, float high, int64_t seed, int64_t offset) {
    fill(y, n, seed, offset, [=](const uint32_t(&numbers)[4], float(&out)[4]) {
        for (int i = 0; i < 4; i++) out[i] = low + (high - low) * uniform(numbers[i]);
    });
}
#endif
