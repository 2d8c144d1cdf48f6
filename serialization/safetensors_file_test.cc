// safetensors files put together by hand: what the format allows is read, all else is refused with one line
// that says what is wrong, and none throws or crashes.
#include <cstdint>
#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/serialization/safetensors.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using ::testing::StartsWith;

// Length, header, data.
std::string file_of(const std::string& header, const std::string& data = "") {
  std::string bytes;
  for (int shift = 0; shift < 64; shift += 8) {
    bytes.push_back(static_cast<char>(uint64_t{header.size()} >> shift & 0xff));
  }
  return bytes + header + data;
}
std::string entry_of(const std::string& name, const std::string& dtype, const std::string& shape,
                     const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":[)" + shape +
         R"(],"data_offsets":[)" + offsets + "]}";
}
std::string entry_of(const std::string& name, const std::string& offsets) {
  return entry_of(name, "U8", "2", offsets);
}

class SafetensorsFile : public ::testing::Test {
 protected:
  const std::string path_ = test::new_folder() + "/model.safetensors";

  void expect_loads(const std::string& bytes, const NamedArrays& expected) {
    test::write_file(path_, bytes);
    const absl::StatusOr<NamedArrays> state = load_safetensors(path_);
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_TRUE(test::is_same(*state, expected));
  }
  // `what` comes after the path.
  void expect_error(const std::string& bytes, const std::string& what,
                    absl::StatusCode code = absl::StatusCode::kDataLoss) {
    test::write_file(path_, bytes);
    const absl::StatusOr<NamedArrays> state = load_safetensors(path_);
    ASSERT_FALSE(state.ok()) << what;
    EXPECT_THAT(std::string(state.status().message()), StartsWith(path_ + ": " + what));
    EXPECT_EQ(state.status().message().find('\n'), absl::string_view::npos) << state.status();
    EXPECT_EQ(state.status().code(), code) << state.status();
  }
  void expect_header_error(const std::string& header, const std::string& what,
                           absl::StatusCode code = absl::StatusCode::kDataLoss) {
    expect_error(file_of(header, "abcd"), what, code);
  }
};

// Texts of the README of the format, and of RFC 8259.
TEST_F(SafetensorsFile, ReadsAnyOrderSpaceAndEscape) {
  const NDArray ab = NDArray::from<uint8_t>({'a', 'b'}), cd = NDArray::from<uint8_t>({'c', 'd'});
  expect_loads(file_of("{}"), {});
  expect_loads(file_of("{}   \n"), {});
  expect_loads(file_of("{" + entry_of("y", "2,4") + "," + entry_of("x", "0,2") + "}", "abcd"),
               {{"y", cd}, {"x", ab}});
  expect_loads(file_of(R"({ "gr\u00f6\u00dfe" : {"data_offsets": [ 0, 2 ], "shape":[2] ,
                         "dtype":"\u00558"} , "__metadata__":{} })",
                       "ab"),
               {{"größe", ab}});
  // Arrays without elements may begin where any other does, or at the end.
  expect_loads(
      file_of("{" + entry_of("a", "F32", "0", "2,2") + "," + entry_of("x", "0,2") + "," +
                  entry_of("b", "F32", "3,0", "0,0") + "," + entry_of("c", "F32", "0", "0,0") + "}",
              "ab"),
      {{"a", NDArray::empty({0})},
       {"x", ab},
       {"b", NDArray::empty({3, 0})},
       {"c", NDArray::empty({0})}});
}

