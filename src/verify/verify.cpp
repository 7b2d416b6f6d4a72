#include "verify/verify.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "descrambler/closed_form.hpp"
#include "descrambler/deer_database.hpp"
#include "verify/verify_parts.hpp"

namespace descrambler {

namespace checks {
namespace {

VerifyRow row(std::string name, std::string statement, Relation relation, double predicted, double measured,
              double tolerance) {
    require(tolerance > 0, "verify: a tolerance is positive");
    VerifyRow out{std::move(name), std::move(statement), relation, predicted, measured, tolerance};
    const double off = measured - predicted;
    const double excess = relation == Relation::equal     ? std::abs(off)
                          : relation == Relation::at_most ? std::max(off, 0.0)
                                                          : std::max(-off, 0.0);
    out.holds = std::isfinite(measured) && excess <= tolerance;
    out.margin = std::isfinite(measured) ? 1 - excess / tolerance : -std::numeric_limits<double>::infinity();
    return out;
}

}  // namespace

VerifyRow equal(std::string name, std::string statement, double predicted, double measured, double tolerance) {
    return row(std::move(name), std::move(statement), Relation::equal, predicted, measured, tolerance);
}
VerifyRow at_most(std::string name, std::string statement, double predicted, double measured, double tolerance) {
    return row(std::move(name), std::move(statement), Relation::at_most, predicted, measured, tolerance);
}
VerifyRow at_least(std::string name, std::string statement, double predicted, double measured, double tolerance) {
    return row(std::move(name), std::move(statement), Relation::at_least, predicted, measured, tolerance);
}
VerifyRow as_printed(VerifyRow row) {
    row.as_printed = true;
    return row;
}

RandomStream draws(const VerifyOptions& options, std::uint64_t check, std::uint64_t repetition) {
    return {options.seed, stream::verify + (check << 16) + repetition};
}

std::shared_ptr<Backend<double>> algebra(const VerifyOptions& options) {
    return options.device ? options.device : make_cpu_backend<double>(1);
}

Traces traces(const VerifyOptions& options, std::uint64_t check, Index count) {
    DeerDatabase database = deer_preset("pnas");
    database.input = InputScaling::clean;
    const DeerLibrary library = make_deer_library(*make_cpu_backend<float>(options.threads), make_deer_tables(database),
                                                  options.seed, stream::verify + (check << 16), 0, count);
    return {to_double(library.trace), to_double(library.clean)};
}

double excess(Backend<double>& on, const Stencil& stencil, const Matrix<double>& P, const Matrix<double>& R) {
    const PrincipalAxes axes = principal_axes(on, R);
    double bound = 0;
    for (Index i = 0; i < stencil.n(); ++i)
        bound += stencil.mu[i] * axes.gamma[i];
    return smoothness(on, stencil, P, R) / bound - 1;
}

Matrix<double> difference(Matrix<double> A, const Matrix<double>& B) {
    require(A.rows() == B.rows() && A.cols() == B.cols(), "difference: equal shapes");
    for (std::size_t i = 0; i < A.values().size(); ++i)
        A.values()[i] -= B.values()[i];
    return A;
}

}  // namespace checks

std::string_view to_string(Relation r) {
    return r == Relation::equal ? "equal" : r == Relation::at_most ? "at_most" : "at_least";
}

std::vector<std::string> unexpected(const std::vector<VerifyRow>& rows) {
    std::vector<std::string> names;
    for (const VerifyRow& row : rows)
        if (!row.as_expected())
            names.push_back(row.name);
    return names;
}

std::vector<VerifyRow> verify(const VerifyOptions& options, const Progress& progress) {
    using Check = std::function<checks::Rows(const VerifyOptions&)>;
    std::vector<std::pair<std::string, Check>> list{
        {"minimum", checks::minimum},   {"group", checks::group},   {"stencils", checks::stencils},
        {"noise", checks::noise},       {"signal", checks::signal}, {"convolution", checks::convolution},
        {"diagonal", checks::diagonal}, {"chart", checks::chart},   {"surrogate", checks::surrogate},
        {"kernel", checks::kernel}};
    list.emplace_back("optimisers", [&](const VerifyOptions& o) { return checks::optimisers(o, progress); });
    if (options.full)
        list.emplace_back("another kernel", [&](const VerifyOptions& o) { return checks::quartic(o, progress); });
    std::vector<VerifyRow> rows;
    for (std::size_t i = 0; i < list.size(); ++i) {
        progress(list[i].first, static_cast<double>(i), static_cast<double>(list.size()));
        std::ranges::move(list[i].second(options), std::back_inserter(rows));
    }
    return rows;
}

}  // namespace descrambler
