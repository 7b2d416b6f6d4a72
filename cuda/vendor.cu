// cuBLAS, cuSOLVER and cuFFT. TF32 is off (cuBLAS's default); equal calls sum in the same order. Items go one at a time
// where the library has no batched routine of full accuracy.
#include "vendor.hpp"

#include <map>
#include <tuple>
#include <vector>

#include "check.hpp"
#include "simt.hpp"

namespace descrambler::cuda {

namespace {

template <auto destroy>
struct Destroy {
    template <class Handle>
    void operator()(Handle* handle) const {
        (void)destroy(handle);
    }
};
template <class Handle, auto destroy>
using Owner = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy<destroy>>;

// Transforms of `count` columns, each an image or one row of it; real ones have half of the second frequencies.
struct Plan {
    cufftHandle handle{};
    Plan(int n1, int n2, int count, cufftType type, cudaStream_t stream) {
        int sizes[] = {n1, n2};
        int* const first = n1 == 1 ? sizes + 1 : sizes;
        check(cufftPlanMany(&handle, n1 == 1 ? 1 : 2, first, nullptr, 1, 0, nullptr, 1, 0, type, count));
        check(cufftSetStream(handle, stream));
    }
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;
    ~Plan() { (void)cufftDestroy(handle); }
};

}  // namespace

// Handles, made when first asked for.
struct Context::Libraries {
    explicit Libraries(cudaStream_t stream) {
        cublasHandle_t first{};
        check(cublasCreate(&first));
        blas.reset(first);
        check(cublasSetStream(first, stream));
        cusolverDnHandle_t second{};
        check(cusolverDnCreate(&second));
        solver.reset(second);
        check(cusolverDnSetStream(second, stream));
        cusolverDnParams_t third{};
        check(cusolverDnCreateParams(&third));
        parameters.reset(third);
    }
    Owner<cublasHandle_t, cublasDestroy> blas;
    Owner<cusolverDnHandle_t, cusolverDnDestroy> solver;
    Owner<cusolverDnParams_t, cusolverDnDestroyParams> parameters;
    std::map<std::tuple<int, int, int, cufftType>, Plan> plans;  // by shape, count and kind
};

Context::Libraries& Context::libraries() {
    if (!libraries_)
        libraries_ = std::make_shared<Libraries>(stream());
    (void)stream();  // the device of this context is the current one
    return *libraries_;
}

namespace {

// Throws Error for the first item that did not factorise.
void refuse(const std::vector<int>& info, const char* what) {
    for (std::size_t i = 0; i < info.size(); ++i)
        if (info[i] != 0)
            throw Error(std::string(what) + ": item " + std::to_string(i) + " did not factorise");
}

cublasOperation_t operation(Op op) {
    return op == Op::none ? CUBLAS_OP_N : CUBLAS_OP_T;
}
int leading(Index rows) {
    return static_cast<int>(rows > 1 ? rows : 1);
}

// The names of one precision.
template <class T>
struct Names;
template <>
struct Names<float> {
    static constexpr cudaDataType type = CUDA_R_32F;
    using Complex = cufftComplex;
    static constexpr cufftType transform = CUFFT_C2C, real_transform = CUFFT_R2C, inverse_transform = CUFFT_C2R;
    static constexpr auto complex_to_complex = cufftExecC2C;
    static constexpr auto real_to_complex = cufftExecR2C;
    static constexpr auto complex_to_real = cufftExecC2R;
    static constexpr auto gemm = cublasSgemmStridedBatched;
    static constexpr auto geam = cublasSgeam;
    static constexpr auto geqrf_size = cusolverDnSgeqrf_bufferSize;
    static constexpr auto geqrf = cusolverDnSgeqrf;
    static constexpr auto orgqr_size = cusolverDnSorgqr_bufferSize;
    static constexpr auto orgqr = cusolverDnSorgqr;
    static constexpr auto gesvd_size = cusolverDnSgesvd_bufferSize;
    static constexpr auto gesvd = cusolverDnSgesvd;
    static constexpr auto potrf_size = cusolverDnSpotrf_bufferSize;
    static constexpr auto potrf = cusolverDnSpotrf;
    static constexpr auto potrs = cusolverDnSpotrs;
};
template <>
struct Names<double> {
    static constexpr cudaDataType type = CUDA_R_64F;
    using Complex = cufftDoubleComplex;
    static constexpr cufftType transform = CUFFT_Z2Z, real_transform = CUFFT_D2Z, inverse_transform = CUFFT_Z2D;
    static constexpr auto complex_to_complex = cufftExecZ2Z;
    static constexpr auto real_to_complex = cufftExecD2Z;
    static constexpr auto complex_to_real = cufftExecZ2D;
    static constexpr auto gemm = cublasDgemmStridedBatched;
    static constexpr auto geam = cublasDgeam;
    static constexpr auto geqrf_size = cusolverDnDgeqrf_bufferSize;
    static constexpr auto geqrf = cusolverDnDgeqrf;
    static constexpr auto orgqr_size = cusolverDnDorgqr_bufferSize;
    static constexpr auto orgqr = cusolverDnDorgqr;
    static constexpr auto gesvd_size = cusolverDnDgesvd_bufferSize;
    static constexpr auto gesvd = cusolverDnDgesvd;
    static constexpr auto potrf_size = cusolverDnDpotrf_bufferSize;
    static constexpr auto potrf = cusolverDnDpotrf;
    static constexpr auto potrs = cusolverDnDpotrs;
};

constexpr int threads = 256;

// R = upper triangle of the first columns of A, zero below.
template <class T>
__global__ void __launch_bounds__(threads) upper_kernel(Batch<const T> A, Batch<T> R) {
    const Index step = static_cast<Index>(gridDim.x) * blockDim.x;
    for (Index e = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; e < R.size(); e += step) {
        const Index i = e % R.rows, j = e / R.rows;
        R.data[e] = i <= j ? A(i, j) : T{0};
    }
}

// to [n, m] = from^T, from [m, n]
template <class T>
void transpose(Context& on, const T* from, Index m, Index n, T* to) {
    const T one = 1, nothing = 0;
    check(Names<T>::geam(on.libraries().blas.get(), CUBLAS_OP_T, CUBLAS_OP_N, static_cast<int>(n), static_cast<int>(m),
                         &one, from, leading(m), &nothing, to, leading(n), to, leading(n)));
}

}  // namespace

template <class T>
void vendor_gemm(Context& on, Op a, Op b, T alpha, Batch<const T> A, Batch<const T> B, T beta, Batch<T> C) {
    if (C.size() == 0 || C.batch == 0)
        return;
    const Index k = a == Op::none ? A.cols : A.rows;
    check(Names<T>::gemm(on.libraries().blas.get(), operation(a), operation(b), static_cast<int>(C.rows),
                         static_cast<int>(C.cols), static_cast<int>(k), &alpha, A.data, leading(A.ld), A.stride, B.data,
                         leading(B.ld), B.stride, &beta, C.data, leading(C.ld), C.stride, static_cast<int>(C.batch)));
}

template <class T>
void vendor_qr(Context& on, Batch<T> A, Batch<T> R) {
    if (A.cols == 0 || A.batch == 0)
        return;
    const int m = static_cast<int>(A.rows), n = static_cast<int>(A.cols);
    cusolverDnHandle_t solver = on.libraries().solver.get();
    int first = 0, second = 0;
    check(Names<T>::geqrf_size(solver, m, n, A.data, m, &first));
    check(Names<T>::orgqr_size(solver, m, n, n, A.data, m, nullptr, &second));
    const int size = std::max(first, second);
    Memory<T> work(on, size), tau(on, n);
    Memory<int> info(on, A.batch);
    info.zero();
    for (Index i = 0; i < A.batch; ++i) {
        const Batch<T> a = A.item(i);
        check(Names<T>::geqrf(solver, m, n, a.data, m, tau.data(), work.data(), size, info.data() + i));
        launch(on, upper_kernel<T>, blocks_for(R.size(), threads), threads, 0, a, R.item(i));
        check(Names<T>::orgqr(solver, m, n, n, a.data, m, tau.data(), work.data(), size, info.data() + i));
    }
    std::vector<int> status(static_cast<std::size_t>(A.batch));
    info.download(status.data());
    refuse(status, "qr");
}

template <class T>
void vendor_eigh(Context& on, Batch<T> A, Batch<T> w) {
    if (A.rows == 0 || A.batch == 0)
        return;
    Context::Libraries& libraries = on.libraries();
    const Index n = A.rows;
    // the routine wants items one after another, and n n batch below 2^31
    const bool packed = A.batch == 1 || (A.stride == n * n && w.stride == n);
    Index most = packed ? std::max<Index>(((Index{1} << 31) - 1) / (n * n), 1) : 1;
    const auto sizes = [&](Index count) {
        std::pair<std::size_t, std::size_t> bytes;
        check(cusolverDnXsyevBatched_bufferSize(
            libraries.solver.get(), libraries.parameters.get(), CUSOLVER_EIG_MODE_VECTOR, CUBLAS_FILL_MODE_LOWER, n,
            Names<T>::type, A.data, n, Names<T>::type, w.data, Names<T>::type, &bytes.first, &bytes.second, count));
        return bytes;
    };
    most = std::min(most, A.batch);
    while (most > 1 && sizes(most).first > on.free_bytes() / 10 * 9)
        most = (most + 1) / 2;
    const auto [device_bytes, host_bytes] = sizes(most);
    Memory<unsigned char> device(on, static_cast<Index>(device_bytes));
    std::vector<unsigned char> host(host_bytes);
    Memory<int> info(on, A.batch);
    info.zero();
    for (Index first = 0; first < A.batch; first += most) {
        const Index count = std::min(most, A.batch - first);
        check(cusolverDnXsyevBatched(libraries.solver.get(), libraries.parameters.get(), CUSOLVER_EIG_MODE_VECTOR,
                                     CUBLAS_FILL_MODE_LOWER, n, Names<T>::type, A.item(first).data, n, Names<T>::type,
                                     w.item(first).data, Names<T>::type, device.data(), device_bytes, host.data(),
                                     host_bytes, info.data() + first, count));
    }
    std::vector<int> status(static_cast<std::size_t>(A.batch));
    info.download(status.data());
    refuse(status, "eigh");
}

template <class T>
void vendor_svd(Context& on, Batch<T> A, Batch<T> U, Batch<T> s, Batch<T> V) {
    if (s.rows == 0 || A.batch == 0)
        return;
    // the routine wants rows >= columns, and gives V^T
    const bool wide = A.rows < A.cols, values_only = U.data == nullptr;
    const Index m = std::max(A.rows, A.cols), k = s.rows;
    cusolverDnHandle_t solver = on.libraries().solver.get();
    int size = 0;
    check(Names<T>::gesvd_size(solver, static_cast<int>(m), static_cast<int>(k), &size));
    Memory<T> work(on, size), tall(on, wide ? m * k : 0), left(on, values_only ? 0 : m * k),
        right(on, values_only ? 0 : k * k);
    Memory<int> info(on, A.batch);
    info.zero();
    const signed char job = values_only ? 'N' : 'S';
    for (Index i = 0; i < A.batch; ++i) {
        T* a = A.item(i).data;
        if (wide) {
            transpose<T>(on, a, A.rows, A.cols, tall.data());
            a = tall.data();
        }
        check(Names<T>::gesvd(solver, job, job, static_cast<int>(m), static_cast<int>(k), a, static_cast<int>(m),
                              s.item(i).data, left.data(), static_cast<int>(m), right.data(), static_cast<int>(k),
                              work.data(), size, nullptr, info.data() + i));
        if (values_only)
            continue;
        on.copy((wide ? V : U).item(i).data, left.data(), static_cast<std::size_t>(m * k) * sizeof(T));
        transpose<T>(on, right.data(), k, k, (wide ? U : V).item(i).data);
    }
    std::vector<int> status(static_cast<std::size_t>(A.batch));
    info.download(status.data());
    refuse(status, "svd");
}

template <class T>
void vendor_cholesky_solve(Context& on, Batch<T> A, Batch<T> B) {
    if (A.rows == 0 || B.cols == 0 || A.batch == 0)
        return;
    const int n = static_cast<int>(A.rows);
    cusolverDnHandle_t solver = on.libraries().solver.get();
    int size = 0;
    check(Names<T>::potrf_size(solver, CUBLAS_FILL_MODE_LOWER, n, A.data, n, &size));
    Memory<T> work(on, size);
    Memory<int> info(on, 2 * A.batch);  // of the factorisation, of the solution
    info.zero();
    for (Index i = 0; i < A.batch; ++i) {
        check(Names<T>::potrf(solver, CUBLAS_FILL_MODE_LOWER, n, A.item(i).data, n, work.data(), size,
                              info.data() + 2 * i));
        check(Names<T>::potrs(solver, CUBLAS_FILL_MODE_LOWER, n, static_cast<int>(B.cols), A.item(i).data, n,
                              B.item(i).data, n, info.data() + 2 * i + 1));
    }
    std::vector<int> status(static_cast<std::size_t>(2 * A.batch)), either;
    info.download(status.data());
    for (std::size_t i = 0; i < status.size(); i += 2)
        either.push_back(status[i] != 0 ? status[i] : status[i + 1]);
    refuse(either, "cholesky_solve");
}

namespace {

// exec(plan, item of x, item of y) for all columns at once where items lie one after another
template <class A, class B, class Exec>
void transform(Context& on, const FourierShape& shape, cufftType type, Batch<A> x, Batch<B> y, const Exec& exec) {
    if (x.size() == 0 || x.batch == 0)
        return;
    const bool packed = x.batch == 1 || (x.stride == x.size() && y.stride == y.size());
    const int n1 = static_cast<int>(shape.n1), n2 = static_cast<int>(shape.n2);
    const int count = static_cast<int>(packed ? x.cols * x.batch : x.cols);
    const Plan& plan =
        on.libraries().plans.try_emplace({n1, n2, count, type}, n1, n2, count, type, on.stream()).first->second;
    for (Index i = 0; i < (packed ? 1 : x.batch); ++i)
        check(exec(plan.handle, x.item(i).data, y.item(i).data));
}

}  // namespace

template <class T>
void vendor_fft(Context& on, const FourierShape& shape, Batch<const std::complex<T>> x, Batch<std::complex<T>> y) {
    const int sign = shape.inverse ? CUFFT_INVERSE : CUFFT_FORWARD;
    const auto exec = [sign](cufftHandle plan, const std::complex<T>* from, std::complex<T>* to) {
        using Number = typename Names<T>::Complex;
        return Names<T>::complex_to_complex(plan, reinterpret_cast<Number*>(const_cast<std::complex<T>*>(from)),
                                            reinterpret_cast<Number*>(to), sign);  // it reads `from` only
    };
    transform(on, shape, Names<T>::transform, x, y, exec);
}
template <class T>
void vendor_real_fft(Context& on, const FourierShape& shape, Batch<const T> x, Batch<std::complex<T>> y) {
    const auto exec = [](cufftHandle plan, const T* from, std::complex<T>* to) {
        return Names<T>::real_to_complex(plan, const_cast<T*>(from), reinterpret_cast<typename Names<T>::Complex*>(to));
    };
    transform(on, shape, Names<T>::real_transform, x, y, exec);
}
template <class T>
void vendor_real_ifft(Context& on, const FourierShape& shape, Batch<const std::complex<T>> y, Batch<T> x) {
    if (y.size() == 0 || y.batch == 0)
        return;
    // the routine destroys its input
    Memory<std::complex<T>> copy(on, y.size() * y.batch);
    for (Index i = 0; i < y.batch; ++i)
        on.copy(copy.data() + i * y.size(), y.item(i).data,
                static_cast<std::size_t>(y.size()) * sizeof(std::complex<T>));
    const auto exec = [](cufftHandle plan, std::complex<T>* from, T* to) {
        return Names<T>::complex_to_real(plan, reinterpret_cast<typename Names<T>::Complex*>(from), to);
    };
    transform(on, shape, Names<T>::inverse_transform, Batch<std::complex<T>>(copy.data(), y.rows, y.cols, y.batch), x,
              exec);
}

template void vendor_gemm<float>(Context&, Op, Op, float, Batch<const float>, Batch<const float>, float, Batch<float>);
template void vendor_gemm<double>(Context&, Op, Op, double, Batch<const double>, Batch<const double>, double,
                                  Batch<double>);
template void vendor_qr<float>(Context&, Batch<float>, Batch<float>);
template void vendor_qr<double>(Context&, Batch<double>, Batch<double>);
template void vendor_eigh<float>(Context&, Batch<float>, Batch<float>);
template void vendor_eigh<double>(Context&, Batch<double>, Batch<double>);
template void vendor_svd<float>(Context&, Batch<float>, Batch<float>, Batch<float>, Batch<float>);
template void vendor_svd<double>(Context&, Batch<double>, Batch<double>, Batch<double>, Batch<double>);
template void vendor_cholesky_solve<float>(Context&, Batch<float>, Batch<float>);
template void vendor_cholesky_solve<double>(Context&, Batch<double>, Batch<double>);
template void vendor_fft<float>(Context&, const FourierShape&, Batch<const std::complex<float>>,
                                Batch<std::complex<float>>);
template void vendor_fft<double>(Context&, const FourierShape&, Batch<const std::complex<double>>,
                                 Batch<std::complex<double>>);
template void vendor_real_fft<float>(Context&, const FourierShape&, Batch<const float>, Batch<std::complex<float>>);
template void vendor_real_fft<double>(Context&, const FourierShape&, Batch<const double>, Batch<std::complex<double>>);
template void vendor_real_ifft<float>(Context&, const FourierShape&, Batch<const std::complex<float>>, Batch<float>);
template void vendor_real_ifft<double>(Context&, const FourierShape&, Batch<const std::complex<double>>, Batch<double>);

}  // namespace descrambler::cuda
