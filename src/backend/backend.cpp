// Shape checks, once, before the virtual call; and the choice of a backend by name.
#include "descrambler/backend.hpp"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>

#include "descrambler/communicator.hpp"

namespace descrambler {

namespace {

template <class T>
bool same_shape(const Batch<T>& a, const Batch<std::type_identity_t<T>>& b) {
    return a.rows == b.rows && a.cols == b.cols && a.batch == b.batch;
}

template <class A, class B>
bool same_batch(const Batch<A>& a, const Batch<B>& b) {
    return a.batch == b.batch;
}

template <class T>
bool is(const Batch<T>& a, Index rows, Index cols, Index batch) {
    return a.rows == rows && a.cols == cols && a.batch == batch;
}

Index rows_of(Op op, Index rows, Index cols) {
    return op == Op::none ? rows : cols;
}

}  // namespace

template <class T>
Buffer<T> Backend<T>::allocate(Index size) {
    require(size >= 0, "allocate: negative size");
    return do_allocate(size);
}

template <class T>
void Backend<T>::upload(const T* host, Batch<T> to) {
    require(to.batch == 1 || to.stride == to.size(), "upload: items must follow one another");
    do_upload(host, to);
}

template <class T>
void Backend<T>::download(Batch<const T> from, T* host) {
    require(from.batch == 1 || from.stride == from.size(), "download: items must follow one another");
    do_download(from, host);
}

template <class T>
void Backend<T>::synchronise() {
    do_synchronise();
}

template <class T>
void Backend<T>::gemm(Op a, Op b, T alpha, Batch<const T> A, Batch<const T> B, T beta, Batch<T> C) {
    const Index m = rows_of(a, A.rows, A.cols), k = rows_of(a, A.cols, A.rows), n = rows_of(b, B.cols, B.rows);
    require(rows_of(b, B.rows, B.cols) == k && is(C, m, n, C.batch), "gemm: shapes do not chain");
    require(same_batch(A, C) && same_batch(B, C), "gemm: batches differ");
    require(C.batch == 1 || C.stride != 0, "gemm: the result cannot be shared");
    do_gemm(a, b, alpha, A, B, beta, C);
}

template <class T>
void Backend<T>::gram(Batch<const T> S, T beta, Batch<T> G) {
    require(is(G, S.rows, S.rows, S.batch), "gram: G must be [n, n] for S [n, N]");
    do_gram(S, beta, G);
}

template <class T>
void Backend<T>::axpby(T alpha, Batch<const T> x, T beta, Batch<T> y) {
    require(same_shape(x, Batch<const T>(y)), "axpby: shapes differ");
    do_axpby(alpha, x, beta, y);
}

template <class T>
void Backend<T>::dot(Batch<const T> x, Batch<const T> y, Batch<T> r) {
    require(same_shape(x, y) && is(r, 1, 1, x.batch), "dot: shapes differ, or r is not [1, 1]");
    do_dot(x, y, r);
}

template <class T>
void Backend<T>::qr(Batch<T> A, Batch<T> R) {
    require(A.rows >= A.cols && is(R, A.cols, A.cols, A.batch), "qr: A [m, n] needs m >= n and R [n, n]");
    do_qr(A, R);
}

template <class T>
void Backend<T>::eigh(Batch<T> A, Batch<T> w) {
    require(A.rows == A.cols && is(w, A.rows, 1, A.batch), "eigh: A must be square and w [n, 1]");
    do_eigh(A, w);
}

template <class T>
void Backend<T>::svd(Batch<T> A, Batch<T> U, Batch<T> s, Batch<T> V) {
    const Index k = std::min(A.rows, A.cols);
    const bool values_only = U.data == nullptr && V.data == nullptr;
    require(is(s, k, 1, A.batch) && (values_only || (is(U, A.rows, k, A.batch) && is(V, A.cols, k, A.batch))),
            "svd: U [m, k], s [k, 1], V [n, k] with k = min(m, n), or U and V empty");
    do_svd(A, U, s, V);
}

template <class T>
void Backend<T>::cholesky_solve(Batch<T> A, Batch<T> B) {
    require(A.rows == A.cols && B.rows == A.rows && same_batch(A, B), "cholesky_solve: A [n, n], B [n, r]");
    do_cholesky_solve(A, B);
}

template <class T>
void Backend<T>::cayley(Batch<const T> q, Batch<T> P) {
    require(P.rows == P.cols && is(q, P.rows * (P.rows - 1) / 2, 1, P.batch), "cayley: q [n (n - 1) / 2, 1], P [n, n]");
    do_cayley(q, P);
}

template <class T>
void Backend<T>::cayley_pullback(Batch<const T> P, Batch<const T> dP, Batch<T> dq) {
    require(P.rows == P.cols && same_shape(P, dP) && is(dq, P.rows * (P.rows - 1) / 2, 1, P.batch),
            "cayley_pullback: P [n, n], dP [n, n], dq [n (n - 1) / 2, 1]");
    do_cayley_pullback(P, dP, dq);
}

template <class T>
void Backend<T>::tikhonov(Batch<const T> mu, Batch<const T> L, Batch<const T> q, Batch<T> eta, Batch<T> dq) {
    const Index n = L.rows, packed = n * (n - 1) / 2;
    require(is(mu, n, 1, L.batch) && is(q, packed, 1, L.batch) && is(eta, 1, 1, L.batch) && is(dq, packed, 1, L.batch),
            "tikhonov: mu [n, 1], L [n, k], q and dq [n (n - 1) / 2, 1], eta [1, 1]");
    do_tikhonov(mu, L, q, eta, dq);
}

template <class T>
void Backend<T>::minimise(const MinimiseOptions& options, Batch<const T> mu, Batch<const T> L, Batch<T> P,
                          std::span<MinimiseReport> reports) {
    const Index n = L.rows;
    require(n >= 1 && is(mu, n, 1, L.batch) && is(P, n, n, L.batch), "minimise: mu [n, 1], L [n, k], P [n, n]");
    require(static_cast<Index>(reports.size()) == L.batch, "minimise: one report an item");
    require(options.bound.empty() || static_cast<Index>(options.bound.size()) == L.batch,
            "minimise: one bound an item, or none");
    do_minimise(options, mu, L, P, reports);
}

template <class T>
void Backend<T>::randomized_svd(Batch<const T> A, int rank, int oversampling, int power_iterations, std::uint64_t seed,
                                Batch<T> U, Batch<T> s, Batch<T> V) {
    require(rank >= 1 && rank <= std::min(A.rows, A.cols) && oversampling >= 0 && power_iterations >= 0,
            "randomized_svd: needs 1 <= rank <= min(m, n), oversampling and power_iterations not negative");
    require(is(U, A.rows, rank, A.batch) && is(s, rank, 1, A.batch) && is(V, A.cols, rank, A.batch),
            "randomized_svd: U [m, k], s [k, 1], V [n, k]");
    do_randomized_svd(A, rank, oversampling, power_iterations, seed, U, s, V);
}

template <class T>
void Backend<T>::random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t first_block, Batch<T> x) {
    do_random_uniform(seed, stream, first_block, x);
}

