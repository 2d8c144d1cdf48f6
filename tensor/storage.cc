#include "lamina/tensor/storage.h"

#include <utility>

namespace lamina::internal {

struct ExternalStorage : Storage {
  ExternalStorage(void* where, std::function<void(void*)> how)
      : Storage(-1), data(where), deleter(std::move(how)) {}
  void* data;
  std::function<void(void*)> deleter;
};

Ptr<Storage> Storage::make_external(void* data, std::function<void(void*)> deleter) {
  return Ptr<Storage>::adopt(new (allocate(sizeof(ExternalStorage)))
                                 ExternalStorage(data, std::move(deleter)));
}

void Storage::destroy_external(Storage* storage) {
  auto* external = static_cast<ExternalStorage*>(storage);
  if (external->deleter) external->deleter(external->data);
  external->~ExternalStorage();
  deallocate(external, sizeof(ExternalStorage));
}

}  // namespace lamina::internal
