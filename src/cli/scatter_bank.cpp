// scatter bank: the wavelets of a bank, their spectra and their Littlewood-Paley sum.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/finished.hpp"
#include "cli/inputs.hpp"
#include "cli/scatter.hpp"
#include "descrambler/error.hpp"

namespace descrambler::cli {

namespace {

struct Options {
    Common common;
    BankWords bank;
    std::vector<Index> size;
    std::string out;
    CLI::App* command = nullptr;
};

void write_layer(const Hdf5Group& at, const FilterLayer& layer, const Grid& grid) {
    const Index count = std::ssize(layer.wavelets);
    const std::vector<Index> shape{count + 1, grid.n1, grid.n2};
    std::vector<double> re, im;
    bool complex = false;
    std::vector<const SpectralFilter*> all{&layer.spectra.low_pass};
    for (const SpectralFilter& band : layer.spectra.bands)
        all.push_back(&band);
    for (const SpectralFilter* filter : all) {
        re.insert(re.end(), filter->re.begin(), filter->re.end());
        complex = complex || !filter->real();
        for (Index k = 0; k < grid.size(); ++k)
            im.push_back((*filter)[k].imag());
    }
    at.write("spectra", shape, re.data(), {"1", "low-pass, then the wavelets (real parts)", "filter,k1,k2"});
    if (complex)
        at.write("spectra_imaginary", shape, im.data(), {"1", "imaginary parts", "filter,k1,k2"});
    at.write("littlewood_paley", {grid.n1, grid.n2}, layer.paley.data(),
             {"1", "A(w) before it was normalised", "k1,k2"});
    Matrix<double> table(count, 5);
    for (Index i = 0; i < count; ++i) {
        const Wavelet& w = layer.wavelets[static_cast<std::size_t>(i)];
        table(i, 0) = static_cast<double>(w.j);
        table(i, 1) = w.theta;
        table(i, 2) = w.xi;
        table(i, 3) = w.sigma;
        table(i, 4) = w.slant;
    }
    at.write("wavelets", table, {"1", "j, theta, xi, sigma, slant", "wavelet,numbers"});
}

void run(const Options& o) {
    if (o.size.empty() || o.size.size() > 2 || std::ranges::any_of(o.size, [](Index n) { return n < 2; }))
        throw InputError("--size: expected N or N1,N2, numbers above 1");
    const Grid signal{o.size.size() == 2 ? o.size[0] : 1, o.size.back()};
    if (signal.size() > Index{1} << 28)
        throw InputError("--size: expected at most 2^28 points, found " + std::to_string(signal.size()));
    const FilterBank bank = o.bank.bank_for(signal);
    const std::vector<PaleyBounds> paley = bounds_of(bank, o.common);
    if (!o.out.empty()) {
        const std::string request = asked(*o.command);
        check_remake(o.out, request, o.common);
        Hdf5File file = Hdf5File::create(o.out);
        file.root().attribute("", "request", request);
        write_bank_attributes(file.root(), o.bank, bank);
        for (std::size_t l = 0; l < bank.layers.size(); ++l)
            write_layer(file.root().create_group("layer_" + std::to_string(l + 1)), bank.layers[l], bank.grid);
        file.commit();
    }
    if (o.common.json) {
        nlohmann::ordered_json json{{"grid", {bank.grid.n1, bank.grid.n2}}};
        for (std::size_t l = 0; l < bank.layers.size(); ++l)
            json["layers"].push_back(
                {{"wavelets", bank.layers[l].wavelets.size()}, {"littlewood_paley", {paley[l].least, paley[l].most}}});
        std::printf("%s\n", json.dump(2).c_str());
        return;
    }
    if (o.common.quiet)
        return;
    std::printf("%s bank on the grid %td x %td\n", o.bank.family.c_str(), bank.grid.n1, bank.grid.n2);
    for (std::size_t l = 0; l < bank.layers.size(); ++l) {
        std::printf("layer %zu: %zu wavelets, Littlewood-Paley sum %.5g to %.5g\n", l + 1,
                    bank.layers[l].wavelets.size(), paley[l].least, paley[l].most);
        std::printf("  %3s %9s %10s %10s %8s\n", "j", "theta", "xi", "sigma", "slant");
        for (const Wavelet& w : bank.layers[l].wavelets)
            std::printf("  %3td %9.4f %10.5g %10.5g %8.4g\n", w.j, w.theta, w.xi, w.sigma, w.slant);
    }
}

}  // namespace

Command add_scatter_bank(CLI::App& app, const Process& process) {
    const auto o = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("bank", "the wavelets of a bank and their Littlewood-Paley sum");
    command->add_option("--size", o->size, "of the signals: N, or N1,N2 of images")->delimiter(',')->required();
    o->bank.add_to(*command);
    command->add_option("--out", o->out, "FILE.h5 with spectra, wavelets and the Littlewood-Paley sum");
    o->common.process = process;
    o->common.add_to(*command);
    o->common.add_force(*command);
    o->command = command;
    return [o] { run(*o); };
}

}  // namespace descrambler::cli
