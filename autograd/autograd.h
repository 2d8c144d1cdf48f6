// The autograd layer, whole: tensors that know where they came from, and the layer below.
#ifndef LAMINA_AUTOGRAD_H_
#define LAMINA_AUTOGRAD_H_

#include "lamina/autograd/anomaly.h"
#include "lamina/autograd/checkpoint.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/functional.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/autograd/gradcheck.h"
#include "lamina/autograd/graph.h"
#include "lamina/autograd/hooks.h"
#include "lamina/autograd/normalization.h"
#include "lamina/autograd/tensor.h"
#include "lamina/tensor.h"

#endif  // LAMINA_AUTOGRAD_H_
