// The backend border: every batched primitive, in groups of one page each under backend/. One call serves a whole batch
// (an ensemble). A public function checks shapes once and calls a private virtual one; CpuBackend and CudaBackend
// implement them. One backend object = one device, one stream, its handles and its scratch memory, for one thread at a
// time. Calls enqueue; only download and synchronise wait. All matrices are column-major; sizes are given as
// [rows, cols] x batch. Throws std::invalid_argument on shapes that do not fit, Error when a factorisation fails and
// OutOfMemory where the device has too little.
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
#include "descrambler/backend/training.hpp"
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
                public Training<T> {
public:
    virtual ~Backend() = default;
    [[nodiscard]] virtual const char* name() const = 0;
    [[nodiscard]] virtual int threads() const = 0;
    [[nodiscard]] virtual bool on_host() const = 0;  // its memory is the host's
};

// threads: OpenMP threads over the batch; 0 = all the machine offers. BLAS and LAPACK run with one thread always,
// so results do not depend on it. The first one calls set_up_blas.
template <class T>
[[nodiscard]] std::unique_ptr<Backend<T>> make_cpu_backend(int threads = 0);
// What the CPU backend wants of the process's OpenBLAS: one thread, as its results change with their number; and on a
// processor that is younger than it, for which it falls back to its oldest kernels, those for the instructions that are
// there (as OPENBLAS_CORETYPE would ask; the environment is as before when this returns). Nothing of it happens by
// linking alone. A program calls it before it starts threads or multiplies by itself: kernels of two kinds in one run
// give two kinds of last digits. Later calls do nothing.
void set_up_blas();
// The kind of processor that the BLAS has chosen its kernels for: last digits depend on it.
[[nodiscard]] std::string processor_name();
// any_device: the one whose number is the process's local rank, modulo the devices. Throws InputError in a build
// without CUDA, on a machine without a device or without that one, and where it is too old.
inline constexpr int any_device = -1;
template <class T>
[[nodiscard]] std::unique_ptr<Backend<T>> make_cuda_backend(int device = any_device);
[[nodiscard]] bool built_with_cuda();
// By name: "auto" (a CUDA device where there is one, otherwise the CPU), "cpu", "cuda", "cuda:N". Throws InputError for
// another name and where the device cannot be used.
template <class T>
[[nodiscard]] std::unique_ptr<Backend<T>> make_backend(const std::string& device, int threads = 0);

}  // namespace descrambler
