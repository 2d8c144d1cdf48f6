// Hooks: functions that users attach, and remove again by the handle that they got.
//
//   HookHandle handle = h.register_hook([](const Tensor& grad) { return grad * 2; });
//   ...
//   handle.remove();
#ifndef LAMINA_AUTOGRAD_HOOKS_H_
#define LAMINA_AUTOGRAD_HOOKS_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace lamina {

// Removes a hook. Dropping the handle leaves the hook in place. remove() may come twice, from
// within the hook, or after what it was attached to is gone; it is for the thread that runs the
// hook.
class HookHandle {
 public:
  class List {
   public:
    virtual void remove(int64_t id) = 0;

   protected:
    ~List() = default;
  };

  HookHandle() = default;
  HookHandle(std::weak_ptr<List> list, int64_t id) : list_(std::move(list)), id_(id) {}
  void remove() {
    if (const std::shared_ptr<List> list = list_.lock()) list->remove(id_);
    list_.reset();
  }

 private:
  std::weak_ptr<List> list_;
  int64_t id_ = 0;
};

namespace internal {

// Functions of one type, in the order in which they were added.
template <class Fn>
class HookList {
 public:
  HookHandle add(Fn fn) {
    if (!hooks_) hooks_ = std::make_shared<Hooks>();
    hooks_->all.push_back({hooks_->next, std::make_shared<Fn>(std::move(fn))});
    return HookHandle(hooks_, hooks_->next++);
  }
  bool empty() const { return !hooks_ || hooks_->all.empty(); }
  // A list of its own with the same functions; handles remove them from this one only.
  HookList copy() const {
    HookList list;
    if (hooks_) list.hooks_ = std::make_shared<Hooks>(*hooks_);
    return list;
  }
  // Calls `visit` with each. One that is added meanwhile waits for the next time.
  template <class Visit>
  void for_each(Visit visit) const {
    if (!hooks_) return;
    const auto now = hooks_->all;  // hooks may add and remove hooks
    for (const Entry& entry : now) visit(*entry.fn);
  }

 private:
  struct Entry {
    int64_t id;
    std::shared_ptr<Fn> fn;
  };
  struct Hooks final : HookHandle::List {
    void remove(int64_t id) override {
      all.erase(std::remove_if(all.begin(), all.end(), [&](const Entry& e) { return e.id == id; }),
                all.end());
    }
    std::vector<Entry> all;
    int64_t next = 0;
  };
  std::shared_ptr<Hooks> hooks_;
};

}  // namespace internal
}  // namespace lamina

#endif  // LAMINA_AUTOGRAD_HOOKS_H_
