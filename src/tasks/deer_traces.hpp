// DEER traces drawn from the generator of descrambler/deer_database.hpp, on the host or on a device.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "descrambler/backend.hpp"
#include "descrambler/deer_database.hpp"

namespace descrambler {

inline constexpr Index deer_tile = 64;  // on the host, requests that start and end at multiples of it waste nothing

// The samples of one database: inputs are traces [times], targets distributions [distances]. Takes over what it needs
// of the tables when it is made, so they may change or end afterwards. A sample does not depend on which others are
// asked for.
template <class T>  // float, double
class DeerSource final : public SampleSource<T> {
public:
    // Throws std::invalid_argument where the kernel is not [times, distances].
    explicit DeerSource(const DeerTables& tables);

    [[nodiscard]] Index inputs() const override;
    [[nodiscard]] Index outputs() const override;
    [[nodiscard]] bool on_device() const override { return true; }
    [[nodiscard]] std::size_t bytes_on_device() const override;
    void draw(Backend<T>& on, std::uint64_t seed, std::uint64_t stream, Index first, Batch<T> input,
              Batch<T> target) const override;
    void draw_all(Backend<T>& on, std::uint64_t seed, std::span<const std::uint64_t> streams, Index first,
                  Batch<T> input, Batch<T> target) const override;
    // Samples first .. first + n - 1 of a stream with all companions, n columns in every view that is wanted. Throws
    // std::invalid_argument on views of other sizes.
    void traces(Backend<T>& on, std::uint64_t seed, std::uint64_t stream, Index first, const DeerSamples<T>& out) const;

private:
    struct Prepared;
    struct HostMemory;
    struct DeviceTables;
    void on_host(Backend<T>& on, std::uint64_t seed, std::uint64_t stream, Index first, const DeerSamples<T>& out,
                 Index count) const;
    void on_device(Backend<T>& on, std::uint64_t seed, std::span<const std::uint64_t> streams, Index first,
                   const DeerSamples<T>& out) const;
    std::shared_ptr<const Prepared> prepared_;
};

// As of deer_database.hpp, from a source that is there already: preparing one takes long.
[[nodiscard]] DeerLibrary make_deer_library(Backend<float>& on, const DeerSource<float>& source, std::uint64_t seed,
                                            std::uint64_t stream, Index first, Index count);

}  // namespace descrambler
