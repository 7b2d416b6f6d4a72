#!/usr/bin/env python3
"""The image and the recipe know every package that ./dev installs and every option of CMakeLists.txt that they set. Neither
Apptainer nor Spack is run: what Debian calls the packages, and that the recipe is Python with the right words, is all that is seen here."""
import re
import sys
import types
from pathlib import Path

root = Path(__file__).resolve().parent.parent
dev, image, cmake = ((root / name).read_text() for name in ("dev", "packaging/descrambler.def", "CMakeLists.txt"))
errors = []

# ---- the image ---------------------------------------------------------------------------------------------------------
def installed(script):
    joined = script.replace("\\\n", " ")
    return set(re.search(r"apt-get install -y --no-install-recommends (.*)", joined)[1].split())

build, final = image.split("Stage: final")
needed = set(re.search(r"program_packages=\(([^)]*)\)", dev)[1].split())
there = installed(build) | installed(final)
for package in sorted(needed - there):
    if package != "libhdf5-dev":  # the image has the parallel one
        errors.append(f"descrambler.def lacks {package}, which ./dev installs")
for source in re.findall(r"^    (\S+) /source/\S+$", build, re.M):
    if not (root / source).exists():
        errors.append(f"descrambler.def copies {source}, which is not there")
for folder in re.findall(r"^(?:  )?add_subdirectory\((\w+)\)", cmake, re.M):
    if f"    {folder} /source/" not in build and folder not in ("tests", "bench"):
        errors.append(f"descrambler.def does not copy {folder}")

# ---- the recipe, against words that only write down what they are called with ------------------------------------------
class Package:
    stage = types.SimpleNamespace(source_path="/stage/source")

    def define(self, name, value):
        return f"-D{name}={value}"

    def define_from_variant(self, name, variant):
        if variant not in calls["variant"] | {"cuda"}:
            errors.append(f"package.py: no variant {variant}")
        return f"-D{name}={variant}"

class CudaPackage:
    pass

class Spec:
    variants = {"cuda_arch": types.SimpleNamespace(value=("80", "90"))}

    def satisfies(self, constraint):
        return constraint == "+cuda"

calls = {}
module = types.ModuleType("spack.package")
for word in ("license", "version", "variant", "depends_on", "resource", "generator", "conflicts", "requires"):
    calls[word] = set()
    setattr(module, word, lambda *values, word=word, **named: calls[word].add(values[0] if values else named["name"]))
module.join_path = lambda *parts: "/".join(parts)
sys.modules["spack"] = types.ModuleType("spack")
sys.modules["spack.package"] = module
for name, word, value in (("cmake", "CMakePackage", Package), ("cuda", "CudaPackage", CudaPackage)):
    sys.modules[f"spack_repo.builtin.build_systems.{name}"] = types.ModuleType(name)
    setattr(sys.modules[f"spack_repo.builtin.build_systems.{name}"], word, value)
recipe = {}
sys.dont_write_bytecode = True
exec(compile((root / "packaging/spack/package.py").read_text(), "package.py", "exec"), recipe)
package = recipe["Descrambler"]()
package.spec = Spec()
arguments = package.cmake_args()
libraries = {"libopenblas-dev": "openblas", "libhdf5-dev": "hdf5", "libcli11-dev": "cli11", "libtomlplusplus-dev": "tomlplusplus",
             "nlohmann-json3-dev": "nlohmann-json", "libkissfft-dev": "kissfft", "libprotobuf-dev": "protobuf",
             "protobuf-compiler": "protobuf", "libpng-dev": "libpng", "libjpeg-dev": "jpeg", "gnuplot-nox": "gnuplot", "cmake": "cmake",
             "ninja-build": "ninja", "git": "git", "libopenmpi-dev": "mpi", "libhdf5-openmpi-dev": "hdf5"}
words = {re.match(r"[\w-]+", text)[0] for text in calls["depends_on"] | calls["resource"]}
for package in sorted(needed & set(libraries)):
    if libraries[package] not in words:
        errors.append(f"package.py lacks {libraries[package]}")

# ---- the options that both set -----------------------------------------------------------------------------------------
for option in re.findall(r"-D(\w+)=", build + " ".join(arguments)):
    if not option.startswith("CMAKE_") and not re.search(rf"\b{option}\b", cmake):
        errors.append(f"CMakeLists.txt has no option {option}")

print("\n".join(errors) if errors else "packaging: every package and option is known")
sys.exit(1 if errors else 0)
