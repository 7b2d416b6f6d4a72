// Solids of a few parameters on a grid of n^3 voxels, with a number each that a formula gives: cars with a drag, rotors of
// three blades with a peak stress. They stand in for the cars and turbines of SpecXAI, whose data are not available.
// Voxel (x, y, z) of a solid is number (x n + y) n + z; its middle lies at ((x + 1/2) 2 / n - 1, ...), the grid is
// [-1, 1]^3. A voxel holds 1 inside, 0 outside, and passes smoothly from one to the other over about a voxel.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "descrambler/matrix.hpp"

namespace descrambler::tour {

// x along the car, its front at -1; y across, z up. Lengths are half-axes.
struct Car {
    double length = .85, width = .36, height = .2;  // of the body, a superellipsoid about the middle
    double exponent = 4;                            // of the body: 2 an ellipsoid, large a box
    double cabin_length = .35, cabin_height = .22;  // of the cabin, above the body
    double cabin_place = .1;                        // its middle along x
    double wheel = .16;                             // radius
};
[[nodiscard]] Car random_car(std::uint64_t seed, Index number);
[[nodiscard]] std::vector<double> voxels(const Car& car, Index n);
// Frontal area (share of the front of the grid that the voxels cover, seen along x) times a smooth factor of the shape:
//   (.2 + .2 tanh(cabin_height / cabin_length) + .2 (1 - 2 / exponent))
[[nodiscard]] double drag(const Car& car, std::span<const double> voxels, Index n);

// The rotor turns about x; blade k points along the angle azimuth + 2 pi k / 3 from y towards z.
struct Turbine {
    double azimuth = 0;             // radians, below 2 pi / 3
    double radius = .9;             // of the tips
    double chord = .4, taper = .5;  // at the hub; what is lost of it towards the tip, as a share
    double twist = .5;              // radians between chord and plane of rotation at the hub; a quarter at the tip
    double thickness = .3;          // over the chord
    static constexpr double hub = .18;
};
[[nodiscard]] Turbine random_turbine(std::uint64_t seed, Index number);
[[nodiscard]] std::vector<double> voxels(const Turbine& turbine, Index n);
// The largest stress of the three blades as beams: at radius r
//   sigma(r) = (M_wind(r) + |cos of the blade's angle| M_weight(r)) / (c(r) t(r)^2 / 6),
//   M_wind = integral of c(s) s^2 cos(theta(s))^2 (s - r),   M_weight = 4 integral of c(s) t(s) (s - r)   over r < s < radius,
// c chord, t thickness, theta twist; the weight bends a blade that lies along y the most.
[[nodiscard]] double peak_stress(const Turbine& turbine);
[[nodiscard]] double peak_stress(const Turbine& turbine, Index blade);

// Cosine between a map over the voxels and its image under y -> -y; 0 for a map of zeros.
[[nodiscard]] double mirror_symmetry(std::span<const double> map, Index n);
// Cosine between a map and itself turned about x by 2 pi / 3 (bilinear), over the voxels within 1 of the axis.
[[nodiscard]] double turn_symmetry(std::span<const double> map, Index n);
// Share of the energy of a map that is nearest, by angle about x, to each of the three blades.
[[nodiscard]] std::vector<double> blade_shares(std::span<const double> map, Index n, double azimuth);
// Sum over neighbours in the three directions of |difference|, over the sum of |map|: 0 for a constant, about 6 for a
// checkerboard; 0 for a map of zeros.
[[nodiscard]] double roughness(std::span<const double> map, Index n);
// Sum along one axis (0: x, 1: y, 2: z), seen with z (or y) up: [n n] row-major.
[[nodiscard]] std::vector<double> projection(std::span<const double> map, Index n, int axis);

}  // namespace descrambler::tour
