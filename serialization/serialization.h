// The serialization layer, whole: checkpoints, and the layers below.
#ifndef LAMINA_SERIALIZATION_H_
#define LAMINA_SERIALIZATION_H_

#include "lamina/nn.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/checkpoint_reader.h"
#include "lamina/serialization/checkpoint_writer.h"
#include "lamina/serialization/mapped_checkpoint.h"
#include "lamina/serialization/safetensors.h"

#endif  // LAMINA_SERIALIZATION_H_
