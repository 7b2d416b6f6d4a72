// The device on the CUDA runtime.
#include <cxxabi.h>

#include <cstdint>
#include <cstdlib>

#include "check.hpp"
#include "runtime.hpp"
#include "staging.hpp"

namespace descrambler::cuda {

namespace {

// The oldest compute capability that the kernels were compiled for, times ten.
constexpr int oldest = DESCRAMBLER_CUDA_OLDEST;

std::string option(int device) {
    return "--device cuda:" + std::to_string(device) + ": ";
}

void use(int device) {
    check(cudaSetDevice(device));
}

cudaMemPool_t pool_of(int device) {
    cudaMemPool_t pool{};
    check(cudaDeviceGetDefaultMemPool(&pool, device));
    return pool;
}

std::size_t pool_bytes(int device, cudaMemPoolAttr what) {
    std::uint64_t bytes = 0;
    check(cudaMemPoolGetAttribute(pool_of(device), what, &bytes));
    return static_cast<std::size_t>(bytes);
}

std::string name_of(const void* kernel) {
    const char* mangled = nullptr;
    if (cudaFuncGetName(&mangled, kernel) != cudaSuccess || mangled == nullptr) {
        (void)cudaGetLastError();
        return "a kernel";
    }
    int status = 0;
    char* const plain = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
    const std::string name = status == 0 && plain != nullptr ? plain : mangled;
    std::free(plain);
    return name.substr(0, name.find('('));
}

// DESCRAMBLER_CUDA_SYNCHRONISE: wait after each launch, so that an error is told by the kernel that made it.
bool synchronise_launches() {
    static const bool wanted = [] {
        const char* const text = std::getenv("DESCRAMBLER_CUDA_SYNCHRONISE");
        return text != nullptr && *text != '\0' && *text != '0';
    }();
    return wanted;
}

}  // namespace

struct Context::Uploads {
    static constexpr std::size_t slot_bytes = std::size_t{1} << 20;

    explicit Uploads(cudaStream_t stream) : stream(stream) {
        for (cudaEvent_t& event : events)
            check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
        ring = std::make_unique<Staging<Uploads>>(*this, slot_bytes);
    }
    Uploads(const Uploads&) = delete;
    Uploads& operator=(const Uploads&) = delete;
    ~Uploads() {
        for (cudaEvent_t event : events)
            (void)cudaEventDestroy(event);
        (void)cudaFreeHost(locked);
    }
    void* page_locked(std::size_t bytes) {
        check(cudaMallocHost(&locked, bytes));
        return locked;
    }
    void enqueue_copy(void* to, const void* from, std::size_t bytes) const {
        check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream));
    }
    void mark(int slot) { check(cudaEventRecord(events[slot], stream)); }
    void wait(int slot) { check(cudaEventSynchronize(events[slot])); }

    cudaStream_t stream;
    cudaEvent_t events[Staging<Uploads>::slots]{};
    void* locked = nullptr;
    std::unique_ptr<Staging<Uploads>> ring;
};

int device_count() {
    int count = 0;
    if (const cudaError_t status = cudaGetDeviceCount(&count); status != cudaSuccess) {
        (void)cudaGetLastError();  // clears it: the next check would find it
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
    try {  // a device that is busy, full or reserved for one process says so at one of these calls
        cudaDeviceProp properties{};
        check(cudaGetDeviceProperties(&properties, device));
        if (properties.major * 10 + properties.minor < oldest)
            throw InputError(option(device) + properties.name + " has compute capability " +
                             std::to_string(properties.major) + "." + std::to_string(properties.minor) +
                             ", expected at least " + std::to_string(oldest / 10) + "." + std::to_string(oldest % 10));
        if (shared_bytes() < least_shared)
            throw InputError(option(device) + properties.name + " gives a block " +
                             std::to_string(shared_bytes() / 1024) + " KiB of shared memory, expected at least " +
                             std::to_string(least_shared / 1024));
        name_ = "cuda:" + std::to_string(device) + " (" + properties.name + ")";
        use(device);
        std::uint64_t keep = ~std::uint64_t{0};  // memory once asked for stays ours
        check(cudaMemPoolSetAttribute(pool_of(device), cudaMemPoolAttrReleaseThreshold, &keep));
        check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    } catch (const InputError&) {
        throw;
    } catch (const Error& error) {
        (void)cudaGetLastError();
        throw InputError(option(device) + "cannot be used: " + error.what());
    }
}

Context::~Context() {
    (void)cudaSetDevice(device_);
    (void)cudaStreamSynchronize(stream_);
    libraries_.reset();
    uploads_.reset();
    (void)cudaStreamDestroy(stream_);
}

CUstream_st* Context::stream() const {
    use(device_);
    return stream_;
}

std::size_t Context::free_bytes() const {
    const auto now = std::chrono::steady_clock::now();
    if (reachable_ == 0 || now - asked_ > std::chrono::seconds(1)) {  // cudaMemGetInfo can take milliseconds
        use(device_);
        std::size_t free = 0, total = 0;
        check(cudaMemGetInfo(&free, &total));
        reachable_ = free + pool_bytes(device_, cudaMemPoolAttrReservedMemCurrent);
        asked_ = now;
    }
    const std::size_t used = pool_bytes(device_, cudaMemPoolAttrUsedMemCurrent);
    return reachable_ > used ? reachable_ - used : 0;
}

std::size_t Context::shared_bytes() const {
    int bytes = 0;
    check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device_));
    return static_cast<std::size_t>(bytes);
}

void* Context::allocate(std::size_t bytes) {
    void* memory = nullptr;
    const std::size_t size = bytes > 0 ? bytes : 1;
    cudaError_t status = cudaMallocAsync(&memory, size, stream());
    if (status == cudaErrorMemoryAllocation) {  // perhaps fragmented: give back to the driver all that is not in use
        (void)cudaGetLastError();
        synchronise();
        check(cudaMemPoolTrimTo(pool_of(device_), 0));
        status = cudaMallocAsync(&memory, size, stream());
    }
    if (status == cudaErrorMemoryAllocation) {
        (void)cudaGetLastError();
        reachable_ = 0;  // another process may have taken it: ask again
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
    if (bytes == 0)
        return;
    (void)stream();  // the device of this context is the current one
    if (!uploads_)
        uploads_ = std::make_shared<Uploads>(stream_);
    uploads_->ring->copy(to, from, bytes);
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

void check_launch(Context& on, const void* kernel) {
    // the name is asked for before anything has failed: afterwards the runtime may not answer
    const std::string name = synchronise_launches() ? name_of(kernel) : "";
    if (const cudaError_t status = cudaGetLastError(); status != cudaSuccess)
        throw Error("CUDA: at the launch of " + name_of(kernel) + ": " + cudaGetErrorString(status));
    if (name.empty())
        return;
    if (const cudaError_t status = cudaStreamSynchronize(on.stream()); status != cudaSuccess)
        throw Error("CUDA: in " + name + ": " + cudaGetErrorString(status));
}

}  // namespace descrambler::cuda
