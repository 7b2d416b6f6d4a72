// Descrambles a small layer through the installed headers and library.
#include <cmath>
#include <cstdio>

#include "descrambler/closed_form.hpp"
#include "descrambler/version.hpp"

int main() {
    using namespace descrambler;
    const auto on = make_backend<double>("auto");
    Matrix<double> R(16, 16);
    for (Index i = 0; i < 16; ++i)
        for (Index j = i; j < 16; ++j)
            R(i, j) = std::cos(static_cast<double>(3 * i + 7 * j * j));
    const Solution found = closed_form_from_factor(*on, make_stencil(*on, StencilKind::fourier2, 16), R, 1000, {});
    std::printf("descrambler %s: eta %g of %g, gap %g\n", version().c_str(), found.eta, found.eta_raw, found.gap);
    return found.eta < found.eta_raw && found.gap < 1e-8 && found.orthogonality < 1e-12 ? 0 : 1;
}
