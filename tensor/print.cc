#include "lamina/tensor/print.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace lamina {
namespace {

constexpr absl::string_view kPrefix = "tensor(";
constexpr size_t kLineWidth = 80;
constexpr int64_t kThreshold = 1000;  // elements; of larger arrays only the edges are shown
constexpr int64_t kEdgeItems = 3;     // at each end of a dimension

// ---- Which elements are shown

bool is_cut(const NDArray& x, int dim) {
  return x.numel() > kThreshold && x.shape()[dim] > 2 * kEdgeItems;
}

int64_t shown_extent(const NDArray& x, int dim) {
  return is_cut(x, dim) ? 2 * kEdgeItems : x.shape()[dim];
}

// Calls visit(element) on the shown elements of the block that begins at `first`, row-major.
template <class T, class F>
void visit_shown(const NDArray& x, const T* first, int dim, F visit) {
  if (dim == x.dim()) {
    visit(*first);
    return;
  }
  const int64_t shown = shown_extent(x, dim), hidden = x.shape()[dim] - shown;
  for (int64_t i = 0; i < shown; ++i) {
    // Something is hidden only where kEdgeItems are shown before it.
    const int64_t index = i < kEdgeItems ? i : i + hidden;
    visit_shown(x, first + index * x.strides()[dim], dim + 1, visit);
  }
}

// ---- The text of each element

struct Cells {
  std::vector<std::string> texts;  // of the shown elements, row-major
  size_t width = 1;                // shorter texts are padded on the left
};

enum class Notation { kInteger, kFixed, kScientific };  // "1.", "1.0000", "1.0000e+00"

// Zeros and numbers that are not finite have no say, neither in the notation nor in the width.
bool counts(double value) { return value != 0 && std::isfinite(value); }

Notation choose_notation(const std::vector<double>& values) {
  double smallest = std::numeric_limits<double>::infinity(), largest = 0;
  bool integers = true;
  for (double value : values) {
    if (!counts(value)) continue;
    smallest = std::min(smallest, std::abs(value));
    largest = std::max(largest, std::abs(value));
    integers = integers && value == std::ceil(value);
  }
  if (largest == 0) return Notation::kInteger;
  if (largest / smallest > 1000 || largest > 1e8) return Notation::kScientific;
  if (integers) return Notation::kInteger;
  return smallest < 1e-4 ? Notation::kScientific : Notation::kFixed;
}

std::string float_text(double value, Notation notation) {
  if (std::isnan(value)) return "nan";  // Python writes a nan without its sign
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  switch (notation) {
    case Notation::kInteger:
      return absl::StrFormat("%.0f.", value);
    case Notation::kFixed:
      return absl::StrFormat("%.4f", value);
    case Notation::kScientific:
      break;
  }
  return absl::StrFormat("%.4e", value);
}

Cells float_cells(const std::vector<double>& values) {
  const Notation notation = choose_notation(values);
  Cells cells;
  for (double value : values) {
    cells.texts.push_back(float_text(value, notation));
    if (counts(value)) cells.width = std::max(cells.width, cells.texts.back().size());
  }
  return cells;
}

std::string integer_text(bool value) { return value ? "True" : "False"; }
std::string integer_text(int64_t value) { return absl::StrCat(value); }

template <class T>
Cells make_cells(const NDArray& x) {
  if constexpr (is_floating(dtype_of<T>)) {
    std::vector<double> values;
    visit_shown(x, x.data<T>(), 0, [&](T value) { values.push_back(convert<double>(value)); });
    return float_cells(values);
  } else {
    using Wide = std::conditional_t<std::is_same_v<T, bool>, bool, int64_t>;
    Cells cells;
    visit_shown(x, x.data<T>(), 0, [&](T value) {
      cells.texts.push_back(integer_text(static_cast<Wide>(value)));
      cells.width = std::max(cells.width, cells.texts.back().size());
    });
    return cells;
  }
}

// ---- Brackets and lines

class Printer {
 public:
  Printer(const NDArray& x, Cells cells) : x_(x), cells_(std::move(cells)) {}

  std::string print() {
    print_block(0, kPrefix.size());
    return std::move(out_);
  }

 private:
  // The block of the dimensions from `dim` on, whose bracket stands in column `column`.
  void print_block(int dim, size_t column) {
    if (dim == x_.dim()) return print_cell();
    const bool innermost = dim + 1 == x_.dim(), cut = is_cut(x_, dim);
    const int64_t items = shown_extent(x_, dim) + (cut ? 1 : 0);
    out_ += '[';
    for (int64_t i = 0; i < items; ++i) {
      if (i > 0) separate(dim, column, i);
      if (cut && i == kEdgeItems) {
        out_ += innermost ? " ..." : "...";
      } else {
        print_block(dim + 1, column + 1);
      }
    }
    out_ += ']';
  }

  // Between item i - 1 and item i: numbers fill the line, and the more dimensions blocks have, the
  // more lines are between them.
  void separate(int dim, size_t column, int64_t i) {
    out_ += ',';
    int newlines = x_.dim() - dim - 1;
    if (newlines == 0) {
      const size_t room = (kLineWidth - column) / (cells_.width + 2);  // 2 for ", "
      if (i % std::max<size_t>(room, 1) != 0) {
        out_ += ' ';
        return;
      }
      newlines = 1;
    }
    out_.append(newlines, '\n').append(column + 1, ' ');
  }

  void print_cell() {
    const std::string& text = cells_.texts[next_++];
    if (text.size() < cells_.width) out_.append(cells_.width - text.size(), ' ');
    out_ += text;
  }

  const NDArray& x_;
  const Cells cells_;
  size_t next_ = 0;  // of cells_.texts
  std::string out_;
};

std::string contents(const NDArray& x) {
  if (x.numel() == 0) return "[]";
  return dispatch_all(x.dtype(), [&](auto type) {
    return Printer(x, make_cells<typename decltype(type)::type>(x)).print();
  });
}

// ---- What follows the elements

// What the elements alone do not tell.
std::vector<std::string> describe(const NDArray& x) {
  std::vector<std::string> items;
  if (x.numel() == 0 && x.dim() != 1) items.push_back("size=" + x.shape().str());
  const bool visible = x.numel() > 0 && (x.dtype() == int64 || x.dtype() == bool_);
  if (x.dtype() != float32 && !visible) items.push_back(absl::StrCat("dtype=", name_of(x.dtype())));
  return items;
}

// `text` with the items after it, each on a new line where it does not fit in the last one.
std::string append_items(std::string text, const std::vector<std::string>& items) {
  const size_t last_line = text.rfind('\n') + 1;  // 0 without a line break: npos wraps around
  // PyTorch counts two characters too many here, and so it breaks two too early.
  size_t length = text.size() - last_line + 2;
  for (const std::string& item : items) {
    if (length + item.size() + 2 > kLineWidth) {
      absl::StrAppend(&text, ",\n", std::string(kPrefix.size(), ' '), item);
      length = kPrefix.size() + item.size();
    } else {
      absl::StrAppend(&text, ", ", item);
      length += item.size() + 2;
    }
  }
  return text;
}

}  // namespace

std::string to_text(const NDArray& x, absl::string_view suffix) {
  if (!x.defined()) return "NDArray(undefined)";
  std::vector<std::string> items = describe(x);
  if (!suffix.empty()) items.emplace_back(suffix);
  return append_items(absl::StrCat(kPrefix, contents(x)), items) + ")";
}

std::string NDArray::str() const { return to_text(*this); }

}  // namespace lamina