template <class T>
void Backend<T>::random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t first_block, Batch<T> x) {
    do_random_normal(seed, stream, first_block, x);
}

template <class T>
void Backend<T>::fft(Batch<const std::complex<T>> x, Batch<std::complex<T>> y) {
    require(is(y, x.rows, x.cols, x.batch), "fft: shapes differ");
    do_fft(x, y);
}

template <class T>
void Backend<T>::dense_forward(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> y) {
    require(x.rows == W.cols && is(y, W.rows, x.cols, W.batch) && same_batch(x, y),
            "dense_forward: shapes do not chain");
    require(b.data == nullptr || is(b, W.rows, 1, W.batch), "dense_forward: b must be [out, 1]");
    do_dense_forward(f, W, b, x, y);
}

template <class T>
void Backend<T>::dense_backward(Activation f, Batch<const T> W, Batch<const T> x, Batch<const T> y, Batch<T> dy,
                                Batch<T> dW, Batch<T> db, Batch<T> dx) {
    require(x.rows == W.cols && is(y, W.rows, x.cols, W.batch) && is(dy, W.rows, x.cols, W.batch) &&
                is(dW, W.rows, W.cols, W.batch),
            "dense_backward: shapes do not chain");
    require(db.data == nullptr || is(db, W.rows, 1, W.batch), "dense_backward: db must be [out, 1]");
    require(dx.data == nullptr || is(dx, x.rows, x.cols, W.batch), "dense_backward: dx must have the shape of x");
    do_dense_backward(f, W, x, y, dy, dW, db, dx);
}

