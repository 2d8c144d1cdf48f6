// Element types, Scalar, and how they promote.
#include "lamina/tensor/dtype.h"

#include <limits>
#include <sstream>
#include <string>
#include <type_traits>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/scalar.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

// Every dtype, in the order of promotion.
constexpr DType kAllDTypes[] = {bool_, uint8, int32, int64, float16, bfloat16, float32, float64};
constexpr char kLetters[] = "builhgfd";

std::string letter(DType dtype) { return {kLetters[static_cast<int>(dtype)]}; }

TEST(DTypeTest, KnowsSizeAndName) {
  EXPECT_EQ(size_of(bool_), 1);
  EXPECT_EQ(size_of(uint8), 1);
  EXPECT_EQ(size_of(int32), 4);
  EXPECT_EQ(size_of(int64), 8);
  EXPECT_EQ(size_of(float16), 2);
  EXPECT_EQ(size_of(bfloat16), 2);
  EXPECT_EQ(size_of(float32), 4);
  EXPECT_EQ(size_of(float64), 8);
  std::ostringstream out;
  for (DType dtype : kAllDTypes) out << dtype << ' ';
  EXPECT_EQ(out.str(), "bool uint8 int32 int64 float16 bfloat16 float32 float64 ");
}

TEST(DTypeTest, DispatchesToTheTypeOfTheSameDType) {
  for (DType dtype : kAllDTypes) {
    dispatch_all(dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      EXPECT_EQ(dtype_of<T>, dtype);
      EXPECT_EQ(static_cast<int64_t>(sizeof(T)), size_of(dtype));
      EXPECT_EQ(std::is_floating_point_v<T> || is_half(dtype), is_floating(dtype));
    });
  }
  for (DType dtype : {float16, bfloat16}) {
    EXPECT_EQ(to_computing(dtype), float32);
    EXPECT_THROWS(DTypeError, "[dispatch] expected a dtype to compute in",
                  dispatch(dtype, [](auto) {}));
  }
}

TEST(DTypeTest, CheckFloatingNamesTheOperationAndTheDType) {
  EXPECT_NO_THROW(check_floating("op", float64));
  EXPECT_THROWS(DTypeError, "[op] expected a floating dtype, got int32",
                check_floating("op", int32));
}

// The tables are what torch.result_type of PyTorch 1.13 gives, row by row for the dtypes in the
// order of kAllDTypes.
struct Table {
  const char* a;  // "array", "0-d" or "scalar"
  const char* b;
  std::string rows[8];
};
const Table kTables[] = {
    {"array",
     "array",
     {"builhgfd", "uuilhgfd", "iiilhgfd", "llllhgfd", "hhhhhffd", "ggggfgfd", "fffffffd",
      "dddddddd"}},
    {"array",
     "0-d",
     {"builhgfd", "uuuuhgfd", "iiiihgfd", "llllhgfd", "hhhhhhhh", "gggggggg", "ffffffff",
      "dddddddd"}},
    {"0-d",
     "0-d",
     {"builhgfd", "uuilhgfd", "iiilhgfd", "llllhgfd", "hhhhhffd", "ggggfgfd", "fffffffd",
      "dddddddd"}},
    {"array", "scalar", {"blf", "uuf", "iif", "llf", "hhh", "ggg", "fff", "ddd"}},
    {"0-d", "scalar", {"blf", "uuf", "iif", "llf", "hhh", "ggg", "fff", "ddd"}},
    {"scalar", "scalar", {"blf", "llf", "fff"}},
};
std::vector<NDArray> operands(const std::string& kind) {
  if (kind == "scalar") return {scalar_array(true), scalar_array(3), scalar_array(2.5)};
  std::vector<NDArray> all;
  for (DType dtype : kAllDTypes)
    all.push_back(NDArray::ones(kind == "0-d" ? Shape() : Shape{2}, dtype));
  return all;
}

