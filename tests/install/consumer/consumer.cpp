// Descrambles a small layer, writes it to HDF5 and reads it back, through the headers and the library alone.
#include <cmath>
#include <cstdio>

#include "descrambler/closed_form.hpp"
#include "descrambler/error.hpp"
#include "descrambler/frozen.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/onnx.hpp"
#include "descrambler/version.hpp"

namespace {

using namespace descrambler;

bool through_a_file(const Matrix<double>& P) {
    Hdf5File file = Hdf5File::create("consumer.h5");
    file.root().write("P", P, {"1", "descrambler", "n,n"});
    file.commit();
    const Matrix<double> again = Hdf5File::open("consumer.h5").root().read_matrix<double>("P");
    for (Index i = 0; i < P.rows(); ++i)
        for (Index j = 0; j < P.cols(); ++j)
            if (again(i, j) != P(i, j))
                return false;
    return again.rows() == P.rows() && again.cols() == P.cols();
}

// tanh(2 x) at x = .5, frozen: a secant through 0.
bool freezes(Backend<double>& on) {
    DenseLayer layer;
    layer.weight = Matrix<double>(1, 1);
    layer.weight(0, 0) = 2;
    layer.activation = Activation::tanh;
    Network network;
    network.layers.push_back(layer);
    const Graph graph = graph_of(network);
    const std::vector<double> x{.5};
    const std::vector<Index> first{0};
    const FrozenNetwork<double> frozen(on, graph, x, {});
    return std::abs(frozen.rows(first)(0, 0) - 2 * std::tanh(1.)) < 1e-15;
}

bool tells_errors() {
    int refused = 0;
    for (const auto& read :
         {+[] { (void)Hdf5File::open("no such file.h5"); }, +[] { (void)parse_onnx("", "none", "."); }})
        try {
            read();
        } catch (const InputError&) {  // its type is the same on both sides
            ++refused;
        }
    return refused == 2;
}

}  // namespace

int main() {
    const auto on = make_backend<double>("auto");
    Matrix<double> R(16, 16);
    for (Index i = 0; i < 16; ++i)
        for (Index j = i; j < 16; ++j)
            R(i, j) = std::cos(static_cast<double>(3 * i + 7 * j * j));
    const Solution found = closed_form_from_factor(*on, make_stencil(*on, StencilKind::fourier2, 16), R, 1000, {});
    std::printf("descrambler %s: eta %g of %g, gap %g\n", version().c_str(), found.eta, found.eta_raw, found.gap);
    const bool good = found.eta < found.eta_raw && found.gap < 1e-8 && found.orthogonality < 1e-12;
    return good && through_a_file(found.P) && freezes(*on) && tells_errors() ? 0 : 1;
}
