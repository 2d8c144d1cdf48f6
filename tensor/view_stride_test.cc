// When view succeeds, and with which strides: as PyTorch, and as the addresses of the elements say.
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

// torch.zeros(base).permute(dims).narrow(dim, start, length).view(shape).stride() in PyTorch 1.13;
// no strides where that view is refused.
struct Case {
  Shape base;
  Dims dims;
  int64_t dim, start, length;
  Shape shape;
  Strides strides;
};
const Case kCases[] = {
    {{4, 2, 3}, {0, 2, 1}, 1, 1, 2, {2, 2, 2, 2, 1}, {12, 6, 1, 3, 3}},
    {{4, 2, 2, 1}, {3, 0, 1, 2}, 3, 1, 1, {4, 2}, {4, 2}},
    {{2, 2, 2, 1}, {0, 1, 2, 3}, 2, 1, 1, {1, 4}, {8, 2}},
    {{2, 4, 2, 2}, {0, 1, 2, 3}, 3, 1, 1, {1, 16}, {32, 2}},
    {{4, 1, 4, 2}, {3, 0, 1, 2}, 1, 0, 4, {2, 2, 8, 1}, {1, 16, 2, 2}},
    {{4, 2, 1}, {0, 1, 2}, 1, 1, 1, {2, 2}, {4, 2}},
    {{4, 3}, {0, 1}, 1, 1, 1, {2, 1, 1, 2}, {6, 6, 6, 3}},
    {{2, 2, 3, 1}, {2, 3, 1, 0}, 2, 0, 2, {3, 2, 2}, {1, 3, 6}},
    {{6, 3, 2}, {0, 2, 1}, 1, 1, 1, {1, 9, 2}, {36, 4, 2}},
    {{6, 2}, {0, 1}, 1, 1, 1, {6}, {2}},
    {{4, 6}, {1, 0}, 0, 1, 1, {4, 1, 1}, {6, 6, 6}},
    {{2, 4, 4}, {1, 0, 2}, 2, 0, 4, {4, 2, 1, 4, 1}, {4, 16, 4, 1, 1}},
    {{4, 6, 4}, {0, 1, 2}, 2, 2, 1, {4, 2, 1, 3}, {24, 12, 12, 4}},
    {{4, 3}, {0, 1}, 1, 2, 1, {4}, {3}},
    {{2, 2, 2}, {0, 1, 2}, 2, 0, 1, {2, 2}, {4, 2}},
    {{6, 1, 2, 2}, {0, 1, 2, 3}, 3, 1, 1, {1, 4, 1, 3}, {24, 6, 6, 2}},
    {{3, 2}, {1, 0}, 1, 0, 3, {2, 1, 1, 3}, {1, 6, 6, 2}},
    {{3, 4}, {0, 1}, 1, 0, 3, {3, 3, 1}, {4, 1, 1}},
    {{3, 2, 3}, {2, 0, 1}, 0, 1, 1, {6, 1}, {3, 3}},
    {{4, 3, 1}, {0, 1, 2}, 1, 2, 1, {2, 1, 2}, {6, 6, 3}},
    {{2, 4, 3, 4}, {0, 1, 3, 2}, 2, 2, 1, {1, 3, 1, 2, 4}, {96, 32, 32, 16, 4}},
    {{4, 3, 6}, {1, 2, 0}, 0, 0, 2, {1, 3, 4, 2, 2}, {12, 4, 1, 36, 18}},
    {{2, 4, 6, 3}, {0, 1, 2, 3}, 3, 2, 1, {1, 8, 1, 3, 2}, {144, 18, 18, 6, 3}},
    {{2, 2, 4}, {1, 0, 2}, 2, 0, 1, {2, 2}, {4, 8}},
    {{6, 2, 1}, {0, 2, 1}, 2, 1, 1, {6}, {2}},
    {{6, 6}, {0, 1}, 1, 2, 1, {6}, {6}},
    {{4, 2}, {1, 0}, 1, 0, 4, {2, 4}, {1, 2}},
    {{4, 2, 1}, {0, 1, 2}, 1, 1, 1, {1, 2, 2}, {8, 4, 2}},
    {{2, 2, 2, 2}, {0, 2, 3, 1}, 0, 1, 1, {4, 1, 1, 2}, {1, 8, 8, 4}},
    {{4, 1, 2, 3}, {3, 1, 0, 2}, 3, 1, 1, {1, 1, 3, 4}, {3, 3, 1, 6}},
    {{2, 1, 2, 1}, {2, 1, 3, 0}, 2, 0, 1, {2, 2}, {1, 2}},
    {{3, 6, 2, 3}, {0, 1, 2, 3}, 2, 0, 1, {1, 18, 3}, {108, 6, 1}},
    {{3, 3}, {0, 1}, 1, 1, 2, {3, 2, 1}, {3, 1, 1}},
    {{1, 2, 2, 6}, {1, 0, 3, 2}, 2, 3, 1, {1, 4}, {24, 6}},
    {{3, 2, 1, 2}, {1, 0, 2, 3}, 3, 1, 1, {2, 1, 3}, {2, 12, 4}},
    {{6, 6, 4}, {2, 1, 0}, 1, 4, 1, {2, 2, 6}, {2, 1, 24}},
    {{4, 2, 1, 2}, {3, 0, 1, 2}, 0, 0, 2, {8, 2}, {}},
    {{2, 6, 6}, {0, 1, 2}, 1, 4, 2, {1, 1, 12, 2}, {}},
    {{6, 2, 2, 6}, {2, 1, 0, 3}, 2, 3, 3, {1, 36, 1, 2}, {}},
    {{2, 2, 3}, {2, 1, 0}, 2, 0, 2, {3, 1, 4}, {}},
    {{3, 2, 6, 3}, {0, 1, 2, 3}, 3, 0, 2, {8, 3, 3}, {}},
    {{6, 6, 2}, {1, 0, 2}, 1, 0, 6, {2, 4, 9, 1, 1}, {}},
    {{2, 1, 2, 2}, {3, 1, 0, 2}, 3, 0, 2, {8}, {}},
    {{3, 3}, {1, 0}, 1, 1, 2, {1, 6}, {}},
    {{4, 3, 4}, {0, 1, 2}, 1, 2, 1, {1, 8, 2}, {}},
    {{4, 3, 2, 2}, {2, 3, 1, 0}, 3, 0, 4, {12, 4, 1}, {}},
    {{4, 6, 6}, {2, 1, 0}, 0, 0, 6, {1, 48, 1, 3}, {}},
    {{4, 6, 1, 6}, {0, 3, 1, 2}, 0, 0, 4, {9, 2, 8}, {}},
    {{6, 2}, {1, 0}, 0, 0, 2, {1, 12}, {}},
    {{3, 6, 4}, {2, 1, 0}, 1, 0, 6, {24, 3, 1, 1}, {}},
    {{6, 6}, {1, 0}, 0, 3, 2, {4, 1, 3}, {}},
    {{1, 2, 4}, {2, 1, 0}, 2, 0, 1, {1, 8}, {}},
    {{4, 2, 2, 1}, {2, 1, 3, 0}, 2, 0, 1, {4, 2, 2}, {}},
    {{2, 2, 2}, {1, 2, 0}, 2, 0, 2, {1, 2, 4}, {}},
    {{2, 6, 4, 1}, {0, 3, 2, 1}, 0, 0, 2, {2, 6, 4}, {}},
    {{2, 4, 2}, {2, 1, 0}, 0, 0, 2, {2, 1, 8, 1}, {}},
};

