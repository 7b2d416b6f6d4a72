#include "descrambler/hdf5.hpp"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <cmath>
#include <limits>
#include <thread>

#include "data.hpp"
#include "descrambler/files.hpp"
#include "fuzz.hpp"

// The library itself leaks when it refuses a damaged file; a leak checker need not tell.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libhdf5";
}

namespace descrambler {
namespace {

namespace fs = std::filesystem;

class Hdf5 : public testing::Test {
protected:
    std::string file(const std::string& name) const { return (scratch_ / name).string(); }
    std::size_t entries() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(scratch_.path()), fs::directory_iterator()));
    }
    // Foreign files are made with the C interface itself.
    void foreign(const std::string& name, const std::function<void(hid_t)>& fill) const {
        const hid_t id = H5Fcreate(file(name).c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        fill(id);
        H5Fclose(id);
    }
    test::Scratch scratch_{"hdf5"};
};

// A small file with one of everything.
void fill(const Hdf5Group& root) {
    Matrix<double> matrix(2, 3);
    for (Index i = 0; i < 2; ++i)
        for (Index j = 0; j < 3; ++j)
            matrix(i, j) = static_cast<double>(10 * i + j);
    root.write("networks/000/weight", matrix, {"nm", "a matrix", "out,in"});
    root.write("vector", std::vector<std::int32_t>{1, -2, 3}, {});
    root.write_text("names", {"one", "", "a longer name"}, {"", "names", "row"});
    root.attribute("", "title", std::string("text"));
    root.attribute("networks/000", "rate", 0.25);
    root.attribute("networks/000", "ranges", std::vector<double>{1, 2, 3});
}

TEST_F(Hdf5, MatricesAreRowMajorInTheFile) {
    Hdf5File out = Hdf5File::create(file("a.h5"));
    fill(out.root());
    out.commit();
    const Hdf5File in = Hdf5File::open(file("a.h5"));
    const FileArray<double> raw = in.root().read<double>("networks/000/weight");
    EXPECT_EQ(raw.shape, (std::vector<Index>{2, 3}));
    EXPECT_EQ(raw.values, (std::vector<double>{0, 1, 2, 10, 11, 12}));
    const Matrix<double> matrix = in.root().read_matrix<double>("networks/000/weight");
    EXPECT_EQ(matrix.rows(), 2);
    EXPECT_EQ(matrix(1, 2), 12);
    EXPECT_EQ(matrix(0, 1), 1);
    EXPECT_EQ(in.root().shape("networks/000/weight"), raw.shape);
}

template <class T>
void round_trip(const Hdf5Group& out, const std::string& name, const std::vector<T>& values) {
    out.write(name, {static_cast<Index>(values.size()), 1, 1}, values.data(), {});
    EXPECT_EQ(out.read<T>(name).values, values);
    EXPECT_EQ(out.read<T>(name).shape, (std::vector<Index>{static_cast<Index>(values.size()), 1, 1}));
}

TEST_F(Hdf5, EveryTypeReturnsBitForBit) {
    Hdf5File out = Hdf5File::create(file("a.h5"));
    round_trip<float>(out.root(), "f", {0.1f, std::numeric_limits<float>::infinity(), 1e-45f});
    round_trip<double>(out.root(), "d", {0.1, std::numeric_limits<double>::max(), 5e-324});
    round_trip<std::int32_t>(out.root(), "i", {-2147483647 - 1, 2147483647});
    round_trip<std::int64_t>(out.root(), "l", {std::numeric_limits<std::int64_t>::min(), (1ll << 53) + 1});
    round_trip<std::uint8_t>(out.root(), "b", {0, 255});
    round_trip<double>(out.root(), "none", {});
    out.root().write<double>("nan", std::vector<double>{std::nan("")}, {});
    EXPECT_TRUE(std::isnan(out.root().read_vector<float>("nan")[0]));
    const double scalar = 3;
    out.root().write("scalar", {}, &scalar, {});
    EXPECT_TRUE(out.root().read<double>("scalar").shape.empty());
}

