// The serialization layer, whole: checkpoints, event files, images, and the layers below.
#ifndef LAMINA_SERIALIZATION_H_
#define LAMINA_SERIALIZATION_H_

#include "lamina/nn.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/checkpoint_callback.h"
#include "lamina/serialization/checkpoint_reader.h"
#include "lamina/serialization/checkpoint_writer.h"
#include "lamina/serialization/checkpointer.h"
#include "lamina/serialization/event_callback.h"
#include "lamina/serialization/event_file.h"
#include "lamina/serialization/mapped_checkpoint.h"
#include "lamina/serialization/model_file.h"
#include "lamina/serialization/png.h"
#include "lamina/serialization/safetensors.h"
#include "lamina/serialization/training_state.h"

#endif  // LAMINA_SERIALIZATION_H_
