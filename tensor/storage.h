// Storage: the bytes under one or more arrays, with a count of owners and of writes.
#ifndef LAMINA_TENSOR_STORAGE_H_
#define LAMINA_TENSOR_STORAGE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <new>
#include <utility>

#include "lamina/tensor/allocator.h"

namespace lamina {
namespace internal {

// An intrusive, thread-safe count of owners.
class Counted {
 public:
  void retain() { count_.fetch_add(1, std::memory_order_relaxed); }
  // True when the last owner let go. A count of one needs no atomic write: nobody else can add to
  // it.
  bool drop() {
    if (count_.load(std::memory_order_acquire) == 1) return true;
    return count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  uint32_t use_count() const { return count_.load(std::memory_order_acquire); }

 private:
  std::atomic<uint32_t> count_{1};
};

// Shares ownership of a Counted T; the last one calls T::destroy.
template <class T>
class Ptr {
 public:
  Ptr() = default;
  static Ptr adopt(T* object) {  // takes over the count that a new object is born with
    Ptr ptr;
    ptr.object_ = object;
    return ptr;
  }
  static Ptr share(T* object) {
    if (object != nullptr) object->retain();
    return adopt(object);
  }
  Ptr(const Ptr& other) : object_(other.object_) {
    if (object_ != nullptr) object_->retain();
  }
  Ptr(Ptr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ptr& operator=(Ptr other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ptr() {
    if (object_ != nullptr && object_->drop()) T::destroy(object_);
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

// Header and data in one block: 64 bytes of header, then the data, 64-byte aligned. Or a header
// alone, for data of somebody else's.
class alignas(64) Storage : public Counted {
 public:
  static Ptr<Storage> make(int64_t bytes) {
    return Ptr<Storage>::adopt(new (allocate(sizeof(Storage) + bytes)) Storage(bytes));
  }
  // Calls deleter(data), if there is a deleter, when the last owner lets go.
  static Ptr<Storage> make_external(void* data, std::function<void(void*)> deleter);
  static void destroy(Storage* storage) {
    const int64_t bytes = storage->bytes_;
    if (bytes < 0) return destroy_external(storage);
    storage->~Storage();
    deallocate(storage, sizeof(Storage) + bytes);
  }
  char* data() { return reinterpret_cast<char*>(this + 1); }  // not of external data
  // Of the block's data; -1 if it is external, for then nobody knows.
  int64_t bytes() const { return bytes_; }
  // Grows with each in-place write; automatic differentiation compares it to notice that a saved
  // value changed.
  uint32_t version() const { return version_.load(std::memory_order_relaxed); }
  void bump_version() { version_.fetch_add(1, std::memory_order_relaxed); }

 private:
  friend struct ExternalStorage;
  static void destroy_external(Storage* storage);
  explicit Storage(int64_t bytes) : bytes_(bytes) {}
  std::atomic<uint32_t> version_{0};
  int64_t bytes_;
};

}  // namespace internal
}  // namespace lamina

#endif  // LAMINA_TENSOR_STORAGE_H_
