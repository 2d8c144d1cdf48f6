#include "lamina/tensor/einsum.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lamina/tensor/error.h"

namespace lamina::internal {
namespace {

constexpr int kLetters = 52;  // A to Z, then a to z: labels sort as the letters do
constexpr int kEllipsis = -1;

int label_of(char letter) { return letter <= 'Z' ? letter - 'A' : letter - 'a' + 26; }
std::string name_of_label(int label) {
  if (label >= kLetters) return "...";
  return std::string(1, static_cast<char>(label < 26 ? 'A' + label : 'a' + label - 26));
}

// The labels of the terms before "->", and of the one behind it if there is one; "..." is
// kEllipsis.
struct Terms {
  std::vector<std::vector<int>> inputs{1};
  std::vector<int> output;
  bool has_output = false;
};

Terms split(const std::string& equation) {
  Terms terms;
  const auto refuse = [&](size_t at, const std::string& why) {
    fail<ValueError>("einsum", "expected ", why, ", got '", equation.substr(at, 1),
                     "' at position ", at, " of equation '", equation, "'");
  };
  for (size_t i = 0; i < equation.size(); ++i) {
    const char c = equation[i];
    std::vector<int>& term = terms.has_output ? terms.output : terms.inputs.back();
    if (c == ' ') continue;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      term.push_back(label_of(c));
    } else if (c == '.') {
      if (equation.compare(i, 3, "...") != 0) refuse(i, "three dots");
      if (std::count(term.begin(), term.end(), kEllipsis)) refuse(i, "one '...' in a term");
      term.push_back(kEllipsis);
      i += 2;
    } else if (c == ',') {
      if (terms.has_output) refuse(i, "one term behind '->'");
      terms.inputs.emplace_back();
    } else if (c == '-') {
      if (equation.compare(i, 2, "->") != 0 || terms.has_output) refuse(i, "one '->'");
      terms.has_output = true;
      ++i;
    } else {
      refuse(i, "letters, '...', ',', '->' and spaces");
    }
  }
  return terms;
}

}  // namespace

EinsumPlan parse_einsum(const std::string& equation, absl::Span<const Shape> shapes) {
  const Terms terms = split(equation);
  if (terms.inputs.size() != shapes.size() || shapes.empty()) {
    fail<ValueError>("einsum", "expected ", terms.inputs.size(), " operands for equation '",
                     equation, "', got ", shapes.size());
  }
  EinsumPlan plan;
  int broadcast = 0;  // the most dimensions that "..." stands for
  for (size_t k = 0; k < shapes.size(); ++k) {
    const std::vector<int>& term = terms.inputs[k];
    const bool ellipsis = std::count(term.begin(), term.end(), kEllipsis) > 0;
    const int named = static_cast<int>(term.size()) - (ellipsis ? 1 : 0);
    const int rank = shapes[k].rank();
    if (ellipsis ? rank < named : rank != named) {
      fail<ShapeError>("einsum", "expected operand ", k, " to have ", ellipsis ? "at least " : "",
                       named, " dimensions for equation '", equation, "', got shape ",
                       shapes[k].str());
    }
    if (ellipsis) broadcast = std::max(broadcast, rank - named);
  }
  const auto labels_of = [&](const std::vector<int>& term, int covered) {
    std::vector<int> labels;
    for (int label : term) {
      if (label != kEllipsis) labels.push_back(label);
      for (int i = 0; label == kEllipsis && i < covered; ++i)
        labels.push_back(kLetters + broadcast - covered + i);
    }
    return labels;
  };
  plan.extents.assign(static_cast<size_t>(kLetters) + static_cast<size_t>(broadcast), 1);
  std::vector<int> uses(plan.extents.size(), 0), first_use(plan.extents.size(), -1);
  for (size_t k = 0; k < shapes.size(); ++k) {
    const std::vector<int>& term = terms.inputs[k];
    const bool ellipsis = std::count(term.begin(), term.end(), kEllipsis) > 0;
    const int covered = ellipsis ? shapes[k].rank() - static_cast<int>(term.size()) + 1 : 0;
    plan.operands.push_back(labels_of(term, covered));
    const std::vector<int>& labels = plan.operands.back();
    for (size_t d = 0; d < labels.size(); ++d) {
      const size_t label = static_cast<size_t>(labels[d]);
      const int64_t extent = shapes[k][static_cast<int>(d)];
      int64_t& known = plan.extents[label];
      ++uses[label];
      const size_t before =
          static_cast<size_t>(std::find(labels.begin(), labels.end(), labels[d]) - labels.begin());
      if (before < d && shapes[k][static_cast<int>(before)] != extent) {
        fail<ShapeError>("einsum", "expected one extent for the repeated subscript '",
                         name_of_label(labels[d]), "' of operand ", k, ", got ",
                         shapes[k][static_cast<int>(before)], " and ", extent, " in shape ",
                         shapes[k].str());
      }
      if (extent == 1) continue;
      if (first_use[label] >= 0 && known != extent) {
        fail<ShapeError>("einsum", "expected one extent for subscript '", name_of_label(labels[d]),
                         "' of equation '", equation, "', got ", known, " in operand ",
                         first_use[label], " and ", extent, " in operand ", k);
      }
      if (first_use[label] < 0) first_use[label] = static_cast<int>(k);
      known = extent;
    }
  }
  if (terms.has_output) {
    plan.output = labels_of(terms.output, broadcast);
    for (int label : plan.output) {
      if (uses[static_cast<size_t>(label)] == 0) {
        fail<ValueError>("einsum", "expected subscript '", name_of_label(label),
                         "' of the result in an operand, got equation '", equation, "'");
      }
      if (std::count(plan.output.begin(), plan.output.end(), label) > 1) {
        fail<ValueError>("einsum", "expected subscript '", name_of_label(label),
                         "' once behind '->', got equation '", equation, "'");
      }
    }
  } else {
    for (int i = 0; i < broadcast; ++i) plan.output.push_back(kLetters + i);
    for (int label = 0; label < kLetters; ++label) {
      if (uses[static_cast<size_t>(label)] == 1) plan.output.push_back(label);
    }
  }
  return plan;
}

}  // namespace lamina::internal
