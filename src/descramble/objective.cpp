#include "descrambler/objective.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "core/finite.hpp"
#include "descrambler/criterion_plugin.h"
#include "descrambler/random.hpp"
#include "descrambler/representable.hpp"

namespace descrambler {
namespace {

std::vector<double> random_normals(Backend<double>& on, Index count, std::uint64_t seed, std::uint64_t stream) {
    const Buffer<double> numbers = on.allocate(count);
    on.random_normal(seed, stream, 0, numbers.view(count, 1));
    std::vector<double> host(static_cast<std::size_t>(count));
    on.download(numbers.view(count, 1), host.data());
    return host;
}

// cayley(t X) P for the packed skew X
Matrix<double> along(Backend<double>& on, const std::vector<double>& X, double t, const Matrix<double>& P) {
    const Index n = P.rows(), count = n * (n - 1) / 2;
    std::vector<double> scaled(X);
    for (double& x : scaled)
        x *= t;
    const Buffer<double> q = on.allocate(count), C = on.allocate(n * n);
    on.upload(scaled.data(), q.view(count, 1));
    on.cayley(q.view(count, 1), C.view(n, n));
    Matrix<double> rotation(n, n);
    on.download(C.view(n, n), rotation.data());
    return multiply(on, Op::none, Op::none, rotation, P);
}

}  // namespace

Objective smoothness_objective(const Stencil& stencil, const Matrix<double>& R) {
    require(R.cols() == stencil.n(), "smoothness: stencil and factor differ in size");
    return {"smoothness", stencil.n(),
            [stencil, R](Backend<double>& on, const Matrix<double>& P, Matrix<double>* gradient) {
                const Matrix<double> B = multiply(on, Op::transpose, Op::none, stencil.T, P);
                Matrix<double> Y = multiply(on, Op::none, Op::transpose, B, R);  // T^T P R^T
                double value = 0;
                for (Index j = 0; j < Y.cols(); ++j)
                    for (Index i = 0; i < Y.rows(); ++i) {
                        value += stencil.mu[i] * Y(i, j) * Y(i, j);
                        Y(i, j) *= 2 * stencil.mu[i];
                    }
                if (gradient != nullptr)
                    *gradient = multiply(on, Op::none, Op::none, stencil.T, multiply(on, Op::none, Op::none, Y, R));
                return value;
            }};
}

Objective total_variation_objective(const Matrix<double>& D, const Matrix<double>& S, double smoothing) {
    require(D.cols() == S.rows(), "total variation: D [m, n] and S [n, N] do not chain");
    const auto reference = make_cpu_backend<double>(1);
    const double N = static_cast<double>(S.cols());
    const double rms =
        frobenius(multiply(*reference, Op::none, Op::none, D, S)) / std::sqrt(static_cast<double>(D.rows()) * N);
    const double e = std::max(smoothing * rms, std::numeric_limits<double>::min());
    return {"total variation", S.rows(),
            [D, S, e, N](Backend<double>& on, const Matrix<double>& P, Matrix<double>* gradient) {
                Matrix<double> V = multiply(on, Op::none, Op::none, multiply(on, Op::none, Op::none, D, P), S);
                double value = 0;
                for (double& v : V.values()) {
                    const double length = std::sqrt(v * v + e * e);
                    value += length - e;
                    v /= length * N;
                }
                if (gradient != nullptr)
                    *gradient = multiply(on, Op::transpose, Op::none, D, multiply(on, Op::none, Op::transpose, V, S));
                return value / N;
            }};
}

Objective fourth_moment_objective(const Matrix<double>& S) {
    const double N = static_cast<double>(S.cols());
    return {"fourth moment", S.rows(), [S, N](Backend<double>& on, const Matrix<double>& P, Matrix<double>* gradient) {
                Matrix<double> Y = multiply(on, Op::none, Op::none, P, S);
                double value = 0;
                for (double& y : Y.values()) {
                    const double square = y * y;
                    value -= square * square;
                    y *= -4 * square / N;
                }
                if (gradient != nullptr)
                    *gradient = multiply(on, Op::none, Op::transpose, Y, S);
                return value / N;
            }};
}

ChartValue chart_value(Backend<double>& on, const Stencil& stencil, const Matrix<double>& R,
                       const std::vector<double>& q, bool normalised) {
    const Index n = stencil.n(), count = n * (n - 1) / 2;
    require(R.cols() == n && static_cast<Index>(q.size()) == count, "chart: R [k, n], q [n (n - 1) / 2]");
    // In the basis T of M the generator is T^T Q T, and the gradient comes back as T (.) T^T.
    const auto turned = [&](const std::vector<double>& packed, bool back) {
        Matrix<double> Q(n, n);
        for (Index j = 0, k = 0; j < n; ++j)
            for (Index i = j + 1; i < n; ++i, ++k) {
                Q(i, j) = packed[k];
                Q(j, i) = -packed[k];
            }
        Q = back ? multiply(on, Op::none, Op::transpose, multiply(on, Op::none, Op::none, stencil.T, Q), stencil.T)
                 : multiply(on, Op::none, Op::none, multiply(on, Op::transpose, Op::none, stencil.T, Q), stencil.T);
        std::vector<double> out;
        for (Index j = 0; j < n; ++j)
            for (Index i = j + 1; i < n; ++i)
                out.push_back((Q(i, j) - Q(j, i)) / 2);
        return out;
    };
    const double size = static_cast<double>(n);
    std::vector<double> mu = stencil.mu;
    Matrix<double> L = multiply(on, Op::transpose, Op::transpose, stencil.T, R);
    if (normalised) {
        const double top = svd(on, R).s.front();
        for (double& x : mu)
            x *= size / stencil.mu.back();
        for (double& x : L.values())
            x *= std::sqrt(size) / top;
    }
    const std::vector<double> own = turned(q, false);
    const Buffer<double> weight = on.allocate(n), factor = on.allocate(L.size()), generator = on.allocate(count),
                         eta = on.allocate(1), dq = on.allocate(count);
    on.upload(mu.data(), weight.view(n, 1));
    on.upload(L.data(), factor.view(n, L.cols()));
    on.upload(own.data(), generator.view(count, 1));
    on.tikhonov(weight.view(n, 1), factor.view(n, L.cols()), generator.view(count, 1), eta.view(1, 1),
                dq.view(count, 1));
    ChartValue out;
    out.gradient.resize(static_cast<std::size_t>(count));
    on.download(eta.view(1, 1), &out.eta);
    on.download(dq.view(count, 1), out.gradient.data());
    out.gradient = turned(out.gradient, true);
    return out;
}

Objective load_objective(const std::string& path, const Matrix<double>& S) {
    const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
    const std::shared_ptr<void> library(dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL), [](void* handle) {
        if (handle != nullptr)
            dlclose(handle);
    });
    if (!library) {
        const char* reason = dlerror();
        throw InputError("criterion " + path + ": expected a shared object" +
                         (reason == nullptr ? "" : " (" + std::string(reason) + ")"));
    }
    using Criterion = decltype(&descrambler_criterion);
    const auto criterion = reinterpret_cast<Criterion>(dlsym(library.get(), "descrambler_criterion"));
    if (criterion == nullptr)
        throw InputError("criterion " + path + ": expected the function descrambler_criterion, it is not exported");
    return {path, S.rows(),
            [library, criterion, S, path](Backend<double>&, const Matrix<double>& P, Matrix<double>* gradient) {
                if (gradient != nullptr)
                    *gradient = Matrix<double>(P.rows(), P.cols());
                const double value =
                    criterion(S.rows(), S.cols(), S.data(), P.data(), gradient == nullptr ? nullptr : gradient->data());
                if (!std::isfinite(value) || (gradient != nullptr && !all_finite(gradient->values())))
                    throw InputError("criterion " + path + ": returned a value or gradient that is not finite");
                return value;
            }};
}

