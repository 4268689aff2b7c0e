#include "hopper.h"

#include <cmath>
#include <cstring>

#include "fibers.h"

namespace cloze::host {
namespace {

// Of an address of shared memory in swizzles of 128 bytes.
unsigned swizzled(unsigned address) {
    return address ^ (address >> 7 & 7) << 4;
}

float widened(uint16_t bits) {
    uint32_t word = uint32_t{bits} << 16;
    float x;
    std::memcpy(&x, &word, 4);
    return x;
}

unsigned field(uint64_t matrix, int from) {
    return unsigned(matrix >> from & 0x3fff) << 4;
}

}  // namespace

void Hopper::reset(int threads, size_t shared) {
    gates_.clear();
    copied_.assign((shared + pattern - 1) / pattern, Copied{nullptr, 0});
    threads_.resize(size_t(threads));
    for (Thread& thread : threads_) thread.fenced = false, thread.group = 0, thread.pending.clear();
}

void Hopper::leave() {
    if (!threads_[size_t(block_.number())].pending.empty())
        block_.fail("a thread returns before its products are made");
}

// ---- barriers

Hopper::Gate& Hopper::gate(const void* barrier) {
    auto found = gates_.find(barrier);
    if (found == gates_.end()) block_.fail("a barrier is used before it has started");
    return found->second;
}

void Hopper::start(const void* barrier, int threads) {
    if (reinterpret_cast<uintptr_t>(barrier) % 8) block_.fail("a barrier is not aligned to 8 bytes");
    if (gates_.count(barrier)) block_.fail("a barrier is started twice");
    gates_.emplace(barrier, Gate{threads, threads, 0, 0, {}, std::vector<int>(threads_.size())});
}

void Hopper::settle(Gate& gate) {
    if (gate.missing > 0 || gate.bytes != 0) return;
    gate.ended++;
    gate.missing = gate.threads;
    block_.wake();
}

void Hopper::arrive(const void* barrier, int bytes) {
    Gate& at = gate(barrier);
    block_.moved();
    if (at.missing == 0) block_.fail("more threads arrive at a barrier than it waits for");
    at.missing--;
    at.bytes += bytes;
    settle(at);
}

void Hopper::wait(const void* barrier, int phase) {
    Gate& at = gate(barrier);
    if (phase != 0 && phase != 1) block_.fail("a phase is neither 0 nor 1");
    for (;;) {
        land(at);
        if ((at.ended & 1) != phase) break;
        block_.spin();
    }
    at.seen[size_t(block_.number())] = at.ended;
}

// ---- copies

void Hopper::copy(const TensorMap& map, void* to, int column, int row, int plane, const void* barrier) {
    Gate& at = gate(barrier);
    block_.moved();
    if (map.mark != TensorMap::encoded) block_.fail("a tensor map was not encoded by the driver");
    Box box{map, static_cast<unsigned char*>(to), {column, row, plane}};
    auto from = size_t(box.to - block_.shared()), bytes = size_t(box.bytes());
    if (from % pattern || bytes % pattern) block_.fail("a box in swizzles of 128 bytes is not one of whole 1024 bytes");
    if (from / pattern + bytes / pattern > copied_.size()) block_.fail("a copy leaves the shared memory of its block");
    for (size_t i = from / pattern; i < (from + bytes) / pattern; i++) {
        for (const Thread& thread : threads_)
            for (const Pending& pending : thread.pending)
                if (pending.reads[i]) block_.fail("a copy overwrites what a product reads");
        copied_[i] = {&at, at.ended + 1};
    }
    at.boxes.push_back(box);
    if (block_.copies_land_at_once()) land(at);
}

void Hopper::land(Gate& gate) {
    for (const Box& box : gate.boxes) {
        const TensorMap& map = box.map;
        auto at = unsigned(box.to - block_.shared());
        for (uint32_t plane = 0; plane < map.box[2]; plane++)
            for (uint32_t row = 0; row < map.box[1]; row++)
                for (uint32_t column = 0; column < map.box[0]; column++, at += 2) {
                    int64_t place[3] = {box.begin[0] + int64_t{column}, box.begin[1] + int64_t{row},
                                        box.begin[2] + int64_t{plane}};
                    bool inside = true;
                    for (int i = 0; i < 3; i++) inside &= place[i] >= 0 && uint64_t(place[i]) < map.extent[i];
                    uint16_t value = 0;
                    if (inside)
                        std::memcpy(&value,
                                    reinterpret_cast<const char*>(map.address) + uint64_t(place[0]) * 2 +
                                        uint64_t(place[1]) * map.step[0] + uint64_t(place[2]) * map.step[1],
                                    2);
                    std::memcpy(block_.shared() + swizzled(at), &value, 2);
                }
        gate.bytes -= box.bytes();
    }
    if (gate.boxes.empty()) return;
    gate.boxes.clear();
    settle(gate);
}

// ---- products

void Hopper::fence() {
    threads_[size_t(block_.number())].fenced = true;
}

unsigned Hopper::first(uint64_t matrix) {
    if (matrix >> 62 != 1 || (matrix >> 49 & 7)) block_.fail("a matrix is not in swizzles of 128 bytes");
    unsigned address = field(matrix, 0);
    if (address % pattern >= 128) block_.fail("a matrix does not begin where a pattern of swizzles does");
    return address;
}

// Lines of 16 neighbours.
Hopper::Patterns Hopper::lines(uint64_t matrix, int count) {
    Patterns reads;
    for (int i = 0; i < count / 8; i++) reads.set((first(matrix) + unsigned(i) * field(matrix, 32)) / pattern);
    return reads;
}

// 16 lines, panels of 64 neighbours of each.
Hopper::Patterns Hopper::columns(uint64_t matrix, int count) {
    Patterns reads;
    for (int i = 0; i < (count + 63) / 64; i++)
        for (unsigned half = 0; half < 2; half++)
            reads.set((first(matrix) + unsigned(i) * field(matrix, 16) + half * field(matrix, 32)) / pattern);
    return reads;
}

void Hopper::multiply(const Product& product) {
    Thread& thread = threads_[size_t(block_.number())];
    if (!thread.fenced) block_.fail("products begin without a fence");
    Patterns reads = product.registers ? columns(product.b, product.n) : lines(product.b, product.n);
    if (!product.registers) reads |= lines(product.a, 64);
    for (size_t i = 0; i < reads.size(); i++) {
        if (!reads[i]) continue;
        if (i >= copied_.size() || !copied_[i].gate) block_.fail("a product reads what no copy has written");
        if (copied_[i].gate->seen[size_t(block_.number())] < copied_[i].phase)
            block_.fail("a product reads what a copy writes that its thread has not waited for");
    }
    thread.pending.push_back({product, thread.group, reads, {}});
    put_aside(thread, thread.pending.back());
}

// Keeps the sums of a product, unless an earlier one has them, so that nobody reads them before they are waited for.
void Hopper::put_aside(const Thread& thread, Pending& pending) {
    if (!pending.sums.empty()) return;
    const Product& product = pending.product;
    for (const Pending* earlier = thread.pending.data(); earlier != &pending; earlier++)
        if (earlier->product.d == product.d) return;
    pending.sums.assign(product.d, product.d + product.n / 2);
    std::fill_n(product.d, product.n / 2, NAN);
}

void Hopper::commit() {
    Thread& thread = threads_[size_t(block_.number())];
    thread.group++;
    if (block_.copies_land_at_once()) run(thread.group);
}

void Hopper::wait_products(int newest) {
    Thread& thread = threads_[size_t(block_.number())];
    run(thread.group - newest);
    if (thread.pending.empty()) thread.fenced = false;
}

// The products of the warp in groups before that one.
void Hopper::run(int before) {
    int warp = block_.number() / 32;
    auto mine = reinterpret_cast<uintptr_t>(&threads_[size_t(block_.number())]);
    uint32_t in[3] = {uint32_t(mine), uint32_t(mine >> 32), uint32_t(before)};
    block_.exchange(10, ~uint32_t{0}, in, 3, [&](Warp& all) {
        Thread* lanes[32];
        for (int i = 0; i < 32; i++) {
            lanes[i] = reinterpret_cast<Thread*>(all.in[i][0] | uintptr_t{all.in[i][1]} << 32);
            if (all.in[i][2] != all.in[0][2] || lanes[i]->pending.size() != lanes[0]->pending.size())
                block_.fail("lanes of one warp wait for different products");
        }
        size_t count = 0;
        while (count < lanes[0]->pending.size() && lanes[0]->pending[count].group < before) make(lanes, warp, count++);
        for (Thread* lane : lanes) {
            lane->pending.erase(lane->pending.begin(), lane->pending.begin() + ptrdiff_t(count));
            for (Pending& pending : lane->pending) put_aside(*lane, pending);  // sums that go on
        }
    });
}

float Hopper::element(unsigned address) {
    uint16_t bits;
    std::memcpy(&bits, block_.shared() + swizzled(address), 2);
    return widened(bits);
}

// 16 rows of a product, those of the warp.
void Hopper::make(Thread* const* lanes, int warp, size_t which) {
    const Product& product = lanes[0]->pending[which].product;
    for (int lane = 0; lane < 32; lane++) {
        Pending& pending = lanes[lane]->pending[which];
        const Product& own = pending.product;
        if (own.n != product.n || own.a != product.a || own.b != product.b || own.registers != product.registers ||
            own.add != product.add)
            block_.fail("lanes of one warp bring different products");
        if (!pending.sums.empty()) std::copy(pending.sums.begin(), pending.sums.end(), own.d);
        for (int i = 0; i < own.n / 2; i++)
            d_[lane / 4 + i / 2 % 2 * 8][i / 4 * 8 + lane % 4 * 2 + i % 2] = own.add ? own.d[i] : 0.f;
        if (own.registers)
            for (int i = 0; i < 8; i++)
                a_[lane / 4 + i / 2 % 2 * 8][i / 4 * 8 + lane % 4 * 2 + i % 2] =
                    widened(uint16_t(own.fragment[i / 2] >> i % 2 * 16));
    }
    for (unsigned k = 0; k < 16; k++) {
        if (!product.registers)
            for (unsigned i = 0; i < 16; i++) {
                unsigned row = unsigned(warp) % 4 * 16 + i;
                a_[i][k] = element(first(product.a) + row / 8 * field(product.a, 32) + row % 8 * 128 + k * 2);
            }
        for (unsigned j = 0; j < unsigned(product.n); j++)
            b_[k][j] =
                element(first(product.b) + (product.registers ? j / 64 * field(product.b, 16) + j % 64 * 2 +
                                                                    k / 8 * field(product.b, 32) + k % 8 * 128
                                                              : j / 8 * field(product.b, 32) + j % 8 * 128 + k * 2));
    }
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < 16; k++)
            for (int j = 0; j < product.n; j++) d_[i][j] += a_[i][k] * b_[k][j];
    for (int lane = 0; lane < 32; lane++) {
        const Product& own = lanes[lane]->pending[which].product;
        for (int i = 0; i < own.n / 2; i++) own.d[i] = d_[lane / 4 + i / 2 % 2 * 8][i / 4 * 8 + lane % 4 * 2 + i % 2];
    }
}

}  // namespace cloze::host