template <class T>
void Backend<T>::dense_gram(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, T beta, Batch<T> G) {
    require(x.rows == W.cols && is(G, W.rows, W.rows, W.batch) && same_batch(x, G),
            "dense_gram: G must be [out, out] for W [out, in], x [in, N]");
    require(b.data == nullptr || is(b, W.rows, 1, W.batch), "dense_gram: b must be [out, 1]");
    require(G.size() == 0 || G.batch <= 1 || G.stride != 0, "dense_gram: the result cannot be shared");
    do_dense_gram(f, W, b, x, beta, G);
}

template <class T>
void Backend<T>::renorm_forward(Batch<const T> x, Batch<T> y) {
    require(same_shape(x, Batch<const T>(y)), "renorm_forward: shapes differ");
    do_renorm_forward(x, y);
}

template <class T>
void Backend<T>::renorm_backward(Batch<const T> x, Batch<const T> y, Batch<const T> dy, Batch<T> dx) {
    require(same_shape(x, y) && same_shape(x, dy) && same_shape(x, Batch<const T>(dx)),
            "renorm_backward: shapes differ");
    do_renorm_backward(x, y, dy, dx);
}

template <class T>
void Backend<T>::adam_step(const AdamOptions& options, T rate, T decay, Index step, Batch<const T> g, Batch<T> m,
                           Batch<T> v, Batch<T> w) {
    require(same_shape(g, Batch<const T>(m)) && same_shape(g, Batch<const T>(v)) && same_shape(g, Batch<const T>(w)),
            "adam_step: shapes differ");
    require(step >= 1, "adam_step: steps count from 1");
    do_adam_step(options, rate, decay, step, g, m, v, w);
}

template <class T>
void Backend<T>::train(const TrainPlan<T>& plan, std::span<const MemberPlan> members, Index first, Index last,
                       Batch<T> parameters, Batch<T> m, Batch<T> v, Batch<T> loss) {
    require(!plan.layers.empty() && plan.batch_size > 0, "train: a plan needs layers and a batch size");
    Index count = 0;
    for (std::size_t k = 0; k < plan.layers.size(); ++k) {
        const Layer& layer = plan.layers[k];
        require(layer.inputs > 0 && layer.outputs > 0, "train: empty layer");
        require(k == 0 || plan.layers[k - 1].outputs == layer.inputs, "train: layers do not chain");
        count += layer.outputs * (layer.inputs + 1);
    }
    require((plan.deer != nullptr) != static_cast<bool>(plan.samples), "train: exactly one source of data");
    require(plan.deer == nullptr || (plan.deer->database.times == plan.layers.front().inputs &&
                                     plan.deer->database.distances == plan.layers.back().outputs),
            "train: the DEER grids do not fit the network");
    const auto batch = static_cast<Index>(members.size());
    require(is(parameters, count, 1, batch) && is(m, count, 1, batch) && is(v, count, 1, batch),
            "train: parameters and moments must be [P, 1] for each member");
    require(0 <= first && first <= last && is(loss, last - first, 1, batch), "train: loss must be [last - first, 1]");
    do_train(plan, members, first, last, parameters, m, v, loss);
}

