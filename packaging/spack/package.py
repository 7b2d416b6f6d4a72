# SPDX-License-Identifier: Apache-2.0
"""Recipe for Spack 1.0 and later. Copy it to packages/descrambler/package.py of a repository of your own (`spack repo create`), set
`git`, and `spack install descrambler +mpi`; or build a checkout with `spack develop`."""
from spack_repo.builtin.build_systems.cmake import CMakePackage
from spack_repo.builtin.build_systems.cuda import CudaPackage

from spack.package import *


class Descrambler(CMakePackage, CudaPackage):
    """Finds out how a trained neural network computes: trains ensembles, descrambles their layers, reports."""

    git = "https://example.org/descrambler.git"  # where you keep it

    license("Apache-2.0")

    version("main", branch="main")

    variant("mpi", default=True, description="several processes, parallel HDF5")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("git", type="build")
    depends_on("openblas")
    depends_on("mpi@3:", when="+mpi")
    depends_on("hdf5@1.10: +mpi", when="+mpi")
    depends_on("hdf5@1.10: ~mpi", when="~mpi")
    depends_on("cli11@2.1:")
    depends_on("tomlplusplus@3:")
    depends_on("nlohmann-json@3.9:")
    depends_on("protobuf@3.21:")
    depends_on("libpng@1.6:")
    depends_on("jpeg")
    depends_on("cuda@13:", when="+cuda")
    depends_on("gnuplot", type="run")

    # one header of it, which Spack has no recipe for
    resource(
        name="kissfft",
        git="https://github.com/mborgerding/kissfft.git",
        tag="131.1.0",
        destination="third_party",
        placement="kissfft",
    )

    generator("ninja")
    conflicts("%gcc@:11", msg="C++20")
    requires("%gcc", msg="OpenMP and flags of GCC 12 and later: no other compiler has been tried")
    conflicts("cuda_arch=none", when="+cuda", msg="name the architecture: cuda_arch=80 or 90")

    def cmake_args(self):
        args = [
            self.define_from_variant("DESCRAMBLER_MPI", "mpi"),
            self.define_from_variant("DESCRAMBLER_CUDA", "cuda"),
            self.define("DESCRAMBLER_ARCH", ""),  # Spack's compiler wrapper adds that of the target
            self.define("DESCRAMBLER_TESTS", False),
            self.define("DESCRAMBLER_WERROR", False),
            self.define("KISSFFT_INCLUDE", join_path(self.stage.source_path, "third_party")),
        ]
        if self.spec.satisfies("+cuda"):
            args.append(self.define("CMAKE_CUDA_ARCHITECTURES", self.spec.variants["cuda_arch"].value))
        return args
