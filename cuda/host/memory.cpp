// Memory of the stand-in driver's devices, which is host memory: bounds of copies are checked, and what is new is full
// of NaN.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "driver.h"

namespace cloze::host {

namespace {

struct Allocation {
    size_t bytes;
    Device* device;
};

std::mutex lock;
std::map<Pointer, Allocation> allocations;
std::map<void*, size_t> pinned;  // memory of the host
std::atomic<size_t> memory{size_t{8} << 30};

constexpr size_t large = 1 << 20, part = 2 << 20, page = 4096;

// A file of NaN.
int not_numbers() {
    static const int file = [] {
        std::string text(part, '\xff');
        int made = memfd_create("cloze-nan", 0);
        if (made < 0 || write(made, text.data(), part) != ssize_t(part)) std::perror("memfd_create"), std::abort();
        return made;
    }();
    return file;
}

// A large block lies between pages that nobody may touch.
size_t with_borders(size_t bytes) {
    return page + (bytes + page - 1) / page * page + page;
}

// Full of NaN, as a device's memory holds what was there before. Large blocks are views of one file, whose pages are
// copied where something is written: few are of 16 MiB for small tensors, or of a workspace of 32 MiB.
void* take(size_t bytes) {
    void* block = nullptr;
    if (bytes < large) return posix_memalign(&block, 256, bytes) ? nullptr : std::memset(block, 0xff, bytes);
    void* all = mmap(nullptr, with_borders(bytes), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) return nullptr;
    block = static_cast<char*>(all) + page;
    for (size_t at = 0; at < bytes; at += part) {
        void* view = mmap(static_cast<char*>(block) + at, std::min(part, bytes - at), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, not_numbers(), 0);
        if (view == MAP_FAILED) return munmap(all, with_borders(bytes)), nullptr;
    }
    return block;
}

void give_back(void* block, size_t bytes) {
    if (bytes < large)
        std::free(block);
    else
        munmap(static_cast<char*>(block) - page, with_borders(bytes));
}

// Null if no block begins there.
Device* owner(Pointer p) {
    std::lock_guard<std::mutex> guard(lock);
    auto found = allocations.find(p);
    return found == allocations.end() ? nullptr : found->second.device;
}

}  // namespace

int held() {
    std::lock_guard<std::mutex> guard(lock);
    return Held::count + int(allocations.size() + pinned.size());
}

bool inside(Pointer p, size_t bytes) {
    std::lock_guard<std::mutex> guard(lock);
    auto next = allocations.upper_bound(p);
    if (next == allocations.begin()) return false;
    auto& [begin, allocation] = *--next;
    return p - begin <= allocation.bytes && bytes <= allocation.bytes - (p - begin);
}

}  // namespace cloze::host

using namespace cloze::host;

extern "C" {

int cuDeviceTotalMem_v2(size_t* bytes, int) {
    return *bytes = memory, success;
}
int cuMemGetInfo_v2(size_t* free, size_t* total) {
    if (!context) return invalid_context;
    return *free = memory - context->used, *total = memory, success;
}
int cuMemAlloc_v2(Pointer* p, size_t bytes) {
    if (!context) return invalid_context;
    if (int fault = broken()) return fault;
    if (!bytes) return invalid_value;
    std::lock_guard<std::mutex> guard(lock);
    void* block = context->used + bytes > memory ? nullptr : take(bytes);
    if (!block) return out_of_memory;
    context->used += bytes;
    allocations[*p = Pointer(block)] = {bytes, context};
    return success;
}
// Waits for all work, as a driver does. Memory of a broken context goes too, so that tests that follow have it.
int cuMemFree_v2(Pointer p) {
    if (!context) return invalid_context;
    Device* device = owner(p);
    if (!device) return invalid_value;
    int result = drain(device);
    std::lock_guard<std::mutex> guard(lock);
    auto found = allocations.find(p);
    if (found == allocations.end()) return invalid_value;
    size_t bytes = found->second.bytes;
    device->used -= bytes;
    allocations.erase(found);
    give_back(reinterpret_cast<void*>(p), bytes);
    return result;
}
int cuMemAllocHost_v2(void** p, size_t bytes) {
    if (!context) return invalid_context;
    if (!bytes) return invalid_value;
    std::lock_guard<std::mutex> guard(lock);
    if (!(*p = take(bytes))) return out_of_memory;
    return pinned[*p] = bytes, success;
}
int cuMemFreeHost(void* p) {
    if (!context) return invalid_context;
    int result = drain(context);
    std::lock_guard<std::mutex> guard(lock);
    auto found = pinned.find(p);
    if (found == pinned.end()) return invalid_value;
    size_t bytes = found->second;
    pinned.erase(found);
    return give_back(p, bytes), result;
}

int cuMemcpyHtoDAsync_v2(Pointer to, const void* from, size_t bytes, void* stream) {
    if (!inside(to, bytes)) return invalid_value;
    return enqueue(stream, [=] { return std::memcpy(reinterpret_cast<void*>(to), from, bytes), int(success); });
}
int cuMemcpyDtoHAsync_v2(void* to, Pointer from, size_t bytes, void* stream) {
    if (!inside(from, bytes)) return invalid_value;
    return enqueue(stream, [=] { return std::memcpy(to, reinterpret_cast<void*>(from), bytes), int(success); });
}
int cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, void* stream) {
    if (!inside(to, bytes) || !inside(from, bytes)) return invalid_value;
    return enqueue(stream, [=] {
        return std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), bytes), int(success);
    });
}
int cuMemsetD8Async(Pointer to, unsigned char value, size_t bytes, void* stream) {
    if (!inside(to, bytes)) return invalid_value;
    return enqueue(stream, [=] { return std::memset(reinterpret_cast<void*>(to), value, bytes), int(success); });
}
int cuMemsetD32Async(Pointer to, unsigned value, size_t words, void* stream) {
    if (to % 4 || !inside(to, 4 * words)) return invalid_value;
    return enqueue(stream, [=] {
        std::fill_n(reinterpret_cast<unsigned*>(to), words, value);
        return int(success);
    });
}

// Bytes of each device from now on, 8 GiB for 0.
void cloze_host_memory(int bytes) {
    memory = bytes ? size_t(bytes) : size_t{8} << 30;
}
uint64_t cloze_host_held() {
    return uint64_t(held());
}
bool cloze_host_inside(Pointer p, size_t bytes) {
    return inside(p, bytes);
}

}  // extern "C"