NDArray source_of(const Case& c) {
  return NDArray::arange(c.base.numel())
      .view(c.base)
      .permute(c.dims)
      .narrow(c.dim, c.start, c.length);
}
std::string describe(const Case& c) {
  return c.base.str() + " permuted by " + c.dims.str() + ", narrowed to " +
         source_of(c).shape().str() + ", as " + c.shape.str();
}

TEST(ViewStrideTest, AreThoseOfPyTorch) {
  for (const Case& c : kCases) {
    const NDArray x = source_of(c);
    if (c.strides.empty()) {
      EXPECT_THROWS(ShapeError, "[view] expected strides that allow shape " + c.shape.str(),
                    view(x, c.shape));
    } else {
      const NDArray y = view(x, c.shape);
      EXPECT_EQ(y.shape(), c.shape);
      EXPECT_EQ(y.strides(), c.strides) << describe(c);
      EXPECT_EQ(y.storage(), x.storage());
    }
  }
}

TEST(ViewStrideTest, ReshapeKeepsTheElementsInOrderWhetherItCopiesOrNot) {
  for (const Case& c : kCases) {
    const NDArray x = source_of(c), y = reshape(x, c.shape);
    EXPECT_EQ(test::elements(y), test::elements(x)) << describe(c);
    EXPECT_EQ(y.storage() == x.storage(), !c.strides.empty()) << describe(c);
  }
}

