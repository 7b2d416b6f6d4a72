// What the environment says about the launcher that started this process.
#pragma once

#include <charconv>
#include <cstdlib>
#include <cstring>

#include "descrambler/communicator.hpp"
#include "descrambler/error.hpp"

namespace descrambler {

[[nodiscard]] inline int number_in_environment(const char* name) {  // -1: none
    int number = -1;
    if (const char* text = std::getenv(name))
        std::from_chars(text, text + std::strlen(text), number);
    return number;
}

// Number of processes that mpirun or a step of srun started; 1 where the environment says nothing.
[[nodiscard]] inline int processes_started() {
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"})
        if (const int number = number_in_environment(name); number > 0)
            return number;
    return 1;
}

// The number of this process among those; -1: not known.
[[nodiscard]] inline int place_started() {
    for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"})
        if (const int number = number_in_environment(name); number >= 0)
            return number;
    return -1;
}

// Whether a process manager waits for MPI_Init.
[[nodiscard]] inline bool launched() {
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE", "PMI_FD"})
        if (std::getenv(name) != nullptr)
            return true;
    return false;
}

}  // namespace descrambler
