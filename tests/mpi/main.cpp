// Runs the tests on all ranks of the launcher. Rank 0 prints; the others speak only of failures. The exit code of every
// rank tells of a failure on any.
#include <algorithm>
#include <cstdio>

#include "ranks.hpp"

namespace descrambler::test {

const std::shared_ptr<Communicator>& all_ranks() {
    static const std::shared_ptr<Communicator> ranks = make_communicator();
    return ranks;
}

namespace {

class Failures : public ::testing::EmptyTestEventListener {
    void OnTestPartResult(const ::testing::TestPartResult& part) override {
        if (part.failed())
            std::fprintf(stderr, "rank %d: %s:%d: %s\n", all_ranks()->rank(),
                         part.file_name() == nullptr ? "?" : part.file_name(), part.line_number(), part.message());
    }
};

}  // namespace
}  // namespace descrambler::test

int main(int argc, char** argv) {
    using namespace descrambler;
    ::testing::InitGoogleTest(&argc, argv);
    Communicator& ranks = *test::all_ranks();
    if (ranks.rank() != 0) {
        ::testing::TestEventListeners& listeners = ::testing::UnitTest::GetInstance()->listeners();
        delete listeners.Release(listeners.default_result_printer());
        listeners.Append(new test::Failures);
    }
    const std::vector<int> codes = all_gather(ranks, RUN_ALL_TESTS());
    return *std::ranges::max_element(codes);
}
