// A stand-in libcuda.so.1 for machines without a GPU: device memory is host memory, and a module is a shared library of
// kernels that run on fibers. It checks what a driver would check (bounds of copies, extents of launches, contexts) and
// answers with CUDA's numbers. There are two devices. CLOZE_CUDA_SEED orders the threads, see fibers.h;
// cloze_host_seed() changes it. The compute capability is 8.0, unless CLOZE_CUDA_CAPABILITY or cloze_host_capability()
// say 90. A fault of a kernel goes to the error stream and is answered with 719. Here are devices, modules and
// launches; the rest is in memory.cpp and streams.cpp.

#include "driver.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string_view>

#include "tensor_map.h"

namespace cloze::host {

std::atomic<unsigned> seed{[] {
    const char* text = std::getenv("CLOZE_CUDA_SEED");
    return text ? unsigned(std::strtoul(text, nullptr, 10)) : 0u;
}()};

Device device[] = {{0}, {1}};
thread_local Device* context = nullptr;

namespace {

struct Module : Held {
    void* library;
    std::map<std::string, std::unique_ptr<Function>> functions;
};

constexpr int devices = std::size(device);
std::mutex lock;
std::map<std::string, int> answers;  // of functions, see cloze_host_answer()
std::atomic<int> capability{[] {
    const char* text = std::getenv("CLOZE_CUDA_CAPABILITY");
    return text ? std::atoi(text) : 80;
}()};

// That a block may ask for.
int most_shared() {
    return (capability == 90 ? 227 : 163) << 10;
}

// Each image once. The file has a name of its own, since dlopen takes a library of the same name for the same library.
void* open(std::string_view image) {
    static std::map<std::string, void*, std::less<>> libraries;
    std::lock_guard<std::mutex> guard(lock);
    auto known = libraries.find(image);
    if (known != libraries.end()) return known->second;
    char name[] = "/tmp/cloze-kernels-XXXXXX";
    int file = mkstemp(name);
    if (file < 0) return std::perror(name), nullptr;
    void* library = nullptr;
    if (write(file, image.data(), image.size()) == ssize_t(image.size())) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) std::fprintf(stderr, "%s\n", dlerror());
    close(file);
    unlink(name);
    if (library) libraries.emplace(image, library);
    return library;
}

// A file that was loaded is known by what changes with its content; most are asked for again by the next context.
void* open_file(const char* path) {
    static std::map<std::array<int64_t, 5>, void*> libraries;
    static std::mutex files;
    struct stat is;
    if (stat(path, &is)) return nullptr;
    std::lock_guard<std::mutex> guard(files);
    void*& library =
        libraries[{int64_t(is.st_dev), int64_t(is.st_ino), is.st_size, is.st_mtim.tv_sec, is.st_mtim.tv_nsec}];
    if (library) return library;
    std::ifstream file(path, std::ios::binary);
    return library = open(std::string(std::istreambuf_iterator<char>(file), {}));
}

}  // namespace

int answer(const std::string& function) {
    std::lock_guard<std::mutex> guard(lock);
    auto found = answers.find(function);
    return found == answers.end() ? int(success) : found->second;
}

}  // namespace cloze::host

using namespace cloze::host;

extern "C" {

int cuInit(unsigned) {
    return success;
}
int cuDriverGetVersion(int* version) {
    return *version = 13000, success;
}
int cuDeviceGetCount(int* count) {
    return *count = devices, answer("cuDeviceGetCount");
}
int cuDeviceGet(int* to, int ordinal) {
    return *to = ordinal, ordinal >= 0 && ordinal < devices ? success : invalid_device;
}
int cuDeviceGetName(char* name, int length, int) {
    return std::snprintf(name, size_t(length), "cuda on host"), success;
}
int cuDeviceGetAttribute(int* value, int attribute, int) {
    switch (attribute) {
        case 1:  // threads of a block
            *value = 1024;
            break;
        case 8:  // shared memory of a block
            *value = 48 << 10;
            break;
        case 10:  // lanes of a warp
            *value = 32;
            break;
        case 16:  // multiprocessors
            *value = 4;
            break;
        case 75:  // compute capability
            *value = capability / 10;
            break;
        case 76:
            *value = capability % 10;
            break;
        case 97:  // shared memory of a block that asks for it
            *value = most_shared();
            break;
        default:
            *value = 0;
    }
    return success;
}

int cuDevicePrimaryCtxRetain(void** to, int ordinal) {
    return *to = &device[ordinal], answer("cuDevicePrimaryCtxRetain of " + std::to_string(ordinal));
}
int cuDevicePrimaryCtxRelease_v2(int) {
    return success;
}
int cuCtxSetCurrent(void* to) {
    return context = static_cast<Device*>(to), success;
}
int cuCtxGetCurrent(void** to) {
    return *to = context, success;
}
int cuCtxSynchronize() {
    return context ? drain(context) : int(invalid_context);
}

// The image is an ELF file for x86-64 whose end is told by its table of sections.
int cuModuleLoadData(void** module, const void* image) {
    auto bytes = static_cast<const unsigned char*>(image);
    auto field = [&]<class T>(size_t at, T) {
        T value;
        return std::memcpy(&value, bytes + at, sizeof value), value;
    };
    if (std::memcmp(bytes, "\177ELF", 4) || field(18, uint16_t{}) != 62) return invalid_image;
    size_t size = field(40, uint64_t{}) + size_t{field(58, uint16_t{})} * field(60, uint16_t{});
    void* library = open({reinterpret_cast<const char*>(bytes), size});
    if (!library) return invalid_image;
    return *module = new Module{{}, library, {}}, success;
}
int cuModuleLoad(void** module, const char* path) {
    void* library = open_file(path);
    if (!library) return access(path, R_OK) ? file_not_found : invalid_image;
    return *module = new Module{{}, library, {}}, success;
}
int cuModuleLoadDataEx(void** module, const void* image, unsigned, void*, void*) {
    return cuModuleLoadData(module, image);
}
int cuModuleUnload(void* module) {
    return delete static_cast<Module*>(module), success;
}
int cuModuleGetFunction(void** function, void* module, const char* name) {
    if (!context) return invalid_context;
    auto& from = *static_cast<Module*>(module);
    if (int fault = answer("cuModuleGetFunction")) return fault;
    if (int fault = broken()) return fault;
    std::lock_guard<std::mutex> guard(lock);
    auto& place = from.functions[name];
    if (!place) {
        auto run = reinterpret_cast<Run*>(dlsym(from.library, (std::string("cloze_host_") + name).c_str()));
        auto sizes = reinterpret_cast<void (*)(std::vector<int>*)>(
            dlsym(from.library, (std::string("cloze_sizes_") + name).c_str()));
        if (!run || !sizes) return from.functions.erase(name), not_found;
        place.reset(new Function{run, name, {}});
        sizes(&place->sizes);
    }
    return *function = place.get(), success;
}
int cuFuncSetAttribute(void* function, int attribute, int value) {
    if (attribute != 8) return success;  // dynamic shared memory
    if (value > most_shared()) return invalid_value;
    return static_cast<Function*>(function)->most_shared = size_t(value), success;
}
int cuFuncGetAttribute(int* value, int, void*) {
    return *value = 0, success;
}

int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void* stream, void** arguments, void** extra) {
    if (!context) return invalid_context;
    if (idle) return success;
    if (extra || !function) return invalid_value;
    Launch launch(static_cast<Function*>(function), {gx, gy, gz}, {bx, by, bz}, shared, arguments);
    return launch.valid() ? enqueue(stream, launch) : int(invalid_value);
}

