#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <vector>

#include "tensor_map.h"

namespace cloze::host {

class Block;

// What compute capability 9.0 adds to a block: barriers with phases in shared memory, copies of boxes, products of
// warpgroups. Copies land when a thread looks at their barrier, and products are made when they are waited for: what is
// read before is not there, and sums are not numbers. Where copies land at once (see fibers.h), both happen as early as
// they may. A product must have waited for the copies that it reads, and a copy must not overwrite what one reads.
class Hopper {
  public:
    struct Product {
        float* d;
        int n;
        bool add, registers;
        uint32_t fragment[4];
        uint64_t a, b;
    };

    explicit Hopper(Block& block) : block_(block) {}

    // A new block of so many threads with so many bytes of shared memory.
    void reset(int threads, size_t shared);
    // A thread of it returns.
    void leave();

    void start(const void* barrier, int threads);
    void arrive(const void* barrier, int bytes);
    void wait(const void* barrier, int phase);

    void copy(const TensorMap& map, void* to, int column, int row, int plane, const void* barrier);

    void fence();
    void multiply(const Product& product);
    void commit();
    void wait_products(int newest);

  private:
    // A piece of shared memory in which a pattern of swizzles repeats.
    static constexpr unsigned pattern = 1024;
    using Patterns = std::bitset<256>;

    struct Box {
        TensorMap map;
        unsigned char* to;
        int begin[3];
        int64_t bytes() const { return int64_t{2} * map.box[0] * map.box[1] * map.box[2]; }
    };
    struct Gate {
        int threads, missing;
        int64_t bytes = 0;       // that are expected and have not come
        int ended = 0;           // phases
        std::vector<Box> boxes;  // on their way
        std::vector<int> seen;   // phases that each thread knows to have ended
    };
    struct Copied {
        const Gate* gate;
        int phase;
    };
    struct Pending {
        Product product;
        int group;
        Patterns reads;
        std::vector<float> sums;  // d before it, unless an earlier one writes d too
    };
    struct Thread {
        bool fenced = false;
        int group = 0;
        std::vector<Pending> pending;
    };

    Gate& gate(const void* barrier);
    void settle(Gate& gate);
    void land(Gate& gate);
    Patterns lines(uint64_t matrix, int count);
    Patterns columns(uint64_t matrix, int count);
    unsigned first(uint64_t matrix);
    float element(unsigned address);
    static void put_aside(const Thread& thread, Pending& pending);
    void run(int before);
    void make(Thread* const* lanes, int warp, size_t which);

    Block& block_;
    std::map<const void*, Gate> gates_;
    std::vector<Copied> copied_;
    std::vector<Thread> threads_;
    float a_[16][16], b_[16][256], d_[16][256];  // of a product that is made
};

}  // namespace cloze::host