TEST_F(Hdf5, BytesComeInPieces) {
    std::vector<std::uint8_t> bytes(10000);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::uint8_t>(i * i);
    const auto pieces = [&](std::size_t length) {
        return [&bytes, length, at = std::size_t{0}]() mutable {
            const auto piece = std::span<const std::uint8_t>(bytes).subspan(at, std::min(length, bytes.size() - at));
            at += piece.size();
            return piece;
        };
    };
    Hdf5File out = Hdf5File::create(file("a.h5"));
    out.root().write_bytes("all", std::ssize(bytes), pieces(999), {"1", "squares", "bytes"});
    out.root().write_bytes("none", 0, pieces(999), {"1", "", ""});
    EXPECT_THROW(out.root().write_bytes("more", 10001, pieces(999), {"1", "", ""}), std::invalid_argument);
    EXPECT_THROW(out.root().write_bytes("fewer", 500, pieces(999), {"1", "", ""}), std::invalid_argument);
    out.commit();
    const Hdf5File read = Hdf5File::open(file("a.h5"));
    EXPECT_EQ(read.root().read_vector<std::uint8_t>("all"), bytes);
    EXPECT_EQ(read.root().text_attribute("all", "meaning"), "squares");
    EXPECT_EQ(read.root().shape("none"), std::vector<Index>{0});
}

TEST_F(Hdf5, ConvertsNumbersOnlyWithoutHarm) {
    Hdf5File out = Hdf5File::create(file("a.h5"));
    out.root().write("i", std::vector<std::int32_t>{1, -2, 300}, {});
    out.root().write("d", std::vector<double>{1, 2.5}, {});
    out.root().write("whole", std::vector<double>{1, -3}, {});
    out.root().write("nan", std::vector<double>{std::nan("")}, {});
    EXPECT_EQ(out.root().read_vector<double>("i"), (std::vector<double>{1, -2, 300}));
    EXPECT_EQ(out.root().read_vector<float>("d"), (std::vector<float>{1, 2.5}));
    EXPECT_EQ(out.root().read_vector<std::int64_t>("whole"), (std::vector<std::int64_t>{1, -3}));
    for (const auto& call : {std::function([&] { (void)out.root().read_vector<std::uint8_t>("i"); }),
                             std::function([&] { (void)out.root().read_vector<std::int32_t>("d"); }),
                             std::function([&] { (void)out.root().read_vector<std::int32_t>("nan"); })})
        EXPECT_NE(test::input_error(call).find("expected whole numbers that fit"), std::string::npos);
}

TEST_F(Hdf5, TextsAndLabelsReturn) {
    Hdf5File out = Hdf5File::create(file("a.h5"));
    fill(out.root());
    out.root().write_text("nothing", {}, {});
    out.commit();
    const Hdf5File in = Hdf5File::open(file("a.h5"));
    EXPECT_EQ(in.root().read_text("names"), (std::vector<std::string>{"one", "", "a longer name"}));
    EXPECT_TRUE(in.root().read_text("nothing").empty());
    EXPECT_EQ(in.root().text_attribute("networks/000/weight", "unit"), "nm");
    EXPECT_EQ(in.root().text_attribute("networks/000/weight", "meaning"), "a matrix");
    EXPECT_EQ(in.root().text_attribute("networks/000/weight", "axes"), "out,in");
    EXPECT_EQ(in.root().text_attribute("vector", "unit"), "1");
    EXPECT_EQ(in.root().text_attribute("vector", "meaning"), "");
}