TEST(ResultTypeTest, IsThatOfPyTorch) {
  for (const Table& table : kTables) {
    const std::vector<NDArray> as = operands(table.a), bs = operands(table.b);
    for (size_t i = 0; i < as.size(); ++i) {
      ASSERT_EQ(table.rows[i].size(), bs.size());
      for (size_t j = 0; j < bs.size(); ++j) {
        const auto where = [&] {
          return std::string(table.a) + " " + name_of(as[i].dtype()) + " with " + table.b + " " +
                 name_of(bs[j].dtype());
        };
        EXPECT_EQ(letter(result_type(as[i], bs[j])), std::string(1, table.rows[i][j])) << where();
        EXPECT_EQ(letter(result_type(bs[j], as[i])), std::string(1, table.rows[i][j]))
            << where() << ", swapped";
      }
    }
  }
}

TEST(ResultTypeTest, IsTheDTypeThatAdditionGives) {
  for (const Table& table : kTables) {
    const std::vector<NDArray> as = operands(table.a), bs = operands(table.b);
    for (size_t i = 0; i < as.size(); ++i) {
      for (size_t j = 0; j < bs.size(); ++j)
        EXPECT_EQ(letter(add(as[i], bs[j]).dtype()), std::string(1, table.rows[i][j]));
    }
  }
}

TEST(ResultTypeTest, IsNotChangedByAnArrayWithoutElements) {
  EXPECT_EQ(result_type(NDArray::zeros({0}, int32), NDArray::zeros({}, int64)), int32);
  EXPECT_EQ(result_type(NDArray::zeros({0}, int32), NDArray::zeros({}, float64)), float64);
}

TEST(ResultTypeTest, PromoteTypesIsTheTableOfArrays) {
  for (int i = 0; i < kDTypeCount; ++i) {
    for (int j = 0; j < kDTypeCount; ++j) {
      EXPECT_EQ(letter(promote_types(kAllDTypes[i], kAllDTypes[j])),
                std::string(1, kTables[0].rows[i][j]));
    }
  }
}

TEST(ScalarTest, KeepsItsCategory) {
  EXPECT_EQ(Scalar(true).dtype(), bool_);
  EXPECT_EQ(Scalar('a').dtype(), int64);
  EXPECT_EQ(Scalar(uint8_t{3}).dtype(), int64);
  EXPECT_EQ(Scalar(3).dtype(), int64);
  EXPECT_EQ(Scalar(3u).dtype(), int64);
  EXPECT_EQ(Scalar(2.5f).dtype(), float64);
  EXPECT_EQ(Scalar(2.5).dtype(), float64);
}

TEST(ScalarTest, ConvertsLikeTheCopyOfAnArray) {
  EXPECT_EQ(Scalar(2.9).to<int32_t>(), 2);
  EXPECT_EQ(Scalar(-2.9).to<int64_t>(), -2);
  EXPECT_EQ(Scalar(0.5).to<bool>(), true);
  EXPECT_EQ(Scalar(-1).to<uint8_t>(), 255);
  EXPECT_EQ(Scalar(-1.0).to<uint8_t>(), 255);  // as PyTorch's tensor(-1.).to(uint8)
  EXPECT_EQ(Scalar(int64_t{1} << 62).to<int64_t>(), int64_t{1} << 62);
  EXPECT_EQ(Scalar(true).to<double>(), 1.0);
}

TEST(ScalarTest, IsMadeFromNumbersOnly) {
  EXPECT_TRUE((std::is_convertible_v<long double, Scalar>));
  EXPECT_FALSE((std::is_convertible_v<const char*, Scalar>));
  EXPECT_FALSE((std::is_convertible_v<int*, Scalar>));
  EXPECT_FALSE((std::is_convertible_v<DType, Scalar>));
}

TEST(ScalarTest, IsWrittenAsANumber) {
  EXPECT_EQ(Scalar(2.5).str(), "2.5");
  EXPECT_EQ(Scalar(-7).str(), "-7");
  EXPECT_EQ(Scalar(true).str(), "1");
}

}  // namespace
}  // namespace lamina
