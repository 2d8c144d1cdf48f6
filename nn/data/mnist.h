// The MNIST data set, and others published in its four files (Fashion-MNIST, KMNIST).
#ifndef LAMINA_NN_DATA_MNIST_H_
#define LAMINA_NN_DATA_MNIST_H_

#include <string>

#include "absl/status/statusor.h"
#include "lamina/autograd.h"

namespace lamina::nn::data {

struct LabelledImages {
  Tensor images;  // float32 (n, 784), row by row, 0 to 1: the bytes divided by 255
  Tensor labels;  // int64 (n), 0 to 9
};

struct Mnist {
  LabelledImages train;  // of MNIST, 60,000
  LabelledImages test;   // of MNIST, 10,000
};

// Reads train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
// t10k-labels-idx1-ubyte from a folder; of one that is not there, the file of that name and .gz. The
// number of samples is up to the files. Errors are one line that begins with the path of the file
// and says at which offset what was expected and what came: what read_idx refuses, images that are
// not 28x28, no samples, not as many labels as images, a label above 9.
absl::StatusOr<Mnist> load_mnist(const std::string& folder);

// Half of it, from two files of any name, each of which may be compressed by gzip.
absl::StatusOr<LabelledImages> load_labelled_images(const std::string& images_path,
                                                    const std::string& labels_path);

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_MNIST_H_
