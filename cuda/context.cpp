// The device on the CUDA runtime.
#include <cstdint>

#include "check.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

namespace {

// Compute capability times ten that the kernels were compiled for, the oldest of them.
constexpr int oldest = DESCRAMBLER_CUDA_OLDEST;

std::string option(int device) {
    return "--device cuda:" + std::to_string(device) + ": ";
}

void use(int device) {
    check(cudaSetDevice(device));
}

}  // namespace

int device_count() {
    int count = 0;
    if (const cudaError_t status = cudaGetDeviceCount(&count); status != cudaSuccess) {
        (void)cudaGetLastError();  // or the next check would find it
        throw InputError(std::string("--device cuda: no GPU can be used: ") + cudaGetErrorString(status) +
                         "; expected auto or cpu");
    }
    if (count == 0)
        throw InputError("--device cuda: this machine has no GPU, expected auto or cpu");
    return count;
}

Context::Context(int device) : device_(device) {
    const int count = device_count();
    if (device < 0 || device >= count)
        throw InputError(option(device) + "this machine has " + std::to_string(count) +
                         (count == 1 ? " device, expected cuda:0" : " devices, expected cuda:0 to cuda:") +
                         (count == 1 ? "" : std::to_string(count - 1)));
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, device));
    if (properties.major * 10 + properties.minor < oldest)
        throw InputError(option(device) + properties.name + " has compute capability " +
                         std::to_string(properties.major) + "." + std::to_string(properties.minor) +
                         ", expected at least " + std::to_string(oldest / 10) + "." + std::to_string(oldest % 10));
    if (shared_bytes() < least_shared)
        throw InputError(option(device) + properties.name + " gives a block " + std::to_string(shared_bytes() / 1024) +
                         " KiB of shared memory, expected at least " + std::to_string(least_shared / 1024));
    name_ = "cuda:" + std::to_string(device) + " (" + properties.name + ")";
    use(device);
    cudaMemPool_t pool{};
    check(cudaDeviceGetDefaultMemPool(&pool, device));
    std::uint64_t keep = ~std::uint64_t{0};  // memory once asked for stays ours
    check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep));
    if (const cudaError_t status = cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking); status != cudaSuccess) {
        (void)cudaGetLastError();
        throw InputError(option(device) + "cannot be used: " + cudaGetErrorString(status));
    }
}

Context::~Context() {
    (void)cudaSetDevice(device_);
    (void)cudaStreamSynchronize(stream_);
    libraries_.reset();
    (void)cudaStreamDestroy(stream_);
}

CUstream_st* Context::stream() const {
    use(device_);
    return stream_;
}

std::size_t Context::free_bytes() const {
    use(device_);
    std::size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total));
    cudaMemPool_t pool{};
    check(cudaDeviceGetDefaultMemPool(&pool, device_));
    std::uint64_t reserved = 0, used = 0;
    check(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &reserved));
    check(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used));
    return free + static_cast<std::size_t>(reserved - used);
}

std::size_t Context::shared_bytes() const {
    int bytes = 0;
    check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device_));
    return static_cast<std::size_t>(bytes);
}

void* Context::allocate(std::size_t bytes) {
    void* memory = nullptr;
    const cudaError_t status = cudaMallocAsync(&memory, bytes > 0 ? bytes : 1, stream());
    if (status == cudaErrorMemoryAllocation) {
        (void)cudaGetLastError();
        throw OutOfMemory(option(device_) + "out of memory: " + std::to_string(bytes) + " bytes asked, " +
                          std::to_string(free_bytes()) + " free");
    }
    check(status);
    return memory;
}

void Context::release(void* memory) noexcept {
    (void)cudaSetDevice(device_);
    (void)cudaFreeAsync(memory, stream_);
}

void Context::zero(void* to, std::size_t bytes) {
    if (bytes > 0)
        check(cudaMemsetAsync(to, 0, bytes, stream()));
}

void Context::to_device(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0)  // from pageable memory: returns when the driver has staged it
        check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream()));
}

void Context::to_host(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0)
        check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream()));
    synchronise();
}

void Context::copy(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0)
        check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream()));
}

void Context::synchronise() {
    check(cudaStreamSynchronize(stream()));
}

}  // namespace descrambler::cuda
