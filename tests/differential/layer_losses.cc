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

}  // namespace

void add_losses(LayerTable& table) {
  namespace F = nn::functional;
  add_layer<nn::MSELoss>(table, "MSELoss", "mse_loss", with_reduction<nn::MSELossOptions>,
                         F::mse_loss);
  add_layer<nn::L1Loss>(table, "L1Loss", "l1_loss", with_reduction<nn::L1LossOptions>, F::l1_loss);
  add_layer<nn::SmoothL1Loss>(
      table, "SmoothL1Loss", "smooth_l1_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::SmoothL1LossOptions>(s);
        s.read("beta", o.beta);
        return o;
      },
      F::smooth_l1_loss);
  add_layer<nn::HuberLoss>(
      table, "HuberLoss", "huber_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::HuberLossOptions>(s);
        s.read("delta", o.delta);
        return o;
      },
      F::huber_loss);
  add_layer<nn::CrossEntropyLoss>(
      table, "CrossEntropyLoss", "cross_entropy",
      [](const Settings& s) {
        auto o = with_reduction<nn::CrossEntropyLossOptions>(s);
        s.read("weight", o.weight);
        s.read("ignore_index", o.ignore_index);
        s.read("label_smoothing", o.label_smoothing);
        s.read("class_dim", o.class_dim);
        return o;
      },
      F::cross_entropy);
  add_layer<nn::NLLLoss>(
      table, "NLLLoss", "nll_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::NLLLossOptions>(s);
        s.read("weight", o.weight);
        s.read("ignore_index", o.ignore_index);
        return o;
      },
      F::nll_loss);
  add_layer<nn::BCELoss>(
      table, "BCELoss", "binary_cross_entropy",
      [](const Settings& s) {
        auto o = with_reduction<nn::BCELossOptions>(s);
        s.read("weight", o.weight);
        return o;
      },
      F::binary_cross_entropy);
  add_layer<nn::BCEWithLogitsLoss>(
      table, "BCEWithLogitsLoss", "binary_cross_entropy_with_logits",
      [](const Settings& s) {
        auto o = with_reduction<nn::BCEWithLogitsLossOptions>(s);
        s.read("weight", o.weight);
        s.read("pos_weight", o.pos_weight);
        return o;
      },
      F::binary_cross_entropy_with_logits);
  add_layer<nn::KLDivLoss>(
      table, "KLDivLoss", "kl_div",
      [](const Settings& s) {
        auto o = with_reduction<nn::KLDivLossOptions>(s);
        s.read("log_target", o.log_target);
        return o;
      },
      F::kl_div);
  add_layer<nn::PoissonNLLLoss>(
      table, "PoissonNLLLoss", "poisson_nll_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::PoissonNLLLossOptions>(s);
        s.read("log_input", o.log_input);
        s.read("full", o.full);
        s.read("eps", o.eps);
        return o;
      },
      F::poisson_nll_loss);
  add_layer<nn::GaussianNLLLoss>(
      table, "GaussianNLLLoss", "gaussian_nll_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::GaussianNLLLossOptions>(s);
        s.read("full", o.full);
        s.read("eps", o.eps);
        return o;
      },
      F::gaussian_nll_loss);
  add_layer<nn::HingeEmbeddingLoss>(
      table, "HingeEmbeddingLoss", "hinge_embedding_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::HingeEmbeddingLossOptions>(s);
        s.read("margin", o.margin);
        return o;
      },
      F::hinge_embedding_loss);
  add_layer<nn::CosineEmbeddingLoss>(
      table, "CosineEmbeddingLoss", "cosine_embedding_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::CosineEmbeddingLossOptions>(s);
        s.read("margin", o.margin);
        return o;
      },
      F::cosine_embedding_loss);
  add_layer<nn::MarginRankingLoss>(
      table, "MarginRankingLoss", "margin_ranking_loss",
      [](const Settings& s) {
        auto o = with_reduction<nn::MarginRankingLossOptions>(s);
        s.read("margin", o.margin);
        return o;
      },
      F::margin_ranking_loss);
  add_layer<nn::TripletMarginLoss>(
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
