#include "tour/catalogue.hpp"

namespace descrambler::tour {

const std::vector<Entry>& catalogue() {
    static const std::vector<Entry> entries = {
        {"Tour", "Fig. 1", "a network is y = F x + r at its input", "E1", ""},
        {"Tour", "Fig. 2", "scopes: masks, selections, norms", "E4", ""},
        {"Tour", "Table 1", "bytes of a record: masks and selections", "E1",
         "the weights of VGG-19, CycleGAN and EDSR are not here; the bytes do not depend on them: 1857536 of masks for "
         "VGG-19, held by a test on the graph of ONNX"},
        {"Tour", "Table 2", "speed of recording against storing activations", "",
         "a question of speed, not of findings: descrambler interpret --two-batch stores nothing, bench/ times both"},
        {"Tour", "Table 3, 4", "share of the residual in classifiers", "E1", ""},
        {"Tour", "Fig. 3, 9", "pixel discussions and votes", "E1", ""},
        {"Tour", "Fig. 4, 8", "contributions from layer to layer", "E1", ""},
        {"Tour", "Section 4.1", "a row of F is no template of its class", "E1", ""},
        {"Tour", "Fig. 10", "adversarial examples", "E2", ""},
        {"Tour", "Fig. 5, 12", "singular vectors of super-resolution", "E3", ""},
        {"Tour", "Section 4.2", "singular vectors are no eigenfaces", "E3", ""},
        {"Tour", "Fig. 6", "a four-layer network against EDSR", "E3", ""},
        {"Tour", "Fig. 11", "rows and columns of super-resolution", "E3", ""},
        {"Tour", "Algorithm 1", "power method with momentum", "E3", ""},
        {"Tour", "Fig. 7, 13", "rows and columns of image translation", "E4", ""},
        {"Tour", "Fig. 14, 15", "singular vectors of image translation", "E4", ""},
        {"Tour", "Section 8.B, 8.D", "all rows and columns, pages and videos", "",
         "descrambler interpret --all rows|columns, --viewer DIR and --walk DIR make them of any network"},
        {"Tour", "Section 5", "further restoration: denoising, demosaicking", "E8", ""},
        {"SpecXAI", "Fig. 1", "leading singular vectors and spectra of classifiers", "E5", ""},
        {"SpecXAI", "Fig. 2", "contributing vectors after cancellation", "E5", ""},
        {"SpecXAI", "Fig. 3", "split at the last convolution", "E5", ""},
        {"SpecXAI", "Fig. 4", "vectors that decide the drag of cars", "E7", ""},
        {"SpecXAI", "Fig. 5", "similarity of vectors over a set", "E5", ""},
        {"SpecXAI", "Fig. 6", "evolution over layers, symmetry of cars", "E7", ""},
        {"SpecXAI", "Fig. 7", "turbines: blades taken separately", "E7", ""},
        {"SpecXAI", "Fig. 8", "rotated squares without biases", "E6", ""},
        {"SpecXAI", "Fig. 9", "rotated squares with biases", "E6", ""},
        {"SpecXAI", "Fig. 10", "bias images of an autoencoder", "E7", ""},
        {"SpecXAI", "Fig. 11", "averaged against contracted maps", "E5", ""},
        {"SpecXAI", "Fig. 12, 13", "beside gradients, LRP, GradCAM and LIME", "E5", ""}};
    return entries;
}

}  // namespace descrambler::tour