// Tensors [planes, rows, columns] of bf16 in boxes of at most 128 bytes a row, in swizzles of 128 bytes.
int cuTensorMapEncodeTiled(void* to, int type, unsigned rank, void* address, const uint64_t* extents,
                           const uint64_t* strides, const unsigned* box, const unsigned* steps, int interleave,
                           int swizzle, int promotion, int fill) {
    constexpr int bf16 = 9, swizzle_of_128 = 3;
    if (reinterpret_cast<uintptr_t>(to) % 64 || type != bf16 || rank != 3 || interleave || fill ||
        swizzle != swizzle_of_128 || promotion < 0 || promotion > 3 || Pointer(address) % 16 || box[0] > 64)
        return invalid_value;
    cloze::host::TensorMap map{cloze::host::TensorMap::encoded, Pointer(address), {}, {}, {}, {}};
    uint64_t bytes = 2 * extents[0];
    for (int i = 0; i < 3; i++) {
        if (extents[i] == 0 || extents[i] > uint64_t{1} << 32 || box[i] == 0 || box[i] > 256 || steps[i] != 1)
            return invalid_value;
        map.extent[i] = extents[i], map.box[i] = box[i];
        if (i == 2) break;
        if (strides[i] % 16 || strides[i] >= uint64_t{1} << 40 || strides[i] < bytes) return invalid_value;
        map.step[i] = strides[i];
        bytes = strides[i] * extents[i + 1];
    }
    if (box[0] * 2 % 16 || !inside(Pointer(address), bytes)) return invalid_value;
    return std::memcpy(to, &map, sizeof map), success;
}

int cuGetErrorName(int error, const char** name) {
    switch (error) {
        case success:
            return *name = "CUDA_SUCCESS", success;
        case invalid_value:
            return *name = "CUDA_ERROR_INVALID_VALUE", success;
        case out_of_memory:
            return *name = "CUDA_ERROR_OUT_OF_MEMORY", success;
        case invalid_device:
            return *name = "CUDA_ERROR_INVALID_DEVICE", success;
        case invalid_image:
            return *name = "CUDA_ERROR_INVALID_IMAGE", success;
        case invalid_context:
            return *name = "CUDA_ERROR_INVALID_CONTEXT", success;
        case file_not_found:
            return *name = "CUDA_ERROR_FILE_NOT_FOUND", success;
        case not_found:
            return *name = "CUDA_ERROR_NOT_FOUND", success;
        case not_ready:
            return *name = "CUDA_ERROR_NOT_READY", success;
        case illegal_address:
            return *name = "CUDA_ERROR_ILLEGAL_ADDRESS", success;
        case launch_failed:
            return *name = "CUDA_ERROR_LAUNCH_FAILED", success;
        case capture_unsupported:
            return *name = "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", success;
        case capture_invalidated:
            return *name = "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", success;
        default:
            return *name = nullptr, invalid_value;
    }
}
int cuGetErrorString(int error, const char** text) {
    return cuGetErrorName(error, text);
}

void cloze_host_seed(unsigned to) {
    seed = to;
}
void cloze_host_capability(int to) {
    capability = to;
}
// A function answers so from now on: cuDeviceGetCount, cuModuleGetFunction, cuDevicePrimaryCtxRetain of 0,
// cublasLtCreate, cuStreamCreate beside so many things that are held; or so many are the nodes that follow in a
// capture.
void cloze_host_answer(const char* function, int result) {
    std::lock_guard<std::mutex> guard(lock);
    answers[function] = result;
}
int cloze_host_answer_of(const char* function) {
    return answer(function);
}
}  // extern "C"
