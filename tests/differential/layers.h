// Layers and losses beside PyTorch: one call of a module, or of a function of nn::functional, on a line:
//
//   NAME|SETTINGS|MODE|TEXT|STATE|INPUTS|ROOTS|TOLERANCES|OUTPUTS|INPUT GRADIENTS|PARAMETER GRADIENTS|STATE AFTER
//
// SETTINGS  name and argument in turn, as replay.h has arguments
// MODE      train or eval
// TEXT      what the module prints, with ~ for a line break; - for a function
// STATE     name and array in turn, loaded before the call
// INPUTS    arguments; a floating array requires a gradient
// ROOTS     one array per floating output, which comes in as its gradient, N for none
// TOLERANCES  relative, and absolute in units of the largest expected value (at least 1e-3)
// OUTPUTS   results as replay.h has them, each after its number
// GRADIENTS after the number of the input, or the name of the parameter
// STATE AFTER  name and array, of the buffers
#ifndef LAMINA_TESTS_DIFFERENTIAL_LAYERS_H_
#define LAMINA_TESTS_DIFFERENTIAL_LAYERS_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "lamina/nn.h"
#include "lamina/tests/differential/arguments.h"

namespace lamina::differential {

// The arguments of a constructor, by name. One that is not there leaves the default.
class Settings {
 public:
  explicit Settings(std::map<std::string, Argument<Tensor>> all) : all_(std::move(all)) {}
  void read(const char* name, bool& value) const {
    if (const auto* a = find(name, "B")) value = a->integer != 0;
  }
  void read(const char* name, int64_t& value) const {
    if (const auto* a = find(name, "I")) value = a->integer;
  }
  void read(const char* name, double& value) const {
    if (const auto* a = find(name, "FI")) {
      value = a->kind == 'F' ? a->number : static_cast<double>(a->integer);
    }
  }
  void read(const char* name, std::string& value) const {
    if (const auto* a = find(name, "S")) value = a->text;
  }
  void read(const char* name, Tensor& value) const {
    if (const auto* a = find(name, "T")) value = a->arrays[0];
  }
  void read(const char* name, DType& value) const {
    if (const auto* a = find(name, "D")) value = a->dtype;
  }
  // Also from one integer, which stands for all `count`.
  void read(const char* name, Dims& value, int count = 1) const;
  void read(const char* name, nn::Padding& value) const;
  int64_t integer(const char* name) const;  // throws if it is not there
  // Throws if a setting was read by nobody.
  void check_all_read() const;

 private:
  // Null if it is not there, or N.
  const Argument<Tensor>* find(const char* name, const char* kinds) const;

  std::map<std::string, Argument<Tensor>> all_;
  mutable std::map<std::string, bool> read_;
};

// A module, null for a function, and how to call it.
struct Callee {
  std::shared_ptr<nn::Module> module;
  std::function<std::vector<Tensor>(const Arguments<Tensor>& inputs)> call;
};
using LayerTable = std::map<std::string, std::function<Callee(const Settings& settings)>>;

template <class... T>
std::tuple<T...> as_tuple(std::tuple<T...> options) {
  return options;
}
template <class T>
std::tuple<T> as_tuple(T options) {
  return {std::move(options)};
}
// f(inputs, options), of the first inputs.
template <class F, class Options, size_t... I>
Tensor call_with(F& f, const Arguments<Tensor>& x, const Options& options,
                 std::index_sequence<I...>) {
  return std::apply([&](const auto&... option) { return f(x.array(I)..., option...); }, options);
}
// A module of N inputs.
template <size_t N = 1, class L>
Callee layer(L&& module) {
  auto shared = std::make_shared<std::decay_t<L>>(std::move(module));
  return {shared, [shared](const Arguments<Tensor>& x) -> std::vector<Tensor> {
            return {call_with(*shared, x, std::tuple<>(), std::make_index_sequence<N>())};
          }};
}

// The module L and its function f(inputs, options), under "F." and its name. read(settings) gives the
// options that both take, or a std::tuple of what they take instead.
template <class L, class Read, class... In>
void add_layer(LayerTable& table, const std::string& name, const std::string& function, Read read,
               Tensor (*f)(In...)) {
  constexpr size_t kInputs = (size_t{std::is_same_v<In, const Tensor&>} + ...);
  const auto options_of = [read](const Settings& settings) { return as_tuple(read(settings)); };
  table[name] = [options_of](const Settings& settings) {
    return layer<kInputs>(std::make_from_tuple<L>(options_of(settings)));
  };
  table["F." + function] = [options_of, f](const Settings& settings) {
    return Callee{
        nullptr, [options = options_of(settings), f](const Arguments<Tensor>& x) {
          return std::vector<Tensor>{call_with(f, x, options, std::make_index_sequence<kInputs>())};
        }};
  };
}
// Without options.
template <class L, class... In>
void add_layer(LayerTable& table, const std::string& name, const std::string& function,
               Tensor (*f)(In...)) {
  add_layer<L>(
      table, name, function, [](const Settings&) { return std::tuple<>(); }, f);
}

// Each of them adds a family.
void add_activations(LayerTable& table);
void add_attention(LayerTable& table);
void add_basic(LayerTable& table);
void add_convs(LayerTable& table);
void add_losses(LayerTable& table);
void add_norms(LayerTable& table);
void add_recurrent(LayerTable& table);
void add_transformers(LayerTable& table);

const LayerTable& layer_table();
// What does not come out, "" if all does. Throws std::invalid_argument for a line that is not understood.
std::string layer_disagreement(const std::string& line);

}  // namespace lamina::differential

#endif  // LAMINA_TESTS_DIFFERENTIAL_LAYERS_H_