TEST_F(SafetensorsFile, RefusesAFileOfAnotherKind) {
  const auto code = absl::StatusCode::kInvalidArgument;
  expect_error("", "expected a safetensors file, got a file of 0 bytes", code);
  expect_error("1234567", "expected a safetensors file, got a file of 7 bytes", code);
  expect_error("\x89PNG\r\n\x1a\n",
               "expected a safetensors file, got one whose header is to be of 727905341920923785 "
               "bytes, where the format allows 100000000",
               code);
  for (const char* header : {"", " {}", "[]", "\xef\xbb\xbf{}"}) {
    expect_error(file_of(header),
                 "expected a safetensors file, got one whose header does not begin with '{'", code);
  }
  const std::string folder = test::new_folder();
  EXPECT_EQ(load_safetensors(folder).status().message(),
            folder + ": expected a regular file, got a folder");
  EXPECT_EQ(load_safetensors(folder + "/a").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(SafetensorsFile, RefusesAHeaderLongerThanTheFile) {
  std::string file = file_of("{}");
  file[0] = 3;
  expect_error(file, "offset 0: expected a header of at most 2 bytes, got 3");
  file.replace(0, 8, std::string("\x00\xe1\xf5\x05\0\0\0\0", 8));  // 100,000,000
  expect_error(file, "offset 0: expected a header of at most 2 bytes, got 100000000");
  file.replace(0, 8, std::string("\x01\xe1\xf5\x05\0\0\0\0", 8));
  const auto code = absl::StatusCode::kInvalidArgument;
  expect_error(file, "expected a safetensors file, got one whose header is to be of 100000001",
               code);
  file.replace(0, 8, std::string(8, '\xff'));  // -1, and with the 8 in front 7
  expect_error(file, "expected a safetensors file, got one whose header is to be of 18446744",
               code);
}

TEST_F(SafetensorsFile, RefusesAHeaderThatIsNoStrictJson) {
  expect_header_error("{", "offset 9: expected a string, got the end of the header");
  expect_header_error("{}x", "offset 10: expected the end, got 'x'");
  expect_header_error(std::string("{}\0", 3), "offset 10: expected the end, got '\\000'");
  expect_header_error("{'a':1}", "offset 9: expected a string, got '\\''");
  expect_header_error("{\"a\":1}", "entry 'a': offset 13: expected '{', got '1'");
  expect_header_error("{\"a\":null}", "entry 'a': offset 13: expected '{', got 'n'");
  expect_header_error("{\"a\xff\":{}}", "offset 10: expected a string in UTF-8, got 'a'");
  expect_header_error("{" + entry_of("a", "0,4") + ",}", "entry 'a': expected data_offsets");
  expect_header_error("{" + entry_of("a", "0,2") + ",}", "offset 61: expected a string, got '}'");
  expect_header_error("{\"__metadata__\":{\"k\":1}}",
                      "entry '__metadata__': offset 29: expected a string, got '1'");
  expect_header_error("{\"__metadata__\":[]}", "entry '__metadata__': offset 24: expected '{'");
}

TEST_F(SafetensorsFile, RefusesDeepNesting) {
  for (const char open : {'[', '{'}) {
    const std::string deep(1000000, open);
    expect_header_error("{\"a\":" + deep, "entry 'a': offset ");
    expect_header_error(R"({"a":{"shape":[)" + deep, "entry 'a': offset 23: expected a number");
    expect_header_error(R"({"__metadata__":{"a":)" + deep,
                        "entry '__metadata__': offset 29: expected a string");
  }
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  expect_header_error(objects, "entry 'a': expected the keys dtype, shape and data_offsets");
}

TEST_F(SafetensorsFile, RefusesOtherFieldsThanTheFormatHas) {
  const std::string keys =
      "entry 'a': expected the keys dtype, shape and data_offsets, once each, got ";
  expect_header_error(R"({"a":{"dtype":"U8","dtype":"U8"}})", keys + "'dtype'");
  expect_header_error(R"({"a":{"shape":[],"shape":[]}})", keys + "'shape'");
  expect_header_error(R"({"a":{"data_offsets":[0,1],"data_offsets":[0,1]}})",
                      keys + "'data_offsets'");
  expect_header_error(R"({"a":{"Dtype":"U8"}})", keys + "'Dtype'");
  const std::string all = "entry 'a': expected dtype, shape and data_offsets, got not all of them";
  expect_header_error(R"({"a":{}})", all);
  expect_header_error(R"({"a":{"dtype":"U8","shape":[4]}})", all);
  expect_header_error(R"({"a":{"dtype":"U8","data_offsets":[0,4]}})", all);
  expect_header_error(R"({"a":{"shape":[4],"data_offsets":[0,4]}})", all);
}

TEST_F(SafetensorsFile, RefusesDTypesThatLaminaDoesNotHave) {
  for (const char* dtype :
       {"I8", "I16", "U16", "U32", "U64", "F8_E4M3", "F8_E5M2", "C64", "f32", ""}) {
    expect_header_error("{" + entry_of("a", dtype, "4", "0,4") + "}",
                        std::string("entry 'a': expected dtype BOOL, U8, I32, I64, F16, BF16, F32 "
                                    "or F64, got '") +
                            dtype + "'",
                        absl::StatusCode::kUnimplemented);
  }
}

TEST_F(SafetensorsFile, RefusesNamesThatRepeat) {
  expect_header_error("{" + entry_of("a", "0,2") + "," + entry_of("b", "2,4") + "," +
                          entry_of("\\u0061", "0,2") + "}",
                      "entry 'a': expected different names, got this one twice");
  expect_header_error(R"({"__metadata__":{},"__metadata__":{}})",
                      "entry '__metadata__': expected it once, got it twice");
  expect_header_error(R"({"__metadata__":{"k":"1","k":"1"}})",
                      "entry '__metadata__': expected different keys, got 'k' twice");
}

TEST_F(SafetensorsFile, RefusesShapesThatOverflow) {
  const std::string large = "entry 'a': expected a shape of less than 2^62 bytes, got a larger one";
  for (const char* shape : {"4294967296,4294967296", "4294967296,4294967296,0",
                            "9223372036854775808", "18446744073709551615", "1152921504606846976"}) {
    expect_header_error("{" + entry_of("a", "F32", shape, "0,0") + "}", large);
  }
  expect_header_error("{" + entry_of("a", "F32", "18446744073709551616", "0,4") + "}",
                      "entry 'a': offset 56: expected a number below 2^64, got '6'");
  expect_header_error("{" + entry_of("a", "F32", "-1", "0,4") + "}",
                      "entry 'a': offset 37: expected a number of digits only, got '-'");
  expect_header_error("{" + entry_of("a", "F32", "1.0", "0,4") + "}",
                      "entry 'a': offset 38: expected a number of digits only, got '.'");
  expect_header_error("{" + entry_of("a", "F32", "1,1,1,1,1,1,1,1,1", "0,4") + "}",
                      "entry 'a': expected a shape of at most 8 extents, got more",
                      absl::StatusCode::kUnimplemented);
}

TEST_F(SafetensorsFile, RefusesOffsetsThatAreNotThoseOfTheShape) {
  const auto file = [](const std::string& offsets) {
    return "{" + entry_of("a", "U8", "4", offsets) + "}";
  };
  expect_loads(file_of(file("0,4"), "abcd"), {{"a", NDArray::from<uint8_t>({'a', 'b', 'c', 'd'})}});
  expect_header_error(file("0,3"),
                      "entry 'a': expected data_offsets around the 4 bytes of shape (4,) of uint8, "
                      "got 0 and 3");
  for (const char* offsets : {"0,5", "4,0", "18446744073709551614,2", "0,18446744073709551615",
                              "18446744073709551611,18446744073709551615"}) {
    expect_header_error(file(offsets), "entry 'a': expected data_offsets around the 4 bytes");
  }
  expect_header_error(file("-4,0"), "entry 'a': offset 55: expected a number of digits only");
  expect_header_error(file(""), "entry 'a': expected two data_offsets, got fewer");
  expect_header_error(file("0"), "entry 'a': expected two data_offsets, got fewer");
  expect_header_error(file("0,4,4"), "entry 'a': expected two data_offsets, got more");
}

TEST_F(SafetensorsFile, RefusesDataThatOverlapsLeavesHolesOrIsBeyondTheEnd) {
  const auto two = [](const std::string& a, const std::string& b) {
    return "{" + entry_of("a", a) + "," + entry_of("b", b) + "}";
  };
  const std::string begin = "expected its data to begin at ";
  expect_header_error(two("0,2", "1,3"),
                      "entry 'b': " + begin + "2, where that before it ends, got 1");
  expect_header_error(two("1,3", "0,2"), "entry 'a': " + begin + "2, ");
  expect_header_error(two("0,2", "3,5"), "entry 'b': " + begin + "2, ");
  expect_header_error(two("1,3", "3,5"), "entry 'a': " + begin + "0, ");
  expect_header_error(two("0,2", "4611686018427387900,4611686018427387902"),
                      "entry 'b': " + begin + "2, ");
  const std::string good = two("0,2", "2,4");
  expect_error(file_of(good, "abc"), "entry 'b': expected its data to end at 3 or before, got 4");
  expect_error(file_of(good, "abcde"), "expected 4 bytes of data after the header, got 5");
  expect_error(file_of("{}", "a"), "expected 0 bytes of data after the header, got 1");
  expect_error(file_of("{" + entry_of("x", "F32", "250000000000", "0,1000000000000") + "}", "abcd"),
               "entry 'x': expected its data to end at 4 or before, got 1000000000000");
}

TEST_F(SafetensorsFile, RefusesBoolsThatAreNone) {
  const std::string header = "{" + entry_of("x", "BOOL", "3", "0,3") + "}";
  expect_loads(file_of(header, std::string("\0\1\1", 3)),
               {{"x", NDArray::from({false, true, true})}});
  expect_error(file_of(header, std::string("\0\1\2", 3)),
               "entry 'x': expected bools of 0 and 1, got other bytes");
}

TEST_F(SafetensorsFile, BoundsItsMemoryByTheFile) {
  std::string metadata;
  for (int i = 0; i <= 65536; ++i) {
    metadata += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"\"";
  }
  expect_header_error("{\"__metadata__\":{" + metadata + "}}",
                      "entry '__metadata__': expected at most 65536 entries, got more",
                      absl::StatusCode::kUnimplemented);
  std::string numbers = "1";
  for (int i = 0; i < 1000000; ++i) numbers += ",1";
  expect_header_error("{" + entry_of("a", "U8", numbers, "0,1") + "}",
                      "entry 'a': expected a shape of at most 8 extents, got more",
                      absl::StatusCode::kUnimplemented);
}

// There are no checksums: a change of the header is refused or describes another state, whose data fills
// the file; one of the data shows in the elements.
TEST_F(SafetensorsFile, CutOrChangedAnywhereIsRefusedOrReadAsItStands) {
  const NamedArrays state = {{"weight", test::noise({2, 3})}, {"mask", test::noise({5}, bool_)}};
  ASSERT_EQ(save_safetensors(path_, state, {{{"epoch", "3"}}}), absl::OkStatus());
  const std::string file = test::read_file(path_);
  const auto loads = [&](const std::string& bytes) {
    test::write_file(path_, bytes);
    const absl::StatusOr<NamedArrays> loaded = load_safetensors(path_);
    if (!loaded.ok()) {
      EXPECT_THAT(std::string(loaded.status().message()), StartsWith(path_ + ": "));
      EXPECT_EQ(loaded.status().message().find('\n'), absl::string_view::npos);
      return false;
    }
    int64_t data = 0;
    for (const auto& [name, array] : *loaded) data += array->numel() * size_of(array->dtype());
    EXPECT_EQ(data, 29);
    return true;
  };
  for (size_t size = 0; size < file.size(); ++size) EXPECT_FALSE(loads(file.substr(0, size)));
  for (size_t size = 1; size < 100; ++size) EXPECT_FALSE(loads(file + std::string(size, '\0')));
  for (size_t at = 0; at < file.size(); ++at) {
    EXPECT_FALSE(loads(file.substr(0, at) + file.substr(at + 1))) << at;
  }
  const size_t data_begin = file.size() - 29;
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::string changed = file;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
    const bool is_loaded = loads(changed);
    EXPECT_FALSE(is_loaded && bit / 8 < 8) << bit;
    if (is_loaded && bit / 8 >= data_begin) {
      EXPECT_FALSE(test::is_same(*load_safetensors(path_), state)) << bit;
    }
  }
  std::mt19937 random(1);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  constexpr char kInteresting[] = "\"\\{}[]:,0189-.eu \n\x80\xff";
  int loaded = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string header = file.substr(8, data_begin - 8);
    for (size_t n = 1 + below(3); n > 0; --n) {
      const size_t at = below(header.size());
      switch (below(3)) {
        case 0:
          header[at] = kInteresting[below(sizeof(kInteresting))];
          break;
        case 1:
          header.erase(at, 1 + below(8));
          break;
        case 2:
          header.insert(at, header.substr(below(header.size()), below(30)));
          break;
      }
    }
    loaded += loads(file_of(header, file.substr(data_begin)));
  }
  EXPECT_GT(loaded, 0);  // another name, say
  EXPECT_LT(loaded, 1500);
}

}  // namespace
}  // namespace lamina