double gradient_error(Backend<double>& on, const Objective& objective, std::uint64_t seed, Index directions) {
    const Index n = objective.n, count = n * (n - 1) / 2;
    const Matrix<double> P = random_rotation(on, n, seed, stream::check);
    Matrix<double> gradient(n, n);
    objective.evaluate(on, P, &gradient);
    double worst = 0;
    for (Index direction = 0; direction < directions; ++direction) {
        std::vector<double> X =
            random_normals(on, count, seed, stream::check + 1 + static_cast<std::uint64_t>(direction));
        for (double& x : X)
            x /= std::sqrt(static_cast<double>(count));
        Matrix<double> skew(n, n);
        for (Index j = 0, k = 0; j < n; ++j)
            for (Index i = j + 1; i < n; ++i, ++k) {
                skew(i, j) = X[static_cast<std::size_t>(k)];
                skew(j, i) = -X[static_cast<std::size_t>(k)];
            }
        const Matrix<double> dP = multiply(on, Op::none, Op::none, skew, P);  // times -2
        double predicted = 0, size = 0;
        for (Index e = 0; e < dP.size(); ++e) {
            const double term = -2 * gradient.data()[e] * dP.data()[e];
            predicted += term;
            size += std::abs(term);
        }
        const auto slope = [&](double h) {
            return (objective.evaluate(on, along(on, X, h, P), nullptr) -
                    objective.evaluate(on, along(on, X, -h, P), nullptr)) /
                   (2 * h);
        };
        const double step = 2e-5, measured = (4 * slope(step / 2) - slope(step)) / 3;
        const double scale = std::max({std::abs(measured), size, std::numeric_limits<double>::min()});
        worst = std::max(worst, std::abs(measured - predicted) / scale);
    }
    return worst;
}

void check_gradient(Backend<double>& on, const Objective& objective, std::uint64_t seed, double tolerance) {
    const double error = gradient_error(on, objective, seed);
    if (!(error <= tolerance))
        throw InputError("criterion " + objective.name + ": the gradient differs from finite differences by " +
                         digits(error, 6) + " relative, expected at most " + digits(tolerance, 6));
}

Matrix<double> random_rotation(Backend<double>& on, Index n, std::uint64_t seed, std::uint64_t stream) {
    const std::vector<double> normals = random_normals(on, n * n, seed, stream);
    const Buffer<double> a = on.allocate(n * n), r = on.allocate(n * n);
    on.upload(normals.data(), a.view(n, n));
    on.qr(a.view(n, n), r.view(n, n));
    Matrix<double> Q(n, n), R(n, n);
    on.download(a.view(n, n), Q.data());
    on.download(r.view(n, n), R.data());
    for (Index j = 0; j < n; ++j)
        if (R(j, j) < 0)
            for (double& x : Q.column(j))
                x = -x;
    if (orthogonal_determinant(Q) < 0)
        for (double& x : Q.column(0))
            x = -x;
    return Q;
}

}  // namespace descrambler
