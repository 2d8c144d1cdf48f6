// The losses by name.
#include "lamina/tests/differential/layers.h"

namespace lamina::differential {
namespace {

template <class Options>
Options with_reduction(const Settings& s) {
  Options options;
  s.read("reduction", options.reduction);
  return options;
}

// A loss of two operands as a module and as a function, under "F." and its name.
template <class L, class Options>
void add(LayerTable& table, const std::string& name, const std::string& function,
         Options (*read)(const Settings&),
         Tensor (*f)(const Tensor&, const Tensor&, const Options&)) {
  table[name] = [read](const Settings& s) { return layer_of_2(L(read(s))); };
  table["F." + function] = [read, f](const Settings& s) {
    return Callee{nullptr, [options = read(s), f](const Arguments<Tensor>& x) {
                    return std::vector<Tensor>{f(x.array(0), x.array(1), options)};
                  }};
  };
}
template <class L, class Options>
void add(LayerTable& table, const std::string& name, const std::string& function,
         Options (*read)(const Settings&),
         Tensor (*f)(const Tensor&, const Tensor&, const Tensor&, const Options&)) {
  table[name] = [read](const Settings& s) { return layer_of_3(L(read(s))); };
  table["F." + function] = [read, f](const Settings& s) {
    return Callee{nullptr, [options = read(s), f](const Arguments<Tensor>& x) {
                    return std::vector<Tensor>{f(x.array(0), x.array(1), x.array(2), options)};
                  }};
  };
}

}  // namespace

void add_losses(LayerTable& table) {
  namespace F = nn::functional;
  add<nn::MSELoss, nn::MSELossOptions>(table, "MSELoss", "mse_loss",
                                       with_reduction<nn::MSELossOptions>, F::mse_loss);
  add<nn::L1Loss, nn::L1LossOptions>(table, "L1Loss", "l1_loss", with_reduction<nn::L1LossOptions>,
                                     F::l1_loss);
  add<nn::SmoothL1Loss, nn::SmoothL1LossOptions>(
      table, "SmoothL1Loss", "smooth_l1_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::SmoothL1LossOptions>(s);
        s.read("beta", o.beta);
        return o;
      },
      F::smooth_l1_loss);
  add<nn::HuberLoss, nn::HuberLossOptions>(
      table, "HuberLoss", "huber_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::HuberLossOptions>(s);
        s.read("delta", o.delta);
        return o;
      },
      F::huber_loss);
  add<nn::CrossEntropyLoss, nn::CrossEntropyLossOptions>(
      table, "CrossEntropyLoss", "cross_entropy",
      [](const Settings& s) {
        auto o = with_reduction<nn::CrossEntropyLossOptions>(s);
        s.read("weight", o.weight);
        s.read("ignore_index", o.ignore_index);
        s.read("label_smoothing", o.label_smoothing);
        return o;
      },
      F::cross_entropy);
  add<nn::NLLLoss, nn::NLLLossOptions>(
      table, "NLLLoss", "nll_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::NLLLossOptions>(s);
        s.read("weight", o.weight);
        s.read("ignore_index", o.ignore_index);
        return o;
      },
      F::nll_loss);
  add<nn::BCELoss, nn::BCELossOptions>(
      table, "BCELoss", "binary_cross_entropy",
      [](const Settings& s) {
        auto o = with_reduction<nn::BCELossOptions>(s);
        s.read("weight", o.weight);
        return o;
      },
      F::binary_cross_entropy);
  add<nn::BCEWithLogitsLoss, nn::BCEWithLogitsLossOptions>(
      table, "BCEWithLogitsLoss", "binary_cross_entropy_with_logits",
      [](const Settings& s) {
        auto o = with_reduction<nn::BCEWithLogitsLossOptions>(s);
        s.read("weight", o.weight);
        s.read("pos_weight", o.pos_weight);
        return o;
      },
      F::binary_cross_entropy_with_logits);
  add<nn::KLDivLoss, nn::KLDivLossOptions>(
      table, "KLDivLoss", "kl_div",
      [](const Settings& s) {
        auto o = with_reduction<nn::KLDivLossOptions>(s);
        s.read("log_target", o.log_target);
        return o;
      },
      F::kl_div);
  add<nn::PoissonNLLLoss, nn::PoissonNLLLossOptions>(
      table, "PoissonNLLLoss", "poisson_nll_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::PoissonNLLLossOptions>(s);
        s.read("log_input", o.log_input);
        s.read("full", o.full);
        s.read("eps", o.eps);
        return o;
      },
      F::poisson_nll_loss);
  add<nn::GaussianNLLLoss, nn::GaussianNLLLossOptions>(
      table, "GaussianNLLLoss", "gaussian_nll_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::GaussianNLLLossOptions>(s);
        s.read("full", o.full);
        s.read("eps", o.eps);
        return o;
      },
      F::gaussian_nll_loss);
  add<nn::HingeEmbeddingLoss, nn::HingeEmbeddingLossOptions>(
      table, "HingeEmbeddingLoss", "hinge_embedding_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::HingeEmbeddingLossOptions>(s);
        s.read("margin", o.margin);
        return o;
      },
      F::hinge_embedding_loss);
  add<nn::CosineEmbeddingLoss, nn::CosineEmbeddingLossOptions>(
      table, "CosineEmbeddingLoss", "cosine_embedding_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::CosineEmbeddingLossOptions>(s);
        s.read("margin", o.margin);
        return o;
      },
      F::cosine_embedding_loss);
  add<nn::MarginRankingLoss, nn::MarginRankingLossOptions>(
      table, "MarginRankingLoss", "margin_ranking_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::MarginRankingLossOptions>(s);
        s.read("margin", o.margin);
        return o;
      },
      F::margin_ranking_loss);
  add<nn::TripletMarginLoss, nn::TripletMarginLossOptions>(
      table, "TripletMarginLoss", "triplet_margin_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::TripletMarginLossOptions>(s);
        s.read("margin", o.margin);
        s.read("p", o.p);
        s.read("eps", o.eps);
        s.read("swap", o.swap);
        return o;
      },
      F::triplet_margin_loss);
}

}  // namespace lamina::differential
