#include "lamina/nn/container.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lamina::nn::internal {
namespace {

std::vector<std::string> names_of(const Slots& slots) {
  std::vector<std::string> names;
  for (const auto& slot : slots) names.push_back(slot->name);
  return names;
}

// The names, where those from number `from` on that are numbers are `by` more.
std::vector<std::string> renumbered(const Slots& slots, size_t from, int by) {
  std::vector<std::string> names = names_of(slots);
  for (size_t i = from; i < names.size(); ++i) {
    if (names[i] == absl::StrCat(i)) names[i] = absl::StrCat(static_cast<int64_t>(i) + by);
  }
  return names;
}

void set_names(const Slots& slots, const std::vector<std::string>& names) {
  for (size_t i = 0; i < slots.size(); ++i) slots[i]->name = names[i];
}

// Throws ValueError if one comes twice, or is that of another member.
void check_names(const char* container, const Registry& registry, const Slots& slots,
                 const std::vector<std::string>& names) {
  absl::flat_hash_set<std::string> taken;
  absl::flat_hash_set<const ModuleSlot*> own;
  for (const auto& slot : slots) own.insert(slot.get());
  for (const auto& slot : registry.tensors) taken.insert(slot->name);
  for (const auto& slot : registry.children) {
    if (!own.contains(slot.get())) taken.insert(slot->name);
  }
  for (const std::string& name : names) {
    if (taken.insert(name).second) continue;
    fail<ValueError>(container, "expected the number \"", name,
                     "\" to be free for the module that comes to stand there, got one that is "
                     "registered already");
  }
}

}  // namespace

std::shared_ptr<ModuleSlot> insert_module(const char* container, Registry& registry,
                                          const Slots& slots, size_t at, std::string name,
                                          std::shared_ptr<Module> module, CopyModule copy) {
  const std::vector<std::string> before = names_of(slots), after = renumbered(slots, at, 1);
  check_names(container, registry, slots, after);
  set_names(slots, after);
  std::shared_ptr<ModuleSlot> slot;
  try {
    slot = registry.add_module(std::move(name), std::move(module), copy);
  } catch (...) {
    set_names(slots, before);
    throw;
  }
  auto& all = registry.children;
  std::rotate(std::find(all.begin(), all.end(), slots[at]), all.end() - 1, all.end());
  return slot;
}

void erase_module(const char* container, Registry& registry, const Slots& slots, size_t at) {
  std::vector<std::string> names = renumbered(slots, at + 1, -1);
  names[at] = "";  // no member's
  check_names(container, registry, slots, names);
  set_names(slots, names);
  registry.remove(slots[at]);
}

size_t checked_index(const char* container, int64_t i, size_t size) {
  const auto n = static_cast<int64_t>(size);
  if (n == 0) {
    fail<IndexError>(container, "expected an index into a list that is not empty, got ", i);
  }
  if (i < -n || i >= n) {
    fail<IndexError>(container, "expected an index from ", -n, " to ", n - 1, ", got ", i);
  }
  return static_cast<size_t>(i < 0 ? i + n : i);
}

void fail_no_key(const char* container, absl::string_view key,
                 const std::vector<std::string>& keys) {
  fail<IndexError>(container, "expected ",
                   keys.empty() ? "a container that is not empty"
                                : absl::StrCat("a key of \"", absl::StrJoin(keys, "\", \""), "\""),
                   ", got \"", key, "\"");
}

std::vector<std::string> folded_lines(const std::vector<std::string>& texts) {
  std::vector<std::string> lines;
  for (size_t i = 0, end; i < texts.size(); i = end) {
    for (end = i + 1; end < texts.size() && texts[end] == texts[i]; ++end) {
    }
    lines.push_back(end == i + 1
                        ? absl::StrCat("(", i, "): ", texts[i])
                        : absl::StrCat("(", i, "-", end - 1, "): ", end - i, " x ", texts[i]));
  }
  return lines;
}

}  // namespace lamina::nn::internal
