// What can be read of a network of any depth, layer by layer. The numbers of findings.hpp suppose one hidden layer; of
// them those stay that see only the first weight, the last weight, or the whole network.
//   T, T'      stencil bases of the outputs and inputs of layer K      x0   mean input of the library
//   J(-> K)    = W_K D_{K-1} ... D_1 W_1      J(K ->) = W_L D_{L-1} ... D_{K+1} W_{K+1},   D_i = diag f'(z_i) at x0
// Between hidden layers a weight has no axis of its own on either side: neurons are numbered at random. Networks are
// compared there by the weight carried to the axis of the input, P_K J(-> K), or of the output, P_K J(K ->)^T; for the
// first and the last weight these are P_1 W_1 and (W_L P^T)^T themselves.
#pragma once

#include "analysis/deer/findings.hpp"
#include "descrambler/alignment.hpp"

namespace descrambler {

[[nodiscard]] Matrix<double> column_mean(const Matrix<double>& X);  // [rows, 1]
// J(-> layer) [n, inputs] and J(layer ->) [outputs, n] at x0 [inputs, 1]; 1 <= layer <= L, below L for the second.
[[nodiscard]] Matrix<double> input_jacobian(Backend<double>& on, const Network& network, const Matrix<double>& x0,
                                            Index layer);
[[nodiscard]] Matrix<double> output_jacobian(Backend<double>& on, const Network& network, const Matrix<double>& x0,
                                             Index layer);
// The matrix by which a tap is compared between networks, the link down its rows. Empty for the last layer after.
[[nodiscard]] Matrix<double> comparable_rows(Backend<double>& on, const Network& network, const Matrix<double>& x0,
                                             const TapRequest& tap, const Matrix<double>& P);

struct TapReading {
    double eta_gain_db = 0;  // 10 log10 of eta(I) / eta(P)
    // Share of ||A||^2 in the lowest 2 floor(6 n / 80) + 1 of the n columns of T, A = W_K, P W_K (before) or W_{K+1}^T,
    // P W_{K+1}^T (after): E6 of docs/findings.md for the Fourier stencil and n = 80, by Parseval. White: 13/80. NaN
    // for the last layer after.
    double compactness_raw = 0, compactness = 0;
};
[[nodiscard]] TapReading read_tap(Backend<double>& on, const Stencil& stencil, const Network& network,
                                  const TapRequest& tap, const Solution& solution);

// exp of the entropy of s_i / sum s (Roy, Vetterli 2007): 1 for rank one, n for equal singular values.
[[nodiscard]] double effective_rank(Backend<double>& on, const Matrix<double>& W);

// Group embedding of a weight between two hidden layers: E = T^T P_K W_K P_{K-1}^T T', P_K of tap K before and P_{K-1}
// of tap K - 1 after, so that components of the signals are mapped to components. Shares are of ||E||^2; block f of
// equal mu against block g, because a pair may be turned: B_fg = ||E_fg||^2.
struct Embedding {
    Matrix<double> descrambled;  // P_K W_K P_{K-1}^T [n, m]
    Matrix<double> E;            // [n, m]
    double diagonal = 0;         // B_ff
    double permutation = 0;      // one g for each f, largest B_fg first (greedy, so a lower bound of the best choice)
    double order = 0;            // correlation of f and g with weights B_fg: 1 if the order is kept, 0 if it is lost
};
[[nodiscard]] Embedding read_embedding(Backend<double>& on, const Stencil& out, const Stencil& in,
                                       const Matrix<double>& W, const Matrix<double>& P_out,
                                       const Matrix<double>& P_in);

// The entries of a reading that are defined at any depth: HFrej, edge, DCmarg, g_dip_bg, g_dip_noise of W_1; J_MAE,
// J_rank of J(-> L); Sturm6, DCT20, rank12 of W_L; gain, jacobian_response, jacobian_peak_nm, the first eight left
// vectors of W_L, singular_1 and singular_2 (of W_L). With the Fourier solution of layer 1 before also what is read of
// P_1 W_1: its spectra, eta_gain, E6, top1, DC16 and the cube root. Throws InputError for fewer than 64 times, 32
// distances, 16 neurons in the first and the last hidden layer, or a library or tables that do not fit.
[[nodiscard]] NetworkReading read_deep_findings(Backend<double>& on, const DeerTables& tables,
                                                const FindingsLibrary& library, const Network& network,
                                                const Solution* first);

}  // namespace descrambler
