#include "lamina/tensor/kernels/sort.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "lamina/tensor/kernels/strided.h"

namespace lamina::kernels {
namespace {

// An unsigned number that orders as the element does. All dtypes are sorted as these.
template <class T>
uint64_t key_of(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    constexpr Bits kSign = Bits(1) << (8 * sizeof(T) - 1);
    if (x != x) return static_cast<Bits>(-1);
    Bits bits = 0;
    if (x != 0) std::memcpy(&bits, &x, sizeof(x));
    return (bits & kSign) != 0 ? static_cast<Bits>(~bits) : bits | kSign;
  } else if constexpr (std::is_signed_v<T>) {
    using Bits = std::make_unsigned_t<T>;
    return static_cast<Bits>(static_cast<Bits>(x) ^ (Bits(1) << (8 * sizeof(T) - 1)));
  } else {
    return x;
  }
}

struct Item {
  uint64_t key;
  int64_t index;
  friend bool operator<(const Item& a, const Item& b) {
    return a.key != b.key ? a.key < b.key : a.index < b.index;
  }
};

// Sorts by key in passes over bytes, the lowest first, each of which keeps the order of equal ones.
// Bytes that are the same in all keys are passed over.
void radix_sort(std::vector<Item>& items, std::vector<Item>& spare) {
  constexpr int kBytes = 8, kValues = 256;
  const int64_t n = static_cast<int64_t>(items.size());
  std::vector<int64_t> counts(kBytes * kValues);
  for (const Item& item : items) {
    for (int b = 0; b < kBytes; ++b) ++counts[b * kValues + (item.key >> (8 * b) & 255)];
  }
  for (int b = 0; b < kBytes; ++b) {
    int64_t* count = &counts[b * kValues];
    if (count[items[0].key >> (8 * b) & 255] == n) continue;
    int64_t place = 0;
    for (int v = 0; v < kValues; ++v) {
      const int64_t of_this = count[v];
      count[v] = place;
      place += of_this;
    }
    for (const Item& item : items) spare[count[item.key >> (8 * b) & 255]++] = item;
    items.swap(spare);
  }
}

template <class T>
void sort_in(int64_t rows, int64_t n, int64_t k, bool descending, bool sorted, const T* x,
             T* values, int64_t* indices) {
  constexpr int64_t kRadix = 200;  // from here on the passes cost less than comparisons
  const uint64_t flip = descending ? ~uint64_t{0} : 0;
  parallel_for(0, rows, std::max<int64_t>(1, kParallelGrain / 16 / n),
               [&](int64_t first, int64_t last) {
                 std::vector<Item> items(n), spare(n);
                 for (int64_t r = first; r < last; ++r) {
                   const T* row = x + r * n;
                   for (int64_t i = 0; i < n; ++i) items[i] = {key_of(row[i]) ^ flip, i};
                   if (k <= n / 64) {
                     std::partial_sort(items.begin(), items.begin() + k, items.end());
                   } else if (k == n && n >= kRadix) {
                     radix_sort(items, spare);
                   } else {
                     if (k < n) std::nth_element(items.begin(), items.begin() + k, items.end());
                     if (sorted) std::sort(items.begin(), items.begin() + k);
                   }
                   for (int64_t i = 0; i < k; ++i) {
                     indices[r * k + i] = items[i].index;
                     if (values != nullptr) values[r * k + i] = row[items[i].index];
                   }
                 }
               });
}

}  // namespace

void sort_rows(DType dtype, int64_t rows, int64_t n, int64_t k, bool descending, bool sorted,
               const void* x, void* values, int64_t* indices) {
  if (rows * k == 0) return;
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    sort_in(rows, n, k, descending, sorted, static_cast<const T*>(x), static_cast<T*>(values),
            indices);
  });
}

}  // namespace lamina::kernels