std::vector<int64_t> addresses(const Shape& shape, const Strides& strides) {
  std::vector<int64_t> all;
  test::for_each_index(shape,
                       [&](const Shape& index) { all.push_back(test::offset_of(index, strides)); });
  return all;
}

// The strides are determined by the addresses of the first element along each dimension; they are
// right if all others fit.
bool some_strides_fit(const NDArray& x, const Shape& shape) {
  const std::vector<int64_t> wanted = addresses(x.shape(), x.strides());
  Strides strides = Shape::filled(shape.rank(), 0);
  int64_t step = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    if (shape[d] > 1) strides[d] = wanted[static_cast<size_t>(step)];
    step *= shape[d];
  }
  return addresses(shape, strides) == wanted;
}

class Dice {
 public:
  explicit Dice(uint32_t seed) : random_(seed) {}
  int64_t operator()(int64_t low, int64_t high) { return low + random_() % (high - low + 1); }

 private:
  std::mt19937 random_;
};

TEST(ViewStrideTest, AViewIsRefusedExactlyWhereNoStridesFit) {
  Dice dice(2);
  int views = 0, refused = 0;
  for (int round = 0; round < 4000; ++round) {
    Shape base;
    for (int64_t d = dice(1, 4); d > 0; --d) base.push_back(dice(1, 4));
    NDArray x = NDArray::empty(base, uint8);
    for (int64_t steps = dice(0, 3); steps > 0; --steps) {
      const int64_t d = dice(0, x.dim() - 1);
      if (dice(0, 2) == 0)
        x = x.narrow(d, 0, dice(1, x.size(d)));
      else if (dice(0, 5) == 0 && x.size(d) == 1) {
        Shape wider = x.shape();
        wider[static_cast<int>(d)] = 3;
        x = x.expand(wider);
      } else {
        x = x.transpose(d, dice(0, x.dim() - 1));
      }
    }
    Shape shape;
    for (int64_t rest = x.numel(); rest > 1 && shape.rank() < 7;) {
      int64_t factor = shape.rank() == 6 ? rest : dice(1, rest);
      while (rest % factor != 0) --factor;
      shape.push_back(factor);
      rest /= factor;
    }
    const bool fits = some_strides_fit(x, shape);
    try {
      const NDArray y = view(x, shape);
      ++views;
      ASSERT_TRUE(fits) << x.shape() << " " << x.strides() << " as " << shape << " " << y.strides();
      ASSERT_EQ(addresses(y.shape(), y.strides()), addresses(x.shape(), x.strides()))
          << x.shape() << " " << x.strides() << " as " << shape << " " << y.strides();
    } catch (const ShapeError&) {
      ++refused;
      ASSERT_FALSE(fits) << x.shape() << " " << x.strides() << " as " << shape;
    }
  }
  EXPECT_GT(views, 500);
  EXPECT_GT(refused, 500);
}

// Whatever views are taken, is_contiguous says what the addresses say.
TEST(ViewStrideTest, IsContiguousExactlyWhenTheAddressesAreConsecutive) {
  Dice dice(3);
  for (int round = 0; round < 3000; ++round) {
    Shape base;
    for (int64_t d = dice(1, 4); d > 0; --d) base.push_back(dice(0, 3));
    NDArray x = NDArray::empty(base, uint8);
    for (int steps = 0; steps < 3 && x.dim() > 0; ++steps) {
      const int64_t d = dice(0, x.dim() - 1), choice = dice(0, 3);
      if (choice == 0)
        x = x.narrow(d, 0, dice(0, x.size(d)));
      else if (choice == 1 && x.size(d) > 0)
        x = x.select(d, dice(0, x.size(d) - 1));
      else if (choice == 2 && x.dim() < 7)
        x = x.unsqueeze(d);
      else
        x = x.transpose(d, dice(0, x.dim() - 1));
    }
    const bool consecutive =
        addresses(x.shape(), x.strides()) == addresses(x.shape(), contiguous_strides(x.shape()));
    ASSERT_EQ(x.is_contiguous(), consecutive) << x.shape() << " " << x.strides();
  }
}

}  // namespace
}  // namespace lamina
