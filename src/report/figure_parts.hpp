// What the figure files share: groups and their look, arrays of study.h5, bands over networks.
#pragma once

#include <array>
#include <functional>

#include "descrambler/statistics.hpp"
#include "report/figures.hpp"

namespace descrambler {

// A group of networks and how it looks in every figure: colours that colour-blind readers tell apart, and dashes for
// black and white.
struct GroupStyle {
    std::string name, words, colour;
    int dash = 1, marker = 7;
};
inline const std::array<GroupStyle, 4> group_styles = {{{"trained", "trained", "#0072B2", 1, 7},
                                                        {"untrained", "untrained", "#555555", 3, 6},
                                                        {"shuffled", "shuffled targets", "#D55E00", 2, 9},
                                                        {"no_decay", "no decay", "#009E73", 4, 5}}};
inline constexpr const char* peer_colour = "#E69F00";
inline constexpr const char* truth_colour = "#000000";

// The study with the checks that every figure needs: shapes, and a name for what is absent.
class Study {
public:
    explicit Study(const Hdf5Group& root) : root_(root) {}
    [[nodiscard]] Study with_deer_axes() const;  // those of times and distances, which the other tasks do not have

    [[nodiscard]] bool has(const std::string& name) const { return root_.has(name); }
    [[nodiscard]] const Hdf5Group& root() const { return root_; }
    // A data set of the rank wanted; sizes below 0 may be anything. Throws InputError otherwise.
    [[nodiscard]] FileArray<double> array(const std::string& name, const std::vector<Index>& shape) const;
    // Groups of control and trained networks for which /analysis/GROUP/DATASET is stored, in the order of group_styles.
    [[nodiscard]] std::vector<GroupStyle> groups_with(const std::string& dataset) const;

    std::vector<double> time_us, distance_nm;
    [[nodiscard]] Index times() const { return std::ssize(time_us); }
    [[nodiscard]] Index distances() const { return std::ssize(distance_nm); }
    [[nodiscard]] double frequency_step_mhz() const;  // 1 / (N dt)

private:
    const Hdf5Group& root_;
};

// Item of a stack [items, rows, cols]; row of a table [items, cols].
[[nodiscard]] Matrix<double> item_of(const FileArray<double>& stack, Index item);
[[nodiscard]] std::vector<double> row_of(const FileArray<double>& table, Index row);

// Median over the first dimension of [networks, points], and the band between minimum and maximum where there is more
// than one network. NaN is left out.
[[nodiscard]] Curve band_over_networks(const std::vector<double>& x, const FileArray<double>& table,
                                       const GroupStyle& style);

[[nodiscard]] Curve straight_line(double x0, double y0, double x1, double y1, const std::string& label);
// 1, 2 and 5 of every decade that the curves reach: gnuplot labels whole decades only, and a loss may stay within one.
[[nodiscard]] std::vector<std::pair<double, std::string>> decade_ticks(const std::vector<Curve>& curves);
[[nodiscard]] Axis axis(const std::string& label);
[[nodiscard]] Axis axis(const std::string& label, double low, double high);
// Weights of one layer as four panels: trained raw, trained descrambled, and the first untrained and shuffled control,
// descrambled where that is stored (/analysis/GROUP/CONTROL), otherwise raw.
struct WeightPictures {
    std::string layer;        // "layer_1"
    std::string descrambled;  // data set [networks, rows, cols] of the trained ensemble
    std::string control;      // "descrambled_1"
};
void add_weight_panels(Figure& figure, const Study& study, const WeightPictures& names,
                       const std::function<Panel(const std::string& title, const Matrix<double>& weight)>& panel);

// |FFT2| in dB below its maximum, zero frequency in the middle, rows and columns up to the given bins.
[[nodiscard]] Image spectrum_image(const Matrix<double>& folded, Index most_rows, Index most_columns, double step_mhz,
                                   double depth);
[[nodiscard]] Panel spectrum_panel(const std::string& title, Image image);

// "Not stored in study.h5, so not shown: untrained, shuffled targets." or nothing.
[[nodiscard]] std::string missing_groups(const std::vector<GroupStyle>& present);

// The figures, file by file.
void add_training_figures(const Study& study, const Summary& summary, std::vector<Figure>& figures);
void add_layer_1_figures(const Study& study, std::vector<Figure>& figures);
void add_layer_2_figures(const Study& study, std::vector<Figure>& figures);
void add_deep_figures(const Study& study, std::vector<Figure>& figures);       // more than one hidden layer
void add_relation_figures(const Study& study, std::vector<Figure>& figures);   // all networks against each other
void add_optimiser_figures(const Study& study, std::vector<Figure>& figures);  // the published one and ours
void add_network_figures(const Study& study, std::vector<Figure>& figures);    // time to distance, alignment

// Training loss of tasks with conditions, a panel each. Throws InputError where the summary names none.
void add_loss_figure(const Study& study, const Summary& summary, std::vector<Figure>& figures);
// What is said of absent controls; nobody misses `no decay` where nothing decays.
[[nodiscard]] std::string missing_controls(std::vector<GroupStyle> present);
// The rows of one condition in a data set [networks, ...] whose networks stand condition after condition. Throws
// InputError if they cannot.
[[nodiscard]] FileArray<double> rows_of_condition(const FileArray<double>& all, Index condition, Index conditions);

}  // namespace descrambler