template <class T>
void Backend<T>::deer_traces(const DeerTables& tables, std::uint64_t seed, std::uint64_t stream, Index first,
                             const DeerSamples<T>& out) {
    const Index times = tables.database.times, distances = tables.database.distances;
    Index count = -1;
    const auto check = [&](const Batch<T>& view, Index rows) {
        if (view.data == nullptr)
            return;
        require(view.rows == rows && view.batch == 1, "deer_traces: a view has the wrong number of points");
        require(count == -1 || count == view.cols, "deer_traces: views of different numbers of samples");
        count = view.cols;
    };
    check(out.input, times);
    check(out.trace, times);
    check(out.clean, times);
    check(out.form_factor, times);
    check(out.background, times);
    check(out.target, distances);
    check(out.distribution, distances);
    require(first >= 0, "deer_traces: negative first sample");
    if (count > 0)
        do_deer_traces(tables, seed, stream, first, out);
}

template <class T>
std::unique_ptr<Backend<T>> make_backend(const Execution& execution) {
    const std::string& device = execution.device;
    if (device == "cpu")
        return make_cpu_backend<T>(execution.threads);
    if (device == "auto")
        try {
            return make_cuda_backend<T>();
        } catch (const InputError&) {  // a build without CUDA, or a machine without a device that it can use
            return make_cpu_backend<T>(execution.threads);
        }
    if (device == "cuda")
        return make_cuda_backend<T>();
    if (device.starts_with("cuda:") && device.size() > 5 && device.size() < 9 &&
        device.find_first_not_of("0123456789", 5) == std::string_view::npos)
        return make_cuda_backend<T>(std::stoi(device.substr(5)));
    throw InputError("--device " + device + ": expected auto, cpu, cuda or cuda:N");
}

std::string settle_device(Execution& execution) {
    Communicator& ranks = *execution.ranks;
    bool on_host = true;
    const std::string mine = together(ranks, [&] {
        const std::unique_ptr<Backend<double>> backend = make_backend<double>(execution);
        on_host = backend->on_host();
        const std::string name = backend->name();  // "cuda:1 (NVIDIA H100)": the ranks of a node have a device each
        const std::size_t colon = name.find(':');
        return colon == name.npos ? name : name.substr(0, colon) + name.substr(name.find(' ', colon));
    });
    const std::vector<std::string> all = all_gather(ranks, mine);
    together(ranks, [&] {
        for (std::size_t i = 1; i < all.size(); ++i)
            if (all[i] != all.front())
                throw InputError("--device " + execution.device + ": rank " + std::to_string(i) + " has " + all[i] +
                                 ", rank 0 " + all.front() + "; expected one kind of device on all ranks");
    });
    if (execution.device == "auto")
        execution.device = on_host ? "cpu" : "cuda";
    return mine;
}

int threads_of(const Execution& execution) {
    if (execution.threads > 0)
        return execution.threads;
    return execution.ranks->size() > 1 ? node_share(*execution.ranks).cores : make_cpu_backend<double>(0)->threads();
}

int local_rank() {
    for (const char* name : {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "PMI_LOCAL_RANK", "SLURM_LOCALID"})
        if (const char* text = std::getenv(name)) {
            int rank = 0;
            const char* end = text + std::strlen(text);
            if (const auto [last, error] = std::from_chars(text, end, rank);
                error == std::errc() && last == end && rank >= 0)
                return rank;
        }
    return 0;
}

void in_parts(Index items, const std::function<void(Index first, Index count)>& body) {
    Index part = items;
    for (Index first = 0; first < items;) {
        part = std::min(part, items - first);
        try {
            body(first, part);
            first += part;
        } catch (const OutOfMemory&) {
            if (part == 1)
                throw;
            part = (part + 1) / 2;
        }
    }
}

template class Backend<float>;
template class Backend<double>;
template std::unique_ptr<Backend<float>> make_backend<float>(const Execution&);
template std::unique_ptr<Backend<double>> make_backend<double>(const Execution&);

}  // namespace descrambler
