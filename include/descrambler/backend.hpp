// The backend border: every batched primitive, in groups of one page each under backend/. One call serves a whole batch
// (an ensemble). A public function checks shapes once and calls a private virtual one; CpuBackend and CudaBackend
// implement them.
//
// One backend object is one device, one stream, its handles and its scratch memory, for one thread at a time. Calls
// enqueue; what gives an answer to the host waits for the device: download, synchronise, minimise and the
// factorisations, which report failure. All matrices are column-major; sizes are given as [rows, cols] x batch.
// Operands lie where the backend computes (Memory::allocate; for the CPU any host memory).
//
// Every primitive throws std::invalid_argument for shapes that do not fit, Error where a factorisation or the device
// fails, and OutOfMemory where the device has too little memory (on the host: std::bad_alloc).
#pragma once

#include <memory>
#include <string>

#include "descrambler/backend/algebra.hpp"
#include "descrambler/backend/convolution.hpp"
#include "descrambler/backend/dense.hpp"
#include "descrambler/backend/factor.hpp"
#include "descrambler/backend/fourier.hpp"
#include "descrambler/backend/maps.hpp"
#include "descrambler/backend/memory.hpp"
#include "descrambler/backend/orthogonal.hpp"
#include "descrambler/backend/random.hpp"
#include "descrambler/backend/scattering.hpp"
#include "descrambler/backend/training.hpp"
#include "descrambler/backend/windows.hpp"
#include "descrambler/execution.hpp"

namespace descrambler {

template <class T>  // instantiated for float and double
class Backend : public Memory<T>,
                public Algebra<T>,
                public Factor<T>,
                public Orthogonal<T>,
                public Random<T>,
                public Fourier<T>,
                public Dense<T>,
                public Convolutions<T>,
                public Maps<T>,
                public WindowMaps<T>,
                public Scattering<T>,
                public Training<T> {
public:
    virtual ~Backend() = default;
    [[nodiscard]] virtual const char* name() const = 0;  // "cpu", "cuda:1 (NVIDIA H100 80GB HBM3)"
    [[nodiscard]] virtual int threads() const = 0;       // of the host, over the items of a batch; a device: 1
    [[nodiscard]] virtual bool on_host() const = 0;      // its memory is the host's
};

// threads: OpenMP threads over the batch; 0: all that the machine offers; std::invalid_argument below 0. BLAS and
// LAPACK always run with one thread, so results do not depend on it. The first backend of a process calls set_up_blas.
template <class T>
[[nodiscard]] std::unique_ptr<Backend<T>> make_cpu_backend(int threads = 0);
// Sets up the OpenBLAS of the process as the CPU backend needs it. One thread, since its results change with their
// number. And on a processor newer than OpenBLAS, where that falls back to its oldest kernels: the kernels for the
// instructions that the processor has, as OPENBLAS_CORETYPE would choose them (the environment is as before on return).
// Linking the library alone changes nothing. A program calls this before it starts threads or multiplies by itself,
// since kernels of two kinds in one run give two kinds of last digits. Later calls do nothing.
void set_up_blas();
// The kind of processor that OpenBLAS has chosen its kernels for ("SkylakeX"): last digits depend on it. Calls
// set_up_blas.
[[nodiscard]] std::string processor_name();
// any_device: the device whose number is the local rank of the process modulo the number of devices. Throws InputError
// in a build without CUDA, without a device of that number, and where the device cannot be used, is too old or gives a
// block too little shared memory.
inline constexpr int any_device = -1;
template <class T>
[[nodiscard]] std::unique_ptr<Backend<T>> make_cuda_backend(int device = any_device);
[[nodiscard]] bool built_with_cuda();
// By name: "auto" (a CUDA device where one can be used, otherwise the CPU), "cpu", "cuda", "cuda:N". Throws InputError
// for another name and, but for "auto", where the device cannot be used. threads: of the CPU.
template <class T>
[[nodiscard]] std::unique_ptr<Backend<T>> make_backend(const std::string& device, int threads = 0);

}  // namespace descrambler