TEST_F(Hdf5, ReadsTextsOfOtherPrograms) {
    foreign("f.h5", [](hid_t id) {
        const hid_t variable = H5Tcopy(H5T_C_S1), padded = H5Tcopy(H5T_FORTRAN_S1), ended = H5Tcopy(H5T_C_S1);
        H5Tset_size(variable, H5T_VARIABLE);
        H5Tset_size(padded, 4);
        H5Tset_size(ended, 4);
        const hsize_t two = 2;
        const hid_t space = H5Screate_simple(1, &two, nullptr), one = H5Screate(H5S_SCALAR);
        const char* texts[] = {"short", "a text of any length"};
        const auto put = [&](const char* name, hid_t type, hid_t shape, const void* data) {
            const hid_t set = H5Dcreate2(id, name, type, shape, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
            H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
            H5Dclose(set);
        };
        put("variable", variable, space, static_cast<const void*>(texts));
        put("scalar", variable, one, static_cast<const void*>(texts));
        put("padded", padded, space, "ab  cdef");
        put("ended", ended, space, "ab\0xcde");
        const hid_t unwritten = H5Dcreate2(id, "unwritten", variable, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        H5Dclose(unwritten);
        const hid_t attribute = H5Acreate2(id, "variable", variable, one, H5P_DEFAULT, H5P_DEFAULT);
        H5Awrite(attribute, variable, static_cast<const void*>(texts));
        H5Aclose(attribute);
        for (const hid_t type : {variable, padded, ended})
            H5Tclose(type);
        H5Sclose(space);
        H5Sclose(one);
    });
    const Hdf5File in = Hdf5File::open(file("f.h5"));
    EXPECT_EQ(in.root().read_text("variable"), (std::vector<std::string>{"short", "a text of any length"}));
    EXPECT_EQ(in.root().read_text("scalar"), (std::vector<std::string>{"short"}));
    EXPECT_EQ(in.root().read_text("padded"), (std::vector<std::string>{"ab", "cdef"}));
    EXPECT_EQ(in.root().read_text("ended"), (std::vector<std::string>{"ab", "cde"}));
    EXPECT_EQ(in.root().read_text("unwritten"), (std::vector<std::string>{"", ""}));
    EXPECT_EQ(in.root().text_attribute("", "variable"), "short");
}

TEST_F(Hdf5, AttributesReturnAndAreReplaced) {
    Hdf5File out = Hdf5File::create(file("a.h5"));
    fill(out.root());
    out.root().attribute("vector", "n", std::int64_t{7});
    out.root().attribute("vector", "n", 8.5);
    out.root().attribute("vector", "n", std::int64_t{9});
    out.root().attribute("", "long", std::string(200000, 'x'));
    EXPECT_EQ(out.root().number_attribute("vector", "n"), 9);
    EXPECT_EQ(out.root().text_attribute("", "long").size(), 200000u);
    EXPECT_EQ(out.root().text_attribute("", "title"), "text");
    EXPECT_EQ(out.root().group("networks").number_attribute("000", "rate"), 0.25);
    EXPECT_TRUE(out.root().has_attribute("networks/000", "rate"));
    EXPECT_FALSE(out.root().has_attribute("networks/000", "speed"));
    EXPECT_FALSE(out.root().has_attribute("networks/001", "rate"));
    const auto fails = [&](const std::string& name, const std::string& key, bool number) {
        return test::input_error([&] {
            if (number)
                (void)out.root().number_attribute(name, key);
            else
                (void)out.root().text_attribute(name, key);
        });
    };
    EXPECT_NE(fails("", "title", true).find("a.h5:/: attribute 'title': expected a number"), std::string::npos);
    EXPECT_NE(fails("networks/000", "rate", false).find("expected text"), std::string::npos);
    EXPECT_NE(fails("networks/000", "ranges", true).find("expected one value"), std::string::npos);
    EXPECT_NE(fails("networks/000", "speed", true).find("a.h5:/networks/000: expected an attribute 'speed'"),
              std::string::npos);
    EXPECT_NE(fails("networks/007", "rate", true).find("no such object"), std::string::npos);
}

TEST_F(Hdf5, FindsItsWay) {
    Hdf5File out = Hdf5File::create(file("a.h5"));
    fill(out.root());
    const Hdf5Group deep = out.root().create_group("x/y").create_group("z");
    EXPECT_EQ(deep.path(), file("a.h5") + ":/x/y/z");
    EXPECT_EQ(out.root().path(), file("a.h5") + ":/");
    (void)out.root().create_group("x/y/z");  // opens what is there
    EXPECT_EQ(out.root().names(), (std::vector<std::string>{"names", "networks", "vector", "x"}));
    EXPECT_EQ(out.root().datasets(), (std::vector<std::string>{"names", "networks/000/weight", "vector"}));
    EXPECT_TRUE(out.root().has("networks/000/weight"));
    EXPECT_TRUE(out.root().has("/x//y/"));
    EXPECT_FALSE(out.root().has("networks/001/weight"));
    EXPECT_FALSE(out.root().has("vector/below"));
    EXPECT_NE(test::input_error([&] { (void)out.root().group("vector"); }).find("/vector: expected a group"),
              std::string::npos);
    EXPECT_NE(test::input_error([&] { (void)out.root().group("absent"); }), "");
    EXPECT_THROW((void)out.root().create_group("vector/below"), Error);
    EXPECT_THROW(out.root().write("vector", std::vector<double>{1}, {}), Error);  // exists
}

TEST_F(Hdf5, NamesWhatWasExpected) {
    Hdf5File out = Hdf5File::create(file("a.h5"));
    fill(out.root());
    const Hdf5Group& root = out.root();
    const auto message = [](const std::function<void()>& call) { return test::input_error(call); };
    EXPECT_NE(message([&] { (void)root.read<double>("absent"); }).find("a.h5:/absent: expected a data set"),
              std::string::npos);
    EXPECT_NE(message([&] { (void)root.read<double>("networks"); }).find("expected a data set"), std::string::npos);
    EXPECT_EQ(message([&] { (void)root.read<double>("names"); }), file("a.h5") + ":/names: expected numbers");
    EXPECT_EQ(message([&] { (void)root.read_text("vector"); }), file("a.h5") + ":/vector: expected a list of texts");
    EXPECT_EQ(message([&] { (void)root.read_matrix<double>("vector"); }),
              file("a.h5") + ":/vector: expected 2 dimensions, found 1");
    EXPECT_NE(
        message([&] { (void)root.read_vector<double>("networks/000/weight"); }).find("expected 1 dimension, found 2"),
        std::string::npos);
    EXPECT_NE(message([&] { (void)root.read<double>("vector", 2); }).find("expected at most 2 values"),
              std::string::npos);
    EXPECT_EQ(root.read<double>("vector", 3).values.size(), 3u);
    EXPECT_NE(message([&] { (void)Hdf5File::open(file("absent.h5")); }).find("No such file"), std::string::npos);
    EXPECT_NE(message([&] { (void)Hdf5File::open(scratch_.path().string()); }).find("not a regular file"),
              std::string::npos);
    test::put(file("text.h5"), "no HDF5 file");
    EXPECT_NE(message([&] { (void)Hdf5File::open(file("text.h5")); }).find("text.h5: expected an HDF5 file"),
              std::string::npos);
}

TEST_F(Hdf5, BelievesNoSizeBeyondTheFile) {
    foreign("lies.h5", [](hid_t id) {
        const hsize_t huge[] = {1 << 20, 1 << 10}, past[] = {hsize_t{1} << 33, hsize_t{1} << 33}, small = 4;
        const hsize_t chunk = 1 << 28, unlimited = H5S_UNLIMITED;
        const hid_t chunked = H5Pcreate(H5P_DATASET_CREATE), external = H5Pcreate(H5P_DATASET_CREATE);
        H5Pset_chunk(chunked, 1, &chunk);
        H5Pset_external(external, "/dev/zero", 0, 64);
        for (const auto& [name, rank, dims, creation] :
             {std::tuple("unwritten", 2, huge, static_cast<hid_t>(H5P_DEFAULT)),
              {"overflow", 2, past, H5P_DEFAULT},
              {"chunk", 1, &small, chunked},
              {"external", 1, &small, external}}) {
            const hid_t space = H5Screate_simple(rank, dims, creation == chunked ? &unlimited : nullptr);
            H5Dclose(H5Dcreate2(id, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
            H5Sclose(space);
        }
        H5Pclose(chunked);
        H5Pclose(external);
        const hid_t null = H5Screate(H5S_NULL);
        H5Dclose(H5Dcreate2(id, "null", H5T_IEEE_F64LE, null, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        H5Sclose(null);
    });
    const Hdf5File in = Hdf5File::open(file("lies.h5"));
    const auto message = [&](const std::string& name) {
        return test::input_error([&] { (void)in.root().read<double>(name); });
    };
    EXPECT_NE(message("unwritten").find("than the file can hold, found 1073741824"), std::string::npos);
    EXPECT_NE(message("overflow").find("expected at most 2147483648 values"), std::string::npos);
    EXPECT_NE(message("chunk").find("than the file can hold"), std::string::npos);
    EXPECT_NE(message("external").find("expected values that lie in this file"), std::string::npos);
    EXPECT_NE(message("null").find("expected an array"), std::string::npos);
}

TEST_F(Hdf5, RefusesNumbersWhoseBitsLieOutside) {
    foreign("bits.h5", [](hid_t id) {
        const hid_t space = H5Screate(H5S_SCALAR);
        const hid_t set = H5Dcreate2(id, "x", H5T_IEEE_F64BE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        const double value = 1.5;
        H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value);
        H5Dclose(set);
        H5Sclose(space);
    });
    const std::string valid = read_file(file("bits.h5"));
    // as the format stores it: offset 0, precision 64, exponent at 52 of 11 bits, mantissa at 0 of 52 bits, bias 1023
    const std::string type("\0\0\x40\0\x34\x0b\0\x34\xff\x03", 10);
    const std::size_t at = valid.find(type);
    ASSERT_NE(at, valid.npos);
    const auto patched = [&](std::size_t offset, char value) {
        std::string bytes = valid;
        bytes[at + offset] = value;
        test::put(file("bits.h5"), bytes);
        return test::input_error([&] { (void)Hdf5File::open(file("bits.h5")).root().read<double>("x"); });
    };
    EXPECT_EQ(patched(2, '\x40'), "");
    for (const auto& [offset, value] :
         {std::pair(0, '\x20'), {2, '\x50'}, {4, '\x3f'}, {5, '\x3c'}, {6, '\x20'}, {7, '\x7f'}})
        EXPECT_NE(patched(static_cast<std::size_t>(offset), value).find("expected numbers"), std::string::npos)
            << offset;
}

TEST_F(Hdf5, CompressedDataAreRead) {
    const std::vector<double> zeros(1 << 20, 0.0);  // the most compressible there is
    foreign("z.h5", [&](hid_t id) {
        const hsize_t n = zeros.size(), chunk = 1 << 16;
        const hid_t creation = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, &n, nullptr);
        H5Pset_chunk(creation, 1, &chunk);
        H5Pset_deflate(creation, 9);
        const hid_t set = H5Dcreate2(id, "zeros", H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
        H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros.data());
        H5Dclose(set);
        H5Sclose(space);
        H5Pclose(creation);
    });
    EXPECT_EQ(Hdf5File::open(file("z.h5")).root().read_vector<double>("zeros"), zeros);
}

TEST_F(Hdf5, CyclesOfLinksEnd) {
    foreign("cycle.h5", [](hid_t id) {
        const hid_t group = H5Gcreate2(id, "a", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_hard(id, "/", group, "b", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_hard(id, "/", group, "c", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_soft("/nowhere", id, "dangling", H5P_DEFAULT, H5P_DEFAULT);
        H5Gclose(group);
    });
    const Hdf5File in = Hdf5File::open(file("cycle.h5"));
    EXPECT_NE(test::input_error([&] { (void)in.root().datasets(); }).find("groups deep"), std::string::npos);
    EXPECT_TRUE(in.root().has("a/b/a/c/a"));
    EXPECT_FALSE(in.root().has("dangling/x"));
}

TEST_F(Hdf5, EqualContentGivesEqualBytes) {
    for (const std::string name : {"a.h5", "b.h5"}) {
        if (name == "b.h5")  // time stamps have seconds
            std::this_thread::sleep_for(std::chrono::milliseconds(1100));
        Hdf5File out = Hdf5File::create(file(name));
        fill(out.root());
        out.commit();
    }
    EXPECT_EQ(read_file(file("a.h5")), read_file(file("b.h5")));
}

TEST_F(Hdf5, AppearsWholeOrNotAtAll) {
    {
        Hdf5File out = Hdf5File::create(file("a.h5"));
        fill(out.root());
        EXPECT_FALSE(fs::exists(file("a.h5")));
        EXPECT_EQ(entries(), 1u);
    }
    EXPECT_EQ(entries(), 0u);
    Hdf5Group orphan;
    {
        Hdf5File out = Hdf5File::create(file("a.h5"));
        orphan = out.root().create_group("g");
        Hdf5File moved = std::move(out);
        moved.commit();
        EXPECT_THROW(orphan.write("late", std::vector<double>{1}, {}), Error);
        EXPECT_THROW(moved.commit(), std::invalid_argument);
    }
    EXPECT_EQ(entries(), 1u);
    const std::string old = read_file(file("a.h5"));
    {
        Hdf5File out = Hdf5File::create(file("a.h5"));
        fill(out.root());
    }
    EXPECT_EQ(read_file(file("a.h5")), old);
    EXPECT_THROW((void)Hdf5File::create(file("no/such/folder/a.h5")), Error);
    EXPECT_EQ(entries(), 1u);
}

TEST_F(Hdf5, GroupsKeepTheirFileOpen) {
    Hdf5File out = Hdf5File::create(file("a.h5"));
    fill(out.root());
    out.commit();
    Hdf5Group group;
    {
        const Hdf5File in = Hdf5File::open(file("a.h5"));
        group = in.root().group("networks").group("000");
    }
    EXPECT_EQ(group.read_matrix<double>("weight")(1, 1), 11);
    group = {};
    EXPECT_EQ(H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL), 0);  // nothing leaks
}

TEST_F(Hdf5, ReadsThePublishedNetworks) {
    if (!test::has_data("deernet/nets.h5"))
        GTEST_SKIP() << test::no_data("deernet/nets.h5");
    const Hdf5File in = Hdf5File::open(test::data("deernet/nets.h5").string());
    EXPECT_EQ(in.root().shape("net_16/layer_6/W_folded"), (std::vector<Index>{512, 320}));
    EXPECT_EQ(in.root().read_matrix<double>("net_01/layer_1/W_folded").rows(), 320);
    EXPECT_EQ(in.root().text_attribute("net_01/layer_1", "activation"), "softplus");
    EXPECT_TRUE(std::isnan(in.root().read_matrix<float>("parameters/kernel")(0, 0)));
    EXPECT_EQ(in.root().datasets().size(), 16u * 12 + 3);
}

// Reads everything that can be asked for.
void read_all(const std::string& path) {
    const Hdf5File in = Hdf5File::open(path);
    for (const std::string& name : in.root().datasets()) {
        (void)test::input_error([&] { (void)in.root().read<double>(name); });
        (void)test::input_error([&] { (void)in.root().read_text(name); });
        for (const char* key : {"unit", "meaning", "axes"})
            (void)test::input_error([&] { (void)in.root().text_attribute(name, key); });
    }
    (void)test::input_error([&] { (void)in.root().text_attribute("", "title"); });
    (void)in.root().number_attribute("networks/000", "rate");
    (void)in.root().read_text("names");
    (void)in.root().read_matrix<double>("networks/000/weight");
}

// What other programs write by default has no checksums: the library sees the damage, or we do, or it is in values.
TEST_F(Hdf5, SurvivesMutationsOfFilesWithoutChecksums) {
    foreign("old.h5", [](hid_t id) {
        const hid_t creation = H5Pcreate(H5P_DATASET_CREATE), text = H5Tcopy(H5T_C_S1);
        H5Pset_obj_track_times(creation, false);  // so that the flips hit the same bytes each time
        H5Tset_size(text, 8);
        const hsize_t n = 64;
        const std::vector<double> values(n, 1.5);
        const hid_t space = H5Screate_simple(1, &n, nullptr);
        for (const auto& [name, type] :
             {std::pair("floats", H5T_IEEE_F64LE), {"integers", H5T_STD_I16BE}, {"text", text}}) {
            const hid_t set = H5Dcreate2(id, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
            H5Dwrite(set, type == text ? text : H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
            H5Dclose(set);
        }
        H5Sclose(space);
        H5Tclose(text);
        H5Pclose(creation);
    });
    const std::string valid = read_file(file("old.h5"));
    (void)test::fuzz(file("m.h5"), valid, 2000, 17, [&] {
        const Hdf5File in = Hdf5File::open(file("m.h5"));
        for (const char* name : {"floats", "integers"})
            (void)test::input_error([&] { (void)in.root().read<double>(name); });
        (void)in.root().datasets();
        (void)in.root().read_text("text");
    });
    EXPECT_EQ(H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL), 0);
}

TEST_F(Hdf5, SurvivesMutations) {
    Hdf5File out = Hdf5File::create(file("a.h5"));
    fill(out.root());
    out.commit();
    const std::string valid = read_file(file("a.h5"));
    const int refused = test::fuzz(file("m.h5"), valid, 3000, 16, [&] { read_all(file("m.h5")); });
    EXPECT_GE(refused, static_cast<int>(valid.size()));                            // every truncation
    EXPECT_EQ(H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL), 0);  // and nothing stays open
}

}  // namespace
}  // namespace descrambler
