// The nn layer, whole: modules, losses, optimizers, data, training, and the layers below.
#ifndef LAMINA_NN_H_
#define LAMINA_NN_H_

#include "lamina/autograd.h"
#include "lamina/nn/activation.h"
#include "lamina/nn/attention.h"
#include "lamina/nn/child.h"
#include "lamina/nn/clone.h"
#include "lamina/nn/data/data_loader.h"
#include "lamina/nn/data/idx.h"
#include "lamina/nn/data/mnist.h"
#include "lamina/nn/hooks.h"
#include "lamina/nn/init.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/loss.h"
#include "lamina/nn/module.h"
#include "lamina/nn/module_dict.h"
#include "lamina/nn/module_list.h"
#include "lamina/nn/optim/optimizer.h"
#include "lamina/nn/optim/sgd.h"
#include "lamina/nn/parameter.h"
#include "lamina/nn/parameter_list.h"
#include "lamina/nn/rnn.h"
#include "lamina/nn/sequential.h"
#include "lamina/nn/state_dict.h"
#include "lamina/nn/summary.h"
#include "lamina/nn/train/epoch.h"

#endif  // LAMINA_NN_H_
