// Tests that several ranks run together: every rank takes the same steps, and what fails on one of them fails the
// program on all (main.cpp).
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "data.hpp"
#include "descrambler/communicator.hpp"

namespace descrambler::test {

[[nodiscard]] const std::shared_ptr<Communicator>& all_ranks();

class RanksTest : public ::testing::Test {
protected:
    std::shared_ptr<Communicator> shared = all_ranks();
    Communicator& ranks = *shared;
    const int rank = ranks.rank(), size = ranks.size();
};

// With an empty folder that all ranks see.
class FolderTest : public RanksTest {
protected:
    std::filesystem::path folder;

    void SetUp() override {
        if (rank == 0)
            own_ = std::make_unique<Scratch>("ranks");
        folder = all_gather(ranks, own_ ? own_->path().string() : "").front();
    }
    void TearDown() override { ranks.barrier(); }

private:
    std::unique_ptr<Scratch> own_;
};

}  // namespace descrambler::test
